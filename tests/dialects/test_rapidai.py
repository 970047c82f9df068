"""RapidAI's and PaddleOCR's detectors: rapidocr 3.10.0, inference_engine/onnxruntime/main.py, get_character_list."""

from __future__ import annotations


def test_names_are_lines_under_character(gathered):
    card = gathered(metadata={"character": "text\ntitle\nfigure caption\n"})
    assert card.labels == ("text", "title", "figure caption")
    assert card.source("labels") == "rapidai metadata"


def test_names_of_another_dialect_go_first(gathered):
    card = gathered(metadata={"character": "a\nb", "names": "{0: 'x', 1: 'y'}", "stride": "32"})
    assert card.labels == ("x", "y")


def test_nothing_is_said_where_there_is_none(gathered):
    assert not gathered(metadata={"character": ""}).sources
    assert not gathered(metadata={"characters": "a"}).sources
