"""Documents made longer at random: time and memory stay in proportion to their length."""

import random
import time
import tracemalloc
from pathlib import Path

import pytest

from stylecli.errors import StylecliError

from ..test_documents import ALWAYS, DOCUMENTS, LARGEST
from .fuzzing import mutate_text
from .scale import SECONDS, SEED

SHARE = SECONDS / 60
SLOWEST = 2.0  # seconds of this process for one document
LONGEST = 200_000  # characters


@pytest.mark.parametrize("name", DOCUMENTS)
def test_time_and_memory(name: str, tmp_path: Path) -> None:
    parse, text = DOCUMENTS[name]
    rng, corpus = random.Random(SEED), [text[:LONGEST]]
    end = time.monotonic() + SHARE
    while time.monotonic() < end:
        mutated = mutate_text(rng, corpus)
        cut = sorted(rng.randrange(len(mutated) + 1) for _ in range(2))
        mutated = (mutated + mutated[cut[0] : cut[1]] * rng.choice((0, 1, 1, 3)))[:LONGEST]
        began = time.process_time()
        tracemalloc.start()
        try:
            parse(mutated, tmp_path)
        except (StylecliError, ValueError):  # the tests' own unpacking
            pass
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert time.process_time() - began < SLOWEST, mutated[:200]
        assert peak < ALWAYS + LARGEST * len(mutated), mutated[:200]
        corpus = [*corpus[-20:], mutated]
