"""The hook surface: every hook is documented for authors of plugins and has a test that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerun import hookspecs

ROOT = Path(__file__).resolve().parents[1]
HOOKS = sorted(name for name in dir(hookspecs) if name.startswith("edgerun_"))


def test_there_are_four_questions():
    assert HOOKS == [
        "edgerun_register_backends",
        "edgerun_register_decoders",
        "edgerun_register_delegates",
        "edgerun_register_dialects",
    ]
    assert sorted(hookspecs.HOOKS) == HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_has_a_test_and_a_line_for_authors(hook):
    assert hook in (ROOT / "tests" / "runtime" / "test_registry.py").read_text()
    assert hook in (ROOT / "plugins" / "README.md").read_text()
    assert getattr(hookspecs, hook).__doc__
