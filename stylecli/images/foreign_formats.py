"""Foreign formats: what a file is that is not read here, and what to convert it to. No torch."""

from typing import Final

from PIL import Image

from stylecli.images.formats import READABLE_NAMES, has_heif
from stylecli.images.tiff_pages import MAGICS as TIFF_MAGICS
from stylecli.images.tiff_pages import TiffPage

HEAD: Final = 4096  # bytes at the beginning of a file that tell what it is
_SAVE: Final = "save it as JPEG or PNG"
_EXPORT: Final = "export it as PNG or TIFF"
_DEVELOP: Final = "develop it to TIFF or JPEG in a photo program"

_HEIF_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS: Final = (b"avif", b"avis")
# Where, what, the format's name, and what to do.
_SIGNATURES: Final = (
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture", _SAVE),
    (0, b"\xffO\xffQ", "a JPEG 2000 picture", _SAVE),
    (0, b"\xff\x0a", "a JPEG XL picture", _SAVE),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture", _SAVE),
    (4, b"ftypcrx ", "a camera raw file (CR3)", _DEVELOP),
    (8, b"CR\x02", "a camera raw file (CR2)", _DEVELOP),
    (0, b"FUJIFILMCCD-RAW", "a camera raw file (RAF)", _DEVELOP),
    (0, b"IIRO", "a camera raw file (ORF)", _DEVELOP),
    (0, b"IIRS", "a camera raw file (ORF)", _DEVELOP),
    (0, b"IIU\0", "a camera raw file (RW2)", _DEVELOP),
    (0, b"\0MRM", "a camera raw file (MRW)", _DEVELOP),
    (0, b"FOVb", "a camera raw file (X3F)", _DEVELOP),
    (0, b"8BPS", "a Photoshop document", _EXPORT),
    (0, b"gimp xcf", "a GIMP document", _EXPORT),
    (0, b"%PDF", "a PDF document", _EXPORT),
    (0, b"%!PS", "a PostScript document", _EXPORT),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript document", _EXPORT),
    (0, b"v/1\x01", "an OpenEXR picture", "tone-map it and " + _SAVE),
    (0, b"#?RADIANCE", "a Radiance HDR picture", "tone-map it and " + _SAVE),
    (0, b"#?RGBE", "a Radiance HDR picture", "tone-map it and " + _SAVE),
    (0, b"\0\0\1\0", "an icon", _SAVE),
    (0, b"icns", "an icon", _SAVE),
    (0, b"qoif", "a QOI picture", _SAVE),
    (0, b"DDS ", "a DirectDraw texture", _SAVE),
    (0, b"SIMPLE  =", "a FITS picture", _EXPORT),
    (0, b"\x8aMNG", "an MNG animation", _SAVE),
    (128, b"DICM", "a DICOM picture", _EXPORT),
    (4, b"ftyp", "a video", "take a frame of it"),
    (0, b"\x1aE\xdf\xa3", "a video", "take a frame of it"),
    (0, b"PK\3\4", "a ZIP archive or office document", "unpack it"),
    (0, b"\x1f\x8b", "a gzip archive", "unpack it"),
    (0, b"Rar!", "a RAR archive", "unpack it"),
    (0, b"version https://git-lfs", "a pointer of Git LFS", "fetch the file itself"),
    *((0, b"P%d" % n, "a PNM picture", _SAVE) for n in range(1, 8)),
    (0, b"PF\n", "a PFM picture", "tone-map it and " + _SAVE),
    (0, b"Pf\n", "a PFM picture", "tone-map it and " + _SAVE),
)
_KNOWN: Final = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8",
    b"GIF8",
    b"BM",
    *TIFF_MAGICS,
    b"MM*\0",
    b"II\0*",
)


def is_readable(head: bytes) -> bool:
    """Whether a file may be one of the formats that are read, by its first bytes."""
    return (
        head.startswith(_KNOWN)
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or bool(_brands(head) & set(_AVIF_BRANDS))
        or _is_dib(head)
        or (is_heif(head) and has_heif())
    )


def is_heif(head: bytes) -> bool:
    """Whether a file is HEIC or HEIF, by its first bytes."""
    brands = _brands(head)
    return bool(brands & set(_HEIF_BRANDS)) and not brands & set(_AVIF_BRANDS)


def open_heif() -> None:
    """Make Pillow open HEIC files, too."""
    if "HEIF" not in Image.OPEN:
        import pillow_heif

        pillow_heif.register_heif_opener()


def what_it_is(head: bytes) -> str:
    """A clause on a file that is not read: what it is, and what to do."""
    if is_heif(head):
        return f"it is a HEIC picture: pip install pillow-heif makes it readable, or {_SAVE}"
    for place, magic, name, advice in _SIGNATURES:
        if head[place:].startswith(magic):
            return f"it is {name}, not a {READABLE_NAMES} picture: {advice}"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "it is a web page, saved under a picture's name: save the picture itself"
    if text.startswith(b"<svg") or (text.startswith(b"<?xml") and b"<svg" in text):
        return f"it is an SVG drawing, not a {READABLE_NAMES} picture: {_EXPORT}"
    return f"it is not a {READABLE_NAMES} picture"


def why_not_tiff(page: TiffPage) -> str:
    """A clause on a TIFF that Pillow has no mode for."""
    if page.is_raw:
        return f"its largest image is raw sensor data: {_DEVELOP}"
    return (
        f"this TIFF is of a kind that is not supported ({page.describe()}, compression "
        f"{page.tags.get(259, 1)}): convert it to RGB or gray of 8 or 16 bits"
    )


def _brands(head: bytes) -> set[bytes]:
    """The brands of an ISO media file, the main one first."""
    if head[4:8] != b"ftyp":
        return set()
    size = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12], *(head[i : i + 4] for i in range(16, size, 4))}


def _is_dib(head: bytes) -> bool:
    """Whether a file is a bitmap without BMP's file header."""
    return head[:4] in (
        b"\x0c\0\0\0",
        b"\x28\0\0\0",
        b"\x38\0\0\0",
        b"\x40\0\0\0",
        b"\x6c\0\0\0",
        b"\x7c\0\0\0",
    )
