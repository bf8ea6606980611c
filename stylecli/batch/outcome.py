"""Outcome of one job of a batch; plain values, so that it can cross between processes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from stylecli.errors import MemoryLimitError, StylecliError, is_out_of_memory
from stylecli.job import Job

Status = Literal["done", "kept", "failed"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One line of a manifest.

    `kept` is a picture that was complete already, with the same recipe. `code` is the exit code
    that a single run would have ended with. `distances` are those of the picture to its content
    and its style, as `stylize compare` measures them; one that is not finite is left out.
    """

    content: str | None
    styles: tuple[str, ...]
    output: str | None
    status: Status
    code: int = 0
    error: str | None = None
    seconds: float | None = None
    recipe: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    distances: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        finite = {name: value for name, value in self.distances.items() if math.isfinite(value)}
        object.__setattr__(self, "distances", finite)  # JSON has no word for the others

    @classmethod
    def of(cls, job: Job, status: Status, **details: Any) -> Self:
        """The outcome of a job, with further fields by name."""
        styles = tuple(map(str, job.styles))
        return cls(
            content=str(job.content),
            styles=styles,
            output=str(job.output),
            status=status,
            **details,
        )

    @classmethod
    def failed(
        cls,
        content: Path | None,
        styles: Sequence[Path],
        output: Path | None,
        error: Exception,
    ) -> Self:
        """A job that raised `error`; an error of another class is reported as a bug."""
        if is_out_of_memory(error) and not isinstance(error, MemoryLimitError):
            error = MemoryLimitError("there is not enough memory: try a smaller --size.")
        expected = isinstance(error, StylecliError)
        text = " ".join(str(error).split()) or type(error).__name__
        return cls(
            content=None if content is None else str(content),
            styles=tuple(map(str, styles)),
            output=None if output is None else str(output),
            status="failed",
            code=error.exit_code if isinstance(error, StylecliError) else 1,
            error=text if expected else f"unexpected failure ({type(error).__name__}: {text})",
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; what is not known is left out."""
        values = {
            "status": self.status,
            "content": self.content,
            "styles": list(self.styles),
            "output": self.output,
            "code": self.code or None,
            "error": self.error,
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "notes": list(self.notes) or None,
            "distances": dict(self.distances) or None,
            "recipe": self.recipe,
        }
        return {name: value for name, value in values.items() if value is not None}
