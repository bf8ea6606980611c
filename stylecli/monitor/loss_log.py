"""The losses of a run, iteration by iteration: as a plot, as CSV or as JSON lines."""

import csv
import io
import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stylecli.errors import UsageError
from stylecli.messages import escaped
from stylecli.output_guard import OutputGuard
from stylecli.provenance.recipe import finite
from stylecli.transfer.results import Losses, Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES: Final = (".png", ".csv", ".jsonl")
_NAMES: Final = tuple(field.name for field in fields(Losses))
_CURVES: Final = ("total", "content", "style")
_DECADES: Final = 6  # of a plot at most: a loss that has all but vanished would flatten the others

Row = tuple[int, int, int, Losses]  # scale, width, height


class LossesLog:
    """Progress callback that keeps the losses; `close` writes them to each of `paths`."""

    def __init__(self, *paths: Path, guard: OutputGuard | None = None) -> None:
        for path in paths:
            if path.suffix.lower() not in SUFFIXES:
                raise UsageError(f"{escaped(path)}: losses are kept in {', '.join(SUFFIXES)}.")
            if path.suffix.lower() == ".png":
                _check_matplotlib(path)
        self.paths = paths
        self.guard = guard or OutputGuard(replace=True)
        self.rows: list[Row] = []

    def __call__(self, progress: Progress) -> None:
        """Keep one iteration."""
        self.rows.append((progress.scale, progress.width, progress.height, progress.losses))

    def close(self) -> None:
        """Write the files; raises `OutputError`."""
        writers: dict[str, Callable[[], bytes]] = {
            ".png": self._png,
            ".csv": self._csv,
            ".jsonl": self._jsonl,
        }
        for path in self.paths:
            data = writers[path.suffix.lower()]()
            self.guard.write_bytes(path, data)
            self.guard.claim(path)

    def state_dict(self) -> dict[str, Any]:
        """State for a later run that goes on with the losses."""
        rows = [[*place, *astuple(losses)] for *place, losses in self.rows]
        return {"rows": rows}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.rows = [
            (int(scale), int(width), int(height), Losses(*map(float, losses)))
            for scale, width, height, *losses in saved["rows"]
        ]

    def _png(self) -> bytes:
        file = io.BytesIO()
        draw_losses(self.rows).savefig(file, format="png", dpi=100, metadata={"Software": None})
        return file.getvalue()

    def _csv(self) -> bytes:
        file = io.StringIO(newline="")
        writer = csv.writer(file)
        writer.writerow(["iteration", "scale", "width", "height", *_NAMES])
        for number, (scale, width, height, losses) in enumerate(self.rows, 1):
            writer.writerow([number, scale, width, height, *astuple(losses)])
        return file.getvalue().encode()

    def _jsonl(self) -> bytes:
        lines = []
        for number, (scale, width, height, losses) in enumerate(self.rows, 1):
            values = {name: finite(value) for name, value in asdict(losses).items()}
            row = {"iteration": number, "scale": scale, "width": width, "height": height, **values}
            lines.append(json.dumps(row, allow_nan=False) + "\n")
        return "".join(lines).encode()


def draw_losses(rows: Sequence[Row]) -> "Figure":
    """Losses over iterations on a logarithmic scale; a dotted line where a new scale begins.

    Values without a logarithm (0, infinite, not a number) are left out.
    """
    from matplotlib.figure import Figure  # not pyplot, which keeps state for the whole process

    figure = Figure(figsize=(9.6, 5.4), layout="constrained")
    axes = figure.add_subplot(title="Losses", xlabel="iteration", ylabel="loss", yscale="log")
    drawn = []
    for name in _CURVES:
        values = [getattr(losses, name) for *_, losses in rows]
        points = [(i, v) for i, v in enumerate(values, 1) if math.isfinite(v) and v > 0]
        axes.plot([i for i, _ in points], [v for _, v in points], label=name)
        drawn += [v for _, v in points]
    if drawn and min(drawn) < max(drawn) / 10**_DECADES:
        axes.set_ylim(bottom=max(drawn) / 10**_DECADES)
    scales = [scale for scale, *_ in rows]
    for before, (last, scale) in enumerate(zip(scales, scales[1:], strict=False), 1):
        if scale != last:
            axes.axvline(before + 1, color="gray", linestyle="dotted")
    axes.legend()
    return figure


def _check_matplotlib(path: Path) -> None:
    """Import matplotlib now: a run of an hour is not to end with its plot missing."""
    # Its notes on caches of fonts are of no use to a person who wants a picture.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f'{escaped(path)}: a plot needs matplotlib (pip install "matplotlib>=3.8,<4"); '
            "losses as .csv or .jsonl need nothing."
        ) from error
