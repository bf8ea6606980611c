"""`stylize weights`: list, fetch, check and find the encoders' weights; without torch."""

from typing import Annotated, Any

import typer

from stylecli.cli.environment import OptionsCommand
from stylecli.cli.options import Json, Quiet
from stylecli.cli.output import print_json, print_line
from stylecli.cli.progress import open_screen
from stylecli.encoder.cache import WeightsStatus, pull, verify, weights_path, weights_status
from stylecli.encoder.registry import ENCODERS

weights_app = typer.Typer(help="List, fetch, check and find the encoders' weights.")


def _complete_names(incomplete: str) -> list[str]:
    return [name for name in ENCODERS if name.startswith(incomplete)]


Name = Annotated[
    str, typer.Argument(help=f"One of {', '.join(ENCODERS)}.", autocompletion=_complete_names)
]
Names = Annotated[
    list[str] | None,
    typer.Argument(
        help=f"Some of {', '.join(ENCODERS)}; without a name all that are here.",
        autocompletion=_complete_names,
    ),
]


@weights_app.command("list", cls=OptionsCommand)
def list_weights(json: Json = False) -> None:
    """List the encoders: whether their weights are here, whose they are, their license."""
    rows = weights_status()
    if json:
        print_json([_as_dict(row) for row in rows])
        return
    for row in rows:
        spec = row.spec
        print_line(f"{row.name:<17} {spec.size / 1e6:6.1f} MB  {state_of(row):<14} {row.file}")
        print_line(f"{'':<17} {spec.source}; {spec.license}")


@weights_app.command("pull", cls=OptionsCommand)
def pull_weights(name: Name, quiet: Quiet = False) -> None:
    """Download an encoder's weights, unless they are here, and print where they are."""
    with open_screen(quiet=quiet) as screen:
        path = pull(name, on_download=screen.download, on_message=screen.say)
    print_line(str(path))


@weights_app.command("verify", cls=OptionsCommand)
def verify_weights(names: Names = None, quiet: Quiet = False) -> None:
    """Read weights through and compare their SHA-256 with the pinned one."""
    for name in names or [row.name for row in weights_status() if row.present]:
        file = verify(name)
        if not quiet:
            print_line(f"{name}: {file} is intact")


@weights_app.command("path", cls=OptionsCommand)
def print_path(name: Name) -> None:
    """Print where an encoder's weights are, or belong."""
    print_line(str(weights_path(name)))


def state_of(row: WeightsStatus) -> str:
    """`bundled`, `installed`, `downloaded`, or what is missing."""
    if row.spec.url is not None:
        return "downloaded" if row.present else "not downloaded"
    if not row.present:
        return "missing"
    return "bundled" if row.spec.package is None else "installed"


def _as_dict(row: WeightsStatus) -> dict[str, Any]:
    return {
        "name": row.name,
        "state": state_of(row),
        "file": str(row.file),
        "size": row.spec.size,
        "sha256": row.spec.sha256,
        "url": row.spec.url,
        "package": row.spec.package,
        "source": row.spec.source,
        "license": row.spec.license,
    }
