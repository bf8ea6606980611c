"""`stylize compare`: how far apart two pictures are, to the encoder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from stylecli.cli.compare_video import compare_clips
from stylecli.cli.options import Json
from stylecli.cli.output import print_json, print_line
from stylecli.cli.progress import open_screen
from stylecli.errors import UsageError
from stylecli.settings import Compute, Settings
from stylecli.settings.validation import check_range

if TYPE_CHECKING:
    from stylecli.recognition.metric import Distances

By = Literal["style", "content"]

DIFFERENT: Final = 8  # exit code of `--check`
DEFAULT_ENCODER: Final = Settings().encoder_name
DEFAULT_DEVICE: Final = Compute().device

Encoder = Annotated[
    str,
    typer.Option(
        "--encoder",
        metavar="NAME|PATH",
        help="compact, vgg19, torchvision-vgg19, torchvision-vgg16, or a file.",
    ),
]
Device = Annotated[
    str, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.")
]
Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold", metavar="D", help="The distance up to which pictures count as the same."
    ),
]
Size = Annotated[
    int, typer.Option("--size", min=16, max=4096, help="Long side at which they are looked at.")
]
Video = Annotated[
    bool,
    typer.Option("--video", help="How steady a clip A is, made from a clip B: see also --style."),
]
VideoStyle = Annotated[
    Path | None,
    typer.Option("--style", metavar="PATH", help="The style of the clip A, with --video."),
]


def compare_pictures(
    a: Annotated[Path, typer.Argument(metavar="A", help="A picture.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    by: Annotated[By, typer.Option("--by", help="What the decision goes by.")] = "style",
    threshold: Threshold = None,
    check: Annotated[
        bool, typer.Option("--check", help=f"End with exit code {DIFFERENT} where they differ.")
    ] = False,
    size: Size = 512,
    encoder: Encoder = DEFAULT_ENCODER,
    device: Device = DEFAULT_DEVICE,
    json: Json = False,
    video: Video = False,
    style: VideoStyle = None,
) -> int:
    """Compare two pictures: distances of content and style, 0 the same, about 1 unrelated."""
    check_range("threshold", threshold, 0.0, 2.0)
    for path in (a, b):
        if str(path) == "-":
            raise UsageError("compare reads its pictures from files: - is none.")
    if video != (style is not None):
        raise UsageError("--video and --style go together: a blurred clip is steady, too.")
    if style is not None:
        if check or threshold is not None:
            raise UsageError("--video decides nothing: leave --check and --threshold out.")
        return compare_clips(a, b, style, encoder=encoder, device=device, json=json)
    with open_screen(quiet=json) as screen:
        screen.say("Loading PyTorch")
        from stylecli.recognition.matching import THRESHOLDS, compare_files, open_metric

        metric, _ = open_metric(encoder, Compute(device=device))
        distances = compare_files(a, b, metric, size)
    limit = THRESHOLDS[by] if threshold is None else threshold
    same = (distances.style if by == "style" else distances.content) <= limit
    if json:
        values = {"a": str(a), "b": str(b), "content": distances.content, "style": distances.style}
        decision = {"by": by, "threshold": limit, "same": same}
        print_json({**values, "layers": dict(distances.layers), **decision})
    else:
        _print_distances(distances, by, limit, same=same)
    return DIFFERENT if check and not same else 0


def _print_distances(distances: "Distances", by: By, limit: float, *, same: bool) -> None:
    distance = distances.style if by == "style" else distances.content
    layers = ", ".join(f"{name} {value:.3g}" for name, value in distances.layers.items())
    print_line(f"content {distances.content:.4g}")
    print_line(f"style {distances.style:.4g} ({layers})")
    sign = "at most" if same else "more than"
    print_line(f"{'same' if same else 'different'} {by}: {distance:.4g} is {sign} {limit:g}")
