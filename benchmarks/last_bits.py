"""How far scores move where the numbers fed differ in their last bits, as they do between processors.

usage: python benchmarks/last_bits.py IMAGE MODEL.tflite ...

Prints for each model the largest change of a score of the rows found, over three draws of relative changes below 2e-7
and one below 1e-6; first without any change, which has to give 0.
"""

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edgerun import Detector, boxes

CHANGES = (0.0, 2e-7, 2e-7, 2e-7, 1e-6)
SAME_BOX = 0.8


class Shaken:
    """Stands before `Interpreter.set_tensor` and changes what floats it is given."""

    def __init__(self):
        self.relative, self.random, self._given = 0.0, np.random.default_rng(0), Interpreter.set_tensor

    def __call__(self, interpreter, place, array):
        if array.dtype == np.float32 and self.relative:
            changes = 1 + self.relative * self.random.uniform(-1, 1, array.shape)
            array = (array * changes).astype(np.float32)
        return self._given(interpreter, place, array)


def largest_change(first, second):
    """Of the scores of rows that are in both: the same class, nearly the same box."""
    overlap = boxes.iou(first.xyxy, second.xyxy) * (first.class_id[:, None] == second.class_id[None])
    same = overlap.max(axis=1, initial=0) > SAME_BOX
    return float(np.abs(second.score[overlap.argmax(axis=1)] - first.score)[same].max(initial=0)) if same.any() else 0.0


def main(image, *models):
    shaken = Shaken()
    Interpreter.set_tensor = lambda *given: shaken(*given)
    for model in models:
        with Detector.load(model, conf=0.2) as detector:
            shaken.relative = 0.0
            found = detector(Path(image))
            moved = []
            for shaken.relative in CHANGES:
                moved.append(largest_change(found, detector(Path(image))))
        print(f"{Path(model).name:60}", *(f"{change:.4f}" for change in moved))


if __name__ == "__main__":
    main(*sys.argv[1:])
