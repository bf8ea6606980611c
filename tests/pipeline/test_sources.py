"""Whatever stands for a picture."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

from stylecli import InputError
from stylecli.images.reading import read_picture
from stylecli.pipeline.sources import picture_of


def test_files_bytes_streams_and_arrays_are_the_same_picture(content_path: Path) -> None:
    expected = read_picture(content_path).pixels
    data = content_path.read_bytes()
    with Image.open(content_path) as image, warnings.catch_warnings():
        warnings.simplefilter("error")
        array = numpy.asarray(image.convert("RGB"))
        assert not array.flags.writeable
        sources: tuple[Any, ...] = (
            content_path,
            str(content_path),
            data,
            io.BytesIO(data),
            image,
            array,
            array[::-1, ::-1][::-1, ::-1],
            (array / 255).astype(">f4"),
        )
        for source in sources:
            picture = picture_of(source, "content")
            assert torch.allclose(picture.pixels, expected, atol=1e-6)
            assert len(picture.meta.sha256) == 64
    with pytest.raises(InputError, match="cannot read the picture"):
        picture_of(b"no picture", "the picture")
