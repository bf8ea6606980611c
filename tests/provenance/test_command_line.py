"""A job as the command line that makes it."""

import shlex
from pathlib import Path

from stylecli.images.formats import OutputOptions
from stylecli.job import Job
from stylecli.provenance.command_line import command_of
from stylecli.settings import Compute, Settings


def test_a_job_as_a_command_line() -> None:
    job = Job(
        content=Path("-a b.png"),
        styles=(Path("c.png"), Path("d.png")),
        output=Path("out.png"),
        settings=Settings(strength=0.1 + 0.2, style_layers=(("fine", 1.0),), style_weights=(3, 1)),
        compute=Compute(precision="fp32"),
        output_options=OutputOptions(quality=80, bits=16, keep_alpha=False),
        mask=Path("m.png"),
    )
    assert shlex.split(command_of(job)) == [
        "stylize", "./-a b.png", "c.png", "d.png", "-o", "out.png",
        "--strength", "0.30000000000000004", "--style-layers", "fine:1", "--style-weights", "3,1",
        "--precision", "fp32", "--mask", "m.png",
        "--jpeg-quality", "80", "--bits", "16", "--no-keep-alpha",
    ]  # fmt: skip
