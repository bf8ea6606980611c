"""Max pooling in its two ways: by differences, as on a CPU, and by the library's indices."""

import pytest
import torch

from stylecli.encoder.pooling import (
    indices_backward,
    max_pool,
    max_pool_backward,
    max_pool_by_indices,
)


@pytest.mark.parametrize("size", [(6, 8), (7, 9), (2, 3)])
def test_both_ways_agree(size: tuple[int, int]) -> None:
    """Values without equal pixels, of which the ways may choose different ones."""
    places = torch.randperm(2 * 3 * size[0] * size[1]).float().view(2, 3, *size) - 20.0
    x = places.relu().contiguous(memory_format=torch.channels_last)
    pooled, chosen = max_pool(x, keep=True)
    by_library, indices = max_pool_by_indices(x)
    assert torch.equal(pooled, by_library) and chosen is not None
    g = torch.rand_like(pooled)
    expected = max_pool_backward(g, chosen, size[0])
    assert torch.equal(max_pool_backward(g, indices, size[0]), expected)
    raw = indices_backward(g, indices, size[0])
    assert raw.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(raw.sum(), g.sum())
