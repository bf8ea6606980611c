"""Checkpoint files of the stages: what is there already is not made again."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from stylecli.atomic import replace_file
from stylecli.errors import InputError

Stage = dict[str, Any]  # plain containers, numbers and tensors
Report = Callable[[str], None]


class StageFiles:
    """Files of the stages in a folder; each records a fingerprint of all that it depends on.

    `inputs` spells what every stage depends on. A stage's settings are added when it begins,
    so changing them calls for that stage and all after it to be made again.
    """

    def __init__(self, folder: Path, inputs: str, report: Report) -> None:
        self.folder = folder
        self.fingerprint = hashlib.sha256(inputs.encode()).hexdigest()
        self.report = report

    def begin(self, name: str, settings: object) -> Stage | None:
        """The finished stage of that name, or `None`; raises `InputError` as `read` does."""
        text = f"{self.fingerprint} {name} {settings}"
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()
        stage = self.read(name)
        if stage is not None:
            self.report(f"{name}: {self.path(name)} is used again")
        return stage

    def read(self, name: str) -> Stage | None:
        """A file's content on the CPU, or `None` where there is none.

        Raises `InputError` for a damaged file, or one that was made from something else.
        """
        path = self.path(name)
        if not path.exists():
            return None
        try:
            stage = torch.load(path, map_location="cpu", weights_only=True)
            fingerprint = stage.pop("fingerprint")
        except Exception as error:  # a torn or foreign file fails in many ways
            raise InputError(f"{path} is damaged: delete it, and it is made again.") from error
        if fingerprint != self.fingerprint:
            raise InputError(
                f"{path} was made with other settings or pictures: delete it and the files of "
                "later stages, or name another folder with --work."
            )
        return dict(stage)

    def write(self, name: str, stage: Stage) -> Stage:
        """Write a file, whole or not at all, and read it back; raises `OutputError`.

        Read back, so that later stages get the same in a resumed run as in an unbroken one.
        """
        buffer = io.BytesIO()
        torch.save({**stage, "fingerprint": self.fingerprint}, buffer)
        replace_file(self.path(name), buffer.getvalue())
        written = self.read(name)
        assert written is not None
        return written

    def path(self, name: str) -> Path:
        """Where a stage's file lies."""
        return self.folder / f"{name}.pt"
