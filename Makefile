# Each target makes what it needs by itself: a virtual environment in .venv with the versions of constraints.txt.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
DISTRIBUTIONS = pyproject.toml constraints.txt tools/environment.py $(wildcard plugins/*/pyproject.toml)

.PHONY: demo test lint bench clean

demo: $(VENV)/.demo
	$(BIN)/edgerun detect codes demo/pictures --save demo/out

test: $(VENV)/.test
	$(BIN)/python -m pytest

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.test
	$(BIN)/python benchmarks/frame.py

clean:
	rm -rf $(VENV) demo/out .pytest_cache .ruff_cache .mypy_cache .hypothesis .benchmarks

$(VENV)/.demo: $(DISTRIBUTIONS)
	@test -e $(VENV)/.test && touch $@ || $(PYTHON) tools/environment.py $(VENV) demo

$(VENV)/.test: $(DISTRIBUTIONS)
	@$(PYTHON) tools/environment.py $(VENV) test
