# The two commands of the README. Both make the environment in .venv first.
PYTHON ?= $(firstword $(shell command -v python3.12 python3.13 python3.11 python3))
RUN ?= runs/quick

.PHONY: train test

train: .venv/ready
	.venv/bin/dmljax train --config=quick --run=$(RUN)
	.venv/bin/dmljax evaluate --run=$(RUN) --noprogress

test: .venv/ready
	.venv/bin/ruff check .
	.venv/bin/python -m pytest

.venv/ready: setup.py
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is %s; set PYTHON=" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[all]'
	touch $@
