"""What a job's pictures are kept as."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from stylecli.errors import SettingsError
from stylecli.images.picture import Metadata, Picture
from stylecli.job import Job
from stylecli.pipeline.inputs import OVERSIZE, Reader
from stylecli.pipeline.request_builder import compose
from stylecli.settings import Settings
from stylecli.transfer.resample import resize
from stylecli.transfer.schedule import output_size


@pytest.fixture
def large(tmp_path: Path) -> Path:
    Image.radial_gradient("L").resize((901, 602)).save(tmp_path / "large.png")
    return tmp_path / "large.png"


def job_of(large: Path, **settings: object) -> Job:
    return Job(
        content=large,
        styles=(large,),
        output=large.with_name("out.png"),
        settings=Settings.from_dict({"size": 16, **settings}),
    )


def test_pictures_far_larger_than_needed_are_kept_reduced(large: Path) -> None:
    inputs, whole = Reader().read(job_of(large)), Reader().read(job_of(large, size=200))
    size = output_size((602, 901), Settings(size=16))
    assert (whole.content.height, whole.content.width) == (602, 901)
    assert (inputs.content.height, inputs.content.width) == (OVERSIZE * size[0], OVERSIZE * size[1])
    assert inputs.styles[0].width == OVERSIZE * 16
    assert inputs.hashes == whole.hashes
    for one, other in zip(
        (inputs.content, *inputs.styles), (whole.content, *whole.styles), strict=True
    ):
        difference = resize(one.pixels[None], size) - resize(other.pixels[None], size)
        assert float(difference.abs().max()) < 0.5 / 255
    assert Reader().read(job_of(large, style_scale=[4.0])).styles[0].width == OVERSIZE * 64


@pytest.mark.parametrize("name", ["style_weights", "style_scale"])
def test_numbers_of_styles_are_as_many_as_the_styles(name: str) -> None:
    picture = Picture(pixels=torch.rand(3, 8, 8), alpha=None, meta=Metadata())
    settings = Settings.from_dict({name: [1.0, 2.0, 3.0]})
    with pytest.raises(SettingsError, match=rf"{name} has 3 number\(s\) for 2 style"):
        compose(settings, picture, [picture, picture])
