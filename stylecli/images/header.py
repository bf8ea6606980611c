"""Header of a picture: its size, without decoding its pixels."""

from pathlib import Path

from stylecli.images.exif import orientation_of, read_exif
from stylecli.images.input_bytes import open_input
from stylecli.images.safe_open import guarded, open_header
from stylecli.messages import escaped


def peek_size(path: Path) -> tuple[int, int]:
    """(height, width) of the upright picture, from the file's header. Raises `InputError`."""
    name = escaped(path)
    with open_input(path) as file, guarded(name), open_header(file, name) as image:
        width, height = image.size
        turned = orientation_of(read_exif(image)) >= 5 and image.format != "TIFF"  # turned already
    return (width, height) if turned else (height, width)
