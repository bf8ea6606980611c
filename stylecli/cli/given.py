"""What the options of a command said, as one value instead of forty parameters."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stylecli.cli.declaring import LAYERS, NUMBERS
from stylecli.cli.options import PARAMETERS
from stylecli.images.formats import OutputOptions
from stylecli.layers import parse_layers
from stylecli.settings import Compute, Settings, parse_numbers


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
    mask: Path | None
    style_mask: tuple[Path, ...]


_PLAIN: Final = ("force", "json", "quiet", "verbose", "dry_run", "mask")


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
    for name in LAYERS:
        if values[name] is not None:
            values = {**values, name: parse_layers(values[name])}
    for name in NUMBERS:
        if values[name] is not None:
            values = {**values, name: parse_numbers(name, values[name])}
    return Given(
        settings=Settings(**_fields(Settings, values)),
        compute=Compute(**_fields(Compute, values)),
        output_options=OutputOptions(
            quality=values["jpeg_quality"], bits=values["bits"], keep_alpha=values["keep_alpha"]
        ),
        style_mask=tuple(values["style_mask"] or ()),
        **{name: values[name] for name in _PLAIN},
    )


def _fields(owner: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: values[field.name] for field in dataclasses.fields(owner)}
