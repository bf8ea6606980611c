"""A small coverage-guided fuzzer: what reaches a new line of the package is mutated further."""

import copy
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final, TypeVar

import stylecli

Input = TypeVar("Input")
PACKAGE: Final = f"{Path(stylecli.__file__).parent}{os.sep}"
WORDS: Final = (
    *("", " ", "-", "..", "/", "\\", "\0", "\n", "\x1b[31m", "\x7f", "\udcff", "\u202e"),
    *("0", "-0.0", "nan", "inf", "-inf", "1e300", "1e999", "1e-320", "9" * 400, "0x" + "f" * 5000),
    *("null", "true", "[]", "{}", "[[[[", '{"a":', ":", ",", ";", "=", "log4", "1:10:log3", "1:9"),
    *("{content}", "{style}", "{index}", "{", "}", "{}", "{0}", "{content!r}", "{content:>99}"),
    *("relu1_1", "fine", "random", "strength", "alpha", "gatys", "\ufeff", "a" * 300, "é", "ß"),
)
VALUES: Final[tuple[object, ...]] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 10**400, -(10**400), -0.0, 0.5, 1e300),
    *(float("nan"), float("inf"), float("-inf"), 5e-324, "", "a\0b", "a\nb", "\x1b[2J", "\ud800"),
    *("..", "/", "x" * 5000, [], {}, [[]], [None], {"": 0}, ["a", "b"], [1e300, "x"], "1e5", "0"),
)


@dataclass
class Report:
    """What a fuzzer did."""

    inputs: int
    lines: int
    corpus: int
    refused: int


def fuzz(
    attempt: Callable[[Input], bool],
    seeds: Iterable[Input],
    mutate: Callable[[random.Random, Sequence[Input]], Input],
    *,
    seconds: float,
    seed: int,
) -> Report:
    """Try mutated seeds for so long; `attempt` says whether an input was taken, or raises."""
    rng, corpus = random.Random(seed), list(seeds)
    seen: set[tuple[str, int]] = set()
    end = time.monotonic() + seconds
    report = Report(0, 0, 0, 0)
    waiting = list(corpus)  # the seeds themselves first
    while waiting or time.monotonic() < end:
        known = bool(waiting)
        given = waiting.pop() if known else mutate(rng, corpus)
        lines, taken = _traced(attempt, given)
        report.inputs += 1
        report.refused += not taken
        if not lines <= seen:
            seen |= lines
            if not known:
                corpus.append(given)
    report.lines, report.corpus = len(seen), len(corpus)
    return report


def _traced(attempt: Callable[[Any], bool], given: Any) -> tuple[set[tuple[str, int]], bool]:
    """The lines of the package that an input ran through, and what became of it."""
    lines: set[tuple[str, int]] = set()

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        return line if frame.f_code.co_filename.startswith(PACKAGE) else None

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        lines.add((frame.f_code.co_filename, frame.f_lineno))
        return line

    before = sys.gettrace()
    sys.settrace(call)
    try:
        taken = attempt(given)
    except Exception as error:
        sys.settrace(before)
        error.add_note(f"the input was {given!r}"[:3000])
        raise
    finally:
        sys.settrace(before)
    return lines, taken


def mutate_text(rng: random.Random, corpus: Sequence[str]) -> str:
    """One text with words put in, parts cut, doubled or taken from another."""
    text = rng.choice(corpus)
    for _ in range(rng.choice((1, 1, 2, 4))):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice((0, 1, 1, 3, 10, 60)))
        other = rng.choice(corpus)
        cut = rng.randrange(len(other) + 1)
        middle = rng.choice(
            (
                rng.choice(WORDS),
                chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x3000), 0x1F600))),
                other[cut : cut + rng.choice((1, 5, 40))],
                text[start:end] * 2,
                "",
            )
        )
        text = text[:start] + middle + text[end:]
    return text


def mutate_bytes(rng: random.Random, corpus: Sequence[bytes]) -> bytes:
    """Bytes changed, cut, doubled, or lengths made absurd."""
    data = bytearray(rng.choice(corpus))
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        place = rng.randrange(len(data) + 1)
        length = rng.choice((1, 2, 4, 8, 64))
        kind = rng.randrange(6)
        if kind == 0:
            data[place : place + length] = rng.randbytes(length)
        elif kind == 1:
            data[place : place + 4] = rng.choice((b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4)))
        elif kind == 2:
            del data[place : place + length]
        elif kind == 3:
            data[place:place] = data[place : place + length]
        elif kind == 4 and place < len(data):
            data[place] ^= 1 << rng.randrange(8)
        else:
            data = data[:place] if rng.random() < 0.2 else data
    return bytes(data)


def mutate_json(rng: random.Random, corpus: Sequence[str]) -> str:
    """JSON with values changed where they stand; now and then any text."""
    if rng.random() < 0.3:
        return mutate_text(rng, corpus)
    try:
        tree = json.loads(rng.choice(corpus))
    except (ValueError, RecursionError):
        return mutate_text(rng, corpus)
    for _ in range(rng.choice((1, 1, 2, 3))):
        tree = _changed(rng, tree)
    return json.dumps(tree)


def _changed(rng: random.Random, tree: Any) -> Any:
    """One value, anywhere in the tree, is another."""
    if not isinstance(tree, dict | list) or not tree or rng.random() < 0.15:
        return copy.deepcopy(rng.choice(VALUES))
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    key = rng.choice(keys)
    chance = rng.random()
    if chance < 0.1:
        del tree[key]
    elif chance < 0.15 and isinstance(tree, dict):
        tree[rng.choice(("", "a\nb", "\x1b[31m", "x" * 3000, str(key) + "s"))] = tree.pop(key)
    else:
        tree[key] = _changed(rng, tree[key])
    return tree
