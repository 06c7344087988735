# make demo | test | test-unit | test-long | notebooks [CHAPTERS="01 03"] | bench | docs | slides | lint | lock | clean | repository URL=https://…
# All of them use one virtual environment, made on first use. Another Python: make test PYTHON=python3.12
PYTHON ?= python3
VENV ?= .venv
STAMP := $(VENV)/.installed
RUN := $(VENV)/bin/python

.PHONY: demo test test-unit test-long notebooks bench docs slides lint lock clean repository

demo: $(STAMP)
	@$(RUN) -m tltk demo

test: $(STAMP)
	@$(RUN) -m pytest --numprocesses 2 --dist worksteal

test-unit: $(STAMP)
	@$(RUN) -m pytest --numprocesses 2 --dist worksteal tests/unit

test-long: $(STAMP)
	@$(RUN) -m pytest tests/long

notebooks: $(STAMP)
	@$(RUN) -m tltk notebooks $(CHAPTERS)

bench: $(STAMP)
	@$(RUN) -m pip install -qq --disable-pip-version-check --constraint constraints.txt \
	  --editable ".[bench]" || echo "Without OpenVINO or ONNX Runtime their rows are missing."
	@$(RUN) benchmarks/run_all.py

docs: $(STAMP)
	@$(RUN) -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable ".[docs]"
	@$(RUN) -m sphinx --quiet --fail-on-warning --keep-going --nitpicky docs build/docs
	@echo "The site: build/docs/index.html"

REVEAL := build/reveal.js-5.2.1

slides: $(STAMP)
	@test -d $(REVEAL) || (mkdir -p $(REVEAL) && cd build && npm pack --silent reveal.js@5.2.1 >/dev/null && \
	  tar -xzf reveal.js-5.2.1.tgz --strip-components=1 -C $(notdir $(REVEAL)) && rm reveal.js-5.2.1.tgz)
	@$(RUN) docs/make_slides.py $(REVEAL) build/slides $(CHAPTERS)

lint: $(STAMP)
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(VENV)/bin/lint-imports --no-cache --no-logo
	@$(RUN) -m mypy

# Write constraints.txt anew from pyproject.toml, keeping every version that still fits: another
# one is asked for by LOCK="--upgrade-package keras", all by LOCK=--upgrade
lock:
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip install -qq --disable-pip-version-check uv==0.13.8
	@build/lock/bin/uv pip compile pyproject.toml --extra test --extra bench --extra docs --universal \
	  --python-version 3.11 --custom-compile-command "make lock" --no-annotate --quiet $(LOCK) \
	  --output-file constraints.txt

# Write the public address into pyproject.toml, README.md and the chapters
repository:
	@$(PYTHON) docs/set_repository.py $(if $(findstring command line,$(origin URL)),"$(URL)")

clean:
	rm -rf build $(VENV) .pytest_cache .ruff_cache .mypy_cache
	find tltk tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else \
	  f"tltk runs on Python 3.11 to 3.13. Received: {v[0]}.{v[1]}. Try: make PYTHON=python3.12")'
	@echo "Installing into $(VENV) (once; TensorFlow is about 600 MB)"
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable ".[test]"
	@touch $@
