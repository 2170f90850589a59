PYTHON ?= python3
RUN ?= default
VENV := .venv
BIN := $(VENV)/bin
OLDER := .venv-older
CLASS ?= my-class
TESTS :=  # what else pytest is told

# What is imported is compiled then and kept, whatever the shell says; pip would compile all there is.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help book site pdf class locale publish check test mutants families older dist clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 8

book: $(VENV)/installed ## run the chapters on the default model and build the site
	$(BIN)/dissect run --name $(RUN) --jobs 2

site: $(VENV)/web ## build the published report, without executing anything
	$(BIN)/dissect site

pdf: $(VENV)/web ## build the published report and print it to a PDF, with Chromium
	$(BIN)/dissect site --pdf

# A path out of the run's folder would tell of this machine, and lead nowhere on others.
class: $(VENV)/class ## write the hand-outs, if they are not there, and open the students' in JupyterLab
	@test -e $(CLASS) || $(BIN)/dissect teach $(CLASS)
	$(BIN)/jupyter lab $(CLASS)/student

locale: $(VENV)/installed ## bring the translations' files up to the English hand-outs
	$(BIN)/python -m dissect.teaching.messages ja

publish: ## put the finished run RUN among the published ones
	@! grep -rlE '"\.\.[/\\]' runs/$(RUN)/manifest.json runs/$(RUN)/notebooks || \
		{ echo "they name what lies outside runs/$(RUN): link it into runs/$(RUN)/models and run again" >&2; exit 1; }
	rm -rf book/published/$(RUN)
	mkdir -p book/published/$(RUN)
	cp -r runs/$(RUN)/manifest.json runs/$(RUN)/results runs/$(RUN)/notebooks book/published/$(RUN)

check: $(VENV)/tested ## what `make test` does, but for slow tests: two minutes, for work in between
	$(MAKE) --no-print-directory test TESTS="-m 'not slow and not run and not browser'"

test: $(VENV)/tested ## run all tests, the linter, the spelling, the type checker and the rule of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest $(TESTS)

mutants: $(VENV)/tested ## make mistakes on purpose, and tell how many the tests notice; ONLY=claims for some
	$(BIN)/python tests/mutants/run.py --only '$(ONLY)'

families: $(VENV)/tested ## try every family by every test that is written for all of them
	$(BIN)/python -m pytest -m 'family or families'

older: $(OLDER)/installed ## run the tests of the decomposition with the last transformers 4
	$(OLDER)/bin/python -m pytest tests/decomposition/test_families.py tests/decomposition/test_decomposition.py

dist: $(VENV)/tested ## build the package, a wheel and a source archive, in dist/
	$(BIN)/python -m build

clean: ## remove the environment; runs are kept
	rm -rf $(VENV) $(OLDER)

# The environment is made anew when pyproject.toml changes.
$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; set PYTHON=python3.11, say" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile -e .
	touch $@

$(VENV)/web: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --no-compile -e '.[web]'
	touch $@

# In class JupyterLab offers no news.
$(VENV)/class: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --no-compile -e '.[class]'
	$(BIN)/jupyter labextension disable --level=sys_prefix @jupyterlab/apputils-extension:announcements
	touch $@

$(VENV)/tested: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --no-compile -e '.[test]'
	touch $@

# pip says that this is not the version which the package asks for, and goes on.
$(OLDER)/installed: pyproject.toml
	$(PYTHON) -m venv $(OLDER)
	$(OLDER)/bin/python -m pip install --quiet --no-compile -e '.[test]'
	$(OLDER)/bin/python -m pip install --quiet --no-compile 'transformers==4.57.6'
	touch $@
