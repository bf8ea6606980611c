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
from paintings.glass import glass
from paintings.night import night
from paintings.shapes import shapes
from paintings.woodcut import woodcut

PAINTINGS: dict[str, Callable[[], Array]] = {
    "night": night,
    "glass": glass,
    "woodcut": woodcut,
    "shapes": shapes,
}


def main() -> None:
    """Paint all pictures into the folder given, by default the one of this script."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    for name, paint in PAINTINGS.items():
        pixels = (paint().clip(0, 1) * 255).round().astype(np.uint8)
        picture = Image.fromarray(pixels)
        picture = picture.resize(
            (picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS
        )
        picture.save(folder / f"{name}.jpg", quality=88, optimize=True)
        print(folder / f"{name}.jpg")


if __name__ == "__main__":
    main()
