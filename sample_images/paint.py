"""Paints the style pictures of this folder: `python sample_images/paint.py [FOLDER]`.

Everything is drawn with numpy and Pillow from fixed seeds at twice the final size. The pictures
are dedicated to the public domain (CC0), see PROVENANCE.md.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from paintings.brush import Array
from paintings.night import night

PAINTINGS: dict[str, Callable[[], Array]] = {"night": night}


def main() -> None:
    """Paint all, or the named, pictures into the folder of this script."""
    folder = Path(__file__).parent
    for name in sys.argv[1:] or PAINTINGS:
        pixels = (PAINTINGS[name]().clip(0, 1) * 255).round().astype(np.uint8)
        picture = Image.fromarray(pixels)
        picture = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)
        picture.save(folder / f"{name}.jpg", quality=88, optimize=True)
        print(f"{name}.jpg")


if __name__ == "__main__":
    main()
