"""The conformance kits for plugins: what a runtime promises, and what a family of decoders promises, as tests."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "edgerun.testing.backend",
    "edgerun.testing.capabilities",
    "edgerun.testing.class_counts",
    "edgerun.testing.comparing_rows",
    "edgerun.testing.decoder",
    "edgerun.testing.heads",
    "edgerun.testing.second_specimen",
    "edgerun.testing.thresholds",
)

from edgerun.testing.backend import BackendConformance  # noqa: E402
from edgerun.testing.decoder import DecoderConformance  # noqa: E402
from edgerun.testing.heads import Head  # noqa: E402

__all__ = ["BackendConformance", "DecoderConformance", "Head"]
