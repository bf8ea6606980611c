"""Every option that makes a picture, declared once: its default is that of the settings.

`takes_options` gives them to a command, which then receives one `Given` instead of thirty
parameters. Help texts hold no square brackets: Rich would take them for markup.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, get_type_hints

import typer

from stylecli.images.formats import OutputOptions
from stylecli.settings import DEFAULT_STRENGTH, Compute, Settings, parse_layers

OBJECTIVE: Final = "Objective"
SIZE: Final = "Size"
OPTIMISER: Final = "Optimiser"
OUTPUT: Final = "Output"
ENCODER: Final = "Encoder"
DEVICE: Final = "Device"

Json = Annotated[
    bool,
    typer.Option(
        "--json",
        envvar="STYLECLI_JSON",
        show_envvar=False,
        help="Print the result as JSON on standard output.",
        rich_help_panel=OUTPUT,
    ),
]


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the options of a command said."""

    settings: Settings
    compute: Compute
    output_options: OutputOptions
    force: bool
    json: bool
    quiet: bool
    verbose: bool
    dry_run: bool


def option(
    name: str,
    kind: Any,
    panel: str,
    text: str,
    *flags: str,
    default: Any = None,
    shown: str | bool = True,
    metavar: str | None = None,
    low: int | None = None,
    high: int | None = None,
) -> inspect.Parameter:
    """One option as a parameter for Typer: `--name`, the short `flags`, `STYLECLI_NAME`."""
    flag = f"--{name.replace('_', '-')}"
    about = typer.Option(
        flag,
        *flags,
        help=text,
        envvar=f"STYLECLI_{name.upper()}",
        rich_help_panel=panel,
        show_envvar=False,  # said once, below the help: a line for each would double the page
        show_default=shown,
        metavar=metavar,
        min=low,
        max=high,
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, about]
    )


_DEFAULTS: Final[Mapping[type, Any]] = {Settings: Settings(), Compute: Compute()}
_LAYERS: Final = ("content_layers", "style_layers")


def _of(owner: type, name: str, panel: str, text: str, *flags: str, **more: Any) -> Any:
    """The option for a field of `Settings` or `Compute`, of the field's own type and default."""
    kind = str | None if name in _LAYERS else get_type_hints(owner)[name]
    default = getattr(_DEFAULTS[owner], name)
    return option(name, kind, panel, text, *flags, default=default, **more)


_setting = functools.partial(_of, Settings)
_computing = functools.partial(_of, Compute)


def _switch(name: str, text: str, *flags: str) -> inspect.Parameter:
    return option(name, bool, OUTPUT, text, *flags, default=False, shown=False)


PARAMETERS: Final[tuple[inspect.Parameter, ...]] = (
    _setting(
        "strength",
        OBJECTIVE,
        "How much style, from 0 (the content) to 1 (style alone).",
        "-s",
        shown=f"{DEFAULT_STRENGTH:g}",
    ),
    _setting("alpha", OBJECTIVE, "Weight of the content loss, instead of --strength."),
    _setting("beta", OBJECTIVE, "Weight of the style loss, instead of --strength."),
    _setting("tv", OBJECTIVE, "Weight of total variation: smooths everything."),
    _setting("chroma_tv", OBJECTIVE, "Weight of total variation of colour alone."),
    _setting("losses", OBJECTIVE, "Relative losses, or those of Gatys et al. to the letter."),
    _setting(
        "content_layers",
        OBJECTIVE,
        "Layers for the content, such as relu4_2 or relu3_3:2,relu4_2:1.",
        metavar="NAME:WEIGHT,...",
        shown="the encoder's",
    ),
    _setting(
        "style_layers",
        OBJECTIVE,
        "Layers for the style, with their weights.",
        metavar="NAME:WEIGHT,...",
        shown="the encoder's",
    ),
    _setting("octaves", OBJECTIVE, "Sizes at which style is compared: full, half, quarter, ..."),
    _setting("pooling", OBJECTIVE, "Pooling inside the encoder."),
    _setting("padding", OBJECTIVE, "Padding of the encoder's first layer."),
    _setting("size", SIZE, "Long side of the output in pixels.", shown="the content's"),
    _setting("quality", OPTIMISER, "How many iterations, in three steps."),
    _setting("iterations", OPTIMISER, "Iterations over all scales, instead of --quality."),
    _setting("optimizer", OPTIMISER, "L-BFGS converges better, Adam needs less memory."),
    _setting("learning_rate", OPTIMISER, "Step size.", shown="the optimiser's"),
    _setting(
        "init",
        OPTIMISER,
        "Where to start: random, content, or a picture's path.",
        metavar="random|content|PATH",
    ),
    _setting("seed", OPTIMISER, "Another seed gives another picture, the same seed the same."),
    _setting(
        "encoder",
        ENCODER,
        "compact (bundled), vgg19, vgg16 (downloaded when asked for), or a weights file.",
        metavar="NAME|PATH",
    ),
    _switch("force", "Replace an output that exists.", "-f"),
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
    _switch("json", "Print the result as JSON on standard output."),
    _switch("quiet", "Print nothing but errors.", "-q"),
    _switch("verbose", "Print more, and a traceback where something fails.", "-v"),
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
        shown="what is free",
    ),
    option(
        "dry_run",
        bool,
        DEVICE,
        "Print the plan with its memory and time, and stop.",
        default=False,
        shown=False,
    ),
)


def takes_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command all of `PARAMETERS`; they reach it together, as its keyword `given`."""
    signature = inspect.signature(function)
    own = [parameter for parameter in signature.parameters.values() if parameter.name != "given"]

    @functools.wraps(function)
    def command(**values: Any) -> None:
        mine = {parameter.name: values.pop(parameter.name) for parameter in own}
        function(**mine, given=_given(values))

    parameters = [*own, *PARAMETERS]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _given(values: Mapping[str, Any]) -> Given:
    for name in _LAYERS:
        if values[name] is not None:
            values = {**values, name: parse_layers(values[name])}
    return Given(
        settings=Settings(**_fields(Settings, values)),
        compute=Compute(**_fields(Compute, values)),
        output_options=OutputOptions(quality=values["jpeg_quality"], bits=values["bits"]),
        **{name: values[name] for name in ("force", "json", "quiet", "verbose", "dry_run")},
    )


def _fields(owner: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: values[field.name] for field in dataclasses.fields(owner)}
