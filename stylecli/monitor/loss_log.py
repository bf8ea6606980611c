"""The losses of a run, iteration by iteration: as a plot, as CSV or as JSON lines."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict, astuple, fields
from pathlib import Path
from typing import Final

from stylecli.atomic import replace_file
from stylecli.errors import UsageError
from stylecli.messages import escaped
from stylecli.monitor.plot import Curve, draw_curves
from stylecli.provenance.recipe import finite
from stylecli.transfer.results import Losses, Progress

SUFFIXES: Final = (".png", ".csv", ".jsonl")
_NAMES: Final = tuple(field.name for field in fields(Losses))


class LossesLog:
    """Progress callback that keeps the losses; `close` writes them to each of `paths`."""

    def __init__(self, *paths: Path) -> None:
        for path in paths:
            if path.suffix.lower() not in SUFFIXES:
                raise UsageError(f"{escaped(path)}: losses are kept in {', '.join(SUFFIXES)}.")
        self.paths = paths
        self.rows: list[tuple[int, int, int, Losses]] = []  # scale, width, height

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
            replace_file(path, data)

    def _png(self) -> bytes:
        curves = [
            Curve(name, [getattr(losses, name) for *_, losses in self.rows])
            for name in ("total", "content", "style")
        ]
        scales = [scale for scale, *_ in self.rows]
        breaks = [i + 1 for i in range(1, len(scales)) if scales[i] != scales[i - 1]]
        file = io.BytesIO()
        draw_curves(curves, breaks, "Losses").save(file, "PNG")
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
