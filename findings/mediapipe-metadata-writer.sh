#!/usr/bin/env bash
# mediapipe 1.2.3, Linux wheel: its writer of model metadata, mediapipe.tasks.python.metadata.
#
# guess   what the wheel carries can be imported: its FaceDetector opens only models with metadata, and this writes them
# seen    the import fails: it asks for mediapipe.tasks.cc, a compiled module that is not in the wheel
#
# The schemas are in the wheel, mediapipe.tasks.metadata.metadata_schema_py_generated, and metadata can be written with
# flatbuffers alone.
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mediapipe==1.2.3
"$folder/venv/bin/python" - > "$folder/seen" <<'CODE'
import importlib

for name in ("mediapipe.tasks.python.metadata.metadata", "mediapipe.tasks.metadata.metadata_schema_py_generated"):
    try:
        importlib.import_module(name)
        print(name, "can be imported")
    except ImportError as cause:
        print(name, "cannot:", cause)
CODE
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
mediapipe.tasks.python.metadata.metadata cannot: No module named 'mediapipe.tasks.cc'
mediapipe.tasks.metadata.metadata_schema_py_generated can be imported
SEEN
echo "as found"
