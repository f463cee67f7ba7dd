# make demo | test | check | bench | gpu | sanitize | valgrind: each makes .venv and installs what is missing; a second call is quick.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
PEERS := .venv/peers
KERNEL := src/antialias/ops/libantialias.so

.PHONY: demo test check bench gpu exercise sanitize sanitize-short valgrind clean

demo: $(KERNEL)
	$(BIN)/antialias demo

# Tests of tasks and retrofit fork processes that train, which torch refuses once its threads have run a backward pass.
test: check sanitize-short browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --ignore tests/tasks --ignore tests/retrofit
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile tests/tasks tests/retrofit

check: $(KERNEL)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyrefly check
	$(BIN)/lint-imports

bench: $(KERNEL) $(PEERS)
	$(BIN)/antialias bench

# What only a machine with an NVIDIA GPU can show: the operations against their reference, times, an epoch of each task.
gpu: $(KERNEL)
	@if $(BIN)/python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then \
	   set -ex; $(MAKE) $(PEERS); $(BIN)/python -m pytest tests/ops -m cuda; $(BIN)/antialias bench --device cuda; \
	   for task in classification semantic instance; do \
	     $(BIN)/antialias train --task $$task --data scenes --epochs 1 --accelerator gpu --out runs/gpu/$$task; done; \
	 else echo 'torch finds no NVIDIA GPU on this machine, so make gpu has nothing to run.'; fi

# torch goes first and alone: what is built against it later must find it, not bring a second one.
$(INSTALLED): pyproject.toml constraints.txt files.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch torchvision
	$(BIN)/python -m pip install --quiet --constraint constraints.txt scikit-build-core cmake ninja
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[all,dev]'
	$(BIN)/python -m pip install --quiet --no-deps --requirement files.txt
	touch $@

# Other people's filters, for comparison; nothing else uses them.
$(PEERS): $(INSTALLED) benchmarks/requirements.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --requirement benchmarks/requirements.txt
	touch $@

# Optional: where it cannot be built, a note in its place says why, `antialias backends` shows it, and the next call of
# make tries again.
$(KERNEL): $(INSTALLED) CMakeLists.txt $(wildcard csrc/* csrc/*/*)
	@rm -f $(basename $@).*; mkdir -p build
	@echo 'Building the C++ kernel (a minute; log in build/kernel.log)'
	@{ $(BIN)/cmake --fresh -S . -B build/kernel -G Ninja -DPython_EXECUTABLE=$(abspath $(BIN)/python) \
	   -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) && $(BIN)/cmake --build build/kernel \
	   && $(BIN)/cmake --install build/kernel --prefix src; } >build/kernel.log 2>&1 \
	|| echo "its build failed: $$(grep -i -m 1 error build/kernel.log)" >$(basename $@).txt
	@if test -f $(basename $@).txt; then echo "No C++ kernel: $$(cat $(basename $@).txt). The reference runs." >&2; fi

# The kernels as they are shipped, without Python, on arguments drawn at random: csrc/README.md, "Memory and arithmetic".
EXERCISE := build/kernel/exercise
SETS := baseline avx2 avx512

$(EXERCISE): $(KERNEL) csrc/exercise.cpp
	@test ! -f $(KERNEL) || { $(BIN)/cmake -S . -B build/kernel -DEXERCISE=ON && $(BIN)/cmake --build build/kernel --target exercise; } \
	   >build/exercise.log 2>&1 || { cat build/exercise.log >&2; exit 1; }

exercise: $(EXERCISE)
	@test ! -f $< || for set in $(SETS); do $< $$set 1 0 guarded && $< $$set 1 || exit 1; done

valgrind: $(EXERCISE)
	for set in baseline avx2; do valgrind --quiet --error-exitcode=1 $< $$set 60 || exit 1; done

# Built with sanitizers (three minutes of compiling on one core) and installed over a copy of the source, which the tests
# of operations and layers then run on. Leaks are not looked for: Python and torch keep what they have until they end.
SANITIZERS := address,undefined,float-divide-by-zero,float-cast-overflow
sanitize: $(INSTALLED)
	$(BIN)/cmake -S . -B build/sanitize -G Ninja -DEXERCISE=ON -DSANITIZE=$(SANITIZERS) \
	   -DPython_EXECUTABLE=$(abspath $(BIN)/python) -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja)
	$(BIN)/cmake --build build/sanitize
	for set in $(SETS); do build/sanitize/exercise $$set 60 || exit 1; done
	rm -rf build/sanitized && cp -r src build/sanitized && $(BIN)/cmake --install build/sanitize --prefix build/sanitized
	export ASAN_OPTIONS=detect_leaks=0 PYTHONPATH=$(abspath build/sanitized) OMP_NUM_THREADS=1 \
	   LD_PRELOAD="$$(for library in asan ubsan stdc++; do $(CXX) -print-file-name=lib$$library.so; done | tr '\n' ' ')"; \
	for set in $(SETS); do ANTIALIAS_INSTRUCTION_SET=$$set $(BIN)/python -m pytest --capture=no --timeout 0 tests/ops tests/nn || exit 1; done

# What `make test` runs of it: the program alone, on the kernels of the baseline, which every processor runs. Where there is no
# kernel, for want of a compiler, there is nothing to look at; make has said so.
sanitize-short: $(KERNEL)
	@test ! -f $(KERNEL) || { mkdir -p build; { $(BIN)/cmake -S . -B build/short -G Ninja -DEXERCISE=ON -DSHORT=ON -DSANITIZE=$(SANITIZERS) \
	   -DPython_EXECUTABLE=$(abspath $(BIN)/python) -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) \
	   && $(BIN)/cmake --build build/short --target exercise; } >build/short.log 2>&1 || { cat build/short.log >&2; exit 1; }; \
	   build/short/exercise baseline 6; }

# The report's test drives a real page.
.PHONY: browser
browser:
	@command -v chromedriver >/dev/null && { command -v chromium || command -v google-chrome; } >/dev/null \
	|| { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq \
	     && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium chromium-driver >/dev/null; } \
	|| { echo 'The tests drive a browser. Install Chromium and chromedriver, then run make test again.' >&2; exit 1; }

clean:
	rm -rf .venv build $(basename $(KERNEL)).* .pytest_cache .ruff_cache .import_linter_cache
