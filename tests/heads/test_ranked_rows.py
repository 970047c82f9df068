from __future__ import annotations

import pytest

from edgerun.heads.ranked_rows import ranked_rows


@pytest.mark.parametrize("columns", ["", "xyxy score class", "xyxy class score angle", "xyxy score class scores"])
def test_words_that_no_layout_has_are_refused(columns):
    with pytest.raises(ValueError, match="columns must be"):
        ranked_rows("family", columns)


def test_a_family_leaves_suppression_to_its_export():
    assert not ranked_rows("family", "xyxy score class keypoints").suppress
