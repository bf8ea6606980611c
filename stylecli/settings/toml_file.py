"""Settings as a TOML file: `--save-recipe` writes it, `--config` reads it; and from a picture."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from stylecli.atomic import replace_file
from stylecli.errors import InputError, OutputError, SettingsError
from stylecli.messages import escaped, reason
from stylecli.settings import Settings
from stylecli.settings.parsing import decode_text
from stylecli.system import on_windows

MAX_BYTES: Final = 1_000_000


def write_settings(path: Path, settings: Settings) -> None:
    """Write every setting that is not at `None`, and the encoder. Raises `OutputError`."""
    values = replace(settings, encoder=settings.encoder_name).to_dict()
    if on_windows():  # whose backslashes no other system reads as folders, but all read slashes
        values |= {name: values[name].replace("\\", "/") for name in ("encoder", "init")}
    lines = [f"{name} = {_toml(value)}\n" for name, value in values.items()]
    text = "# stylize --config " + json.dumps(path.name) + "\n" + "".join(lines)
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise OutputError(
            f"cannot write {escaped(path)}: TOML has no way to write a file name that is not "
            "Unicode."
        ) from error
    replace_file(path, data)


def read_settings(path: Path) -> Mapping[str, Any]:
    """The settings in a TOML file, as values by name; checked, and none added.

    Raises `InputError` where it cannot be read, `SettingsError` for settings that make no sense.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError("it is too long for settings")
        values = tomllib.loads(decode_text(data))
    except OSError as error:
        raise InputError(f"cannot read {escaped(path)}: {reason(error)}.") from error
    except (ValueError, RecursionError) as error:
        why = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"cannot read {escaped(path)} as settings: {why}.") from error
    try:
        return checked(values)
    except SettingsError as error:
        raise SettingsError(f"in {escaped(path)}: {error}") from error


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as `Settings` holds them. Raises `SettingsError`."""
    settings = Settings.from_dict(values)
    return {name: getattr(settings, name) for name in values}


def _toml(value: Any) -> str:
    """A text, number, truth value or list of them, as TOML writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    # The same in both languages for numbers, true and false, and nearly so for texts: TOML knows
    # no pairs of surrogates, and wants DEL escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
