"""How near pictures come to content and style, judged by the original VGG-19 in float32.

    python benchmarks/judge.py IMAGES OUT_FOLDER [--size 512] [--pairs 0,1,...]
        [--variant NAME:SETTING=VALUE,...] ...

IMAGES has folders `content` and `style`, and `reference` with pictures of another program. Makes
the twelve pairs below, once for each variant (by default through `compact` and through `vgg19`),
and prints for each picture, and as geometric means, the content loss at relu4_2, the style loss
(mean over the octaves down to 32 pixels and over relu1_1 to relu5_1), and J = content + 12 style.
Losses are relative: 0 for the same, about 1 for unrelated. The pictures stay in the folder, with
`losses.jsonl` and a contact sheet beside the references.

    python benchmarks/judge.py --picture PICTURE CONTENT STYLE

judges one picture. Losses are computed with autograd's plain operators, apart from the core.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy
import torch
from PIL import Image
from torch.nn import functional as F

from stylecli.encoder.loading import load_encoder
from stylecli.encoder.vgg import Encoder
from stylecli.images.reading import read_picture
from stylecli.images.writing import to_pil
from stylecli.job import Job
from stylecli.pipeline.session import Session
from stylecli.settings import Settings
from stylecli.sweep.contact_sheet import SheetCell, draw_sheet

PAIRS: Final = (
    ("tubingen", "starry_night"),
    ("tubingen", "kandinsky"),
    ("tubingen", "the_scream"),
    ("tubingen", "shipwreck"),
    ("golden_gate", "wave"),
    ("golden_gate", "mondrian"),
    ("chicago", "udnie"),
    ("chicago", "sketch"),
    ("cornell", "brushstrokes"),
    ("cornell", "woman_in_peasant_dress"),
    ("sailboat", "la_muse"),
    ("sailboat", "asheville"),
)
CONTENT_LAYER: Final = "relu4_2"
STYLE_LAYERS: Final = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
BETA: Final = 12.0  # of J, whatever a picture was optimized for
SMALLEST_OCTAVE: Final = 32  # pixels of the short side
FEWEST_POSITIONS: Final = 8  # along the short side, from which on a deeper layer counts
VARIANTS: Final = ("compact:encoder=compact", "vgg19:encoder=vgg19")
Grams = dict[str, torch.Tensor]
Size = tuple[int, int]  # width, height


@dataclass(frozen=True)
class Judgment:
    """Relative losses of a picture; `octaves` has the style loss at full, half, … size."""

    content: float
    style: float
    octaves: tuple[float, ...]

    @property
    def objective(self) -> float:
        """J = content + 12·style."""
        return self.content + BETA * self.style


class Judge:
    """The original VGG-19 in float32; contents and styles are looked at once."""

    def __init__(self) -> None:
        self.encoder: Encoder = load_encoder("vgg19")
        self._styles: dict[tuple[Path, int], list[Grams]] = {}

    @torch.no_grad()
    def judge(self, picture: torch.Tensor, content: Path, style: Path) -> Judgment:
        """Judge a picture (1, 3, H, W) in [0, 1]."""
        size = picture.shape[-1], picture.shape[-2]
        target = picture_at(content, lambda _: size)
        a, b = (self.encoder(x, [CONTENT_LAYER])[CONTENT_LAYER] for x in (picture, target))
        key = style, max(size)
        if key not in self._styles:
            self._styles[key] = self.grams(picture_at(style, lambda own: fitted(own, max(size))))
        pairs = zip(self.grams(picture), self._styles[key], strict=False)
        octaves = tuple(style_loss(own, wanted) for own, wanted in pairs)
        return Judgment(relative(a, b), statistics.fmean(octaves), octaves)

    def grams(self, image: torch.Tensor) -> list[Grams]:
        """Gram matrices by layer, of every octave."""
        found: list[Grams] = []
        while min(image.shape[-2:]) >= SMALLEST_OCTAVE:
            features = self.encoder(image, STYLE_LAYERS)
            found.append(
                {
                    name: gram(value)
                    for name, value in features.items()
                    if name == STYLE_LAYERS[0] or min(value.shape[-2:]) >= FEWEST_POSITIONS
                }
            )
            image = F.interpolate(image, scale_factor=0.5, mode="bilinear", antialias=True)
        return found


def gram(features: torch.Tensor) -> torch.Tensor:
    """F Fᵀ / N of features (1, C, h, w), as (C, C)."""
    flat = features[0].flatten(1)
    return flat @ flat.T / flat.shape[1]


def relative(value: torch.Tensor, target: torch.Tensor) -> float:
    """‖value − target‖² / ‖target‖²."""
    return float((value - target).square().sum() / target.square().sum())


def style_loss(own: Grams, wanted: Grams) -> float:
    """The mean of the layers that both pictures have."""
    return statistics.fmean(relative(own[name], wanted[name]) for name in own if name in wanted)


def picture_at(path: Path, size_of: Callable[[Size], Size]) -> torch.Tensor:
    """A picture at another size (width, height), resampled by Lanczos' filter, (1, 3, H, W)."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    image = image.resize(size_of(image.size), Image.Resampling.LANCZOS)
    return torch.from_numpy(numpy.array(image)).permute(2, 0, 1)[None].float() / 255


def fitted(size: Size, long_side: int) -> Size:
    """The size with a given long side, undistorted."""
    scale = long_side / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def settings_of(variant: str) -> tuple[str, dict[str, Any]]:
    """Read `NAME:SETTING=VALUE,...` into a name and settings."""
    name, _, text = variant.partition(":")
    pairs = (part.partition("=") for part in text.split(",") if part)
    return name, {key: _value(value) for key, _, value in pairs}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text.replace(";", ",")  # layers are separated by semicolons here


def numbers(text: str) -> list[int]:
    """Read `0,1,…`."""
    return [int(part) for part in text.split(",")]


def find(folder: Path, name: str) -> Path:
    """A picture of a folder by its name without the suffix."""
    return next(folder.glob(f"{name}.*"))


def reference_of(source: Path, content: str, style: str) -> Path | None:
    """What the other program made of a pair, where it is there."""
    folder = source / "reference"
    return next(iter(folder.glob(f"{content}_{style.removeprefix('the_')}.*")), None)


class Maker:
    """Makes and judges pictures, one encoder after another; prints and keeps a line for each."""

    def __init__(self, source: Path, folder: Path, size: int, seed: int) -> None:
        self.source, self.folder, self.size, self.seed = source, folder, size, seed
        self.judge = Judge()
        self.session = Session()
        self.found: dict[str, dict[int, Judgment]] = {}
        self.seconds: dict[str, list[float]] = {}
        self.cells: dict[tuple[int, int], SheetCell] = {}

    def add(self, row: int, column: int, name: str, path: Path, seconds: float) -> None:
        """Judge a picture and put it on the sheet."""
        content, style = PAIRS[row]
        places = find(self.source / "content", content), find(self.source / "style", style)
        pixels = read_picture(path).pixels
        found = self.judge.judge(pixels[None], *places)
        self.found.setdefault(name, {})[row] = found
        self.seconds.setdefault(name, []).append(seconds)
        print(
            f"{content:11} {style:22} {name:12} J {found.objective:.3f}  content "
            f"{found.content:.3f}  style {found.style:.4f}  full size {found.octaves[0]:.4f}  "
            f"{seconds:.1f} s",
            flush=True,
        )
        line = {"pair": [content, style], "variant": name, "seconds": seconds, **asdict(found)}
        with (self.folder / "losses.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.cells[row, column] = SheetCell(to_pil(pixels), (f"J {found.objective:.2f}",))

    def make(self, row: int, name: str, settings: dict[str, Any]) -> tuple[Path, float]:
        """Make a pair's picture; seconds without loading the encoder."""
        content, style = PAIRS[row]
        job = Job(
            content=find(self.source / "content", content),
            styles=(find(self.source / "style", style),),
            output=self.folder / f"{content}_{style}_{name}.png",
            settings=Settings.from_dict({"size": self.size, "seed": self.seed, **settings}),
            existing="overwrite",
        )
        self.session.load_encoders(job)
        prepared = self.session.prepare(job)
        started = time.perf_counter()
        (result,) = self.session.make([prepared])
        seconds = time.perf_counter() - started
        self.session.deliver(prepared, result)
        return job.output, seconds

    def show_means(self) -> None:
        """Geometric means, and ratios to those of the references on their pairs."""
        for name, rows in self.found.items():
            figures = [(r.content, r.style, r.objective, r.octaves[0]) for r in rows.values()]
            content, style, total, full = map(statistics.geometric_mean, zip(*figures, strict=True))
            seconds = statistics.median(self.seconds[name])
            print(
                f"{name:12} {len(rows):2} pairs: J {total:.3f}  content {content:.3f}  style "
                f"{style:.4f}  full size {full:.4f}  median {seconds:.1f} s"
            )

    def show_ratio(self, name: str, other: str) -> None:
        """The geometric mean of J's ratio over pairs that both have."""
        rows = self.found[name].keys() & self.found[other].keys()
        pairs = ((self.found[name][row], self.found[other][row]) for row in rows)
        ratio = statistics.geometric_mean(a.objective / b.objective for a, b in pairs)
        print(f"J of {name} / {other}: {ratio:.3f} ({len(rows)} pairs)")


def compare_variants(given: argparse.Namespace) -> None:
    """All pairs through all variants."""
    source, folder = map(Path, given.words)
    folder.mkdir(parents=True, exist_ok=True)
    maker = Maker(source, folder, given.size, given.seed)
    variants = [settings_of(each) for each in given.variant or VARIANTS]
    rows = list(given.pairs)
    for column, (name, settings) in enumerate(variants):
        for row in rows:
            maker.add(row, column, name, *maker.make(row, name, settings))
    referenced = [row for row in rows if reference_of(source, *PAIRS[row]) is not None]
    for row in referenced:
        path = reference_of(source, *PAIRS[row])
        assert path is not None
        maker.add(row, len(variants), "reference", path, math.nan)
    maker.show_means()
    names = [name for name, _ in variants]
    for name in names:
        if referenced:
            maker.show_ratio(name, "reference")
    for name in names[:-1]:
        maker.show_ratio(name, names[-1])
    columns = [*names, *(["reference"] if referenced else [])]
    titles = [f"{content}, {style}" for content, style in PAIRS]
    cells = {(rows.index(row), column): cell for (row, column), cell in maker.cells.items()}
    titles = [titles[row] for row in rows]
    sheet = draw_sheet(cells, titles, columns, f"{given.size} pixels, judged by VGG-19")
    sheet.save(folder / "sheet.png")
    print(folder / "sheet.png")


def main() -> None:
    """Read the words of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="+", help="IMAGES OUT_FOLDER, or CONTENT STYLE")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pairs", type=numbers, default=range(len(PAIRS)), metavar="0,1,...")
    parser.add_argument("--variant", action="append")
    given = parser.parse_args()
    if given.picture is None:
        compare_variants(given)
        return
    content, style = map(Path, given.words)
    found = Judge().judge(read_picture(given.picture).pixels[None], content, style)
    octaves = " ".join(f"{value:.4f}" for value in found.octaves)
    print(f"J {found.objective:.3f}  content {found.content:.3f}  style {found.style:.4f}")
    print(f"style by octave {octaves}")


if __name__ == "__main__":
    main()
