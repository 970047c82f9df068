from __future__ import annotations

from functools import partial

import numpy as np


def corners(row):
    x1, y1, x2, y2 = row[:4]
    return np.array([(x1, y1), (x2, y1), ((x1 + x2) / 2, (y1 + y2) / 2), (x1, y2), (x2, y2)])


def encode(rows, height, width, random, *, shuffle=None):
    outputs = {}
    for stride in (8, 16, 32):
        lines, columns = -(-height // stride), -(-width // stride)
        count = lines * columns
        cls, obj = random.uniform(0, 0.2, (2, count, 1))
        box, points = random.normal(0, 1, (count, 4)), random.normal(0, 1, (count, 10))
        for row in rows if stride == 16 else ():
            x1, y1, x2, y2, score, _ = row
            x, y = (x1 + x2) / 2 / stride, (y1 + y2) / 2 / stride
            cell = int(y) * columns + int(x)
            cls[cell], obj[cell] = 0.98, score**2 / 0.98
            size = np.log(((x2 - x1) / stride, (y2 - y1) / stride))
            box[cell] = x - int(x), y - int(y), *size
            points[cell] = (corners(row) / stride - (int(x), int(y))).reshape(-1)
        for name, array in (("cls", cls), ("obj", obj), ("bbox", box), ("kps", points)):
            outputs[f"{name}_{stride}"] = array[None].astype(np.float32)
    if shuffle is None:
        return outputs
    names = list(outputs)
    np.random.default_rng(shuffle).shuffle(names)
    return {f"output_{index}": outputs[name] for index, name in enumerate(names)}


def squares(rows, height, width, random, *, batch):
    ladder = ((8, (10, 16, 24)), (16, (32, 48)), (32, (64, 96)), (64, (128, 192, 256)))
    anchors = np.array(
        [
            ((column + 0.5) * stride, (line + 0.5) * stride, side)
            for stride, sides in ladder
            for line in range((height + 1) // 2 // (stride // 2))
            for column in range((width + 1) // 2 // (stride // 2))
            for side in sides
        ]
    )
    count = len(anchors)
    loc, face, iou = random.normal(0, 1, (count, 14)), random.uniform(0, 0.2, count), random.uniform(0, 0.2, (count, 1))
    for row in rows:
        x1, y1, x2, y2, score, _ = row
        target = np.array(((x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1)))
        index = int(np.abs(anchors - target).sum(axis=1).argmin())
        centre, side = anchors[index, :2], anchors[index, 2]
        loc[index, :2] = (target[:2] - centre) / side / 0.1
        loc[index, 2:4] = np.log(np.array((x2 - x1, y2 - y1)) / side) / 0.2
        loc[index, 4:] = ((corners(row) - centre) / side / 0.1).reshape(-1)
        face[index], iou[index] = 0.98, score**2 / 0.98
    arrays = {"loc": loc, "conf": np.stack((1 - face, face), axis=1), "iou": iou}
    return {name: (array[None] if batch else array).astype(np.float32) for name, array in arrays.items()}


COMMON = {"classes": 1, "keypoints": 5}
HEADS = {
    "yunet": {"encode": encode, **COMMON},
    "yunet-2022": {"encode": partial(squares, batch=False), **COMMON},
    "yunet-2022/with a batch": {"encode": partial(squares, batch=True), **COMMON},
    "yunet/no names, any order": {"encode": partial(encode, shuffle=3), **COMMON},
    "yunet/no names, another order": {"encode": partial(encode, shuffle=8), **COMMON},
}


def test_swapping_the_two_scores_changes_nothing(read, objects):
    rows = objects({"classes": 1}, (320, 320))
    outputs = encode(rows, 320, 320, np.random.default_rng(0))
    swapped = {name.replace("cls", "?").replace("obj", "cls").replace("?", "obj"): a for name, a in outputs.items()}
    _, first = read({}, (320, 320), outputs)
    _, second = read({}, (320, 320), swapped)
    np.testing.assert_array_equal(first.scores, second.scores)
    np.testing.assert_array_equal(first.boxes, second.boxes)


def test_yunet_of_2022_halves_rounding_down(read, objects):
    """OpenCV 4.5.4, face_detect.cpp, generatePriors: 15 x 20, 7 x 10, 3 x 5 and 1 x 2 cells at 120 x 160."""
    rows = objects({"classes": 1}, (120, 160))
    outputs = squares(rows, 120, 160, np.random.default_rng(0), batch=False)
    assert outputs["loc"].shape == (1076, 14)
    chosen, found = read({}, (120, 160), outputs, 0.5)
    assert chosen == "yunet-2022"
    np.testing.assert_allclose(found.boxes[found.scores.argmax()], rows[rows[:, 4].argmax(), :4], atol=0.1)
