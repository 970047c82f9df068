from __future__ import annotations

import pytest

from edgerun.testing import BackendConformance
from edgerun_executorch import ExecuTorchBackend


class TestConformance(BackendConformance):
    runtime_modules = ("executorch", "torch")

    @pytest.fixture
    def backend(self):
        return ExecuTorchBackend()
