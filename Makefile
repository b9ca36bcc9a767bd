# Everything that a checkout can do. `make` alone lists it. Each target sets up what it needs, and asks no question.

VENV := .venv
BIN := $(VENV)/bin
SET_UP := $(VENV)/.set-up
SOURCES := src tests benchmarks dev
# Warnings are errors and tests run in parallel: PYTEST="-x -k refund" narrows it down.
# Two workers more than there are cores: tests wait for other programs much of their time.
WORKERS := $(shell expr "$$(getconf _NPROCESSORS_ONLN)" + 2)
PYTEST ?= -n $(WORKERS) --dist worksteal

# Python compiles each module once, and not again in each of the many programs that the tests start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo up test test-long check unit lint format build lock clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(SET_UP) ## Watch a purchase become a license, then renewals, failed payments and a refund
	@$(BIN)/licet demo

up: $(SET_UP) ## Run everything: database, Stripe sandbox, API and worker
	@$(BIN)/licet up

test: check unit ## Run every check: format, lint, types, layers, tests

test-long: check ## The same with every example of the searches that `test` draws a few from
	@$(MAKE) --no-print-directory unit PYTEST="$(PYTEST) --long"

check: $(SET_UP)
	$(BIN)/ruff check $(wildcard $(SOURCES))
	$(BIN)/ruff format --check $(wildcard $(SOURCES))
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

unit: $(SET_UP)
	@dev/chromium.sh
	@dev/redis.sh
	UV="$$(dev/uv.sh)" $(BIN)/pytest $(PYTEST)

lint: check ## Run the checks that need no running program: format, lint, types, layers

format: $(SET_UP) ## Put the code into its format, and fix what the linter can fix
	$(BIN)/ruff format $(wildcard $(SOURCES))
	$(BIN)/ruff check --fix $(wildcard $(SOURCES))

build: $(SET_UP) ## Build the wheel and the source archive into dist/
	"$$(dev/uv.sh)" build --quiet --no-build-isolation --python $(BIN)/python --out-dir dist

lock: $(SET_UP) ## Update the locked dependencies to the newest that pyproject.toml allows, with hashes
	"$$(dev/uv.sh)" pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
		--custom-compile-command "make lock" --group dev pyproject.toml --output-file requirements.lock

clean: ## Remove what these targets made
	rm -rf $(VENV) .tools .cache dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Repeated only if one of these has changed, or if its Python was removed.
$(SET_UP): requirements.lock pyproject.toml dev/set-up.sh dev/uv.sh $(shell $(BIN)/python -c 1 >/dev/null 2>&1 || echo again)
	@dev/set-up.sh $(VENV)
	@touch $@

.PHONY: again
again:
