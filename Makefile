# The two commands of the README. Both make the environment in .venv first.
NEW_ENOUGH = import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$p && break; done)
RUN ?= runs/quick
# Tests of one file share what they make, so a file stays in one process; each takes up to 6 GB.
SIDE_BY_SIDE = -n auto --maxprocesses=4 --dist loadfile

.PHONY: train test docs

train: .venv/ready
	.venv/bin/dmljax train --config=quick --run=$(RUN)
	.venv/bin/dmljax evaluate --run=$(RUN) --noprogress

test: .venv/ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check --quiet .
	.venv/bin/mypy
	.venv/bin/python -m pytest $(SIDE_BY_SIDE)
	$(MAKE) docs

docs: .venv/ready
	.venv/bin/sphinx-build -q -E -W --keep-going docs build/docs
	.venv/bin/python docs/links.py build/docs

.venv/ready: setup.py
	@$(if $(PYTHON),,$(error Python 3.11 or newer is needed and none was found; name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3))
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[all]'
	touch $@
