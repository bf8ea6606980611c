"""A picture does not depend on the number of threads: sums are made of pieces of one length."""

from collections.abc import Callable

import pytest
import torch

from stylecli import Settings
from stylecli.encoder.vgg import Encoder
from stylecli.transfer import stylize
from stylecli.transfer.objective.gram_loss import multiply_channels
from stylecli.transfer.objective.losses import gram_sum
from stylecli.transfer.optim.deterministic import PIECE, dot, dots, padded

MEASURED = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() != "AVX512",
    reason="other processors' libraries were not measured",
)


pytestmark = pytest.mark.usefixtures("one_thread")  # sets the number again afterwards


def on_each(compute: Callable[[], torch.Tensor]) -> list[torch.Tensor]:
    """What it gives on one thread, on two and on four."""
    found = []
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        found.append(compute())
    return found


def all_equal(found: list[torch.Tensor]) -> bool:
    return all(torch.equal(found[0], each) for each in found[1:])


def padded_vectors(*shape: int) -> torch.Tensor:
    x = torch.randn(*shape)
    return torch.nn.functional.pad(x, (0, padded(shape[-1]) - shape[-1]))


@pytest.mark.parametrize("values", [7, PIECE, 110_000])
def test_products_are_right(values: int) -> None:
    rows, y = padded_vectors(3, 5, values), padded_vectors(3, values)
    exact = (rows.double() @ y.double().unsqueeze(2)).squeeze(2)
    length = rows.double().norm(dim=2) * y.double().norm(dim=1, keepdim=True)
    assert ((dots(rows, y) - exact).abs() <= 1e-6 * length).all()
    exact = (rows[:, 0].double() * y.double()).sum(1)
    assert ((dot(rows[:, 0], y) - exact).abs() <= 1e-6 * length[:, 0]).all()


@MEASURED
@pytest.mark.parametrize("values", [18_432, 110_592, 589_824])
def test_products_of_vectors(values: int) -> None:
    rows, y = padded_vectors(1, 20, values), padded_vectors(1, values)
    assert all_equal(on_each(lambda: dots(rows, y)))
    assert all_equal(on_each(lambda: dot(rows[:, 0], y)))


@MEASURED
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize(
    ("channels", "side"), [(32, 130), (64, 97), (128, 101), (256, 47), (384, 28), (512, 25)]
)
def test_gram_matrices(dtype: torch.dtype, channels: int, side: int) -> None:
    x = torch.rand(1, channels, side, side + 3).to(dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    assert all_equal(on_each(lambda: gram_sum(x)))


@MEASURED
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("channels", [64, 256, 384, 512])
def test_products_with_features(dtype: torch.dtype, channels: int) -> None:
    x = torch.rand(1, channels, 25, 33).to(dtype).contiguous(memory_format=torch.channels_last)
    matrix = torch.randn(1, channels, channels)
    assert all_equal(on_each(lambda: multiply_channels(matrix, x)))
    exact = torch.einsum("bij,bjhw->bihw", matrix.double(), x.double())
    tolerance = 0.03 if dtype == torch.bfloat16 else 1e-4
    found = multiply_channels(matrix, x).double()
    torch.testing.assert_close(found, exact, rtol=tolerance, atol=tolerance * channels**0.5)


@MEASURED
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_whole_runs(compact: Encoder, optimizer: str) -> None:
    content, style = torch.rand(3, 200, 270), torch.rand(3, 220, 240)
    settings = Settings.from_dict({"iterations": 8, "optimizer": optimizer})
    found = on_each(lambda: stylize(content, style, settings=settings, encoder=compact).image)
    assert all_equal(found)
