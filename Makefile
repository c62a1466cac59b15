# Two commands do everything, on a machine that has Python 3.11-3.13 and nothing else:
#   make demo    train on synthetic videos, evaluate, write a report (about ten minutes with the installation)
#   make test    the test suite

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name))))
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup demo test test-slow soak lint types format results claim ladder bench bench-bf16 bench-gpu licences docs

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no Python found: install Python 3.11, 3.12 or 3.13"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "$(PYTHON) is not Python 3.11-3.13: give one, make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[plots,dev]'
	@touch $(READY)

demo: $(READY)
	$(BIN)/kinema demo

# One thread: the tests' networks are so small that threads would spend their time waiting for one another.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

# 20,000 clip reads through the loader, and what memory they take (docs/reliability.md).
soak: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow -s tests/data/test_soak.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The tables in docs/ are generated from results/, and from nothing else.
results: $(READY)
	$(BIN)/python results/table.py

# The table of docs/licences.md; a package that is not installed here keeps its row.
licences: $(READY)
	$(BIN)/python docs/licences.py

# The documentation's site, in build/site; a link that leads nowhere is an error.
docs: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	$(BIN)/python docs/pages.py
	$(BIN)/zensical build --strict --clean

claim: $(READY)
	$(BIN)/python results/claim.py
	$(BIN)/python results/reading.py

ladder: $(READY)
	$(BIN)/python results/ladder.py

# Everything of `kinema bench`, about a quarter of an hour in which nothing else should run, and the page of it.
BENCH := $(BIN)/kinema bench
KEPT := benchmarks/results
bench: $(READY)
	@mkdir -p $(KEPT)
	for part in decode loader augment flow retrieve; do $(BENCH) $$part --out $(KEPT)/$$part.json || exit; done
	$(BENCH) step --frames 8 --size 64 --batch 4 --rounds 3 --compile --out $(KEPT)/step_r3d_18.json
	$(BENCH) step --width 0.25 --frames 8 --size 64 --batch 4 --rounds 3 --out $(KEPT)/step_r3d_18_quarter_width.json
	$(BENCH) step --backbone r3d_vcop --frames 8 --size 64 --batch 8 --rounds 3 --out $(KEPT)/step_r3d_vcop.json
	$(BIN)/python benchmarks/table.py
	$(BIN)/python benchmarks/scale.py

# The steps in bf16, on a CPU that multiplies in it (`kinema doctor` says).
bench-bf16: $(READY)
	@mkdir -p $(KEPT)
	$(BENCH) step --frames 8 --size 64 --batch 4 --precision bf16-mixed --out $(KEPT)/step_r3d_18_bf16.json
	$(BENCH) step --width 0.25 --frames 8 --size 64 --batch 4 --precision bf16-mixed --out $(KEPT)/step_r3d_18_quarter_width_bf16.json
	$(BENCH) step --backbone r3d_vcop --frames 8 --size 64 --batch 8 --precision bf16-mixed --out $(KEPT)/step_r3d_vcop_bf16.json
	$(BIN)/python benchmarks/table.py

# What only a GPU can show: the networks at full size, what augmentation takes of a step, flow beside OpenCV.
bench-gpu: $(READY)
	@mkdir -p $(KEPT)
	for net in r3d_18 r2plus1d_18 s3d; do \
	  $(BENCH) step --backbone $$net --frames 16 --size 112 --batch 16 --device cuda --compile --out $(KEPT)/gpu_step_$$net.json || exit; \
	done
	$(BENCH) augment --frames 16 --size 112 --batch 16 --device cuda --out $(KEPT)/gpu_augment.json
	$(BENCH) flow --device cuda --out $(KEPT)/gpu_flow.json
	$(BIN)/python benchmarks/table.py
