# Everything a laptop or CI runs. `make serve` and `make test` do their own set-up.
PYTHON ?= $(shell for python in python3 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Conch as it is installed: with the gateway compiled.
COMPILED := build/compiled/.built
EXTRAS := export,embedded,rtx,loadtest,redis,bench,dev
# After what is installed: what .ci/unpack brings.
export PATH := $(PATH):$(CURDIR)/build/debian/bin
# The first line of what makes an environment.
NEEDS_PYTHON = test -n "$(PYTHON)" || { echo "Conch needs Python 3.11 or 3.12; none was found. Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }

.PHONY: help serve test test-compiled compiled varnishtest wrk prometheus promtool amtool test-mlserver soak-gateway fuzz-gateway check bench lock format docs clean bench-gateway bench-loadtest show-panels

help: ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 16

serve: $(INSTALLED) ## set up, compile the example models, run the whole stack
	@$(BIN)/conch up $(ARGS)

test: $(INSTALLED) varnishtest wrk prometheus promtool amtool ## set up and run every test, real Triton included
	$(BIN)/python -m pytest $(ARGS)
	$(if $(ARGS),,$(MAKE) test-compiled)

# From a folder where Python finds no sources, nor do the processes that tests start.
test-compiled: $(COMPILED) ## the tests of the gateway's data plane, before the compiled one
	@if ls build/compiled/gateway/data/exchange.*.so >/dev/null 2>&1; then \
	  cd build/compiled && PYTHONPATH=$(CURDIR)/build/compiled:$(CURDIR) TESTS_COMPILED=1 \
	  $(CURDIR)/$(BIN)/pytest -c $(CURDIR)/pyproject.toml --rootdir $(CURDIR) --import-mode=append \
	  $(addprefix $(CURDIR)/tests/gateway/,data usage quotas abuse test_worker.py test_restart.py) $(ARGS); \
	else echo "The gateway was not compiled: there is no C compiler, or no Python.h. Its tests are skipped." >&2; fi

compiled: $(COMPILED) ## compile the gateway, as installing Conch does, into build/compiled

# Where these cannot be had, the tests that need them are skipped.
varnishtest wrk prometheus promtool amtool:
	@.ci/unpack $@ || echo "The tests that need $@ are skipped." >&2

fuzz-gateway: $(INSTALLED) ## look for bytes that break the gateway, for ten minutes
	$(BIN)/python -m tests.gateway.abuse.fuzz $(ARGS)

check: $(INSTALLED) ## format, lint, types, import rules, generated documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_import_rules.py tests/test_docs.py

test-mlserver: $(INSTALLED) ## the gateway before MLServer, which gets an environment of its own
	@$(NEEDS_PYTHON)
	test -x build/mlserver/bin/mlserver || { $(PYTHON) -m venv build/mlserver && \
	  build/mlserver/bin/python -m pip install -q --disable-pip-version-check 'mlserver==1.7.1'; }
	$(BIN)/python -m pytest tests/gateway/test_mlserver.py $(ARGS)

soak-gateway: $(INSTALLED) ## a million requests, 10,000 idle connections, 1 GiB bodies, limits: minutes
	$(BIN)/python -m tests.gateway.long_runs $(ARGS)

show-panels: $(INSTALLED) prometheus ## what each panel of the dashboards shows of a running stack
	$(BIN)/python -m tests.deploy.show_panels

bench: $(INSTALLED) ## gateway against direct Triton, in one run
	$(BIN)/python -m stack.bench $(ARGS)

bench-gateway: $(COMPILED) ## gateway against nginx and Python proxies, in one run
	@.ci/unpack wrk
	$(BIN)/python -m stack.gateway_bench $(ARGS)

bench-loadtest: $(INSTALLED) ## the load generator against Locust's own users, in one run
	$(BIN)/python -m loadtest.speed $(ARGS)

format: $(INSTALLED) ## mend format and what lint can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(INSTALLED) ## write the generated parts of README, docs and dashboards anew
	$(BIN)/python -m stack.reference --write
	$(BIN)/python deploy/grafana/make_dashboards.py

lock: ## resolve the newest allowed versions into constraints.txt
	@$(NEEDS_PYTHON)
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install -q '.[$(EXTRAS)]'
	{ echo "# Exact versions for Python 3.11 and 3.12, written by 'make lock'."; \
	  build/lock/bin/python -m pip freeze --exclude conch | sed 's/+[a-z0-9.]*$$//'; } > build/constraints.txt
	mv build/constraints.txt constraints.txt

clean: ## remove the virtual environment, built models, state and caches
	rm -rf $(VENV) .conch build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf model_repository/*/[0-9]* .model_repository.staging
	find . -name __pycache__ -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt
	@$(NEEDS_PYTHON)
	$(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV); the first time takes some minutes."
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m pip install -q --disable-pip-version-check -e '.[$(EXTRAS)]'
	@touch $@

$(COMPILED): $(INSTALLED) setup.py $(shell find exporters gateway loadtest stack -name '*.py' -o -name '*.lua')
	rm -rf build/compiled build/lib* build/bdist* build/temp*
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --target build/compiled .
	@touch $@
