from __future__ import annotations

import pytest

from edgerun.replay import ReplayBackend
from edgerun.testing import BackendConformance


class TestConformance(BackendConformance):
    runtime_modules = ("onnxruntime", "torch", "ai_edge_litert")

    @pytest.fixture
    def backend(self):
        return ReplayBackend()
