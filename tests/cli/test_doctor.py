"""`stylize doctor`: what a bug report needs."""

import json
from typing import Any

import pytest
import torch

from stylecli._version import __version__
from stylecli.cli.app import main


def test_as_json(capsys: Any) -> None:
    assert main(["doctor", "--json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert said.err == ""
    assert found["versions"]["stylecli"] == __version__
    assert found["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert found["device"]["auto"].partition(":")[0] in ("cpu", "cuda", "mps")
    assert found["device"]["precision"] in ("fp32", "bf16")
    assert len(found["device"]["gpus"]) == torch.cuda.device_count()
    assert found["encoders"]["compact"].endswith("intact")
    assert found["encoders"]["torchvision-vgg19"].startswith("not downloaded")
    assert found["encoders"]["vgg19"].startswith("installed")
    assert "Simonyan" in found["encoders"]["vgg19"] and "CC BY" in found["encoders"]["vgg19"]
    assert found["machine"]["cores"] >= 1


def test_memory_is_what_a_plan_obeys(monkeypatch: pytest.MonkeyPatch) -> None:
    from stylecli import system
    from stylecli.cli import doctor
    from stylecli.transfer import memory_plan

    monkeypatch.setattr(memory_plan, "free_memory", lambda: 10 * 2**30)
    monkeypatch.setattr(memory_plan, "free_addresses", lambda: system.UNLIMITED)
    monkeypatch.setattr(doctor, "free_memory", lambda: 10 * 2**30)
    monkeypatch.setattr(doctor, "total_memory", lambda: 12 * 2**30)
    monkeypatch.setattr(doctor, "usable_cores", lambda: 3)
    machine = doctor.machine()
    assert machine["memory"] == "10.0 GiB free of 12.0 GiB"
    assert machine["a run may take"] == "8.0 GiB"
    assert machine["cores"] == 3


def test_as_text(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLECLI_SIZE", "77")
    assert main(["doctor"]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    headings = [line for line in lines if not line.startswith(" ")]
    assert headings == ["versions", "machine", "device", "encoders", "environment"]
    assert "  STYLECLI_SIZE: 77" in lines
    assert said.err == "Loading PyTorch\n"


def test_damaged_weights_are_told(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from stylecli.cli import doctor
    from stylecli.errors import WeightsError

    def verify(_: str) -> None:
        raise WeightsError("the file is damaged.")

    monkeypatch.setattr(doctor, "verify", verify)
    assert main(["doctor", "-q"]) == 0
    assert "  compact: the file is damaged." in capsys.readouterr().out.splitlines()
