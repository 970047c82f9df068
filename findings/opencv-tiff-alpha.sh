#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93: cv2.imread of an RGBA picture, as TIFF and as PNG.
#
# guess   the same pixels give the same array, whatever the format
# seen    a TIFF with unassociated alpha comes back multiplied by it, a PNG does not: colours of clear pixels are 0
#
# Without IMREAD_UNCHANGED, where the alpha is dropped, the same: a picture is darker as a TIFF than as a PNG.
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    opencv-python-headless==5.0.0.93 pillow==12.1.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" > "$folder/seen" 2> "$folder/log" <<'CODE' || { cat "$folder/log"; exit 1; }
import cv2
import numpy as np
from PIL import Image

pixels = np.array([[[200, 100, 50, 128], [200, 100, 50, 0], [200, 100, 50, 255]]], np.uint8)
for suffix in ("png", "tif"):
    Image.fromarray(pixels).save(f"picture.{suffix}")
    whole = cv2.imread(f"picture.{suffix}", cv2.IMREAD_UNCHANGED)[0, :, [2, 1, 0, 3]].T
    print(suffix, whole.tolist(), cv2.imread(f"picture.{suffix}")[0, :, ::-1].tolist())
print("ExtraSamples of the TIFF (2: not multiplied):", Image.open("picture.tif").tag_v2[338])
CODE
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
png [[200, 100, 50, 128], [200, 100, 50, 0], [200, 100, 50, 255]] [[200, 100, 50], [200, 100, 50], [200, 100, 50]]
tif [[100, 50, 25, 128], [0, 0, 0, 0], [200, 100, 50, 255]] [[100, 50, 25], [0, 0, 0], [200, 100, 50]]
ExtraSamples of the TIFF (2: not multiplied): (2,)
SEEN
echo "as found"
