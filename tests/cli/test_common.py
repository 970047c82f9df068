"""What every command shares."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings

import pytest
import typer

from edgerun.cli.common import as_error, door, print_table, spoken
from edgerun.errors import InputError


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        ('pass decoder="yolov8" or decoder="yolov5"', "pass --decoder yolov8 or --decoder yolov5"),
        ('pass delegate="cpu" to accept that', "pass --delegate cpu to accept that"),
        ('say color="rgb" or "bgr"', 'say --color rgb or "bgr"'),
        ("give the size it was made for: imgsz=(height, width)", "give the size it was made for: --imgsz WxH"),
        ("pass imgsz=(480, 640)", "pass --imgsz 640x480"),
        ("pass conf=0.25, say", "pass --conf 0.25, say"),
        ('pass box_units="unit"', "pass --box-units unit"),
        ("name one with decoder=, or write a plugin", "name one with --decoder, or write a plugin"),
        ("yolo export model=FILE format=onnx", "yolo export model=FILE format=onnx"),
        ('give its value: inputs={"x": …}, as argument', 'give its value: inputs={"x": …}, as argument'),
        ("pass suppressed=True or suppressed=False", "pass --suppressed or --not-suppressed"),
        ("pass mean=(0.5, 0.4, 0.3), std=0.2 or mean=0", "pass --mean 0.5,0.4,0.3 --std 0.2 or --mean 0"),
    ],
)
def test_hints_are_said_in_the_words_of_the_command_line(hint, said):
    assert spoken(hint) == said


def test_warnings_of_edgerun_are_lines_and_those_of_others_are_not(capsys):
    with door():
        warnings.warn("the suffix lies", stacklevel=1)
        warnings.warn("numpy will change", DeprecationWarning, stacklevel=1)
        warnings.warn("a file is open", ResourceWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: the suffix lies\n"


def test_the_same_warning_is_said_once(capsys):
    with door():
        for _ in range(3):
            warnings.warn("the suffix lies", stacklevel=1)
    assert capsys.readouterr().err.count("the suffix lies") == 1


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (InputError("no"), 3),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), 141),
        (KeyError("x"), 3),
        (typer.Exit(1), 1),
    ],
)
def test_each_way_of_ending_has_its_code(raised, code):
    with pytest.raises(typer.Exit) as caught, door():
        raise raised
    assert caught.value.exit_code == code


def test_ctrl_c_during_an_import_is_no_broken_runtime():
    ours, theirs = InputError("a runtime cannot be imported"), ImportError("initialization failed")
    ours.__cause__, theirs.__cause__ = theirs, KeyboardInterrupt()
    with pytest.raises(typer.Exit) as caught, door():
        raise ours
    assert caught.value.exit_code == 130


def test_an_error_that_is_raised_from_itself_is_told():
    ours = InputError("no")
    ours.__cause__ = ours
    with pytest.raises(typer.Exit) as caught, door():
        raise ours
    assert caught.value.exit_code == 3


def test_what_native_code_prints_stays_out_of_the_document():
    script = """
import os
from edgerun.cli.common import door, print_json, say
with door(as_json=True):
    os.write(1, b"noise\\n")
    print_json({"name": "Straße"})
say("afterwards")
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    assert ran.stderr == "noise\n"
    assert json.loads(ran.stdout.removesuffix("afterwards\n")) == {"name": "Straße"}


def test_a_foreign_error_is_owned_up_to():
    assert as_error(ValueError("a\nb")).message == "edgerun itself failed: ValueError: a"
    assert as_error(ValueError()).message == "edgerun itself failed: ValueError"


def test_tables_fold_within_their_columns(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    print_table([("a", "word " * 20), ("[bold]", "[red] :smile:")], ("name", "text"), indent=2)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[0].split() == ["name", "text"]
    assert any(line.split() == ["[bold]", "[red]", ":smile:"] for line in lines)
