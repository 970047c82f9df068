"""Files of folders and patterns, and what is left out of them."""

from __future__ import annotations

from edgerun.media import listing


def test_files_are_shown_or_omitted_by_their_suffix_9_before_10(tmp_path):
    for name in ("10.png", "9.JPG", "b.webm", "notes.txt", "._9.jpg"):
        (tmp_path / name).write_text("x")
    (tmp_path / "a.png").mkdir()
    found = listing.of_folder(tmp_path)
    assert [path.name for path in found.shown] == ["9.JPG", "10.png", "b.webm"]
    assert [path.name for path in found.omitted] == ["a.png", "notes.txt"]
    matched = listing.of_pattern(f"{tmp_path}/*")
    assert matched.shown == found.shown
    assert [path.name for path in matched.omitted] == ["notes.txt"]  # a pattern finds folders on the way


def test_what_is_left_out_is_one_sentence(tmp_path):
    paths = [tmp_path / f"{number}.txt" for number in range(5)]
    assert listing.left_out([]) == ""
    assert listing.left_out(paths[:1]) == "left out: 1 other file: 0.txt"
    assert listing.left_out(paths) == "left out: 5 other files: 0.txt, 1.txt, 2.txt and 2 more"
    (tmp_path / "deep").mkdir()
    assert listing.left_out([tmp_path / "deep"]) == "left out: 1 folder: deep"
    (sentence, hint) = listing.left_out([*paths, tmp_path / "a.HEIC"]).split("; ")
    assert sentence == "left out: 6 other files: a.HEIC, 0.txt, 1.txt and 3 more"
    assert "heif-convert" in hint
