# Two commands: `make demo` runs the main job and prints the ranking; `make test` passes the tests.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
# A machine without a GPU gets the CPU build of torch: 1.4 GB instead of 5.8 GB.
CONSTRAINT := $(shell command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1 || echo "-c constraints-cpu.txt")
STAMP := $(VENV)/.installed
DEMO ?= majority prior nearest-mean logistic-regression linear-svm cnn-ce cnn-bs cnn-la

.PHONY: demo test faults check board mlflow services bench mutants install clean

install: $(STAMP)

# One pip command: torch first and the project afterwards would replace torch by the CUDA build.
# Byte code is compiled once: without it each process of a run would compile torch for itself.
$(STAMP): pyproject.toml constraints-cpu.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(CONSTRAINT) -e '.[dev]'
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m compileall -q -j 0 $(VENV)/lib harness baselines leaderboard >/dev/null || true
	touch $(STAMP)

demo: $(STAMP)
	@$(BIN)/tailmark run --suite digits-v1 $(DEMO)
	@$(BIN)/tailmark rank --suite digits-v1 --local --against-committed

test: $(STAMP)
	$(BIN)/python -m pytest -q -n 2

# Kills, flipped bits, full disks, two runs at once: what the short part in `test` leaves out.
faults: $(STAMP)
	TAILMARK_FAULTS=1 timeout 7200 $(BIN)/python -m pytest -q -s -n0 tests/faults $(addprefix tests/runs/test_,executors.py batch_sizes.py equality.py)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

board: $(STAMP)
	$(BIN)/tailmark board --with-local

# PostgreSQL and an MLflow server over it, without Docker: make services, or WHAT=status, WHAT=stop.
WHAT ?= start
services: $(STAMP)
	$(BIN)/python deploy/services.py $(WHAT) --folder $(abspath .tailmark/services)

# MLflow 3 opens on its pages for language models, which show no run.
mlflow: $(STAMP)
	@echo "Open http://127.0.0.1:5000 and choose 'Model training' at the upper left, then an experiment: each suite is one."
	$(BIN)/mlflow server --backend-store-uri sqlite:///.tailmark/mlflow.db --artifacts-destination .tailmark/mlartifacts --host 127.0.0.1 --port 5000

# Planted mistakes in the files that changed since BASE: which do the tests let through?
BASE ?= HEAD~1
mutants: $(STAMP)
	$(BIN)/python benchmarks/mutants.py --base $(BASE)

bench: $(STAMP)
	@status=0; for file in $(filter-out benchmarks/mutants.py,$(wildcard benchmarks/*.py)); do echo "== $$file"; $(BIN)/python $$file || status=1; done; exit $$status

clean:
	rm -rf $(VENV) .tailmark .pytest_cache .mypy_cache .ruff_cache
