# make demo | test | check | bench: each makes .venv and installs what is missing; a second call is quick.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: demo test check bench clean

demo: $(INSTALLED)
	$(BIN)/antialias demo

test: check browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyrefly check
	$(BIN)/lint-imports

bench: $(INSTALLED)
	$(BIN)/antialias bench

# torch goes first and alone: what is built against it later must find it, not bring a second one.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch torchvision
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,dev]'
	touch $@

# The report's test drives a real page.
.PHONY: browser
browser:
	@command -v chromedriver >/dev/null && { command -v chromium || command -v google-chrome; } >/dev/null \
	|| { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq \
	     && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium chromium-driver >/dev/null; } \
	|| { echo 'The tests drive a browser. Install Chromium and chromedriver, then run make test again.' >&2; exit 1; }

clean:
	rm -rf .venv .pytest_cache .ruff_cache .import_linter_cache
