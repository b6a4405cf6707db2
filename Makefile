# Every target does its own set-up: a virtual environment in .venv with the locked dependencies and this package.
# It needs Python 3.10 or newer and a package index the first time, and no network afterwards.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format bench lock clean

help:  ## say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## set up the environment

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 10) else \
		"listrak-source needs Python 3.10 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	@echo "Setting up $(VENV): the locked dependencies and this package. This happens once."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)  ## see Listrak's data (a sandbox's) come into DuckDB, twice
	@$(BIN)/listrak demo

test: $(READY)  ## run the tests
	@$(BIN)/python -m pytest -n auto

check: $(READY)  ## lint, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(READY)  ## put the code in shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY)  ## time a pull against dlt's own rest_api source
	@$(BIN)/python -m benchmarks

lock:  ## lock the dependencies anew (needs uv)
	uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.10 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --upgrade --quiet \
		--output-file requirements.lock

clean:  ## remove the environment and caches; data stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
