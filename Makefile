# Everything happens inside .venv; the locked requirements decide what is installed, to the byte.
PYTHON ?= python3
BIN := .venv/bin
# Tests run side by side: half again as many processes as cores, because most tests wait for servers now and then.
TESTERS ?= $(shell echo $$(( ($$(getconf _NPROCESSORS_ONLN) * 3 + 1) / 2 )))
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --quiet --require-hashes
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links

.PHONY: install run quick test messages compress chaos bench fuzz lock
.PHONY: check check-format check-lint check-types check-imports check-templates check-house

install: .venv/.installed

.venv/.installed: pyproject.toml requirements.txt requirements-build.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) -r requirements.txt -r requirements-build.txt
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --quiet --no-deps --no-build-isolation --editable .
	touch $@

.venv/.installed-tests: .venv/.installed requirements-test.txt
	$(PIP) -r requirements-test.txt
	touch $@

run: install
	$(BIN)/otae serve

# What the system lacks is installed where that is possible; else the bundled servers stand in. `.ci/run` calls
# `make check` first, which is where the house rules are looked at then.
test: .venv/.installed-tests
	$(BIN)/python -m tests.servers.install
	$(BIN)/python -m pytest --numprocesses=$(TESTERS) --dist=loadfile --no-loadscope-reorder --durations=40 \
		$(if $(CI),--ignore=tests/house)

# The loop while one writes: SQLite alone, no browser, no other programs.
quick: .venv/.installed-tests
	$(BIN)/python -m pytest --quick --numprocesses=auto --dist=loadfile --no-loadscope-reorder -q

check: check-format check-lint check-types check-imports check-templates check-house

check-format: .venv/.installed-tests
	$(BIN)/ruff format --check .

check-lint: .venv/.installed-tests
	$(BIN)/ruff check .

check-types: .venv/.installed-tests
	$(BIN)/mypy

check-imports: .venv/.installed-tests
	$(BIN)/lint-imports

check-templates: .venv/.installed-tests
	$(BIN)/djlint --lint --quiet templates

check-house: .venv/.installed-tests
	$(BIN)/python -m pytest -q tests/house

# Bring the catalogs in otae/locale in step with the marked texts; fails on what has to be translated and is not.
messages: .venv/.installed-tests
	$(BIN)/python -m tests.messages

# Write the compressed copies of the static files anew, after a change of a style sheet, a script or a picture.
compress: .venv/.installed-tests
	$(BIN)/python -m tests.compress

# The faults of tests/chaos at full size, with three seeds each: hours. `make test` shows the most of them small.
chaos: .venv/.installed-tests
	$(BIN)/python -m tests.servers.install
	OTAE_CHAOS=full $(BIN)/python -m pytest tests/chaos

bench: .venv/.installed-tests
	$(BIN)/python -m tests.bench

# A minute a target, guided by coverage; docs/fuzzing.md tells what was run.
fuzz: .venv/.installed-tests
	$(BIN)/python -m tests.fuzz

# Resolve anew and write the three lists of hashes; read what changed before you commit it.
lock: .venv/.installed
	$(BIN)/python -m pip install --quiet --quiet uv
	$(COMPILE) --upgrade pyproject.toml --output-file requirements.txt
	$(COMPILE) --upgrade pyproject.toml --extra test --constraint requirements.txt --output-file requirements-test.txt
	echo 'setuptools>=77' | $(COMPILE) - --constraint requirements-test.txt --output-file requirements-build.txt
