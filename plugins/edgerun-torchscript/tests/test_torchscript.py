from __future__ import annotations

import json
import random
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgerun.contract import Delegate
from edgerun.detector import Detector
from edgerun.errors import BackendUnavailable, DelegateUnavailable, ModelUnreadable, ModelUnsafe
from edgerun.formats import known, sniff
from edgerun.testing import BackendConformance
from edgerun_torchscript import TorchScriptBackend, archive

torch = pytest.importorskip("torch", reason="torch makes the models of these tests")

pytestmark = pytest.mark.filterwarnings("ignore:.*(torch.jit|TorchScript|Lite Interpreter):DeprecationWarning")


class TestConformance(BackendConformance):
    runtime_modules = ("torch",)

    @pytest.fixture
    def backend(self):
        return TorchScriptBackend()

    @pytest.fixture
    def overwriting(self, tmp_path):
        """`x *= 2` on the input itself, as models that normalise in place do: torch 2.13, `aten::mul_`."""
        path = tmp_path / "overwriting.torchscript"
        torch.jit.trace(lambda x: x.mul_(2), torch.ones(1, 4)).save(str(path))
        return path


@pytest.fixture
def opened():
    sessions = []

    def open(path, delegate="cpu"):
        sessions.append(TorchScriptBackend().open(Path(path), Delegate(delegate), 1))
        return sessions[-1]

    yield open
    for session in sessions:
        session.close()


class Net(torch.nn.Module):
    """Two outputs, as a detector has."""

    def __init__(self):
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 2, 1)

    def forward(self, images):
        maps = self.convolution(images)
        return maps, maps.flatten(2).sum(2)


def picture(*shape):
    return np.random.default_rng(0).random(shape, np.float32)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net().eval()


# ------------------------------------------------------------------------------------------- what a file says


def test_a_trace_keeps_the_shape_it_was_made_with(opened, net, tmp_path):
    torch.jit.trace(net, torch.zeros(1, 3, 24, 32)).save(str(tmp_path / "net.torchscript"))
    session = opened(tmp_path / "net.torchscript")
    assert [str(spec) for spec in session.inputs] == ["images float32 [1, 3, 24, 32]"]
    x = picture(1, 3, 24, 32)
    with torch.inference_mode():
        expected = net(torch.from_numpy(x))
    results = session.run({"images": x})
    assert list(results) == ["output_0", "output_1"]
    for result, reference in zip(results.values(), expected, strict=True):
        np.testing.assert_allclose(result, reference.numpy(), rtol=1e-5)


def test_every_input_of_a_trace_is_known(opened, tmp_path):
    class Three(torch.nn.Module):
        def forward(self, image, size, mask):
            return image * size.sum() * mask

    example = (
        torch.zeros(1, 3, 8, 8),
        torch.zeros(1, 2, dtype=torch.int64),
        torch.zeros(1, 1, 8, 8, dtype=torch.float64),
    )
    torch.jit.trace(Three(), example).save(str(tmp_path / "net.torchscript"))
    session = opened(tmp_path / "net.torchscript")
    assert [str(spec) for spec in session.inputs] == [
        "image float32 [1, 3, 8, 8]",
        "size int64 [1, 2]",
        "mask float64 [1, 1, 8, 8]",
    ]


def test_a_lite_program_is_opened_like_any_other(opened, net, tmp_path):
    torch.jit.trace(net, torch.zeros(1, 3, 24, 32))._save_for_lite_interpreter(str(tmp_path / "net.ptl"))
    assert sniff.sniff(tmp_path / "net.ptl") == "torchscript"
    assert opened(tmp_path / "net.ptl").inputs[0].shape == (1, 3, 24, 32)


@pytest.mark.parametrize("way", ["scripted", "frozen"])
def test_without_a_trace_the_sides_stay_open(opened, net, tmp_path, way):
    scripted = torch.jit.script(net) if way == "scripted" else torch.jit.freeze(torch.jit.script(net))
    scripted.save(str(tmp_path / "net.torchscript"))
    session = opened(tmp_path / "net.torchscript")
    assert session.inputs[0].shape == (1, 3, None, None)
    for sides in ((8, 8), (6, 10)):
        assert session.run({"images": picture(1, 3, *sides)})["output_0"].shape == (1, 2, *sides)


def test_half_precision_weights_want_half_precision_pictures(opened, net, tmp_path):
    torch.jit.script(net.half()).save(str(tmp_path / "net.torchscript"))
    assert opened(tmp_path / "net.torchscript").inputs[0].dtype == "float16"


def test_config_txt_is_read_entry_by_entry_and_other_extra_files_whole(opened, net, tmp_path):
    config = {"names": {"0": "cat"}, "stride": 32, "imgsz": [24, 32], "task": "detect"}
    card = '{"edgerun": 1, "labels": ["cat"]}'
    files = {"config.txt": json.dumps(config), "edgerun": card, "blob": b"\xff\x00"}
    torch.jit.save(torch.jit.script(net), str(tmp_path / "net.torchscript"), _extra_files=files)
    assert opened(tmp_path / "net.torchscript").metadata == {
        "names": '{"0": "cat"}',
        "stride": "32",
        "imgsz": "[24, 32]",
        "task": "detect",
        "edgerun": card,
        "blob": b"\xff\x00",
    }


def test_a_config_txt_that_is_no_json_is_kept_as_text(opened, net, tmp_path):
    torch.jit.save(torch.jit.script(net), str(tmp_path / "net.torchscript"), _extra_files={"config.txt": "{not json"})
    assert opened(tmp_path / "net.torchscript").metadata == {"config.txt": "{not json"}


def test_nested_results_get_names(opened, tmp_path):
    class Nested(torch.nn.Module):
        def forward(self, x):
            return {"boxes": x}, (x + 1, [x + 2, x + 3])

    torch.jit.trace(Nested(), torch.zeros(1, 4), strict=False).save(str(tmp_path / "net.torchscript"))
    results = opened(tmp_path / "net.torchscript").run({"x": np.zeros((1, 4), np.float32)})
    assert {name: array[0, 0] for name, array in results.items()} == {
        "output_0_boxes": 0,
        "output_1_0": 1,
        "output_1_1_0": 2,
        "output_1_1_1": 3,
    }


def test_a_dictionary_keeps_its_keys(opened, tmp_path):
    class Named(torch.nn.Module):
        def forward(self, x):
            return {"boxes": x, "scores": x + 1}

    torch.jit.trace(Named(), torch.zeros(1, 4), strict=False).save(str(tmp_path / "net.torchscript"))
    assert list(opened(tmp_path / "net.torchscript").run({"x": np.zeros((1, 4), np.float32)})) == ["boxes", "scores"]


def test_an_input_that_is_no_tensor_is_refused(opened, tmp_path):
    class Wanting(torch.nn.Module):
        def forward(self, x, count: int):
            return x * count

    torch.jit.script(Wanting()).save(str(tmp_path / "net.torchscript"))
    with pytest.raises(ValueError, match="count: int"):
        opened(tmp_path / "net.torchscript")


def test_the_example_inputs_are_read_without_running_their_pickle():
    attack = b"\x80\x02cos\nsystem\n(X\x04\x00\x00\x00exit tR."
    assert archive._traced(attack) == ()
    assert archive._traced(b"") == ()
    assert archive._traced(b"\x80\x02(((") == ()


# ------------------------------------------------------------------------------------------- devices


def test_a_trace_that_names_the_cpu_runs_there_whatever_was_asked(opened, tmp_path):
    class Bound(torch.nn.Module):
        def forward(self, x):
            return x + torch.zeros(4, device="cpu")

    torch.jit.trace(Bound(), torch.zeros(1, 4)).save(str(tmp_path / "net.torchscript"))
    assert opened(tmp_path / "net.torchscript", "cuda").delegate == "cpu"


def test_a_trace_that_names_a_device_that_was_not_asked_is_refused(opened, net, tmp_path):
    path = tmp_path / "net.torchscript"
    torch.jit.script(net).save(str(path))
    rewritten(path, lambda name, text: text + b'# torch.device("cuda:0")' if name.endswith(".py") else text)
    with pytest.raises(DelegateUnavailable, match="traced for cuda"):
        opened(path)


# ------------------------------------------------------------------------------------------- bad files


def rewritten(path, change):
    """The same archive with its members changed."""
    with zipfile.ZipFile(path) as old:
        members = [(entry.filename, change(entry.filename, old.read(entry))) for entry in old.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as new:
        for name, text in members:
            new.writestr(name, text)


def test_a_program_that_writes_files_is_refused_before_it_runs(opened, tmp_path):
    loot = str(tmp_path / "written")

    class Writer(torch.nn.Module):
        def forward(self, x):
            torch.save(x, self.loot)
            return x

        def __init__(self):
            super().__init__()
            self.loot = loot

    torch.jit.script(Writer()).save(str(tmp_path / "net.torchscript"))
    with pytest.raises(ModelUnsafe, match="aten::save"):
        opened(tmp_path / "net.torchscript")
    assert not Path(loot).exists()


def test_a_program_that_reads_files_in_a_branch_of_a_part_is_refused(opened, tmp_path):
    class Part(torch.nn.Module):
        def forward(self, x):
            if x.sum() > 0:
                x = x + torch.from_file("/etc/hostname", False, 4, dtype=torch.uint8)
            return x

    class Reader(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.part = Part()

        def forward(self, x):
            return self.part(x)

    torch.jit.script(Reader()).save(str(tmp_path / "net.torchscript"))
    with pytest.raises(ModelUnsafe, match="aten::from_file"):
        opened(tmp_path / "net.torchscript")


def test_a_program_that_writes_files_while_it_is_opened_is_refused_unopened(opened, tmp_path):
    loot = str(tmp_path / "written")

    class Trap(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.loot = loot

        @torch.jit.export
        def __getstate__(self):
            return (self.loot, self.training)

        @torch.jit.export
        def __setstate__(self, state: tuple[str, bool]):
            self.loot = state[0]
            self.training = state[1]
            torch.save(torch.zeros(1), self.loot)

        def forward(self, x):
            return x

    torch.jit.script(Trap()).save(str(tmp_path / "net.torchscript"))
    with pytest.raises(ModelUnsafe, match="when it is opened"):
        opened(tmp_path / "net.torchscript")
    assert not Path(loot).exists()


def test_an_archive_that_would_fill_the_memory_is_refused(opened, net, tmp_path):
    path = tmp_path / "net.torchscript"
    torch.jit.script(net).save(str(path))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/extra/bomb", bytes(50_000_000))
    with pytest.raises(ModelUnsafe, match="would unpack"):
        opened(path)


def test_operators_of_a_library_that_is_absent_are_named(opened, net, tmp_path, monkeypatch):
    path = tmp_path / "net.torchscript"
    torch.jit.script(net).save(str(path))
    call = b"    _9 = ops.torchvision.nms(x, x, 0.5)\n"
    rewritten(path, lambda name, text: text + call if name.endswith(".py") else text)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(BackendUnavailable, match="operators of torchvision") as refusal:
        opened(path)
    assert refusal.value.hint == "pip install torchvision"


def test_a_checkpoint_is_refused_with_the_command_that_exports_it(net, tmp_path):
    for name, legacy in (("weights.pt", False), ("old.pt", True)):
        torch.save(net.state_dict(), tmp_path / name, _use_new_zipfile_serialization=not legacy)
        assert sniff.sniff(tmp_path / name) == "checkpoint"
    assert "export" in known.RECOGNISED["checkpoint"].hint


def test_damaged_copies_are_opened_or_refused_and_never_kill(opened, net, tmp_path):
    path = tmp_path / "net.torchscript"
    torch.jit.trace(net, torch.zeros(1, 3, 8, 8)).save(str(path))
    whole = path.read_bytes()
    verdicts = []
    for seed in range(60):
        chance, data = random.Random(seed), bytearray(whole)
        for _ in range(chance.randint(1, 32)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if seed % 3 == 0:
            data = data[: chance.randrange(len(data))]
        path.write_bytes(data)
        try:
            opened(path).run({"images": picture(1, 3, 8, 8)})
            verdicts.append("ran")
        except Exception as refusal:  # a runtime raises whatever it raises
            verdicts.append(type(refusal).__name__)
    assert len(verdicts) == 60
    assert verdicts.count("ran") < 30


def test_a_damaged_program_is_one_clear_sentence(net, tmp_path):
    path = tmp_path / "net.torchscript"
    torch.jit.trace(net, torch.zeros(1, 3, 8, 8)).save(str(path))
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(ModelUnreadable, match=r"net\.torchscript"):
        Detector.load(path)


def test_a_missing_torch_is_said_with_the_next_step(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    health = TorchScriptBackend().health()
    assert not health.ok
    assert health.reason.startswith("torch cannot be imported")
    assert health.hint == 'pip install "edgerun[torchscript]"'
