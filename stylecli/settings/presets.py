"""Presets: settings that one option stands for."""

from typing import Final

# --photo, below everything else that is said: from the photograph itself, little style, at one
# size, and by shallow layers alone, which hold colors and grain: deeper ones build what was not
# there (a cat's eyes in a cup, with the coarse preset).
PHOTO: Final = {
    "init": "content",
    "strength": 0.25,
    "octaves": 1,
    "style_layers": (("relu1_1", 1.0), ("relu2_1", 1.0)),
}
