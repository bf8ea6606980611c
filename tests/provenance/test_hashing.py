"""Hashes of files, each read once."""

from pathlib import Path

import pytest

from stylecli.encoder.checksum import sha256_of
from stylecli.encoder.registry import get_spec
from stylecli.errors import InputError
from stylecli.images import input_bytes
from stylecli.provenance import hashing
from stylecli.provenance.hashing import Digests

from .conftest import counted


def test_each_file_is_hashed_once(content_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = counted(monkeypatch, hashing, "digest_of")
    digests = Digests()
    first = digests.of(content_path)
    assert digests.of(content_path) == first == input_bytes.digest_of(content_path)
    assert len(read) == 1
    content_path.write_bytes(content_path.read_bytes() + b"more")
    assert digests.of(content_path) != first
    assert len(read) == 2


@pytest.mark.parametrize("name", ["none.png", "", "x" * 300, "a\0b", "half\ud800.png"])
def test_files_that_cannot_be_hashed(name: str) -> None:
    with pytest.raises(InputError, match="cannot read"):
        Digests().of(Path(name))


def test_an_encoder_in_a_file_is_hashed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = counted(monkeypatch, hashing, "sha256_of")
    weights = tmp_path / "net.safetensors"
    weights.write_bytes(b"weights")
    digests = Digests()
    first = digests.of_encoder(str(weights))
    assert digests.of_encoder(str(weights)) == first == sha256_of(weights)
    assert read == [weights]
    assert digests.of_encoder("compact") == get_spec("compact").sha256
