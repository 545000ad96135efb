# `make demo` runs the main job, `make test` everything that must pass, `make slow` the
# tests that take long or compare times, `make docs` writes the site. Each first makes .venv in this clone and
# installs into it, which takes a Python, make and nothing else.
#
#   make test PYTHON=/path/to/python3.12      another interpreter than the first found
#   make test WORKERS=4                       as many test processes as there is memory
#                                             for: each holds a TensorFlow, up to 3 GB

PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	2>/dev/null && echo $$python && break; done)
WORKERS ?= 2
IN := .venv/bin

.PHONY: demo test slow docs clean

demo: .venv/.installed
	$(IN)/autoai4eo demo

test: .venv/.installed-dev
	$(IN)/ruff check .
	$(IN)/ruff format --check .
	$(IN)/mypy
	$(IN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(IN)/mkdocs build --quiet --strict
	$(IN)/pytest -n $(WORKERS) --dist loadfile

slow: .venv/.installed-dev
	$(IN)/pytest -m slow -n $(WORKERS) --dist loadfile --timeout 3600
	$(IN)/pytest -m timing --timeout 3600

docs: .venv/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(IN)/mkdocs build --strict
	@echo "the site: site/index.html"

clean:
	rm -rf .venv build dist site *.egg-info .hypothesis .import_linter_cache \
		.mypy_cache .pytest_cache .ruff_cache
	find autoai4eo benchmarks examples tests -name __pycache__ -exec rm -rf {} +

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "error: expected Python 3.11 to 3.13 with its venv" \
		"module, found none; install one (Debian: apt install python3-venv) or name it:" \
		"make PYTHON=/path/to/python3" >&2; exit 2; }
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml setup.py | .venv/bin/python
	@echo "installing into .venv: TensorFlow and all, 3 GB on disk, some minutes"
	$(IN)/python -m pip install --quiet --editable .
	@touch $@

.venv/.installed-dev: pyproject.toml setup.py | .venv/bin/python
	@echo "installing into .venv: TensorFlow, JAX and all, over 3 GB on disk, some minutes"
	$(IN)/python -m pip install --quiet --editable '.[dev]'
	@touch .venv/.installed $@
