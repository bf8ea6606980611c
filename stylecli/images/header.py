"""Header of a picture: its size, without decoding its pixels."""

from pathlib import Path

from stylecli.images.exif import ORIENTATION, orientation_of, read_exif
from stylecli.images.input_bytes import open_input
from stylecli.images.safe_open import guarded, open_header
from stylecli.images.tiff_pages import TiffPage
from stylecli.messages import escaped


def peek_size(path: Path) -> tuple[int, int]:
    """(height, width) of the upright picture, from the file's header. Raises `InputError`."""
    name = escaped(path)
    with open_input(path) as file, guarded(name):
        header = open_header(file, name)
        if isinstance(header, TiffPage):
            width, height = header.width, header.height
            orientation = header.tags.get(ORIENTATION, 1)
        else:
            width, height = header.size
            # Without EXIF at the head of a PNG, Pillow would look behind its pixels.
            known = header.format != "PNG" or "exif" in header.info
            orientation = orientation_of(read_exif(header)) if known else 1
    return (width, height) if orientation in (5, 6, 7, 8) else (height, width)
