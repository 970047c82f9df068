from __future__ import annotations

import pytest

from edgerun.testing import BackendConformance
from edgerun_onnxruntime import OnnxRuntimeBackend


class TestConformance(BackendConformance):
    runtime_modules = ("onnxruntime",)

    @pytest.fixture
    def backend(self):
        return OnnxRuntimeBackend()
