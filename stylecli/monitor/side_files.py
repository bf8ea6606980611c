"""Side files: what a run writes beside its picture, as options. No torch."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

ANIMATED: Final = (".webp", ".gif")


@dataclass(frozen=True, kw_only=True)
class SideFiles:
    """Side files of a run, those that were asked for.

    `frames` is a folder or an animation, which takes every `every`-th picture.
    """

    every: int = 1
    frames: Path | None = None
    preview: Path | None = None
    plot: tuple[Path, ...] = ()
    recipe: Path | None = None

    @property
    def folder(self) -> Path | None:
        """The folder of the frames, where they are no animation."""
        return None if self.frames is None or is_animation(self.frames) else self.frames

    @property
    def paths(self) -> tuple[Path, ...]:
        """All but the folder."""
        animation = None if self.frames == self.folder else self.frames
        single = (animation, self.preview, self.recipe)
        return (*(path for path in single if path is not None), *self.plot)

    def to_dict(self, folder: Path) -> dict[str, Any]:
        """Plain values, with paths relative to a folder."""
        return {
            "every": self.every,
            **{name: _relative(getattr(self, name), folder) for name in _SINGLE},
            "plot": [_relative(path, folder) for path in self.plot],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], folder: Path) -> tuple[Self, tuple[str, ...]]:
        """The side files as they lie in a folder now, and the names of those that lie elsewhere.

        A checkpoint may come from anybody, so it names no file outside its own folder. Raises
        `ValueError` or `TypeError` for values that make no sense.
        """
        elsewhere: list[str] = []

        def find(text: Any) -> Path | None:
            if text is None:
                return None
            if not isinstance(text, str) or "\0" in text:
                raise ValueError("its side files make no sense")
            if os.path.isabs(text) or ".." in Path(text).parts:
                elsewhere.append(text)
                return None
            return folder / text

        every = values["every"]
        if not isinstance(every, int) or every < 1:
            raise ValueError("its side files make no sense")
        single = {name: find(values[name]) for name in _SINGLE}
        plot = tuple(path for text in values["plot"] if (path := find(text)) is not None)
        return cls(every=every, plot=plot, **single), tuple(elsewhere)


def is_animation(path: Path) -> bool:
    """Whether frames go into one file of this name."""
    return path.suffix.lower() in ANIMATED


_SINGLE: Final = ("frames", "preview", "recipe")


def _relative(path: Path | None, folder: Path) -> str | None:
    """A path from a folder where it is in it, else absolute."""
    if path is None:
        return None
    absolute = Path(os.path.abspath(path))
    base = Path(os.path.abspath(folder))
    return str(absolute.relative_to(base) if absolute.is_relative_to(base) else absolute)
