# Everything runs in .venv, made by the first command that needs it.
# Another torch (a CUDA build, say): make quickstart CONSTRAINTS=my-constraints.txt

PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
BIN := .venv/bin
# a process for each core and one thread for each process; a file's tests stay together with what they share
PYTEST := OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1 $(BIN)/python -m pytest --quiet \
	--numprocesses logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.PHONY: quickstart test test-long lint regress clean

quickstart: .venv/installed
	$(BIN)/attrimark run quickstart

test: .venv/installed-dev
	$(PYTEST) -m "not long"

# what `make test` leaves out
test-long: .venv/installed-dev
	$(PYTEST) -m long

# one thread: several would wait for each other where the machine is busy
regress: .venv/installed
	$(BIN)/attrimark regress ci --recorded tests/recorded.json --device cpu --threads 1 --quiet

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

.venv/installed: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) --editable .
	@touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv .attrimark
