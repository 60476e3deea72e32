# Every target sets up .venv by itself. `make demo` and `make test` are all a newcomer needs.
PYTHON ?= python3
VENV = .venv
RUN = $(VENV)/bin/python
SIZE ?= quick

.PHONY: demo test walkthroughs lowest audit lint reproduce page gallery bench clean

demo: $(VENV)/run
	$(RUN) -m commands.demo

test: $(VENV)/dev
	$(RUN) -m pytest -n auto --dist worksteal

walkthroughs: $(VENV)/dev
	$(RUN) -m pytest -n auto --dist worksteal -m walkthrough

# The suite with the lowest version of every package that requirements.txt admits, in an environment of its own.
lowest: $(VENV)/dev
	$(RUN) -m uv venv --quiet --clear .venv-lowest
	$(RUN) -m uv pip install --quiet --python .venv-lowest --resolution lowest-direct -r requirements.txt -r requirements-dev.txt
	.venv-lowest/bin/python -m pytest -n auto --dist worksteal

lint: $(VENV)/dev
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

reproduce: $(VENV)/run
	$(RUN) reproduce.py --size $(SIZE)

page: $(VENV)/run
	$(RUN) reproduce.py

gallery: $(VENV)/run
	$(RUN) -m commands.gallery

audit: $(VENV)/dev
	$(RUN) -m pip_audit --local --progress-spinner off

bench: $(VENV)/run
	$(RUN) -m benchmarks

clean:
	rm -rf $(VENV) .ruff_cache

$(VENV)/run: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev: $(VENV)/run requirements-dev.txt
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
