"""Pictures: from a file to a `Picture` and back, with color, depth, alpha and metadata kept.

Names are loaded on first use, so that checking a file name costs no import of torch.
"""

from typing import TYPE_CHECKING, Final

from stylecli.lazy import lazy_names

if TYPE_CHECKING:
    from stylecli.images.embedded_text import read_recipe
    from stylecli.images.formats import OutputOptions, check_output_suffix
    from stylecli.images.picture import Metadata, Picture
    from stylecli.images.reading import picture_from_pil, read_picture
    from stylecli.images.writing import to_pil, write_picture

__all__ = [
    "Metadata",
    "OutputOptions",
    "Picture",
    "check_output_suffix",
    "picture_from_pil",
    "read_picture",
    "read_recipe",
    "to_pil",
    "write_picture",
]

_HOME: Final = {
    "Metadata": "picture",
    "OutputOptions": "formats",
    "Picture": "picture",
    "check_output_suffix": "formats",
    "picture_from_pil": "reading",
    "read_picture": "reading",
    "read_recipe": "embedded_text",
    "to_pil": "writing",
    "write_picture": "writing",
}


__getattr__ = lazy_names(__name__, _HOME)
