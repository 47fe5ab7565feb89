# Rushes. `make demo` shows the main job, `make test` proves it, `make check` is what CI runs.
# Everything bootstraps itself into .venv from the lock files; Python 3.11+, git and make are all that is needed.

SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH_STAMP := $(VENV)/.installed-bench
CONTRACTS ?= $(wildcard ../shared/contracts)
CODE := bot cogs sandbox tests benchmarks

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all corpus fuzz chaos check format lint types imports bench image lock clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## the virtual environment, from the lock files

$(STAMP): requirements.lock requirements-dev.lock pyproject.toml scripts/bootstrap
	PYTHON="$(PYTHON)" scripts/bootstrap $(VENV) dev
	@touch $@

demo: $(STAMP) ## the whole path on this machine, without token, key or network (SERVE=1 keeps it running)
	@$(BIN)/rushes demo --output demo-output $(if $(CONTRACTS),--contracts $(CONTRACTS)) $(if $(filter 1,$(SERVE)),--serve)

test: $(STAMP) ## every test, under five minutes on two cores
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-all: $(STAMP) ## the long form: every adapter of every port, every kill, every limit waited for (about ten minutes)
	$(BIN)/python -m pytest -n 2 --dist worksteal --long

corpus: $(STAMP) ## every awkward and hostile file of the corpus (a minute to make, once), and a table of what was right
	RUSHES_CORPUS="$${RUSHES_CORPUS:-all}" $(BIN)/python -m pytest -n 0 -p tests.corpus \
	tests/unit/test_media_verdict_corpus.py tests/unit/test_media_conform_corpus.py tests/unit/test_media_commands.py \
	tests/unit/test_media_child_canary.py

SECONDS ?= 60
fuzz: $(STAMP) ## damaged files for whatever reads strangers' bytes (SECONDS=60)
	$(BIN)/python -m tests.media_fuzz --seconds $(SECONDS) --failures fuzz-failures

SEED ?= 1
REQUESTS ?= 200
KILLS ?= 300
chaos: $(STAMP) ## kill the bot again and again, prove that nothing is lost or doubled (SEED=1 REQUESTS=200 KILLS=300)
	@$(BIN)/python -m sandbox.chaos --seed $(SEED) --requests $(REQUESTS) --kills $(KILLS) $(if $(DATABASE),--database $(DATABASE))

check: format lint types imports test ## what CI runs

format: $(STAMP)
	$(BIN)/ruff format --check $(CODE)

lint: $(STAMP)
	$(BIN)/ruff check $(CODE)

types: $(STAMP)
	$(BIN)/basedpyright

imports: $(STAMP)
	$(BIN)/lint-imports

bench: $(BENCH_STAMP) ## timings, as ratios measured in one run (QUICK=1: shorter clips)
	$(BIN)/python -m benchmarks $(if $(filter 1,$(QUICK)),--quick)

# An ffmpeg built by others, to compare with: 165 MB that nothing else needs.
$(BENCH_STAMP): $(STAMP) requirements-bench.lock
	PYTHON="$(PYTHON)" scripts/bootstrap $(VENV) bench
	@touch $@

image: ## what the Dockerfile installs, without a container engine: built, started, removed
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	PYTHON="$(PYTHON)" scripts/bootstrap "$$folder/rushes" runtime && \
	PYTHON="$(PYTHON)" scripts/install-wheel "$$folder/rushes" && \
	cd "$$folder" && rushes/bin/rushes --version && rushes/bin/python -I -c 'import bot.bootstrap, bot.settings as s; assert (s.config_directory() / "default.toml").is_file()' && \
	echo "the image's environment holds: $$(du -sh rushes | cut -f1)"

lock: $(STAMP) ## re-compile requirements.lock and requirements-dev.lock
	UV=$(BIN)/uv scripts/lock

clean: ## forget everything that was made
	rm -rf $(VENV) demo-output .pytest_cache .ruff_cache .hypothesis .import_linter_cache
