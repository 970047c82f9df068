from __future__ import annotations

import pytest

from edgerun.errors import EdgerunError, InputError, ModelError, translated


def test_a_foreign_error_is_translated_once_with_its_cause():
    with pytest.raises(ModelError) as raised, translated(ModelError, "cannot open x.onnx", hint="try again"):
        raise RuntimeError("bad magic\nsecond line")
    assert raised.value.message == "cannot open x.onnx: bad magic"
    assert raised.value.hint == "try again"
    assert isinstance(raised.value.__cause__, RuntimeError)


def test_our_own_errors_and_interrupts_pass():
    with pytest.raises(InputError, match="mine"), translated(ModelError, "cannot open"):
        raise InputError("mine")
    with pytest.raises(KeyboardInterrupt), translated(ModelError, "cannot open"):
        raise KeyboardInterrupt


def test_an_error_reads_as_message_and_hint():
    assert str(EdgerunError("It broke.", hint="mend it")) == "It broke.\n  hint: mend it"
    assert str(EdgerunError("It broke.")) == "It broke."
