# The two commands that a fresh machine needs: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint docs bench fuzz clean

demo: .venv/ready
	@$(BIN)/python tools/demo.py

test: .venv/test
	$(BIN)/python -m pytest -q -n auto

lint: .venv/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/docs
	$(BIN)/sphinx-build -q -W --keep-going docs docs/_build

bench: .venv/bench
	$(BIN)/python benchmarks/run.py

fuzz: .venv/test
	BOOTMEND_FUZZ=60 $(BIN)/python -m pytest -q -n auto tests -k fuzz

.venv/ready: pyproject.toml tools/bootstrap.py
	@$(PYTHON) tools/bootstrap.py
.venv/test: pyproject.toml tools/bootstrap.py
	@$(PYTHON) tools/bootstrap.py test
.venv/lint: pyproject.toml tools/bootstrap.py
	@$(PYTHON) tools/bootstrap.py lint test
.venv/docs: pyproject.toml tools/bootstrap.py
	@$(PYTHON) tools/bootstrap.py docs
.venv/bench: pyproject.toml tools/bootstrap.py
	@$(PYTHON) tools/bootstrap.py bench oracle test

clean:
	rm -rf .venv demo build dist docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
