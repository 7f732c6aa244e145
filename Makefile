# Every target works as root or not, without a screen, and twice in a row.

PYTHON ?= python3
BIN := .venv/bin
# More arguments: make test ARGS="-k circuit -x" (for pytest), make bench ARGS="--seed 7" (for
# benchmarks.figures).
ARGS ?=

# Where `make up` keeps its centre; a later start continues with the same data.
MARKAZ_DATA ?= .markaz
# A line for every request is for collectors of logs; results and login shall be seen.
MARKAZ_LOG_LEVEL ?= warning

.DEFAULT_GOAL := help
.PHONY: help setup up test test-nightly lint format bench docs reference screenshots lock clean

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: ## make .venv from the lock file (PYTHON=python3.12 chooses the interpreter)
	@$(PYTHON) tools/environment.py requirements/dev.txt
	@$(PYTHON) tools/fonts.py

up: setup ## start a centre, run the examples through its queue, show the login (Ctrl-C ends it)
	@MARKAZ_DATA="$(MARKAZ_DATA)" MARKAZ_LOG_LEVEL="$(MARKAZ_LOG_LEVEL)" $(BIN)/markaz up --examples examples

test: setup ## run the tests
	@$(PYTHON) tools/environment.py --clients newest pennylane
	@$(PYTHON) tools/system_programs.py
	$(BIN)/python -m pytest -n 2 --ignore=tests/browser $(ARGS)
	@# Apart: a browser's driver keeps an event loop running in its process.
	$(BIN)/python -m pytest -n 2 tests/browser $(ARGS) || [ $$? -eq 5 ]

test-nightly: setup ## run all tests, the long ones too, with many more random examples
	@$(PYTHON) tools/environment.py requirements/bench.txt --clients newest pennylane oldest qiskit14
	@$(PYTHON) tools/system_programs.py --nightly
	$(BIN)/python -m pytest -n 2 -m "" --hypothesis-profile=nightly --timeout=3600 --ignore=tests/browser $(ARGS)
	$(BIN)/python -m pytest -n 2 -m "" --timeout=3600 tests/browser $(ARGS) || [ $$? -eq 5 ]

lint: setup ## style, types and the import rules between the floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## put the code into the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## measure coverage and time, expectation values, a sweep (QUICK=1: short forms)
	@$(PYTHON) tools/environment.py requirements/bench.txt --clients localqpu
	$(BIN)/python -m benchmarks.figures $(if $(QUICK),--quick) $(ARGS)
	$(BIN)/python -m benchmarks.expectations
	$(BIN)/python -m benchmarks.sweep $(if $(QUICK),--points 40 --threads 1)

docs: setup ## build the documentation site into docs/_build/html, offline
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

reference: setup ## print the reference pages that come from tables in the code
	@$(PYTHON) tools/environment.py requirements/bench.txt
	$(BIN)/python -m tools.reference

screenshots: setup ## take the pictures of README and tutorials anew, in a real browser
	@$(PYTHON) tools/system_programs.py
	$(BIN)/python -m tools.screenshots

lock: ## resolve the lock files (UPGRADE=1 takes the newest versions)
	@$(PYTHON) tools/environment.py requirements/tools.txt --venv .venv-lock --no-project
	.venv-lock/bin/python tools/lock.py $(if $(UPGRADE),--upgrade)

clean: ## remove all that the other targets made, but the data of `make up`
	rm -rf .venv .venv-lock .venv-clients docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests tools benchmarks clients -name __pycache__ -type d -prune -exec rm -rf {} +
