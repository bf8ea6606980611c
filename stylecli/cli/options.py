"""Every option that makes a picture, declared once: its default is that of the settings.

Help texts hold no square brackets: Rich would take them for markup.
"""

import functools
import inspect
from pathlib import Path
from typing import Annotated, Final

from stylecli.cli.option_factory import (
    DEVICE,
    ENCODER,
    FILES,
    INPUT,
    OBJECTIVE,
    OPTIMIZER,
    OUTPUT,
    SIZE,
    STYLE,
    declared,
    field_option,
    option,
    switch,
)
from stylecli.images.formats import OutputOptions
from stylecli.settings import DEFAULT_STRENGTH, Compute, Settings

# Also of commands that make no picture.
Json = Annotated[bool, declared("json", OUTPUT, "Print the result as JSON on standard output.")]
Quiet = Annotated[bool, declared("quiet", OUTPUT, "Print nothing but errors.", "-q")]
Verbose = Annotated[
    bool,
    declared("verbose", OUTPUT, "Print more, and a traceback where something fails.", "-v"),
]

_setting = functools.partial(field_option, Settings)
_computing = functools.partial(field_option, Compute)

# What people need first, which is all that `--help` shows; `--help-all` shows the others too.
FIRST: Final = frozenset(
    {
        *("output", "force", "strength", "size", "quality", "seed", "style_scale", "color"),
        *("photo", "mask", "dry_run", "explain"),
    }
)
PARAMETERS: Final[tuple[inspect.Parameter, ...]] = (
    _setting(
        "strength",
        OBJECTIVE,
        "How much style, from 0 (the content) to 1 (style alone).",
        "-s",
        show_default=f"{DEFAULT_STRENGTH:g}",
    ),
    _setting("alpha", OBJECTIVE, "Weight of the content loss, instead of --strength."),
    _setting("beta", OBJECTIVE, "Weight of the style loss, instead of --strength."),
    _setting("tv", OBJECTIVE, "Weight of total variation: smooths everything."),
    _setting("chroma_tv", OBJECTIVE, "Weight of total variation of color alone."),
    _setting("losses", OBJECTIVE, "Relative losses, or those of Gatys et al. to the letter."),
    _setting(
        "content_layers",
        OBJECTIVE,
        "Layers for the content, such as relu4_2 or relu3_3:2,relu4_2:1.",
        metavar="NAME:WEIGHT,...",
        show_default="the encoder's",
    ),
    _setting(
        "style_layers",
        OBJECTIVE,
        "Layers for the style with their weights, or fine, normal or coarse strokes.",
        metavar="NAME:WEIGHT,...|fine|coarse",
        show_default="the encoder's",
    ),
    _setting(
        "octaves",
        OBJECTIVE,
        "Sizes at which style is compared: full, half, quarter, ...; 1 is classic.",
        show_default="down to 32 pixels",
    ),
    _setting("pooling", OBJECTIVE, "Pooling inside the encoder."),
    _setting("padding", OBJECTIVE, "Padding of the encoder's first layer."),
    _setting(
        "style_weights",
        STYLE,
        "Shares of several styles, such as 3,1.",
        metavar="W,W,...",
        show_default="equal",
    ),
    _setting(
        "style_scale",
        STYLE,
        "Size of the strokes: 2 is twice as large; one number, or one for each style.",
        metavar="S,...",
        show_default="1",
    ),
    _setting(
        "style_size",
        STYLE,
        "Long side in pixels at which styles are looked at.",
        show_default="the output's",
    ),
    _setting(
        "color",
        STYLE,
        "Whose colors: the style's; the content's under the style's brush (content); a style "
        "recolored before (match), or the result after (histogram).",
    ),
    option(
        "photo",
        bool,
        STYLE,
        "A preset for photographs: start from the content, keep its shapes, take colors.",
        default=False,
        show_default=False,
    ),
    option(
        "mask",
        Path | None,
        STYLE,
        "Regions of the content: white takes the style, black stays; or one color each.",
        metavar="PATH",
    ),
    option(
        "style_mask",
        list[Path] | None,
        STYLE,
        "Which part of a style each region takes; once for each style.",
        metavar="PATH",
    ),
    _setting("size", SIZE, "Long side of the output in pixels.", show_default="the content's"),
    _setting("quality", OPTIMIZER, "How many iterations, in three steps."),
    _setting(
        "warm_start",
        OPTIMIZER,
        "Encoder of all iterations but the last: compact for --quality high through vgg19.",
    ),
    _setting("iterations", OPTIMIZER, "Iterations over all scales, instead of --quality."),
    _setting("optimizer", OPTIMIZER, "L-BFGS converges better, Adam needs less memory."),
    _setting("learning_rate", OPTIMIZER, "Step size.", show_default="the optimizer's"),
    _setting(
        "init",
        OPTIMIZER,
        "Where to start: random, content, or a picture's path.",
        metavar="random|content|PATH",
    ),
    _setting("seed", OPTIMIZER, "Another seed gives another picture, the same seed the same."),
    _setting(
        "encoder",
        ENCODER,
        "compact (bundled), vgg19 (the original network, a little slower to look through), "
        "torchvision-vgg19, torchvision-vgg16 (downloaded when asked for), or a weights file.",
        metavar="NAME|PATH",
        show_default="compact; vgg19 with --quality high",
    ),
    option(
        "accept_damaged",
        bool,
        INPUT,
        "Take what can be read of a damaged picture, with a note, instead of refusing it.",
        default=False,
        show_default=False,
    ),
    option(
        "jpeg_quality",
        int,
        OUTPUT,
        "Quality of JPEG, WebP and AVIF.",
        default=OutputOptions().quality,
        low=1,
        high=100,
    ),
    option(
        "bits", int, OUTPUT, "8 or 16 bits a channel (PNG, TIFF).", default=OutputOptions().bits
    ),
    option(
        "keep_alpha",
        bool,
        OUTPUT,
        "Keep the content's transparency.",
        "--keep-alpha/--no-keep-alpha",
        default=OutputOptions().keep_alpha,
    ),
    switch("json", Json),
    switch("quiet", Quiet),
    option(
        "config",
        Path | None,
        FILES,
        "Settings from a TOML file; options and the environment go first.",
        metavar="FILE.toml",
    ),
    option(
        "like",
        Path | None,
        FILES,
        "Settings from a picture made by this program.",
        metavar="PICTURE",
    ),
    switch("verbose", Verbose),
    _computing("device", DEVICE, "auto, cpu, cuda, cuda:N or mps.", metavar="NAME"),
    _computing("precision", DEVICE, "Precision of the encoder's arithmetic."),
    _computing(
        "tile", DEVICE, "Pixels of a tile's side: auto, off or a number.", metavar="auto|off|N"
    ),
    _computing(
        "max_memory",
        DEVICE,
        "Memory to stay within, such as 2G.",
        metavar="SIZE",
        show_default="what is free",
    ),
    option(
        "dry_run",
        bool,
        DEVICE,
        "Print the plan with its memory and time, and stop.",
        default=False,
        show_default=False,
    ),
)
