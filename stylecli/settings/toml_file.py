"""Settings as a TOML file: `--save-recipe` writes it, `--config` reads it; and from a picture."""

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from stylecli.errors import InputError, OutputError, SettingsError
from stylecli.messages import escaped, reason
from stylecli.output_guard import OutputGuard
from stylecli.quoting import toml_value
from stylecli.settings import Settings
from stylecli.settings.parsing import decode_text
from stylecli.system import on_windows

MAX_BYTES: Final = 2**16
_MARKS: Final = re.compile(r"[=,\[\]{}\n#]")
_QUOTED: Final = re.compile(r'"(?:[^"\\\n]|\\.){0,200}"|\'[^\'\n]{0,200}\'')
MAX_DOTS: Final = 16  # between two marks of a line; settings have no nested keys


def write_settings(
    path: Path,
    settings: Settings,
    files: Collection[str] = (),
    guard: OutputGuard | None = None,
) -> None:
    """Write every setting that is not at `None`, and the encoder. Raises `OutputError`.

    `files` are the settings that name a file: they are left to the command line, as `--config`
    leaves them, and no folder of this machine is given away.
    """
    values = replace(settings, encoder=settings.encoder_name).to_dict()
    if on_windows():  # whose backslashes no other system reads as folders, but all read slashes
        values |= {name: values[name].replace("\\", "/") for name in ("encoder", "init")}
    lines = ["# settings for stylize --config\n"]
    lines += [f"# and --{name}, which names a file\n" for name in files]
    try:
        lines += [f"{n} = {toml_value(v)}\n" for n, v in values.items() if n not in files]
    except UnicodeEncodeError as error:
        raise OutputError(
            f"cannot write {escaped(path)}: TOML has no way to write a name that is not Unicode."
        ) from error
    (guard or OutputGuard(replace=True)).write_bytes(path, "".join(lines).encode())


def read_settings(path: Path) -> Mapping[str, Any]:
    """The settings in a TOML file, as values by name; checked, and none added.

    Raises `InputError` where it cannot be read, `SettingsError` for settings that make no sense.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError("it is too long for settings")
        values = tomllib.loads(_flat(decode_text(data)))
    except OSError as error:
        raise InputError(f"cannot read {escaped(path)}: {reason(error)}.") from error
    except (ValueError, RecursionError) as error:
        why = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"cannot read {escaped(path)} as settings: {why}.") from error
    try:
        return checked(values)
    except SettingsError as error:
        raise SettingsError(f"in {escaped(path)}: {error}") from error


def _flat(text: str) -> str:
    """The text, without keys of very many parts: the parser takes the square of their number.

    Raises `ValueError`.
    """
    for part in _MARKS.split(_QUOTED.sub("", text)):
        if part.count(".") > MAX_DOTS:
            raise ValueError("its keys are nested")
    return text


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as `Settings` holds them. Raises `SettingsError`."""
    settings = Settings.from_dict(values)
    return {name: getattr(settings, name) for name in values}
