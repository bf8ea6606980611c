"""EXIF of a picture: what is kept, and what is left behind."""

from pathlib import Path

import pytest
import torch
from PIL import Image, TiffImagePlugin

from stylecli.images.exif import build_exif, safe_exif, upright
from stylecli.images.picture import Metadata
from stylecli.images.reading import read_picture
from stylecli.images.writing import write_picture

from .conftest import SUFFIXES


class TestExif:
    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_exif_kept_and_dropped(
        self, suffix: str, picture: torch.Tensor, tmp_path: Path
    ) -> None:
        given = Image.Exif()
        given.update({271: "Maker", 272: "Model", 306: "2024:05:06 07:08:09", 315: "Ann"})
        given.update({33432: "Ann 2024", 274: 6, 305: "Editor"})
        details = {36867: "2024:05:06 07:08:08", 33434: TiffImagePlugin.IFDRational(1, 250)}
        details |= {34855: 400, 37500: b"maker note", 42033: "serial", 42032: "owner"}
        given.get_ifd(34665).update(details)
        given.get_ifd(34853).update({1: "N", 2: (1.0, 2.0, 3.0)})
        source = tmp_path / "in.jpg"
        Image.new("RGB", (20, 12)).save(source, exif=given)
        meta = read_picture(source).meta
        path = tmp_path / f"out.{suffix}"
        write_picture(path, picture, meta=meta)
        with Image.open(path) as image:
            exif = image.getexif()
            kept, fine, place = dict(exif), exif.get_ifd(34665), exif.get_ifd(34853)
        assert (kept[271], kept[272], kept[315]) == ("Maker", "Model", "Ann")
        assert (kept[306], kept[33432]) == ("2024:05:06 07:08:09", "Ann 2024")
        assert (fine[36867], fine[34855], float(fine[33434])) == ("2024:05:06 07:08:08", 400, 0.004)
        assert not {274, 305, 34853} & kept.keys() and not place
        assert not {37500, 42033, 42032} & fine.keys()

    def test_exif_given_by_hand_is_filtered_too(
        self, picture: torch.Tensor, tmp_path: Path
    ) -> None:
        given = Image.Exif()
        given.update({271: "Maker", 274: 3})
        write_picture(tmp_path / "a.png", picture, meta=Metadata(exif=given.tobytes()))
        with Image.open(tmp_path / "a.png") as image:
            assert dict(image.getexif()) == {271: "Maker"}

    def test_strange_exif_values_are_left_out(self) -> None:
        given = Image.Exif()
        given[271] = "x" * 5000
        given.get_ifd(34665)[33434] = TiffImagePlugin.IFDRational(1, 0)
        assert safe_exif(given) is None
        assert len(build_exif(b"nonsense", comment=None, dpi=None)) == 0

    @pytest.mark.parametrize("orientation", [0, 9, 1])
    def test_no_orientation(self, orientation: int, picture: torch.Tensor) -> None:
        assert torch.equal(upright(picture, orientation), picture)
