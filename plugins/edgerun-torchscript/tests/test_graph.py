from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from edgerun.contract import Delegate  # noqa: E402
from edgerun.graphs.preprocessing import preprocessing  # noqa: E402
from edgerun_torchscript import TorchScriptBackend  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

MEAN = torch.tensor([123.675, 116.28, 103.53]).view(1, 3, 1, 1)


class Divided(torch.nn.Module):
    def forward(self, x):
        return torch.relu(x / 255)


class InPlace(torch.nn.Module):
    def forward(self, x):
        x /= 255
        return torch.relu(x)


class Standardised(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", MEAN)

    def forward(self, x):
        return torch.relu((x - self.mean) / 58)


class Swapped(torch.nn.Module):
    def forward(self, x):
        return torch.relu(x[:, [2, 1, 0]] * (1 / 255))


class Flipped(torch.nn.Module):
    def forward(self, x):
        return torch.relu(x.flip(1) / 255)


class Joined(torch.nn.Module):
    def forward(self, x):
        red, green, blue = x.chunk(3, 1)
        return torch.relu(torch.cat([blue / 255, green / 255, red / 255], 1))


class PartInPlace(torch.nn.Module):
    def forward(self, x):
        x[:, 0] -= 100.0
        return torch.relu(x)


class Branching(torch.nn.Module):
    def forward(self, x):
        if bool(x.max() > 1):
            x = x / 255
        return torch.relu(x)


def saved(tmp_path, module, frozen=False, dtype=torch.float32):
    module, example = module.eval().to(dtype), torch.rand(1, 3, 8, 8).to(dtype)
    program = torch.jit.script(module) if isinstance(module, Branching) else torch.jit.trace(module, example)
    path = tmp_path / "net.torchscript"
    (torch.jit.freeze(program) if frozen else program).save(str(path))
    return path


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize(
    ("module", "factor", "offset", "swapped"),
    [
        (Divided(), 1 / 255, 0, False),
        (InPlace(), 1 / 255, 0, False),
        (Standardised(), 1 / 58, [-123.675 / 58, -116.28 / 58, -103.53 / 58], False),
        (Swapped(), 1 / 255, 0, True),
        (Flipped(), 1 / 255, 0, True),
        (Joined(), 1 / 255, 0, True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_program_does_to_an_image_is_seen(tmp_path, module, factor, offset, swapped, frozen):
    graph = TorchScriptBackend().graph(saved(tmp_path, module, frozen))
    assert (graph.inputs, graph.outputs) == (("x",), ("output_0",))
    found = preprocessing(graph, "x")
    np.testing.assert_allclose(found.factor, factor, rtol=1e-5)
    np.testing.assert_allclose(found.offset, offset, rtol=1e-5)
    assert (found.channels_swapped, found.closed_by) == (swapped, "")


@pytest.mark.parametrize(("module", "closed"), [(PartInPlace(), "aten::sub_"), (Branching(), "prim::If")])
def test_a_change_that_cannot_be_followed_counts_as_closed(tmp_path, module, closed):
    found = preprocessing(TorchScriptBackend().graph(saved(tmp_path, module)), "x")
    assert (found.normalises, found.closed_by) == (False, closed)


@pytest.mark.parametrize("module", [InPlace(), PartInPlace()], ids=lambda value: type(value).__name__)
def test_a_program_that_changes_its_input_in_place_leaves_the_feed_as_it_is(tmp_path, module):
    session = TorchScriptBackend().open(saved(tmp_path, module), Delegate("cpu"), 1)
    feed = np.full((1, 3, 8, 8), 200, np.float32)
    first, second = (session.run({"x": feed})["output_0"] for _ in range(2))
    assert (feed == 200).all()
    np.testing.assert_array_equal(first, second)


def test_an_input_that_is_only_read_is_not_copied(tmp_path):
    session = TorchScriptBackend().open(saved(tmp_path, Divided()), Delegate("cpu"), 1)
    feed = np.ones((1, 3, 8, 8), np.float32)
    assert session._tensor(0, feed).data_ptr() == feed.ctypes.data


@pytest.mark.parametrize(
    ("dtype", "frozen", "fed"),
    [
        (torch.float16, True, "float16"),
        (torch.bfloat16, True, "float32"),
        (torch.bfloat16, False, "float32"),
        (torch.float32, True, "float32"),
    ],
)
def test_weights_tell_the_type_of_the_input_where_they_are_constants_too(tmp_path, dtype, frozen, fed):
    path = saved(tmp_path, torch.nn.Conv2d(3, 4, 3), frozen, dtype)
    session = TorchScriptBackend().open(path, Delegate("cpu"), 1)
    (spec,) = session.inputs
    assert spec.dtype == fed
    (result,) = session.run({spec.name: np.ones((1, 3, 8, 8), fed)}).values()
    assert result.shape == (1, 4, 6, 6)
