from __future__ import annotations

import time

import pytest

from edgerun.dialects.readers import safe_yaml


def test_plain_values_are_what_they_are():
    text = "a: [1, 0.5, true, no, null, 'x']\nb: {0: person}\nc: &x [1]\nd: *x\ne: 2025-11-20\n"
    value = safe_yaml.parse(text)
    assert value["a"] == [1, 0.5, True, "no", None, "x"]
    assert (value["b"], value["d"]) == ({0: "person"}, [1])
    assert safe_yaml.parse("") is None


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40))


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]", BOMB, MERGES, "[" * 5000, "a: !!python/object/apply:os.system [ls]", "!!python/tuple [1]",
        "!!binary aGk=", "a: !mine 3", "a: [1", "a: b: c", "*x", "a: 1\n---\nb: 2", "x" * 1_000_001, "{[1]: 2}", "\x00",
    ],
    ids=lambda text: text[:16],
)  # fmt: skip
def test_what_is_more_than_plain_values_is_refused(text):
    started = time.process_time()
    with pytest.raises(ValueError, match=r"\w"):
        safe_yaml.parse(text)
    assert time.process_time() - started < 60, "it does not grow without bounds"
