"""`stylize batch`: many pictures, one model load."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from stylecli.batch.job_list import split_list
from stylecli.batch.output_names import DEFAULT_TEMPLATE, FIELDS, Naming
from stylecli.batch.planning import BatchRequest, Pairing, plan_batch
from stylecli.batch.scheduling import ClusterOptions
from stylecli.cli.batch_preview import print_plan
from stylecli.cli.batch_run import choose_engine, run_plan
from stylecli.cli.option_factory import BATCH, DEVICE, declared
from stylecli.cli.output import print_json
from stylecli.cli.parsed_options import ParsedOptions, takes_options
from stylecli.cli.progress import Screen, describe_seconds, open_screen
from stylecli.errors import InputError, UsageError
from stylecli.job import Existing
from stylecli.messages import escaped, reason

if TYPE_CHECKING:
    from stylecli.batch.runner import Summary

MAX_BYTES: Final = 64_000_000  # of a list

Contents = Annotated[
    list[str] | None,
    typer.Argument(metavar="CONTENTS", help="Pictures, folders or patterns to paint."),
]
Styles = Annotated[
    list[str] | None,
    declared("style", BATCH, "A style picture, or a folder of them; may be repeated."),
]
Folder = Annotated[
    Path, declared("output", BATCH, "The folder to write to.", "-o", metavar="OUT_DIR")
]
Recursive = Annotated[bool, declared("recursive", BATCH, "Look below folders, too.", "-r")]
FromFile = Annotated[
    str | None,
    declared(
        "from_file",
        BATCH,
        "A list, one job a line: a path, content,style,output, or a JSON object; - is stdin.",
        metavar="FILE",
    ),
]
Root = Annotated[
    Path | None,
    declared(
        "root",
        BATCH,
        "The folder that the list's files are in, and its paths relative to; by default that of "
        "the list, for standard input the current one; / allows any.",
        metavar="FOLDER",
    ),
]
Pair = Annotated[
    Pairing,
    declared(
        "pair",
        BATCH,
        "Every content with every style (product), the first with the first (zip), or every "
        "content with all styles blended (blend).",
    ),
]
Name = Annotated[
    str,
    declared(
        "name",
        BATCH,
        f"Names of the outputs, from {', '.join(f'{{{field}}}' for field in FIELDS)}.",
        metavar="TEMPLATE",
    ),
]
Format = Annotated[
    str, declared("format", BATCH, "Format of the outputs.", metavar="png|jpg|webp|tif|avif")
]
SkipExisting = Annotated[
    bool, declared("skip_existing", BATCH, "Keep pictures that are complete, by the same recipe.")
]
Overwrite = Annotated[bool, declared("overwrite", BATCH, "Replace outputs that exist.")]
FailFast = Annotated[bool, declared("fail_fast", BATCH, "Begin nothing new after a failure.")]
Workers = Annotated[
    int | None,
    declared(
        "workers",
        DEVICE,
        "Processes that share the cores and --max-memory, by default as many as are faster; on "
        "Ray the most of the whole cluster, by default as many as it has room for.",
        min=1,
        max=256,
        metavar="N",
    ),
]
EngineName = Annotated[
    Literal["local", "ray"],
    declared("engine", DEVICE, "This machine, or a Ray cluster (needs the extra ray)."),
]
RayAddress = Annotated[
    str | None,
    declared(
        "ray_address",
        DEVICE,
        "The cluster; without it (or RAY_ADDRESS) Ray is started here.",
        metavar="ADDRESS",
    ),
]
CpusPerWorker = Annotated[
    float,
    declared(
        "cpus_per_worker", DEVICE, "CPUs that a worker asks Ray for.", min=0.0, metavar="NUMBER"
    ),
]
GpusPerWorker = Annotated[
    float | None,
    declared(
        "gpus_per_worker",
        DEVICE,
        "GPUs that a worker asks Ray for, or a part of one; by default 1 where there are any.",
        min=0.0,
        metavar="NUMBER",
    ),
]
SkipHead = Annotated[bool, declared("skip_head", DEVICE, "Leave the head of the cluster out.")]


@takes_options
def run_many(
    *,
    contents: Contents = None,
    style: Styles = None,
    output: Folder,
    recursive: Recursive = False,
    from_file: FromFile = None,
    root: Root = None,
    pair: Pair = "product",
    name: Name = DEFAULT_TEMPLATE,
    format: Format = "png",  # noqa: A002
    skip_existing: SkipExisting = False,
    overwrite: Overwrite = False,
    fail_fast: FailFast = False,
    workers: Workers = None,
    engine: EngineName = "local",
    ray_address: RayAddress = None,
    cpus_per_worker: CpusPerWorker = ClusterOptions.cpus,
    gpus_per_worker: GpusPerWorker = None,
    skip_head: SkipHead = False,
    options: ParsedOptions,
) -> int:
    """Paint many pictures: every one of CONTENTS in every --style, into a folder."""
    if skip_existing and overwrite:
        raise UsageError("--skip-existing and --overwrite exclude each other.")
    existing: Existing = "skip" if skip_existing else "overwrite" if overwrite else "refuse"
    listed = () if from_file in (None, "-") else (Path(from_file),)
    plan = plan_batch(
        BatchRequest(
            folder=output,
            contents=contents or (),
            styles=style or (),
            lines=_lines(from_file),
            root=root or (Path() if from_file in (None, "-") else Path(from_file).parent),
            recursive=recursive,
            pairing=pair,
            naming=Naming(name, f".{format.removeprefix('.')}"),
            **options.with_existing(existing, *listed),
        )
    )
    if options.dry_run:
        return print_plan(plan, output, options)
    with open_screen(quiet=options.quiet) as screen:
        for note in plan.notes:
            screen.note(note)
        cluster = ClusterOptions(ray_address, workers, cpus_per_worker, gpus_per_worker, skip_head)
        chosen = choose_engine(screen, engine, cluster, len(plan.jobs))
        summary = run_plan(screen, plan, chosen, output, fail_fast=fail_fast)
        _print_summary(screen, summary)
    if options.json:
        print_json({**summary.to_dict(), "notes": list(plan.notes)})
    return summary.exit_code


def _lines(name: str | None) -> Iterator[str]:
    """The lines of a list, read lazily. Raises `InputError`."""
    if name is None:
        return
    try:
        if name == "-":
            if sys.stdin is None:
                raise UsageError("--from-file -: standard input is closed.")
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read {escaped(name)}: {reason(error)}.") from error
    if len(data) > MAX_BYTES:
        raise InputError(f"cannot read {escaped(name)}: it is longer than 64 MB: split it.")
    yield from split_list(data)


def _print_summary(screen: Screen, summary: "Summary") -> None:
    counts = [f"{summary.count(status)} {status}" for status in ("done", "kept", "failed")]
    if summary.left:
        counts.append(f"{summary.left} left")
    seconds = sum(outcome.seconds or 0.0 for outcome in summary.outcomes)
    screen.say(f"Batch: {', '.join(counts)}; {describe_seconds(seconds)} of work")
