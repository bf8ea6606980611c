"""What became of a job, as plain values."""

from stylecli.batch.outcome import Outcome
from stylecli.errors import InputError, MemoryLimitError

from .conftest import failed, outcome


def test_plain_values() -> None:
    assert outcome().to_dict() == {
        "status": "done",
        "content": "c.png",
        "styles": ["s.png"],
        "output": "a.png",
        "recipe": {"seed": 1},
    }
    assert failed(InputError("cannot\nread it.")).to_dict() == {
        "status": "failed",
        "content": "c.png",
        "styles": ["s.png"],
        "output": "o.png",
        "code": 4,
        "error": "cannot read it.",
    }
    assert Outcome.failed(None, (), None, MemoryLimitError("no.")).to_dict() == {
        "status": "failed",
        "styles": [],
        "code": 7,
        "error": "no.",
    }


def test_what_is_no_error_of_ours_is_told_as_a_bug() -> None:
    assert failed(ValueError("two\nlines")).error == "unexpected failure (ValueError: two lines)"
    assert failed(KeyError()).error == "unexpected failure (KeyError: KeyError)"
    assert failed(RuntimeError()).code == 1
