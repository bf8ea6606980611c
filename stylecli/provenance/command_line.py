"""Command line of a job. No torch."""

from dataclasses import fields
from pathlib import Path

from stylecli.images.formats import OutputOptions
from stylecli.job import Job, files_named_by
from stylecli.quoting import file_name, pasted_command
from stylecli.settings import Compute, Settings
from stylecli.settings.parsing import text_of


def command_of(job: Job) -> str | None:
    """The shell command that makes a job's picture, with every option not at its default.

    It is shown to others: of an absolute path it names the file alone. `None` where a name
    cannot safely be pasted.
    """
    pictures = map(file_name, (job.content, *job.styles))
    words: list[str | Path] = ["stylize", *pictures, "-o", file_name(job.output)]
    files = files_named_by(job.settings)
    for values, defaults in ((job.settings, Settings()), (job.compute, Compute())):
        for field in fields(values):
            value = getattr(values, field.name)
            if value != getattr(defaults, field.name):
                named = field.name in files
                words.append(f"--{field.name.replace('_', '-')}")
                words.append(file_name(Path(value)) if named else text_of(value))
    if job.mask is not None:
        words += ["--mask", file_name(job.mask)]
    for mask in job.style_masks:
        words += ["--style-mask", file_name(mask)]
    words += ["--accept-damaged"] if job.accept_damaged else []
    return pasted_command([*words, *_output_words(job.output_options)])


def _output_words(options: OutputOptions) -> list[str]:
    plain = OutputOptions()
    words = [] if options.quality == plain.quality else ["--jpeg-quality", str(options.quality)]
    words += [] if options.bits == plain.bits else ["--bits", str(options.bits)]
    return words if options.keep_alpha else [*words, "--no-keep-alpha"]
