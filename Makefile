# make demo | demo-images | demo-text | serve | test | long | lint | types | check | docs | lowest
# make clients
# make clean
#
# Everything runs in a virtual environment, VENV (default .venv), which is made with the first
# Python >= 3.11 that is found and filled from PyPI; it is filled again when pyproject.toml changes.

VENV ?= .venv
BIN := $(VENV)/bin
DEMO_OUT ?= out/demo
PYTHONS := python3.14 python3.13 python3.12 python3.11 python3

# torch for CPUs, a few hundred MB; what PyPI has for Linux brings 4 GB of CUDA along. For a GPU, or
# where this index cannot be reached: make TORCH_INDEX= ...
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# No other index is asked with it: that one's torch would be fetched, not fit, and be fetched again.
TORCH := 'torch>=2.10' 'torchvision>=0.25'
PIP := $(BIN)/python -m pip install --quiet
INSTALL ?= $(PIP)  # of all but torch; CI takes uv, which needs half the time

# One thread per numerical library: tests are small, and then give the same bits everywhere.
TEST_ENV := OMP_NUM_THREADS=1

.PHONY: help demo demo-images demo-text serve test long lint types check docs lowest clients clean

help:
	@sed -n 's/^# make/make/p' Makefile

demo: $(VENV)/.installed
	$(BIN)/falcon demo --out $(DEMO_OUT)

demo-images: $(VENV)/.installed
	$(BIN)/falcon demo --images --out $(DEMO_OUT)-images

demo-text: $(VENV)/.installed-text
	$(BIN)/falcon demo --text --out $(DEMO_OUT)-text

serve: $(VENV)/.installed
	$(BIN)/falcon serve

# MARKS takes other tests than the fast ones, as .ci/run does: make test MARKS='slow and not long'.
test: $(VENV)/.installed-dev
	$(TEST_ENV) $(BIN)/python -m pytest -n logical --dist loadfile --no-loadscope-reorder $(if $(MARKS),-m '$(MARKS)')

# The long forms of what .ci/run tries in short, and all faults: once a week; an hour.
long: $(VENV)/.installed-dev
	$(TEST_ENV) $(BIN)/python -m pytest -m 'long and not gpu' -n logical --dist loadfile

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check falcon_svc solver benchmarks examples

types: $(VENV)/.installed-dev
	$(BIN)/mypy

check: lint types test

# The site of documents, into out/site: a broken link or a page without a place is an error.
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "the site: out/site/index.html; for its search: python -m http.server --directory out/site"

# The fast tests with the lowest versions that pyproject.toml allows, of Python too: once a week, it
# takes a virtual environment of its own (2 GB). A floor that another package lifts is refused: nothing
# would try it. Newer packages around older ones warn, which is fine; the checks of scikit-learn before
# 1.7 want SCIPY_ARRAY_API.
lowest: $(VENV)/.installed-dev
	$(PIP) uv
	$(BIN)/uv venv --quiet --clear --python 3.11 $(VENV)-lowest
	$(BIN)/uv pip install --quiet --python $(VENV)-lowest/bin/python --resolution lowest-direct \
	  $(if $(TORCH_INDEX),--torch-backend cpu) --editable '.[cpu,map]' --group dev
	$(VENV)-lowest/bin/python -m tests.packaging.floors
	$(TEST_ENV) SCIPY_ARRAY_API=1 $(VENV)-lowest/bin/python -m pytest -n logical --dist loadfile \
	  --no-loadscope-reorder -W default

# Clients that others generate from /v1/openapi.json, compiled and driven; needs node, npm and PyPI.
clients: $(VENV)/.installed-dev
	$(BIN)/python -m tests.clients.make

clean:
	rm -rf .venv .venv-lowest out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

define install_torch
	@test -z "$(TORCH_INDEX)" \
	  || { PIP_EXTRA_INDEX_URL=$(TORCH_INDEX) \
	    $(PIP) --retries 0 --timeout 15 --index-url $(TORCH_INDEX) $(TORCH) \
	    && $(BIN)/python -c 'import torchvision' 2>/dev/null; } \
	  || { echo "$(TORCH_INDEX) gave no torch that works with its torchvision; both come from PyPI," \
	    "with CUDA on Linux." >&2; \
	    $(BIN)/python -m pip uninstall --quiet --yes torch torchvision; }
endef

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(install_torch)
	$(PIP) --editable '.[cpu]'
	@touch $@

$(VENV)/.installed-text: $(VENV)/.installed
	$(PIP) --editable '.[cpu,text]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(PIP) --upgrade 'pip>=25.1'  # the first with --group
	$(install_torch)
	$(INSTALL) --editable '.[cpu]' --group dev
	@touch $(VENV)/.installed $@

$(VENV)/.installed-docs: $(VENV)/.installed-dev
	$(INSTALL) --group docs
	@touch $@

$(BIN)/python:
	@for python in $(PYTHONS); do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "using $$($$python --version)"; \
	    exec $$python -m venv $(VENV); \
	  fi; \
	done; \
	echo "Python 3.11 or newer is needed, and none of $(PYTHONS) is one; install it first." >&2; \
	exit 1
