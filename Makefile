# Two commands do everything on a fresh machine:
#   make site   set up, then build the site into _site/
#   make test   set up, then run all tests
# make quarto adds the program that renders the published site; without it smalldocs renders the same sources.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

# The series of Quarto that .github/workflows/publish.yml uses.
QUARTO = quarto-cli==1.10.*

.PHONY: site test quarto preview run status lint benchmark clean

site: $(VENV)/.site
	$(BIN)/python -m lib site

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest

# The package fetches Quarto itself from its release page; where that can't be reached, nothing changes.
quarto: $(VENV)/bin/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(QUARTO)" >/dev/null 2>&1 \
	  && $(BIN)/quarto --version \
	  || { echo "Quarto's release page on github.com can't be reached from here; 'make site' goes on with smalldocs." >&2; exit 1; }

preview: $(VENV)/.site
	$(BIN)/python -m lib preview

# Execute every notebook whose stored outputs are out of date; it says first how long that took before.
run: $(VENV)/.test
	$(BIN)/python -m lib run

status: $(VENV)/.test
	$(BIN)/python -m lib status

lint: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmark: $(VENV)/.test
	for file in tests/benchmarks/*.py; do $(BIN)/python $$file; done

clean:
	rm -rf _site build *.egg-info .pytest_cache .ruff_cache

# What each command needs, installed once; pyproject.toml says what.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.site: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[site]"
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[site,notebooks,torch,spark,cluster,test]"
	@touch $@ $(VENV)/.site
