"""Which numbers are black and white, for every sample type."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stylecli.images.reading import picture_from_pil
from stylecli.images.sample_values import sample_range, to_unit_range

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("kind", "values", "black", "white", "noted"),
    [
        ("u1", [0, 3], 0, 255, False),
        ("u2", [0, 300], 0, 65535, False),
        ("u4", [0, 2**31 + 5], 0, 2**32 - 1, False),
        ("u4", [0, 200], 0, 255, True),
        ("i4", [0, 1], 0, 1, True),
        ("i4", [0, 65535], 0, 65535, True),
        ("i2", [0, 30000], 0, 32767, True),
        ("i2", [-3, 30000], 0, 32767, True),
        ("i2", [-32768, 32767], -32768, 32767, True),
        ("i2", [-1000, 3000], -8192, 8191, True),
        ("i1", [-128, 100], -128, 127, True),
        ("f4", [0, 0.7], 0, 1, False),
        ("f4", [0, 1.02], 0, 1, True),
        ("f4", [-0.05, 9.0], 0, 1, True),
        ("f4", [-1, 0.9], -1, 1, True),
        ("f4", [0, 255], 0, 255, True),
        ("f4", [-3, 260], 0, 255, True),
        ("f4", [0, 4095], 0, 4095, True),
        ("f4", [-255, 255], -255, 255, True),
        ("f4", [0, 65535], 0, 65535, True),
        ("f4", [0, 0.7, NAN], 0, 1, True),
        ("f4", [0, 0.7, INF, -INF], 0, 1, True),
        ("f4", [NAN, INF], 0, 1, True),
        ("f4", [0.5] * 2000 + [1e6], 0, 1, True),  # a hot pixel
    ],
)
def test_black_white_and_a_note(
    kind: str, values: list[float], black: float, white: float, noted: bool
) -> None:
    samples = np.array(values, kind)
    found = sample_range(samples)
    assert (found.black, found.white) == (black, white)
    unit, note = to_unit_range(samples)
    assert bool(note) == noted and (not note or f"{white:g}"[:3] in note.replace("+", ""))
    expected = (np.nan_to_num(samples.astype(np.float64), nan=black) - black) / (white - black)
    assert np.allclose(unit, expected.clip(0, 1), atol=1e-6)


def test_bits_that_the_file_states() -> None:
    assert sample_range(np.array([0, 9], np.uint16), 12).white == 4095


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        ("F", [0.0, 0.5, 1.02, NAN], [0, 0.5, 1, 0]),
        ("F", [-1.0, 0.0, 1.0, INF], [0, 0.5, 1, 1]),
        ("I", [0, 51, 102, 255], [0, 0.2, 0.4, 1]),
    ],
)
def test_a_picture_of_such_numbers(mode: str, values: list[Any], expected: list[float]) -> None:
    image = Image.fromarray(np.array([values], np.float32 if mode == "F" else np.int32))
    picture = picture_from_pil(image)
    assert torch.allclose(picture.pixels[1, 0], torch.tensor(expected).float(), atol=1e-4)
    assert "black" in picture.notes[0]
