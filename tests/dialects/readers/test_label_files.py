from __future__ import annotations

import pytest

from edgerun.card.labels import without_background
from edgerun.dialects.readers import label_files
from edgerun.errors import CardInvalid


@pytest.mark.parametrize(
    "text",
    [
        "cat\ndog\nbird",
        "cat\r\ndog\r\nbird\r\n",
        "cat\ndog\nbird\n\n\n",
        "0 cat\n1 dog\n2 bird",
        "0: cat\n1: dog\n2: bird\n",
        "0,cat\n1,dog\n2,bird",
        '["cat", "dog", "bird"]',
        '{"0": "cat", "1": "dog", "2": "bird"}',
        "{0: 'cat', 1: 'dog', 2: 'bird'}",
        '{"id2label": {"0": "cat", "1": "dog", "2": "bird"}}',
        "path: x\nnc: 3\nnames: ['cat', 'dog', 'bird']\n",
        "names: [cat, dog, bird]  # the three\ntrain: x\n",
        "names:\n  0: cat\n  1: dog\n  2: bird\nnc: 3\n",
        "names:\n- cat\n- dog\n- bird\n",
        "0\tcat\n1\tdog\n2\tbird",
        "cat\rdog\rbird",
        '{"cat": 0, "dog": 1, "bird": 2}',
        '{"labels": ["cat", "dog", "bird"], "version": 3}',
        "\ufeffcat\ndog\nbird",
        "nc: 3\nnames: {0: cat, 1: dog, 2: bird}\n",
        "item {\n id: 0\n name: 'background'\n}\nitem {\n id: 1\n display_name: 'cat'\n}\n"
        "item {\n name: 'n02' id: 2\n display_name: \"dog\"\n}\nitem: <id: 3, name: 'bird'>",
        "item {\n id: 1\n name: 'cat'\n}\nitem {\n id: 2\n name: 'dog'\n}\nitem {\n id: 3\n name: 'bird'\n}\n",
        "item {\n id: 0\n name: 'cat'\n}\nitem {\n id: 1\n name: 'dog'\n}\nitem {\n id: 2\n name: 'bird'\n}\n",
    ],
)
def test_every_habit_is_read(text):
    assert label_files.parse(text) == ("cat", "dog", "bird")


def test_gaps_are_kept():
    assert label_files.parse("0 a\n2 c") == ("a", "???", "c")


def test_a_table_that_counts_from_1_leaves_the_first_place_empty():
    assert label_files.parse("1: cat\n2: dog") == ("???", "cat", "dog")
    assert without_background(label_files.parse("1: cat\n2: dog")) == ("cat", "dog")


def test_a_background_stays_where_it_is():
    assert label_files.parse("background\nperson\n") == ("background", "person")
    assert label_files.parse("???\nperson\n") == ("???", "person")


def test_a_class_named_no_is_a_text():
    assert label_files.parse("names: [yes, no, true]") == ("yes", "no", "True")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[[1, 2], [3]]",
        '[{"id": 1, "name": "a"}]',
        "{[1]: 2}",
        "names: 3",
        "item { id: 1",
        "{-1: 'a'}",
        "names: *a",
    ],
)
def test_what_is_no_list_of_names_is_refused(tmp_path, text):
    path = tmp_path / "labels.txt"
    path.write_text(text)
    with pytest.raises(CardInvalid, match=r"labels\.txt"):
        label_files.read(path)


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes(b"a\n" * 1_000_000)
    with pytest.raises(CardInvalid, match="larger"):
        label_files.read(path)


def test_a_label_file_that_nothing_refers_to_is_seen_and_not_taken(tmp_path):
    assert label_files.beside(tmp_path / "model.onnx") is None
    for name in ("labels.txt", "model.txt"):
        (tmp_path / name).write_text("cat")
        assert label_files.beside(tmp_path / "model.onnx").name == name


def test_a_name_that_begins_with_a_number_is_a_name():
    assert label_files.parse("7up can\n7up bottle") == ("7up can", "7up bottle")


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes(b"\xef\xbb\xbfcat\ndog\n")
    assert label_files.read(path) == ("cat", "dog")


def test_coco_is_only_taken_by_name():
    assert len(label_files.read("coco")) == 80
    assert label_files.read("coco")[79] == "toothbrush"
    coco91 = label_files.read("coco91")
    assert (len(coco91), coco91[0], coco91[89], coco91[11]) == (90, "person", "toothbrush", "???")


def test_a_bad_label_file_is_named(tmp_path):
    path = tmp_path / "empty.txt"
    path.write_text("\n\n")
    with pytest.raises(CardInvalid, match=r"empty\.txt"):
        label_files.read(path)
    with pytest.raises(CardInvalid, match=r"none\.txt"):
        label_files.read(tmp_path / "none.txt")
