"""Presets: settings that one option stands for."""

from typing import Final

# What --photo stands for, below everything else that is said: from the photograph itself, little
# style, by its coarse strokes, at one size, so that nothing is built that was not there.
PHOTO: Final = {
    "init": "content",
    "strength": 0.25,
    "octaves": 1,
    "style_layers": (("coarse", 1.0),),
}
