"""Parsed options of a command, as one value instead of forty parameters.

Options go before the environment, that before a `--config` file, that before a picture that
settings are taken from (`--like`), that before the defaults.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import typer

from stylecli.cli.environment import EXCLUDES
from stylecli.cli.option_factory import as_axis
from stylecli.cli.options import PARAMETERS
from stylecli.errors import SettingsError, UsageError
from stylecli.images.formats import OutputOptions
from stylecli.job import Existing, JobOptions, files_named_by
from stylecli.messages import escaped
from stylecli.settings import LAYER_FIELDS, NUMBER_FIELDS, Compute, Settings
from stylecli.settings.parsing import parse_layers, parse_numbers
from stylecli.settings.presets import PHOTO
from stylecli.settings.toml_file import checked, read_settings
from stylecli.sweep.axes import NAMES, Axis, parse_axis


@dataclass(frozen=True, kw_only=True)
class ParsedOptions(JobOptions):
    """The options of a command, parsed and validated."""

    json: bool
    quiet: bool
    verbose: bool
    dry_run: bool
    axes: tuple[Axis, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)  # of options that are not defaults

    def check_verbosity(self) -> None:
        """Raise `UsageError` where both less and more output is asked for."""
        if self.quiet and self.verbose:
            raise UsageError("--quiet and --verbose exclude each other.")

    def with_existing(self, existing: Existing, *sources: Path) -> dict[str, Any]:
        """`as_keywords`, with what becomes of existing outputs, and further files that are read."""
        return {
            **self.as_keywords,
            "existing": existing,
            "sources": (*self.sources, *sources),
        }


_PLAIN: Final = ("json", "quiet", "verbose", "dry_run", "mask", "accept_damaged")


def takes_options(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """Give a command all of `PARAMETERS`; they are passed together, as its keyword `options`."""
    return _taking(function, PARAMETERS, swept=False)


def takes_axes(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """As `takes_options`, with a list or range for every setting: they are `options.axes`."""
    return _taking(function, tuple(map(as_axis, PARAMETERS)), swept=True)


def _taking(
    function: Callable[..., int | None], parameters: Sequence[inspect.Parameter], *, swept: bool
) -> Callable[..., int | None]:
    signature = inspect.signature(function)
    own_parameters = [
        parameter for parameter in signature.parameters.values() if parameter.name != "options"
    ]

    @functools.wraps(function)
    def command(ctx: typer.Context, **values: Any) -> int | None:
        own_values = {parameter.name: values.pop(parameter.name) for parameter in own_parameters}
        explicit = {name: origin for name in values if (origin := _origin(ctx, name))}
        axes = _take_axes(values) if swept else ()
        return function(**own_values, options=_parse(values, explicit, axes))

    context = inspect.Parameter(
        "ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
    )
    combined = [context, *own_parameters, *parameters]
    command.__signature__ = signature.replace(parameters=combined)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in combined}
    return command


def _take_axes(values: dict[str, Any]) -> tuple[Axis, ...]:
    """The axes among the values of options, which are left at the settings' defaults."""
    texts = {name: values[name] for name in NAMES}
    defaults = Settings()
    values |= {name: getattr(defaults, name) for name in NAMES}
    return tuple(parse_axis(name, text) for name, text in texts.items() if text is not None)


def _origin(ctx: Any, name: str) -> str | None:
    """Where an option was set, on the command line or by its environment variable, in words."""
    source = ctx.get_parameter_source(name)
    if source is None or source.name == "DEFAULT":
        return None
    flag = f"--{name.replace('_', '-')}"
    return flag if source.name == "COMMANDLINE" else f"the environment variable of {flag}"


def _parse(
    values: Mapping[str, Any], explicit: Mapping[str, str], axes: tuple[Axis, ...]
) -> ParsedOptions:
    values = dict(values)
    downloadable = _encoders_named(values, explicit, axes)
    for name in LAYER_FIELDS:
        if values[name] is not None:
            values[name] = parse_layers(values[name])
    for name in NUMBER_FIELDS:
        if values[name] is not None:
            values[name] = parse_numbers(name, values[name])
    origins: dict[str, str] = {}
    values |= _settings_from_files(values, set(explicit), origins)
    return ParsedOptions(
        settings=Settings(**_fields(Settings, values)),
        compute=Compute(**_fields(Compute, values)),
        output_options=OutputOptions(
            quality=values["jpeg_quality"], bits=values["bits"], keep_alpha=values["keep_alpha"]
        ),
        style_masks=tuple(values["style_mask"] or ()),
        downloadable=downloadable,
        axes=axes,
        sources=tuple(path for name in ("config", "like") if (path := values[name]) is not None),
        origins={**origins, **explicit},
        **{name: values[name] for name in _PLAIN},
    )


def _encoders_named(
    values: Mapping[str, Any], explicit: Collection[str], axes: tuple[Axis, ...]
) -> frozenset[str]:
    """The encoders that options name: one that only a file names is not downloaded."""
    named = [values["encoder"]] if "encoder" in explicit and values["encoder"] else []
    return frozenset([*named, *(v for axis in axes if axis.name == "encoder" for v in axis.values)])


def _settings_from_files(
    values: Mapping[str, Any], explicit: set[str], origins: dict[str, str]
) -> dict[str, Any]:
    """Values from --photo, --like and --config of the settings that have no explicit option.

    Adds to `origins` which of the three each comes from.
    """
    merged: dict[str, Any] = dict(PHOTO) if values["photo"] else {}
    origins |= dict.fromkeys(merged, "--photo")
    if values["like"] is not None:
        from stylecli.provenance.job_from_recipe import borrowed_settings  # needs torch

        settings, note = borrowed_settings(values["like"])
        borrowed = checked(settings.to_dict())
        merged |= borrowed
        origins |= dict.fromkeys(borrowed, "--like")
        if note and not values["quiet"]:
            typer.echo(f"note: {note}", err=True)
    if values["config"] is not None:
        configured = dict(read_settings(values["config"]))
        _check_no_file(configured, values["config"], explicit)
        merged = _without(merged, set(configured)) | configured
        origins |= dict.fromkeys(configured, "--config")
    kept = _without(merged, explicit)
    for name in origins.keys() - kept.keys():
        del origins[name]
    return kept


def _check_no_file(configured: Mapping[str, Any], path: Path, explicit: set[str]) -> None:
    """Raise `SettingsError` where a settings file names a file to read that no option names."""
    for name, file in files_named_by(Settings(**configured)).items():
        if name not in explicit:
            raise SettingsError(
                f"in {escaped(path)}: {name} names the file {escaped(file)}, and a settings file "
                f"may come from anywhere: take it out, and add --{name} PATH."
            )


def _without(weaker: Mapping[str, Any], stronger: set[str]) -> dict[str, Any]:
    excluded = stronger.union(*(EXCLUDES.get(name, ()) for name in stronger))
    return {name: value for name, value in weaker.items() if name not in excluded}


def _fields(owner: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: values[field.name] for field in dataclasses.fields(owner)}
