"""A picture's size without its pixels."""

from pathlib import Path

from stylecli.images.exif import orientation_of, read_exif
from stylecli.images.input_bytes import read_bytes
from stylecli.images.safe_open import guarded, open_image
from stylecli.messages import escaped


def peek_size(path: Path) -> tuple[int, int]:
    """(height, width) of the upright picture. Raises `InputError`."""
    name = escaped(path)
    data = read_bytes(path)
    with guarded(name), open_image(data, name) as image:
        width, height = image.size
        turned = orientation_of(read_exif(image)) >= 5 and image.format != "TIFF"  # turned already
    return (width, height) if turned else (height, width)
