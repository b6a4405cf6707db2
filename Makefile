# Every target does its own set-up: a virtual environment in .venv with the locked dependencies and this package.
# It needs Python 3.10 or newer and a package index the first time, and no network afterwards.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
MODELS := .venv-models
# The extras that tests run against a server; drivers of vendors' warehouses have none here.
TESTED := sandbox dashboard postgres s3 delta ducklake
LOCKED := --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" --quiet
# The suites of the pull that run in any place.
PLACED := truth.py consent.py state.py selection.py placement.py

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-full coverage test-long test-models test-airflow test-dagster chaos check typed docs reference picture format bench bench-long lock clean

help:  ## say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## set up the environment

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 10) else \
		"listrak-source needs Python 3.10 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	@echo "Setting up $(VENV): the locked dependencies and this package. This happens once."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)  ## see Listrak's data (a sandbox's) come into DuckDB
	@$(BIN)/listrak demo

test: $(READY)  ## run the tests that every commit needs: four minutes
	@$(BIN)/python -m pytest -n auto --dist worksteal

test-full: $(READY)  ## run these and more, all but the full sizes: 25 minutes
	@$(BIN)/python -m pytest -n auto --dist worksteal --tier full

# Apart, for lines that are watched take two thirds more time: within its 25 minutes test-full has no room for that.
coverage: $(READY)  ## run the tests of make test, and print which lines they run: fewer than the floor fails
	@$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report=term

# dbt and mypy want different versions of one package: so dbt has an environment of its own.
test-models: $(MODELS)/.ready  ## build the dbt models, in DuckDB, PostgreSQL and DuckLake, in an environment of its own
	@$(MODELS)/bin/python -m pytest --tier full tests/models $(if $(ONLY),-k "$(ONLY)")

$(MODELS)/.ready: requirements-models.lock pyproject.toml
	@echo "Setting up $(MODELS): dbt, the locked dependencies and this package. This happens once."
	@$(PYTHON) -m venv --clear $(MODELS)
	@# The lock names every package; pip would not know one that another asks for with an extra as the one that is locked.
	@$(MODELS)/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --require-hashes \
		--requirement requirements-models.lock
	@$(MODELS)/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# A scheduler has an environment of its own, for it wants other versions than dlt does. Its tasks run in ours.
test-airflow: $(READY) $(MODELS)/.ready .venv-airflow/.ready  ## run the DAGs of pipelines/airflow under a real Airflow
	@AIRFLOW=$(CURDIR)/.venv-airflow MODELS=$(CURDIR)/$(MODELS) $(BIN)/python -m pytest --tier full tests/schedulers/test_airflow.py

test-dagster: $(READY) .venv-dagster/.ready  ## run the assets of pipelines/dagster under a real Dagster
	@DAGSTER=$(CURDIR)/.venv-dagster $(BIN)/python -m pytest --tier full tests/schedulers/test_dagster.py

.venv-%/.ready: pipelines/%/requirements.lock
	@echo "Setting up .venv-$*, once."
	@$(PYTHON) -m venv --clear .venv-$*
	@.venv-$*/bin/python -m pip install --quiet --quiet --disable-pip-version-check uv
	@.venv-$*/bin/uv pip install --quiet --python .venv-$*/bin/python --requirement $<
	@touch $@

# Harm of all kinds, case by case. It can be stopped, and goes on where it was; it writes the table of the page.
chaos: $(READY)  ## see what survives what: faults, kills, a touched warehouse (hours; it can be stopped)
	@$(BIN)/python -m tests.chaos --page docs/explanation/chaos.md $(OPTIONS)

# Many histories and a million contacts; then the suites that ask what is in the warehouse, in every place that it may be in.
test-long: $(READY)  ## run the full sizes: histories, memory, every destination
	@$(BIN)/python -m pytest -n auto --dist worksteal --tier long
	@for place in duckdb postgres parquet parquet-s3 delta delta-s3 ducklake delete-insert; do echo "In $$place:"; \
		$(BIN)/python -m pytest -n auto --dist worksteal --tier full --place $$place $(addprefix tests/pull/test_,$(PLACED)) || exit 1; done

check: $(READY)  ## lint, format, types, dependencies, and the documentation
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(MAKE) --no-print-directory typed
	@$(BIN)/deptry .
	@$(MAKE) --no-print-directory docs

# Whoever uses the package gets a type for all of it, from any type checker: less than all of it fails. It asks the Python
# that PATH has first for the packages that are installed, and tells all that it has looked at.
typed: $(READY)
	@said=$$(PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/basedpyright --verifytypes listrak_source --ignoreexternal) \
		|| { echo "$$said" | grep -B1 -A1 -e " error: " -e "score"; exit 1; }

docs: $(READY)  ## build the documentation's pages into site/
	@$(BIN)/python -m tools.pages

reference: $(READY)  ## write docs/reference anew, as the code says it
	@$(BIN)/python -m tools.reference

picture: $(READY)  ## run the demo, and draw docs/demo.svg of what it prints
	@$(BIN)/python -m tools.picture

format: $(READY)  ## put the code in shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY)  ## time a pull against what else there is (CASES="first merge", CONTACTS=1000000)
	@$(BIN)/python -m benchmarks $(CASES) $(if $(CONTACTS),--contacts $(CONTACTS)) $(OPTIONS)

# Two hours on two cores, and 4 GB of memory for the sandbox.
bench-long: $(READY)  ## measure all that is to be reached, at full size
	@$(BIN)/python -m benchmarks --large $(OPTIONS)

lock:  ## lock the dependencies anew (needs uv)
	uv pip compile pyproject.toml $(addprefix --extra ,$(TESTED)) --group dev $(LOCKED) --upgrade --output-file requirements.lock
	uv pip compile pyproject.toml $(addprefix --extra ,models sandbox dashboard postgres ducklake) --group models-test $(LOCKED) --upgrade \
		--output-file requirements-models.lock
	for scheduler in airflow dagster; do uv pip compile pipelines/$$scheduler/requirements.in \
		$(filter-out --generate-hashes,$(LOCKED)) --no-annotate --upgrade \
		--output-file pipelines/$$scheduler/requirements.lock; done

clean:  ## remove the environment and caches; data stays
	@rm -rf $(VENV) .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build site
