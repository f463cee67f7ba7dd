# make demo | test | check | bench | gpu: each makes .venv and installs what is missing; a second call is quick.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
PEERS := .venv/peers
KERNEL := src/antialias/ops/libantialias.so

.PHONY: demo test check bench gpu clean

demo: $(KERNEL)
	$(BIN)/antialias demo

# Tests of tasks and retrofit fork processes that train, which torch refuses once its threads have run a backward pass.
test: check browser
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

# The report's test drives a real page.
.PHONY: browser
browser:
	@command -v chromedriver >/dev/null && { command -v chromium || command -v google-chrome; } >/dev/null \
	|| { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq \
	     && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium chromium-driver >/dev/null; } \
	|| { echo 'The tests drive a browser. Install Chromium and chromedriver, then run make test again.' >&2; exit 1; }

clean:
	rm -rf .venv build $(basename $(KERNEL)).* .pytest_cache .ruff_cache .import_linter_cache
