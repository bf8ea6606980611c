"""Pictures that show what the options do, as contact sheets to be looked at.

    python benchmarks/gallery.py IMAGES OUT_FOLDER [--size 384]

IMAGES has folders `content` and `style`. Makes blends at three weights, the color modes, a mask
of two regions, three style scales, three strengths, and strength 0.5 on every pair of a few.
"""

import argparse
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
from PIL import Image

from stylecli.job import Job
from stylecli.pipeline.session import Session
from stylecli.settings import Settings
from stylecli.sweep.contact_sheet import SheetCell, draw_sheet

PHOTO, NIGHT, ABSTRACT = "tubingen", "starry_night", "kandinsky"
PAIRS = (("tubingen", "golden_gate", "cornell", "chicago", "sailboat"), ("wave", "la_muse"))


class Maker:
    """Makes pictures of named photos and paintings, each once."""

    def __init__(self, images: Path, folder: Path, size: int) -> None:
        self.images, self.folder, self.size = images, folder, size
        self.session = Session()
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
        prepared = self.session.prepare(job)
        done = self.session.deliver(prepared, self.session.make([prepared])[0])
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


def sheets(maker: Maker, folder: Path) -> Iterator[tuple[str, list[str], list[list[SheetCell]]]]:
    """Each sheet's name, its columns, its rows of cells, as they are made."""
    both, one = (NIGHT, ABSTRACT), (NIGHT,)

    def row(option: str, values: Sequence[Any], field: str) -> tuple[list[str], list[SheetCell]]:
        names = [f"{option} {value}" for value in values]
        styles = both if field == "style_weights" else one
        return names, [maker.make(PHOTO, styles, **{field: _value(each)}) for each in values]

    for name, (columns, cells) in {
        "blends": row("--style-weights", ("3,1", "1,1", "1,3"), "style_weights"),
        "colors": row("--color", ("style", "content", "match", "histogram"), "color"),
        "scales": row("--style-scale", ("0.5,", "1,", "2,"), "style_scale"),
        "strengths": row("--strength", (0.2, 0.5, 0.8), "strength"),
    }.items():
        yield name, columns, [cells]
    strokes = ("fine", "normal", "coarse")
    cells = [maker.make(PHOTO, one, style_layers=((each, 1.0),)) for each in strokes]
    yield "strokes", [f"--style-layers {each}" for each in strokes], [cells]
    mask = two_regions(maker, PHOTO, folder)
    cells = [maker.make(PHOTO, one, [mask]), maker.make(PHOTO, both, [mask])]
    yield "regions", ["--mask, style above only", "--mask, a style each"], [cells]
    photos, styles = PAIRS
    rows = [[maker.make(photo, (style,)) for photo in photos] for style in styles]
    yield "pairs", list(photos), rows


def _value(text: Any) -> Any:
    """Numbers where there is a comma, as options of several numbers have it."""
    if isinstance(text, str) and "," in text:
        return tuple(float(part) for part in text.split(",") if part)
    return text


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
        for name, columns, rows in sheets(maker, Path(temporary)):
            places = itertools.product(range(len(rows)), range(len(columns)))
            cells = {(row, column): rows[row][column] for row, column in places}
            titles = list(PAIRS[1]) if name == "pairs" else [""]
            path = given.output / f"{name}.png"
            draw_sheet(cells, titles, columns, name).save(path)
            print(path, flush=True)


if __name__ == "__main__":
    main()
