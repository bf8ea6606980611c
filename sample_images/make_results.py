"""Make the pictures that the README shows: `make samples [ARGS=NAME...]`.

Default settings, one run after another; a few minutes on two cores.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
from PIL import Image

HERE = Path(__file__).parent
RESULTS = HERE / "results"
SMALL = ("--size", "320")
MASK = "mask.png"  # stands for a mask of the upper half
PICTURES = {
    "cat_night": ("cat", "night"),
    "coffee_woodcut": ("coffee", "woodcut"),
    "rocket_glass": ("rocket", "glass"),
    "quality_draft": ("cat", "night", "--quality", "draft"),
    "quality_high": ("cat", "night", "--quality", "high"),
    "strength_02": ("cat", "night", "--strength", "0.2"),
    "strength_08": ("cat", "night", "--strength", "0.8"),
    "blend": ("cat", "night", "glass", *SMALL, "--style-weights", "1,1"),
    "color_content": ("cat", "night", *SMALL, "--color", "content"),
    "color_match": ("cat", "night", *SMALL, "--color", "match"),
    "color_histogram": ("cat", "night", *SMALL, "--color", "histogram"),
    "scale_half": ("cat", "night", *SMALL, "--style-scale", "0.5"),
    "scale_double": ("cat", "night", *SMALL, "--style-scale", "2"),
    "fine": ("cat", "night", *SMALL, "--style-layers", "fine"),
    "coarse": ("cat", "night", *SMALL, "--style-layers", "coarse"),
    "tv": ("cat", "night", *SMALL, "--tv", "30"),
    "photo": ("coffee", "cat", *SMALL, "--photo"),
    "regions": ("rocket", "night", "woodcut", *SMALL, "--mask", MASK),
}
SWEEP = ("--strength", "0.3,0.5,0.7", "--style-scale", "0.5;1", "--size", "256")


def main() -> None:
    """Run the command line once for each picture, or for those named; a failure ends it."""
    wanted = sys.argv[1:] or [*PICTURES, "sweep"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for picture in wanted:
            if picture == "sweep":
                make_sweep(folder)
            else:
                make_picture(picture, folder)


def make_picture(name: str, folder: Path) -> None:
    """One of `PICTURES`, as JPEG."""
    words = PICTURES[name]
    count = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    inputs = [str(HERE / f"{picture}.jpg") for picture in words[:count]]
    options = [make_mask(inputs[0], folder) if word == MASK else word for word in words[count:]]
    size = [] if "--size" in options else ["--size", "512"]
    stylize(*inputs, "-o", str(RESULTS / f"{name}.jpg"), "--force", *size, *options)


def make_mask(content: str, folder: Path) -> str:
    """The upper half of a picture, in white, with a soft edge."""
    with Image.open(content) as image:
        width, height = image.size
    ramp = numpy.clip((0.55 * height - numpy.arange(height)) / (0.06 * height) + 0.5, 0.0, 1.0)
    pixels = numpy.repeat((ramp * 255).astype(numpy.uint8)[:, None], width, 1)
    Image.fromarray(pixels).save(folder / MASK)
    return str(folder / MASK)


def make_sweep(folder: Path) -> None:
    """The contact sheet of a small sweep, as JPEG."""
    stylize("sweep", str(HERE / "cat.jpg"), str(HERE / "night.jpg"), "-o", str(folder), *SWEEP)
    with Image.open(folder / "sheet.png") as sheet:
        sheet.convert("RGB").save(RESULTS / "sweep.jpg", quality=85)


def stylize(*words: str) -> None:
    """The program, in a process of its own."""
    subprocess.run([sys.executable, "-m", "stylecli", *words], check=True)


if __name__ == "__main__":
    main()
