"""A child process that is told how many iterations to make, and answers with their seconds."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


class TimedChild:
    """A script run as a child: it greets with a line, and answers each count with a line.

    `greeting` is its first line. `variables` are added to its environment.
    """

    def __init__(
        self, script: Path, words: list[object], variables: Mapping[str, str] | None = None
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(script), *map(str, words)],
            env={**os.environ, **(variables or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.asked, self.answers = self.process.stdin, self.process.stdout
        self.greeting = self.answers.readline().strip()

    def seconds(self, iterations: int) -> float:
        """Seconds an iteration."""
        self.asked.write(f"{iterations}\n")
        self.asked.flush()
        return float(self.answers.readline()) / iterations

    def end(self) -> None:
        """Let the process finish and go."""
        self.asked.close()
        if self.process.wait():
            raise SystemExit(f"a child ended with status {self.process.returncode}")
