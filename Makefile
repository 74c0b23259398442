# `make run` and `make test` do everything from a bare checkout: virtual environment, install, job.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: run test lint docs boards clinical-tuned clean

run: $(VENV)/.installed
	mkdir -p build
	$(BIN)/tsbench run --method trls --dataset uea --offline --available --floors --store build/tsbench.db
	$(BIN)/tsbench leaderboard uea --store build/tsbench.db --out build/uea.csv

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n auto

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

boards: $(VENV)/.installed
	$(BIN)/tsbench boards --from leaderboards/results --out leaderboards

# TRIALS=2 STORE=try.db BOARD=try.csv tries it; what the store has is not done again.
TRIALS ?= 20
STORE ?= build/tuned.db
BOARD ?= leaderboards/other/clinical-tuned.csv
TUNED = --method gru-d,simclr,ts2vec,trls,ts-tcc --dataset icu-demo-mortality24-eicu --protocol ridge --set max_steps=100 --set missing=all
clinical-tuned: $(VENV)/.installed
	mkdir -p $(dir $(STORE))
	$(BIN)/tsbench tune $(TUNED) --metric auroc --trials $(TRIALS) --offline --store $(STORE)
	$(BIN)/tsbench run $(TUNED) --floors --offline --store $(STORE)
	$(BIN)/tsbench run $(TUNED) --tuned auroc --offline --store $(STORE)
	$(BIN)/tsbench leaderboard icu-demo-mortality24-eicu --protocol ridge --metric auroc --store $(STORE) --out $(BOARD)

clean:
	rm -rf build dist $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@
