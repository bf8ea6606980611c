"""Command line of the training: `python -m training --photos DIR --paintings DIR --out FILE`."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from stylecli.encoder.loading import load_encoder
from stylecli.errors import StylecliError, UsageError
from stylecli.output_guard import OutputGuard
from training.export import ExportedFile
from training.pictures import read_pictures
from training.pipeline import Pipeline
from training.settings import TrainingSettings

DEFAULTS = TrainingSettings()


def main(arguments: list[str] | None = None) -> int:
    """Train an encoder; gives the exit code, after one sentence where something is wrong."""
    options = make_parser().parse_args(arguments)
    try:
        exported = train_encoder(options)
    except StylecliError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(describe_file(exported))
    return 0


def train_encoder(options: argparse.Namespace) -> ExportedFile:
    """All stages with the command line's options; raises `StylecliError`."""
    if options.out.suffix != ".safetensors":
        raise UsageError(f"--out must be a .safetensors file, not {options.out}.")
    guard = OutputGuard(replace=options.force)
    guard.check(options.out)
    if options.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch sees no CUDA device here; use cpu.")
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.backends.cudnn.deterministic = True
    pipeline = Pipeline(
        load_encoder(options.teacher),
        read_pictures(options.photos, options.paintings),
        make_settings(options),
        work=options.work or options.out.with_suffix(".stages"),
        device=options.device,
        report=lambda line: print(line, flush=True),
    )
    return pipeline.run(options.out, guard)


def make_parser() -> argparse.ArgumentParser:
    """Options; their defaults are those of the bundled encoder."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Train a narrow VGG-19 for style transfer by distillation of the original.",
        epilog="Stages that are finished are not made again; see training/README.md.",
    )
    add = parser.add_argument
    add("--photos", type=Path, required=True, metavar="DIR", help="folder of photos")
    add("--paintings", type=Path, required=True, metavar="DIR", help="folder of paintings")
    add("--out", type=Path, required=True, metavar="FILE", help="the .safetensors file to write")
    add("--work", type=Path, metavar="DIR", help="folder of the stages' files (OUT.stages)")
    add("--teacher", default="vgg19", metavar="NAME", help="encoder to learn from (vgg19)")
    add("--seed", type=int, default=DEFAULTS.seed, metavar="N", help="random seed (%(default)s)")
    steps, deep_steps = DEFAULTS.distillation.steps, DEFAULTS.deepening.optimizer.steps
    add("--steps", type=int, default=steps, metavar="N", help="of distillation (%(default)s)")
    add("--deepening-steps", type=int, default=deep_steps, metavar="N", help="(%(default)s)")
    runs = DEFAULTS.on_policy.runs
    help_runs = "stylization runs in each of two rounds of on-policy pictures (%(default)s)"
    add("--runs", type=int, default=runs, metavar="N", help=help_runs)
    help_precision = "of products; bf16 is slow on processors without it (%(default)s)"
    choices = ("bf16", "fp32")
    add("--precision", choices=choices, default=DEFAULTS.precision, help=help_precision)
    add("--device", choices=("cpu", "cuda"), default="cpu", help="(%(default)s)")
    add("--threads", type=int, metavar="N", help="of the CPU (torch's own choice)")
    add("--force", action="store_true", help="write over an existing FILE")
    return parser


def make_settings(options: argparse.Namespace) -> TrainingSettings:
    """Default settings with the command line's changes."""
    deepening = DEFAULTS.deepening
    return replace(
        DEFAULTS,
        seed=options.seed,
        precision=options.precision,
        distillation=replace(DEFAULTS.distillation, steps=options.steps),
        on_policy=replace(DEFAULTS.on_policy, runs=options.runs),
        deepening=replace(
            deepening, optimizer=replace(deepening.optimizer, steps=options.deepening_steps)
        ),
    )


def describe_file(exported: ExportedFile) -> str:
    """Everything that a registry entry needs."""
    return "\n".join(
        (
            f"file:   {exported.path}",
            f"size:   {exported.size} bytes",
            f"SHA-256 {exported.sha256}",
            f"widths: {exported.widths}",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
