"""User-defined metadata of a Core ML model are written, and nothing else is touched."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgerun.contract import WritesMetadata
from edgerun.errors import ModelError, ModelUnreadable
from edgerun_coreml import embedding
from edgerun_coreml.backend import CoreMLBackend
from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.facts import Facts
from edgerun_coreml.file.package import open_model

SPECIMEN = CoreMLBackend.specimen


@pytest.fixture
def described(tmp_path) -> Path:
    """The specimen with two entries."""
    embedding.embed(SPECIMEN, {"edgerun": "old", "author's own": "☃"}, tmp_path / "described.mlpackage")
    return tmp_path / "described.mlpackage"


def texts(path: Path) -> dict[str, str]:
    return dict(Facts.of(open_model(path)).description.metadata.user)


def test_the_backend_offers_it():
    assert isinstance(CoreMLBackend(), WritesMetadata)


def test_an_entry_is_replaced_and_the_rest_stays(described, tmp_path):
    target = tmp_path / "out.mlpackage"
    embedding.embed(described, {"edgerun": "new"}, target)
    assert texts(target) == texts(SPECIMEN) | {"author's own": "☃", "edgerun": "new"}
    files = [path.relative_to(described) for path in described.rglob("*") if path.is_file()]
    assert files == [path.relative_to(target) for path in target.rglob("*") if path.is_file()]
    assert all(
        (described / file).read_bytes() == (target / file).read_bytes() for file in files if file.suffix != ".mlmodel"
    )


@pytest.mark.referee  # importing it takes long
def test_coremltools_reads_what_is_written(described):
    proto = pytest.importorskip("coremltools.proto.Model_pb2", reason="coremltools is not installed")
    model = proto.Model()
    (file,) = described.rglob("*.mlmodel")
    model.ParseFromString(file.read_bytes())
    assert dict(model.description.metadata.userDefined)["edgerun"] == "old"


def test_a_lone_model_file_is_written_too(described, tmp_path):
    (file,) = described.rglob("*.mlmodel")
    embedding.embed(file, {"edgerun": "new"}, tmp_path / "out.mlmodel")
    assert texts(tmp_path / "out.mlmodel")["edgerun"] == "new"


def test_a_zipped_package_is_refused(described, tmp_path):
    zipped = Path(shutil.make_archive(str(tmp_path / "zipped"), "zip", described))
    with pytest.raises(ModelError, match="zipped") as refusal:
        CoreMLBackend().embed(zipped, {"edgerun": "new"}, tmp_path / "out")
    assert "unpack" in refusal.value.hint


def test_a_damaged_file_is_said(described, tmp_path):
    (file,) = described.rglob("*.mlmodel")
    content = file.read_bytes()
    damaged = tmp_path / "damaged.mlmodel"
    said = 0
    for end in range(1, len(content), 5):
        damaged.write_bytes(content[:end])
        try:
            embedding.embed(damaged, {"edgerun": "new"}, tmp_path / "out.mlmodel")
        except ModelDamaged:
            said += 1
    assert said > len(content) // 10
    damaged.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelUnreadable, match="damaged"):
        CoreMLBackend().embed(damaged, {"edgerun": "new"}, tmp_path / "out.mlmodel")
