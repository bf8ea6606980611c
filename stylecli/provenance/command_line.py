"""Command line of a job. No torch."""

from dataclasses import fields
from pathlib import Path

from stylecli.images.formats import OutputOptions
from stylecli.job import Job
from stylecli.settings import Compute, Settings
from stylecli.settings.parsing import text_of
from stylecli.system import shell_line


def command_of(job: Job) -> str:
    """The shell command that makes a job's picture, with every option not at its default."""
    words = ["stylize", _named(job.content), *map(_named, job.styles), "-o", _named(job.output)]
    for values, defaults in ((job.settings, Settings()), (job.compute, Compute())):
        for field in fields(values):
            value = getattr(values, field.name)
            if value != getattr(defaults, field.name):
                words += [f"--{field.name.replace('_', '-')}", text_of(value)]
    if job.mask is not None:
        words += ["--mask", _named(job.mask)]
    for mask in job.style_masks:
        words += ["--style-mask", _named(mask)]
    words += ["--accept-damaged"] if job.accept_damaged else []
    return shell_line([*words, *_output_words(job.output_options)])


def _output_words(options: OutputOptions) -> list[str]:
    plain = OutputOptions()
    words = [] if options.quality == plain.quality else ["--jpeg-quality", str(options.quality)]
    words += [] if options.bits == plain.bits else ["--bits", str(options.bits)]
    return words if options.keep_alpha else [*words, "--no-keep-alpha"]


def _named(path: Path) -> str:
    """A path that is not taken for an option or a stream."""
    text = str(path)
    return f"./{text}" if text.startswith("-") else text
