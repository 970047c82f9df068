"""A process that opens, answers, and hands its errors through; tune and bench test it with models."""

from __future__ import annotations

import sys

import pytest

from edgerun.errors import BackendUnavailable, InputError
from edgerun.tools.worker import Worker

MODULE = """
import os
from edgerun.errors import InputError
from edgerun.tools.worker import work

def answered(subject, request):
    if request == {"end": True}:
        os._exit(7)
    if request == {"refuse": True}:
        raise InputError("not this", hint="but that")
    return [subject, request]

work(lambda request: (request["name"], "open"), answered)
"""


@pytest.fixture
def worker(tmp_path, monkeypatch):
    (tmp_path / "answering_module.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    opened = Worker("answering_module", 60.0)
    assert opened.ask({"name": "it"}) == "open"
    yield opened
    opened.close()


def test_it_answers_as_often_as_it_is_asked(worker):
    assert [worker.ask({"count": number}) for number in range(3)] == [["it", {"count": n}] for n in range(3)]


def test_its_error_is_raised_again_with_its_hint(worker):
    with pytest.raises(InputError, match="not this") as caught:
        worker.ask({"refuse": True})
    assert caught.value.hint == "but that"


def test_how_it_ended_is_told(worker):
    with pytest.raises(BackendUnavailable, match="ended with code 7"):
        worker.ask({"end": True})


def test_what_json_has_no_form_for_is_refused(worker):
    with pytest.raises(InputError, match="cannot be handed"):
        worker.ask({"value": object()})
