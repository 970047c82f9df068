from __future__ import annotations

from functools import partial

import numpy as np


def encode(rows, height, width, random, *, logits=False, order=(0, 1, 2), classes=4):
    lines, columns = -(-height // 4), -(-width // 4)
    heatmap = random.uniform(0.001, 0.05, (classes, lines, columns))
    sizes, offsets = random.uniform(2, 20, (2, lines, columns)), random.uniform(0, 1, (2, lines, columns))
    for x1, y1, x2, y2, score, number in rows:
        x, y = (x1 + x2) / 8, (y1 + y2) / 8
        line, column = int(y), int(x)
        heatmap[int(number), line, column] = score
        heatmap[int(number), line, column + 1] = score - 0.05  # the slope of the peak
        sizes[:, line, column] = (x2 - x1) / 4, (y2 - y1) / 4
        offsets[:, line, column] = x - column, y - line
    if logits:
        heatmap = np.log(heatmap / (1 - heatmap))
    arrays = (("hm", heatmap), ("wh", sizes), ("reg", offsets))
    return {arrays[index][0]: arrays[index][1][None].astype(np.float32) for index in order}


HEADS = {
    "centernet": {"encode": encode},
    "centernet/logits, in another order": {"encode": partial(encode, logits=True, order=(2, 0, 1))},
}
