"""Pictures that show what the options do, as contact sheets to be looked at.

    python benchmarks/gallery.py IMAGES OUT_FOLDER [--size 384]

IMAGES has folders `content` and `style`. Makes blends at three weights, the colour modes, a mask
of two regions, three style scales, three strengths, and strength 0.5 on every pair of a few.
"""

import argparse
import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
from PIL import Image

from stylecli.images.sheet import SheetCell, draw_sheet
from stylecli.jobs import Job, Studio
from stylecli.settings import Settings

PHOTO, NIGHT, ABSTRACT = "tubingen", "starry_night", "kandinsky"
PAIRS = (("tubingen", "golden_gate", "cornell", "chicago", "sailboat"), ("wave", "la_muse"))


class Maker:
    """Makes pictures of named photos and paintings, each once."""

    def __init__(self, images: Path, folder: Path, size: int) -> None:
        self.images, self.folder, self.size = images, folder, size
        self.studio = Studio()
        self.count = 0

    def find(self, kind: str, name: str) -> Path:
        """A picture of the folder by its name without the suffix."""
        return next((self.images / kind).glob(f"{name}.*"))

    def make(
        self, content: str, styles: Sequence[str], masks: Sequence[Path] = (), **settings: Any
    ) -> SheetCell:
        """A cell of a sheet."""
        self.count += 1
        job = Job(
            content=self.find("content", content),
            styles=tuple(self.find("style", style) for style in styles),
            output=self.folder / f"{self.count:03d}.png",
            settings=Settings(size=self.size, **settings),
            mask=masks[0] if masks else None,
            style_masks=tuple(masks[1:]),
        )
        prepared = self.studio.prepare(job)
        done = self.studio.deliver(prepared, self.studio.make([prepared])[0])
        losses = done.result.losses
        picture = Image.open(job.output).convert("RGB")
        return SheetCell(picture, (f"content {losses.content:.3g}", f"style {losses.style:.3g}"))


def two_regions(maker: Maker, name: str, folder: Path) -> Path:
    """A mask of a photo's upper half, in white, with a soft edge."""
    with Image.open(maker.find("content", name)) as image:
        width, height = image.size
    ramp = numpy.clip((0.47 * height - numpy.arange(height)) / (0.04 * height) + 0.5, 0.0, 1.0)
    pixels = numpy.repeat((ramp * 255).astype(numpy.uint8)[:, None], width, 1)
    path = folder / "mask.png"
    Image.fromarray(pixels).save(path)
    return path


def sheets(maker: Maker, folder: Path) -> dict[str, tuple[list[str], list[list[SheetCell]]]]:
    """Columns and rows of cells for each sheet."""
    both = (NIGHT, ABSTRACT)
    shares = {"3,1": (3.0, 1.0), "1,1": (1.0, 1.0), "1,3": (1.0, 3.0)}
    colours = ("style", "content", "match", "histogram")
    mask = two_regions(maker, PHOTO, folder)
    one = (NIGHT,)
    found = {
        "blends": (
            [f"--style-weights {name}" for name in shares],
            [[maker.make(PHOTO, both, style_weights=share) for share in shares.values()]],
        ),
        "colours": (
            [f"--color {name}" for name in colours],
            [[maker.make(PHOTO, one, color=name) for name in colours]],
        ),
        "regions": (
            ["--mask, style above only", "--mask, a style each"],
            [[maker.make(PHOTO, one, [mask]), maker.make(PHOTO, both, [mask])]],
        ),
        "scales": (
            [f"--style-scale {scale}" for scale in (0.5, 1, 2)],
            [[maker.make(PHOTO, one, style_scale=(scale,)) for scale in (0.5, 1.0, 2.0)]],
        ),
        "strengths": (
            [f"--strength {strength}" for strength in (0.2, 0.5, 0.8)],
            [[maker.make(PHOTO, one, strength=strength) for strength in (0.2, 0.5, 0.8)]],
        ),
        "strokes": (
            [f"--style-layers {name}" for name in ("fine", "normal", "coarse")],
            [
                [
                    maker.make(PHOTO, one, style_layers=((name, 1.0),))
                    for name in ("fine", "normal", "coarse")
                ]
            ],
        ),
    }
    photos, styles = PAIRS
    found["pairs"] = (
        list(photos),
        [[maker.make(photo, (style,)) for photo in photos] for style in styles],
    )
    return found


def main() -> None:
    """Write the sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--size", type=int, default=384)
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        maker = Maker(given.images, Path(temporary), given.size)
        for name, (columns, rows) in sheets(maker, Path(temporary)).items():
            places = itertools.product(range(len(rows)), range(len(columns)))
            cells = {(row, column): rows[row][column] for row, column in places}
            titles = list(PAIRS[1]) if name == "pairs" else [""]
            path = given.output / f"{name}.png"
            draw_sheet(cells, titles, columns, name).save(path)
            print(path)


if __name__ == "__main__":
    main()
