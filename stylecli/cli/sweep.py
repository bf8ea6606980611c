"""`stylize sweep`: one picture at many settings, on one sheet."""

from typing import Annotated

import typer

from stylecli.batch.output_names import Naming
from stylecli.batch.planning import BatchPlan
from stylecli.cli.batch import (
    Folder,
    Format,
    Workers,
    choose_engine,
    run_plan,
)
from stylecli.cli.batch_preview import preview_plan, print_failure
from stylecli.cli.option_factory import BATCH, declared
from stylecli.cli.output import print_json
from stylecli.cli.parsed_options import ParsedOptions, takes_axes
from stylecli.cli.progress import open_screen
from stylecli.cli.stylize import Styles
from stylecli.errors import UsageError
from stylecli.images.discovery import path_of
from stylecli.sweep.grid import SweepPlan, SweepRequest, plan_sweep
from stylecli.sweep.report_files import PAGE, SHEET, report_guard

Content = Annotated[str, typer.Argument(metavar="CONTENT", help="The picture to paint.")]
Overwrite = Annotated[
    bool, declared("overwrite", BATCH, "Replace pictures that another recipe made.")
]


@takes_axes
def run_sweep(
    *,
    content: Content,
    styles: Styles,
    output: Folder,
    format: Format = "png",  # noqa: A002
    overwrite: Overwrite = False,
    workers: Workers = None,
    options: ParsedOptions,
) -> int:
    """Paint CONTENT at every combination of values: lists (1,10,100), ranges (1:1000:log4)."""
    if "-" in (content, *styles):
        raise UsageError("a sweep reads its pictures from files: - is none.")
    plan = plan_sweep(
        SweepRequest(
            folder=output,
            content=path_of(content),
            styles=tuple(map(path_of, styles)),
            axes=options.axes,
            suffix=Naming(suffix=f".{format.removeprefix('.')}").suffix,
            **options.with_existing("renew" if overwrite else "skip"),
        )
    )
    jobs = tuple(cell.job for cell in plan.cells)
    report_guard(output, plan)
    if options.dry_run:
        possible, failures = preview_plan(BatchPlan(jobs), output)
        with open_screen(quiet=options.quiet) as screen:
            for job in possible:
                screen.say(str(job.output))
            for failure in failures:
                print_failure(screen, failure)
        return 3 if failures else 0
    with open_screen(quiet=options.quiet) as screen:
        engine = choose_engine(screen, "local", workers, None, len(jobs))
        summary = run_plan(screen, BatchPlan(jobs), engine, output)
        from stylecli.sweep.report import write_report

        write_report(output, plan, summary.outcomes)
        screen.say(
            f"Sweep: {summary.count('done')} made, {summary.count('kept')} used again, "
            f"{summary.count('failed')} failed; see {output / SHEET} and {output / PAGE}"
        )
    if options.json:
        print_json({**summary.to_dict(), **_layout(plan)})
    return summary.exit_code


def _layout(plan: SweepPlan) -> dict[str, list[str]]:
    return {"rows": list(plan.rows), "columns": list(plan.columns)}
