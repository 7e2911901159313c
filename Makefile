# Failmap. `make run` and `make test` set up .venv by themselves; nothing else is needed but Python 3.11+ and make.
#   make run                                            the main job: a failure map of space=lstm_depth
#   make run space=mnist_length args="budget.minutes=2" another space, and words passed on
#   make test                                           lint, types, import arrows, tests
#   make bench                                          the figures in benchmarks/results, anew
#   make chaos                                          runs under faults, load, bad inputs: 20 minutes on 2 cores
#   make known-results                                  docs/known-results.md, anew: half an hour on 2 cores

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
args ?=
workers ?= 2

.PHONY: run test bench chaos known-results setup clean

run: $(VENV)/run.stamp
	@$(BIN)/python -m search.run $(if $(space),space=$(space)) $(args)

test: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	PYTHONUTF8=1 $(BIN)/pytest -n $(workers) --dist loadgroup

bench: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks.all

chaos: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks.chaos minutes=12
	$(BIN)/python -m benchmarks.chaos.load parts=driver
	$(BIN)/python -m benchmarks.chaos.bad_inputs minutes=1

known-results: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks.known_results

setup: $(VENV)/dev.stamp

$(VENV)/run.stamp: pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (once; a minute or two, and longer where torch brings CUDA along) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	@echo "Adding what the tests need to $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info
