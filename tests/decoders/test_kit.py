"""Every decoder of edgerun, through the kit that a stranger's family inherits."""

from __future__ import annotations

from edgerun import decoders
from edgerun.testing import DecoderConformance


class TestConformance(DecoderConformance):
    decoders = decoders.BUILTIN

    def pytest_generate_tests(self, metafunc):
        type(self).heads = metafunc.config.all_heads()  # conftest.py gathers them from the files beside it
        super().pytest_generate_tests(metafunc)
