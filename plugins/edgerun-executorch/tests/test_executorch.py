from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest

from edgerun.contract import Delegate
from edgerun.detector import Detector
from edgerun.errors import DelegateIncomplete, DelegateUnavailable, ModelUnreadable
from edgerun.runtime.delegate_choice import confirm, demand
from edgerun.testing import BackendConformance
from edgerun_executorch import ExecuTorchBackend, guard, program, trial

DATA = Path(__file__).with_name("data")
XNNPACK, CPU = Delegate("xnnpack"), Delegate("cpu")


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache_of_the_tests(cache, monkeypatch):
    monkeypatch.setenv("EDGERUN_CACHE", str(cache))


@pytest.fixture
def backend():
    health = ExecuTorchBackend().health()
    if not health.ok:
        pytest.skip(health.reason)
    return ExecuTorchBackend()


@pytest.fixture
def opened(backend):
    sessions = []

    def open(path, delegate=XNNPACK, threads=1):
        sessions.append(backend.open(Path(path), delegate, threads))
        return sessions[-1]

    yield open
    for session in sessions:
        session.close()


class TestConformance(BackendConformance):
    runtime_modules = ("executorch", "torch")

    @pytest.fixture
    def backend(self):
        return ExecuTorchBackend()


def net(x):
    """The reference of net.pte and open_sizes.pte, from torch itself."""
    import torch

    torch.manual_seed(0)
    first, second = torch.nn.Conv2d(3, 8, 3, padding=1, stride=2), torch.nn.Conv2d(8, 4, 3, padding=1)
    with torch.inference_mode():
        y = torch.relu(first(torch.from_numpy(x)))
        return second(y).numpy(), y.sum((2, 3)).numpy()


def picture(*shape):
    return np.random.default_rng(0).random(shape, np.float32)


# ------------------------------------------------------------------------------------------- what a file says


def test_names_are_numbers_since_a_program_has_none(opened):
    session = opened(DATA / "net.pte")
    assert [str(spec) for spec in session.inputs] == ["input_0 float32 [1, 3, 32, 48]"]
    assert [str(spec) for spec in session.outputs] == ["output_0 float32 [1, 4, 16, 24]", "output_1 float32 [1, 8]"]


def test_outputs_come_in_the_order_of_the_program(opened):
    x = picture(1, 3, 32, 48)
    results = opened(DATA / "net.pte").run({"input_0": x})
    for result, expected in zip(results.values(), net(x), strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


def test_constant_methods_are_metadata(opened):
    metadata = dict(opened(DATA / "constants.pte").metadata)
    assert metadata.pop("edgerun").startswith('{"edgerun": 1')
    assert metadata == {"stride": "32", "ratio": "0.5", "names": '["cat", "dog"]', "flag": "true"}


def test_coverage_is_read_off_the_file_and_names_exactly_what_xnnpack_left(opened):
    session = opened(DATA / "net.pte")
    coverage = session.coverage()
    assert (session.delegate, session.delegate_reason, coverage.evidence) == ("xnnpack", "", "assigned")
    assert coverage.nodes == {"xnnpack": 1, "cpu": 1}
    assert [str(entry) for entry in coverage.outside("xnnpack")] == ["aten::sum.IntList_out [1, 8]"]
    with pytest.raises(DelegateIncomplete, match=r"1 of 2 nodes of net\.pte run on cpu, not on xnnpack: aten::sum"):
        demand(session.coverage(), session.delegate, "net.pte")


def test_a_portable_program_runs_on_the_processor_whatever_is_asked_for(opened):
    session = opened(DATA / "portable.pte")  # asked for XNNPACK
    assert session.delegate == "cpu"
    assert set(session.coverage().nodes) == {"cpu"}
    assert "aten::convolution.out" in session.coverage().operators["cpu"]
    demand(session.coverage(), session.delegate, "portable.pte")
    why = "cpu is in force: it was exported without a backend, which settles what computes"
    with pytest.raises(DelegateUnavailable, match=why):
        confirm("xnnpack", XNNPACK, session, "executorch")
    with pytest.raises(DelegateUnavailable, match="xnnpack is in force: it was lowered for xnnpack"):
        confirm("cpu", CPU, opened(DATA / "net.pte", CPU), "executorch")


@pytest.mark.parametrize("name", ["net.pte", "portable.pte"])
def test_the_runtimes_own_profile_agrees_and_gives_times(opened, name):
    session = opened(DATA / name)
    seen = session.profile({"input_0": picture(1, 3, 32, 48)})
    assert (seen.evidence, seen.source) == ("measured", "ExecuTorch's ETDump of 3 runs")
    assert seen.nodes == session.coverage().nodes
    assert seen.operators == session.coverage().operators
    assert all(entry.milliseconds > 0 for entry in seen.placed)
    assert sum(seen.time.values()) == pytest.approx(1)


def test_a_channels_last_program_gets_its_data_in_that_order(opened):
    x = picture(1, 3, 4, 6)
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    expected = np.einsum("oc,bchw->bohw", weight, x) + 0.5
    for name in ("channels_last.pte", "constants.pte"):
        session = opened(DATA / name)
        result = session.run({"input_0": x})["output_0"]
        np.testing.assert_allclose(result, expected, rtol=1e-5)
        assert result.flags.c_contiguous


def test_a_feed_in_another_order_of_memory_gives_the_same_numbers(opened):
    x = picture(1, 3, 32, 48)
    session = opened(DATA / "net.pte")
    feeds = np.asfortranarray(x)
    feeds.setflags(write=False)
    np.testing.assert_array_equal(session.run({"input_0": x})["output_0"], session.run({"input_0": feeds})["output_0"])


def test_open_sizes_stay_open_and_default_to_the_largest(opened):
    session = opened(DATA / "open_sizes.pte")
    assert session.inputs[0].shape == (1, 3, None, None)
    assert session.outputs[0].shape == (None, None, None, None)
    assert session.metadata["executorch.largest"] == "32 48"
    for sides in ((32, 48), (16, 20)):
        x = picture(1, 3, *sides)
        np.testing.assert_allclose(session.run({"input_0": x})["output_0"], net(x)[0], rtol=1e-4, atol=1e-4)
    with pytest.raises(RuntimeError):
        session.run({"input_0": picture(1, 3, 64, 64)})


# ------------------------------------------------------------------------------------------- delegates, threads


def test_the_delegate_in_force_is_what_the_file_was_lowered_for(opened, backend):
    assert opened(DATA / "net.pte", CPU).delegate == "xnnpack"
    assert opened(DATA / "constants.pte", XNNPACK).delegate == "cpu"
    assert opened(backend.specimen, XNNPACK).delegate == "xnnpack"  # holds the network twice
    assert opened(backend.specimen, CPU).delegate == "cpu"


@pytest.mark.parametrize(("name", "wish"), [("net.pte", "cpu"), ("constants.pte", "xnnpack")])
def test_a_named_delegate_that_the_file_lacks_is_refused(backend, name, wish):
    with pytest.raises(DelegateUnavailable, match=wish):
        Detector.load(DATA / name, delegate=wish)


def test_a_program_for_a_backend_that_is_not_here_is_refused_before_it_is_opened(opened, tmp_path):
    path = tmp_path / "net.pte"
    path.write_bytes((DATA / "net.pte").read_bytes().replace(b"XnnpackBackend", b"TalkingBackend"))
    with pytest.raises(DelegateUnavailable, match="TalkingBackend"):
        opened(path)


def test_threads_do_not_change_under_a_model_that_is_open(opened):
    x = picture(1, 3, 32, 48)
    first = opened(DATA / "net.pte", threads=1)
    before = first.run({"input_0": x})["output_0"]
    with pytest.warns(UserWarning, match="stays at 1 threads"):
        opened(DATA / "net.pte", threads=2)
    np.testing.assert_array_equal(first.run({"input_0": x})["output_0"], before)


# ------------------------------------------------------------------------------------------- health


def test_a_missing_torch_is_named_as_the_culprit(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    health = ExecuTorchBackend().health()
    assert not health.ok
    assert health.reason.startswith("torch, which executorch needs")


def test_a_torch_that_does_not_fit_is_named_as_the_culprit(backend, monkeypatch):
    def binding():
        raise ImportError("undefined symbol: _ZN3c104impl3cow23materialize_cow_storage")

    monkeypatch.setattr(trial, "binding", binding)
    health = backend.health()
    assert not health.ok
    assert "beside torch" in health.reason
    assert "undefined symbol" in health.reason


def test_the_bindings_older_name_is_tried_where_the_newer_one_is_absent(backend, monkeypatch):
    def imported(name):
        if name.endswith("._C"):
            raise failure
        return name

    monkeypatch.setattr(trial.importlib, "import_module", imported)
    failure = ModuleNotFoundError("No module named _C")
    assert trial.binding() == "executorch.extension.pybindings._portable_lib"
    failure = ImportError("undefined symbol")
    with pytest.raises(ImportError, match="undefined symbol"):
        trial.binding()


# ------------------------------------------------------------------------------------------- bad files


@pytest.mark.parametrize("percent", [0, 1, 3, 10, 25, 50, 75, 90, 99])
@pytest.mark.parametrize("name", ["net.pte", "constants.pte"])
def test_a_file_that_is_cut_short_is_refused_in_python(tmp_path, name, percent):
    whole = (DATA / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: len(whole) * percent // 100])
    with pytest.raises(ValueError, match=r"ends too early|is damaged|does not begin|does not fit"):
        program.read(path)


@pytest.mark.parametrize(
    "head", [b"\x08\x07\x12\x07", b"\xff" * 64, b"<\x00\x00\x00\xff\xff\xff\xff" + bytes(64), b"PK\x03\x04"]
)
def test_another_formats_bytes_are_refused_in_python(tmp_path, head):
    path = tmp_path / "model.pte"
    path.write_bytes(head * 20)
    with pytest.raises(ValueError, match="does not begin like"):
        program.read(path)


def flipped(path, seed):
    """A copy with up to 32 bytes changed behind the magic."""
    chance, data = random.Random(seed), bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 32)):
        data[chance.randrange(8, len(data))] = chance.randrange(256)
    return bytes(data)


def test_the_reader_survives_any_change(tmp_path):
    path = tmp_path / "model.pte"
    verdicts = []
    for seed in range(400):
        path.write_bytes(flipped(DATA / "net.pte", seed))
        try:
            program.read(path)
            verdicts.append("read")
        except ValueError:
            verdicts.append("refused")
    assert verdicts.count("refused") > 200


def test_a_program_that_kills_its_process_is_refused_and_ours_lives(opened, tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "TRIAL", tmp_path / "dies.py")
    (tmp_path / "dies.py").write_text("import os; os.abort()")
    path = tmp_path / "net.pte"
    path.write_bytes((DATA / "net.pte").read_bytes() + b"\0")  # never seen before
    with pytest.raises(ValueError, match="brought down the process"):
        opened(path)


def test_what_the_reader_lets_pass_is_still_tried_and_ours_runs_on(opened, tmp_path, monkeypatch):
    path = tmp_path / "net.pte"
    path.write_bytes((DATA / "net.pte").read_bytes() + b"\2")  # never seen before
    assert program.read(path)
    (tmp_path / "stops.py").write_text("import os; os._exit(134)")  # as a process ends that was aborted
    with monkeypatch.context() as patched:
        patched.setattr(guard, "TRIAL", tmp_path / "stops.py")
        with pytest.raises(ValueError, match=r"brought down the process that tried it \(exit status 134\)"):
            opened(path)
    x = picture(1, 3, 32, 48)
    np.testing.assert_allclose(opened(path).run({"input_0": x})["output_0"], net(x)[0], rtol=1e-4, atol=1e-4)


def test_a_program_that_never_ends_is_refused(opened, tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "TRIAL", tmp_path / "sleeps.py")
    monkeypatch.setattr(guard, "TIME_LIMIT", 0.5)
    (tmp_path / "sleeps.py").write_text("import time; time.sleep(60)")
    path = tmp_path / "net.pte"
    path.write_bytes((DATA / "net.pte").read_bytes() + b"\1")
    with pytest.raises(ValueError, match="still busy"):
        opened(path)


def test_what_passed_is_remembered_and_what_failed_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGERUN_CACHE", str(tmp_path / "cache"))
    count = tmp_path / "count"
    script = tmp_path / "counts.py"
    script.write_text(f"import sys\nopen({str(count)!r}, 'a').write('x')\nsys.exit(0 if 'good' in sys.argv[1] else 3)")
    monkeypatch.setattr(guard, "TRIAL", script)
    for name in ("good.pte", "bad.pte"):
        (tmp_path / name).write_text(name)
    guard.tried(tmp_path / "good.pte", "1", ["forward"])
    guard.tried(tmp_path / "good.pte", "1", ["forward"])
    assert count.read_text() == "x"
    for _ in range(2):
        with pytest.raises(ValueError, match="refused"):
            guard.tried(tmp_path / "bad.pte", "1", ["forward"])
    assert count.read_text() == "xxx"
    guard.tried(tmp_path / "good.pte", "2", ["forward"])
    assert count.read_text() == "xxxx"


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("EDGERUN_CACHE", str(tmp_path / "file"))
    script = tmp_path / "passes.py"
    script.write_text("")
    monkeypatch.setattr(guard, "TRIAL", script)
    with pytest.warns(UserWarning, match="cannot be written"):
        guard.tried(script, "1", [])


# ------------------------------------------------------------------------------------------- through the detector


def test_a_damaged_program_is_one_clear_sentence(backend, tmp_path):
    path = tmp_path / "net.pte"
    path.write_bytes((DATA / "net.pte").read_bytes()[:3000])
    with pytest.raises(ModelUnreadable, match=r"executorch cannot open .* ends too early"):
        Detector.load(path)
