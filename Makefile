# Every target makes its own virtual environment: nothing has to be installed by hand but Python 3.11, 3.12 or 3.13.

VENV   ?= .venv
PYTHON ?= # the interpreter to build $(VENV) with; empty: the first suitable one of CANDIDATES
ARGS   ?= # handed on to datapipe demo, pytest or the benchmarks
UV     ?= $(shell command -v uv 2>/dev/null)

CANDIDATES := python3.12 python3.11 python3.13 python3 python
SUITABLE   := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
BIN        := $(VENV)/bin
STAMP      := $(VENV)/.installed
# FiftyOne with MongoDB's server, where there is a wheel of it: nothing is downloaded when an audit starts.
OFFLINE    := ,audit-offline
EXTRAS     := dev$(if $(filter Linux-x86_64,$(shell uname -s)-$(shell uname -m)),$(OFFLINE))
PYTEST     := $(BIN)/python -m pytest -n auto --maxprocesses=4 --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint bench clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

demo: $(STAMP) ## sample data to records, verified, and a first batch
	$(BIN)/datapipe demo $(ARGS)

test: $(STAMP) ## the tests but for the slow ones; ARGS="-k boxes" narrows them
	$(PYTEST) $(ARGS)

test-all: $(STAMP) ## all tests
	$(PYTEST) -m "" $(ARGS)

lint: $(STAMP) ## ruff check, ruff format --check, mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP) ## measure speed on this machine
	$(BIN)/python tests/benchmarks/run_all.py $(ARGS)

clean: ## remove caches and build leftovers; the virtual environment stays
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# pyenv leaves shims for Pythons that do not run, so a candidate counts only when it starts and says its version.
$(STAMP): pyproject.toml constraints.txt
	@set -e; \
	if ! $(BIN)/python -c '$(SUITABLE)' >/dev/null 2>&1; then \
	  for python in $(or $(strip $(PYTHON)),$(CANDIDATES)) ""; do \
	    if [ -n "$$python" ] && "$$python" -c '$(SUITABLE)' >/dev/null 2>&1; then break; fi; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "make: no Python 3.11, 3.12 or 3.13 that runs (tried: $(or $(strip $(PYTHON)),$(CANDIDATES))); say make PYTHON=/path/to/python3.12" >&2; exit 1; \
	  fi; \
	  if [ -e "$(VENV)" ] && [ ! -e "$(VENV)/pyvenv.cfg" ]; then \
	    echo "make: $(VENV) is there already and is no virtual environment; say make VENV=another" >&2; exit 1; \
	  fi; \
	  echo "$(VENV): new virtual environment with $$python"; \
	  if [ -n "$(UV)" ]; then "$(UV)" venv --quiet --clear --python "$$("$$python" -c 'import sys; print(sys.executable)')" "$(VENV)"; \
	  elif "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then "$$python" -m venv --clear "$(VENV)"; \
	  else echo "make: $$python cannot make virtual environments (no ensurepip): install its venv package, such as python3-venv, or uv" >&2; exit 1; fi; \
	fi; \
	echo "$(VENV): installing datapipe with its development tools (TensorFlow is large: minutes on a first run)"; \
	if [ -n "$(UV)" ]; then "$(UV)" pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[$(EXTRAS)]'; \
	else \
	  $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'; \
	fi
	@touch $@
