"""`stylize sweep`: one picture at many settings, on one sheet."""

from typing import Annotated

import typer

from stylecli.batch.output_names import Naming
from stylecli.batch.planning import BatchPlan
from stylecli.batch.scheduling import ClusterOptions
from stylecli.cli.batch import (
    CpusPerWorker,
    EngineName,
    Folder,
    Format,
    GpusPerWorker,
    RayAddress,
    SkipHead,
    Workers,
)
from stylecli.cli.batch_preview import print_plan
from stylecli.cli.batch_run import choose_engine, run_plan
from stylecli.cli.option_factory import BATCH, declared
from stylecli.cli.output import print_json
from stylecli.cli.parsed_options import ParsedOptions, takes_axes
from stylecli.cli.progress import open_screen
from stylecli.errors import UsageError
from stylecli.images.discovery import find_pictures, path_of
from stylecli.sweep.axes import STYLES, Axis
from stylecli.sweep.grid import SweepRequest, plan_sweep
from stylecli.sweep.report_files import PAGE, SHEET, report_guard

Content = Annotated[str, typer.Argument(metavar="CONTENT", help="The picture to paint.")]
Blended = Annotated[
    list[str] | None,
    typer.Argument(metavar="STYLE", help="The picture to take the style from, or several at once."),
]
Styles = Annotated[
    list[str] | None,
    declared(
        "style",
        BATCH,
        "Instead of STYLE: pictures or folders of them, each a style by itself; may be repeated.",
        metavar="PATH",
    ),
]
Overwrite = Annotated[
    bool, declared("overwrite", BATCH, "Replace pictures that another recipe made.")
]


@takes_axes
def run_sweep(
    *,
    content: Content,
    styles: Blended = None,
    output: Folder,
    style: Styles = None,
    format: Format = "png",  # noqa: A002
    overwrite: Overwrite = False,
    workers: Workers = None,
    engine: EngineName = "local",
    ray_address: RayAddress = None,
    cpus_per_worker: CpusPerWorker = ClusterOptions.cpus,
    gpus_per_worker: GpusPerWorker = None,
    skip_head: SkipHead = False,
    options: ParsedOptions,
) -> int:
    """Paint CONTENT at every combination of values: lists (1,10,100), ranges (1:1000:log4)."""
    if bool(styles) == bool(style):
        raise UsageError("say whose style the picture takes: STYLE, or --style for each by itself.")
    if "-" in (content, *(styles or ()), *(style or ())):
        raise UsageError("a sweep reads its pictures from files: - is none.")
    plan = plan_sweep(
        SweepRequest(
            folder=output,
            content=path_of(content),
            styles=tuple(map(path_of, styles or ())),
            axes=(*_styles_axis(style), *options.axes),
            suffix=Naming(suffix=f".{format.removeprefix('.')}").suffix,
            **options.with_existing("renew" if overwrite else "skip"),
        )
    )
    jobs = tuple(cell.job for cell in plan.cells)
    report_guard(output, plan)
    if options.dry_run:
        return print_plan(BatchPlan(jobs), output, options)
    with open_screen(quiet=options.quiet) as screen:
        cluster = ClusterOptions(ray_address, workers, cpus_per_worker, gpus_per_worker, skip_head)
        chosen = choose_engine(screen, engine, cluster, len(jobs))
        summary = run_plan(screen, BatchPlan(jobs), chosen, output)
        from stylecli.sweep.report import write_report

        write_report(output, plan, summary.outcomes)
        screen.say(
            f"Sweep: {summary.count('done')} made, {summary.count('kept')} used again, "
            f"{summary.count('failed')} failed; see {output / SHEET} and {output / PAGE}"
        )
    if options.json:
        print_json({**summary.to_dict(), "rows": list(plan.rows), "columns": list(plan.columns)})
    return summary.exit_code


def _styles_axis(names: list[str] | None) -> tuple[Axis, ...]:
    """The axis of `--style`: each picture that the names stand for, a style by itself."""
    return (Axis(STYLES, tuple(find_pictures(names, recursive=False))),) if names else ()
