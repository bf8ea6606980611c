"""The recipe of a picture inside its file: a text chunk in PNG, an EXIF comment elsewhere."""

import zlib
from pathlib import Path
from typing import Final

from stylecli.errors import OutputError
from stylecli.images.exif import EXIF_IFD, USER_COMMENT, read_exif
from stylecli.images.input_bytes import read_bytes
from stylecli.images.safe_open import guarded, open_image
from stylecli.messages import escaped

KEYWORD: Final = "stylecli"
MAX_RECIPE_BYTES: Final = 2**16

_PLAIN: Final = b"ASCII\0\0\0stylecli recipe: "  # EXIF's own mark for text, then ours
_PACKED: Final = b"\0\0\0\0\0\0\0\0stylecli recipe, deflated: "
_PLAIN_LIMIT: Final = 2**14  # a JPEG file has 64 KiB for all of its EXIF


def storable(recipe: str) -> bool:
    """Whether a text is short enough for a file; raises `OutputError` for half a character."""
    try:
        return len(recipe.encode("utf-8")) <= MAX_RECIPE_BYTES
    except UnicodeEncodeError as error:
        raise OutputError("the recipe holds characters that no file can store.") from error


def to_comment(recipe: str) -> bytes:
    """A recipe as the value of EXIF's UserComment; long or non-English ones are deflated."""
    if recipe.isascii() and len(recipe) <= _PLAIN_LIMIT:
        return _PLAIN + recipe.encode("ascii")
    return _PACKED + zlib.compress(recipe.encode("utf-8"), 9)


def from_comment(comment: object) -> str | None:
    """The inverse of `to_comment`; `None` for what it did not write."""
    if not isinstance(comment, bytes):
        return None
    try:
        if comment.startswith(_PLAIN):
            return comment[len(_PLAIN) :].decode("ascii")
        if comment.startswith(_PACKED):
            return _inflate(comment[len(_PACKED) :]).decode("utf-8")
    except (zlib.error, UnicodeDecodeError):
        return None
    return None


def read_recipe(path: Path) -> str | None:
    """The recipe in a picture of this program, `None` where there is none or it is damaged.

    Raises `InputError` when the file cannot be read as a picture.
    """
    name = escaped(path)
    data = read_bytes(Path(path))
    with guarded(name):
        opened = open_image(data, name, accept_damaged=True)  # of text: the pixels are not read
        with opened.image as image:
            if image.format == "PNG":
                text = _decoded(opened.texts.get(KEYWORD.encode(), b""))
            else:
                text = from_comment(read_exif(image).get_ifd(EXIF_IFD).get(USER_COMMENT))
    return text or None


def _decoded(text: bytes) -> str | None:
    try:
        return text.decode("utf-8") if len(text) <= MAX_RECIPE_BYTES else None
    except UnicodeDecodeError:
        return None


def _inflate(packed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    plain = inflater.decompress(packed, MAX_RECIPE_BYTES + 1)
    if len(plain) > MAX_RECIPE_BYTES or not inflater.eof:
        raise zlib.error("longer than any recipe, or cut off")
    return plain
