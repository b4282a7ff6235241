# `make help` lists what there is. Everything runs in .venv, which is made on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python
COMPILE = $(BIN)/uv pip compile --quiet --universal $(UPGRADE) --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-header
UPGRADE ?= --upgrade
TRACKING := $(or $(MLFLOW_TRACKING_URI),sqlite:///mlruns/mlflow.db)
PORT ?= 5000
MODEL ?= cropland-simulated-iran
SERVE_PORT ?= 5001
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) * 3 / 2 )))
SOAK_JOBS ?= 1000
SOAK_CUTS ?= 500
SOAK_SEED ?= 2023
MINUTES ?= 10

.DEFAULT_GOAL := help
.PHONY: help train map test quick soak mutants check format docs ui serve bench curves lock fast

help:  ## List the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

train: $(STAMP)  ## Run the main job: a sweep over spans on the simulated landscape
	$(BIN)/python scripts/train.py -m country=all 'span=range(24,97,24)'

map: $(STAMP)  ## Map 10 x 10 km of the simulated Iran in pixels of 20 m, by a champion of its own
	$(BIN)/python scripts/train.py country=iran promote=true promotion.figures=false
	$(BIN)/python scripts/map.py country=iran 'box=[48.300,32.200,48.403,32.288]' resolution=20

test: $(STAMP)  ## Run all tests but the soak
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

quick: $(STAMP)  ## Run the tests that start no process
	$(BIN)/python -m pytest --numprocesses logical --dist worksteal -m "not processes"

soak: $(STAMP)  ## Kill a sweep of 1,000 jobs, cut 500 files, at random (SOAK_JOBS=…, SOAK_CUTS=…, SOAK_SEED=…)
	SOAK_JOBS=$(SOAK_JOBS) SOAK_SEED=$(SOAK_SEED) $(BIN)/python -m pytest tests/commands/test_soak.py
	SOAK_JOBS=$(SOAK_JOBS) SOAK_SEED=$(SOAK_SEED) SOAK_DATABASE=postgresql \
		$(BIN)/python -m pytest tests/commands/test_soak.py
	SOAK_CUTS=$(SOAK_CUTS) SOAK_SEED=$(SOAK_SEED) $(BIN)/python -m pytest tests/hostile/test_pulled_plug.py

mutants: $(STAMP)  ## Put small faults into the core: 95 of 100 must be noticed (MINUTES=…, MUTANTS='--since main')
	nice $(BIN)/python benchmarks/mutants/run.py --minutes $(MINUTES) $(MUTANTS)

check: $(STAMP)  ## Check format, rules, types, layers and dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry cropland hydra_plugins scripts

format: $(STAMP)  ## Format the code and fix what rules can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# 1: a port; 2: the variable that gives another
define check_port
@$(BIN)/python -c 'import socket, sys; sys.exit(not socket.socket().connect_ex(("127.0.0.1", $(1))))' || \
	{ echo "http://127.0.0.1:$(1) answers already: open it, or take another port: make $@ $(2)=$$(($(1) + 10))"; exit 1; }
endef

ui: $(STAMP)  ## Show runs and models in a browser, at http://127.0.0.1:5000 (PORT=… for another)
	@$(BIN)/cropland ui port=$(PORT)

serve: $(STAMP)  ## Serve a registered model at http://127.0.0.1:5001 (MODEL=cropland-simulated-iran, SERVE_PORT=…)
	$(call check_port,$(SERVE_PORT),SERVE_PORT)
	@$(BIN)/python -c 'from cropland.errors import exit_on_error as one_line; from cropland.models.champion import \
		registered; one_line()(registered)("$(MODEL)", "$(TRACKING)", "champion")'
	PATH="$(CURDIR)/$(BIN):$$PATH" MLFLOW_DISABLE_TELEMETRY=true MLFLOW_TRACKING_URI="$(TRACKING)" \
		MLFLOW_REGISTRY_URI="$(TRACKING)" mlflow models serve --model-uri "models:/$(MODEL)@champion" \
		--env-manager local --host 127.0.0.1 --port $(SERVE_PORT)

docs: $(STAMP)  ## Build the documentation into docs/_build/html
	$(UV) --no-deps --require-hashes --requirement requirements-docs.lock || \
		$(PIP) --no-deps --require-hashes --requirement requirements-docs.lock
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs docs/_build/html
	@echo "open docs/_build/html/index.html"

bench: $(STAMP)  ## Measure start-up, series, the whole study, promotion, prediction, maps, download (make fast first)
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/series.py
	$(BIN)/python benchmarks/study.py
	$(BIN)/python benchmarks/forest_fast.py
	$(BIN)/python benchmarks/promotion.py
	$(BIN)/python benchmarks/predict.py
	$(BIN)/python benchmarks/maps.py
	$(BIN)/python benchmarks/download.py

curves: $(STAMP)  ## Measure how costs grow with points, candidates and jobs: most of an hour
	$(BIN)/python benchmarks/curves.py series store sweep --launchers basic dask

# 1: an extra
define lock_extra
$(COMPILE) --extra $(1) --constraint requirements.lock --output-file requirements-$(1).lock \
	$$(sed -n 's/^\([a-z0-9.-]*\)==.*/--no-emit-package \1/p' requirements.lock) pyproject.toml
@sed '/^$$/,$$d' requirements-$(1).lock > $(VENV)/extra.lock && mv $(VENV)/extra.lock requirements-$(1).lock
endef

lock: $(STAMP)  ## Pin the newest versions that fit pyproject.toml, with their hashes
	$(COMPILE) --extra dev --output-file requirements.lock pyproject.toml
	@# Only what they add: requirements.lock has the rest.
	$(call lock_extra,fast)
	$(call lock_extra,docs)

fast: $(STAMP)  ## Add scikit-learn-intelex for model=forest_fast (x86-64; under Intel's licence)
	$(UV) --no-deps --require-hashes --requirement requirements-fast.lock || \
		$(PIP) --no-deps --require-hashes --requirement requirements-fast.lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "cropland needs Python 3.11 or newer; give it as make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@# uv takes an eighth of the time of pip, which serves where uv cannot be had. Its lines of the lock: with hashes.
	awk '/^[^ ]/ {of_uv = /^uv==/} of_uv' requirements.lock > $(VENV)/uv.lock
	$(PIP) --require-hashes --requirement $(VENV)/uv.lock && \
		$(UV) --compile-bytecode --require-hashes --requirement requirements.lock || \
		$(PIP) --require-hashes --requirement requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@
