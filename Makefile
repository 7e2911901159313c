# Failmap. `make run` and `make test` set up .venv by themselves; nothing else is needed but Python 3.11+ and make.
#   make run                                            the main job: a failure map of space=lstm_depth
#   make run space=mnist_length args="budget.minutes=2" another space, and further arguments
#   make test                                           lint, types, import arrows, tests
#   make test-all                                       the tests that take long: real faults, clusters, the wheel
#   make bench                                          the figures in benchmarks/results, anew
#   make chaos                                          runs under faults, load, bad inputs: 20 minutes on 2 cores
#   make soak                                           half an hour of faults
#   make diagnosis                                      the benchmark of the diagnosis: trains what is missing, scores all
#   make known-results                                  docs/known-results.md, anew: half an hour on 2 cores
#   make house                                          sizes, lines and imports of the modules of this checkout
#   make histories args="against=FILE"                  whether a trial of each space has the same history as before

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
args ?=
workers ?= 2

.PHONY: run test test-all bench chaos soak diagnosis known-results house histories setup clean

run: $(VENV)/run.stamp
	@$(BIN)/python -m search.run $(if $(space),space=$(space)) $(args)

test: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	PYTHONUTF8=1 $(BIN)/pytest -n $(workers) --dist loadgroup -m "not long"

test-all: $(VENV)/dev.stamp
	PYTHONUTF8=1 $(BIN)/pytest -n $(workers) --dist loadgroup -m long

bench: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks.all

chaos: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks.chaos minutes=12
	$(BIN)/python -m benchmarks.chaos.load parts=driver
	$(BIN)/python -m benchmarks.chaos.bad_inputs minutes=1

soak: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks.chaos.soak minutes=30 every=20

diagnosis: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks.diagnosis

known-results: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks.known_results

house: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks.house $(args)

histories: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks.histories $(args)

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
