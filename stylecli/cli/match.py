"""`stylize match`: which of the known styles a picture is nearest to."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stylecli.cli.compare import (
    DEFAULT_DEVICE,
    DEFAULT_ENCODER,
    DIFFERENT,
    Device,
    Encoder,
    Threshold,
)
from stylecli.cli.options import Json
from stylecli.cli.output import print_json, print_line
from stylecli.cli.progress import Screen, open_screen
from stylecli.errors import UsageError
from stylecli.images.formats import check_local
from stylecli.output_guard import OutputGuard
from stylecli.settings import MAX_SEED, Compute
from stylecli.settings.validation import check_range

if TYPE_CHECKING:
    from stylecli.recognition.gallery import Gallery, Match

Picture = Annotated[Path | None, typer.Argument(metavar="PICTURE", help="A picture.")]
KnownStyles = Annotated[
    Path | None, typer.Argument(metavar="GALLERY", help="A folder of styles, or a gallery file.")
]
Build = Annotated[
    Path | None,
    typer.Option("--build", metavar="FOLDER", help="Encode a folder of styles once."),
]
Train = Annotated[
    Path | None,
    typer.Option(
        "--train",
        metavar="FOLDER",
        help="As --build, and fit the code to these styles by the triplet loss.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="The gallery file of --build, --train."),
]
Top = Annotated[int, typer.Option("--top", min=1, help="How many styles to print.")]
Check = Annotated[
    bool, typer.Option("--check", help=f"End with exit code {DIFFERENT} where it is unknown.")
]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace a file that exists.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=MAX_SEED, help="Of --train.")]


def match_style(
    picture: Picture = None,
    gallery: KnownStyles = None,
    build: Build = None,
    train: Train = None,
    output: Output = None,
    top: Top = 5,
    threshold: Threshold = None,
    check: Check = False,
    force: Force = False,
    seed: Seed = 0,
    encoder: Encoder = DEFAULT_ENCODER,
    device: Device = DEFAULT_DEVICE,
    json: Json = False,
) -> int:
    """Rank known styles by their distance to a picture; folders in GALLERY are one style each."""
    check_range("threshold", threshold, 0.0, 2.0)
    folder = build or train
    if folder is not None:
        if picture is not None or (build and train):
            raise UsageError("--build and --train take one folder, and no picture.")
        with open_screen(quiet=json) as screen:
            made = _make(screen, folder, output, encoder, device, force, None if build else seed)
        if json:
            report = {name: asdict(figures) for name, figures in (made.report or {}).items()}
            values = {"output": str(output), "pictures": len(made.names)}
            print_json({**values, "threshold": made.threshold, "report": report})
        return 0
    if picture is None or gallery is None:
        raise UsageError("say which PICTURE to match, and a GALLERY: a folder or a file.")
    with open_screen(quiet=json) as screen:
        screen.say("Loading PyTorch")
        from stylecli.recognition.matching import match_picture, open_metric

        metric, network = open_metric(encoder, Compute(device=device))
        known, matches = match_picture(picture, gallery, metric, network, screen.note)
    limit = known.threshold if threshold is None else threshold
    nearest = matches[0] if matches[0].distance <= limit else None
    _print_matches(matches[:top], nearest, limit, json=json)
    return DIFFERENT if check and nearest is None else 0


def _make(
    screen: Screen,
    folder: Path,
    output: Path | None,
    encoder: str,
    device: str,
    force: bool,
    seed: int | None,
) -> "Gallery":
    """Build a gallery, or with a seed train it, and write it."""
    from stylecli.recognition.gallery import SUFFIX, save_gallery

    if output is None or output.suffix != SUFFIX:
        raise UsageError(f"say where to write the gallery: add -o GALLERY{SUFFIX}.")
    check_local(output)
    guard = OutputGuard(replace=force)
    guard.check(output)
    screen.say("Loading PyTorch")
    from stylecli.recognition import matching

    pictures = matching.pictures_in(folder, screen.note)
    metric, network = matching.open_metric(encoder, Compute(device=device))
    fill = matching.build_gallery if seed is None else partial(matching.train_gallery, seed=seed)
    made = fill(
        pictures, metric, network, lambda share: screen.advance(share, "pictures"), screen.note
    )
    save_gallery(output, made, guard)
    for name, figures in (made.report or {}).items():
        screen.say(
            f"{name} code, on styles held out: ROC-AUC {figures.auc:.4f}, equal-error rate "
            f"{figures.equal_error:.4f}, top-1 {figures.top1:.4f}"
        )
    screen.say(f"Wrote {output}: {len(made.names)} pictures, threshold {made.threshold:.3g}")
    return made


def _print_matches(
    matches: "list[Match]", nearest: "Match | None", limit: float, *, json: bool
) -> None:
    if json:
        rows = [{"style": match.name, "distance": match.distance} for match in matches]
        style = None if nearest is None else nearest.name
        print_json({"style": style, "threshold": limit, "matches": rows})
        return
    for match in matches:
        print_line(f"{match.distance:.4f} {match.name}")
    if nearest is None:
        print_line(f"unknown: nothing is within {limit:.3g}")
