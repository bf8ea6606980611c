"""What is written on plots and sheets with."""

from PIL import ImageFont


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface, which needs no font on the machine."""
    return ImageFont.load_default(size)
