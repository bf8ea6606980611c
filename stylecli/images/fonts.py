"""Font of plots and sheets."""

from PIL import ImageFont


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface, which needs no font on the machine."""
    return ImageFont.load_default(size)
