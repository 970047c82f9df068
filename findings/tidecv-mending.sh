#!/usr/bin/env bash
# tidecv 1.0.1, the authors' package for the split of a detector's errors (Bolya et al., arXiv 2008.08115).
#
# guess   what mending all class errors adds to AP50 depends on class errors alone; rows in a crowd region are no errors
# seen    a class error is not mended where a surer row that sits badly is meant for the same object: it "costs" 0 where
#         mending it would take AP50 from 0 to 50, and 100 without that row; a row in a crowd region counts as background
#
# So the figures of its summary are not what each kind of error costs by itself.
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tidecv==1.0.1 numpy==2.4.6 setuptools
"$folder/venv/bin/python" - > "$folder/seen" 2> "$folder/log" <<'CODE' || { cat "$folder/log"; exit 1; }
from tidecv import TIDE, Data

CAT, DOG = 1, 2
HERE, QUARTER = [0, 0, 100, 40], [0, 0, 25, 40]


def costs(rows, crowd=None):
    """Cost of class errors and number of background errors, of rows (class, score, box) of one image with one cat."""
    truth, found = Data("truth"), Data("found")
    for data in (truth, found):
        data.add_image(1, "1")
    truth.add_ground_truth(1, CAT, box=HERE)
    if crowd:
        truth.add_ignore_region(1, CAT, box=crowd)
    for number, score, box in rows:
        found.add_detection(1, number, score, box=box)
    tide = TIDE()
    run = tide.evaluate(truth, found, mode=TIDE.BOX)
    background = sum(len(errors) for kind, errors in run.error_dict.items() if kind.short_name == "Bkg")
    return round(tide.get_main_errors()["found"]["Cls"]), background


alone, _ = costs([(DOG, 0.8, HERE)])
beside, _ = costs([(CAT, 0.9, QUARTER), (DOG, 0.8, HERE)])
_, in_crowd = costs([(CAT, 0.9, HERE), (CAT, 0.8, [510, 510, 20, 20])], crowd=[500, 500, 100, 100])
print(f"class error alone {alone}, beside a surer box error {beside}; background errors of a row in a crowd {in_crowd}")
CODE
cat "$folder/seen"
grep -q "^class error alone 100, beside a surer box error 0; background errors of a row in a crowd 1$" "$folder/seen" \
  || { echo "not as it was seen with 1.0.1"; exit 1; }
echo "as found"
