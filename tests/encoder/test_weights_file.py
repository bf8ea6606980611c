import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from stylecli.encoder.architecture import VGG16_BLOCKS, VGG19_BLOCKS, vgg_plan
from stylecli.encoder.weights_file import read_weights
from stylecli.errors import WeightsError

from .conftest import random_weights

State = dict[str, torch.Tensor]


@pytest.mark.parametrize("form", ["zip.pth", "legacy.pth", "x.safetensors"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_forms_and_types(tmp_path: Path, state: State, form: str, dtype: torch.dtype) -> None:
    state = {key: value.to(dtype) for key, value in state.items()}
    path = tmp_path / form
    if form.endswith("safetensors"):
        save_file(state, path)
    else:
        torch.save(OrderedDict(state), path, _use_new_zipfile_serialization=form == "zip.pth")
    plan, weights = read_weights(path)
    assert plan == vgg_plan(VGG19_BLOCKS, width=2)
    assert len(weights) == 32
    assert all(tensor.dtype == torch.float32 for tensor in weights.values())
    torch.testing.assert_close(weights["28.bias"], state["features.28.bias"].float())


@pytest.mark.parametrize("blocks", [VGG16_BLOCKS, VGG19_BLOCKS])
@pytest.mark.parametrize("stop_after", [1, 9, 13])
@pytest.mark.parametrize("prefix", ["", "features."])
def test_plan_is_inferred(
    tmp_path: Path, blocks: tuple[int, ...], stop_after: int, prefix: str
) -> None:
    plan = vgg_plan(blocks, width=3, stop_after=stop_after)
    save_file(random_weights(plan, prefix=prefix), tmp_path / "w.safetensors")
    found, _ = read_weights(tmp_path / "w.safetensors")
    assert (found.layer_names, found.channels) == (plan.layer_names, plan.channels)


def _refuse(path: Path, match: str) -> None:
    with pytest.raises(WeightsError, match=match) as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


class Exploit:
    """Unpickled, it would create a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return (Path.touch, (self.target,))


@pytest.mark.parametrize("form", ["plain", "zip", "legacy"])
def test_pickle_that_would_run_code_is_refused(tmp_path: Path, form: str, state: State) -> None:
    target, path = tmp_path / "planted", tmp_path / "evil.pth"
    content = {**state, "features.99.weight": Exploit(target)}
    if form == "plain":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    _refuse(path, "more than plain tensors")
    assert not target.exists()
    if form == "zip":
        torch.load(path, weights_only=False)
        assert target.exists()  # the trap does work


@pytest.mark.parametrize("form", ["zip.pth", "legacy.pth", "x.safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated(tmp_path: Path, state: State, form: str, share: float) -> None:
    path = tmp_path / form
    if form.endswith("safetensors"):
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form == "zip.pth")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    _refuse(path, "truncated|not a complete safetensors file")


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_text_in_place_of_weights(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("<html>sign in to the network</html>" * 9)
    _refuse(path, "truncated|not a complete safetensors file")


def test_zip_that_is_no_weights(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    _refuse(tmp_path / "a.pth", "truncated")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite(tmp_path: Path, state: State, bad: float) -> None:
    state["features.10.weight"][0, 0, 1, 1] = bad
    save_file(state, tmp_path / "a.safetensors")
    _refuse(tmp_path / "a.safetensors", r"NaN or infinite values in 10\.weight")


def test_float64_past_the_range_of_float32(tmp_path: Path, state: State) -> None:
    state = {key: value.double() for key, value in state.items()}
    state["features.0.bias"][0] = 1e300
    save_file(state, tmp_path / "a.safetensors")
    _refuse(tmp_path / "a.safetensors", "NaN or infinite")


def _change(state: State, change: str) -> Any:
    broken: dict[Any, Any] = dict(state)
    match change:
        case "another network":
            return {"layer1.0.conv1.weight": torch.ones(4, 3, 3, 3)}
        case "batch norm":
            return {**broken, "features.1.running_mean": torch.ones(2)}
        case "number as key":
            return {**broken, 7: torch.ones(1)}
        case "no layers":
            return {"classifier.0.weight": torch.ones(1)}
        case "list":
            return [torch.ones(3)]
        case "missing bias":
            del broken["features.5.bias"]
        case "missing layer":
            del broken["features.5.bias"], broken["features.5.weight"]
        case "transposed":
            broken["features.5.weight"] = broken["features.5.weight"].transpose(0, 1).contiguous()
        case "5x5":
            broken["features.0.weight"] = torch.ones(2, 3, 5, 5)
        case "gray input":
            broken["features.0.weight"] = torch.ones(2, 1, 3, 3)
        case "whole numbers":
            broken["features.0.bias"] = torch.ones(2, dtype=torch.int64)
        case "text":
            broken["features.0.weight"] = "weights"
        case "sparse":
            broken["features.0.weight"] = torch.ones(2, 3, 3, 3).to_sparse()
        case "forged size":
            broken["features.0.weight"] = torch.ones(1, 3, 3, 3).expand(4096, 3, 3, 3)
        case "empty":
            broken["features.0.weight"] = torch.ones(0, 3, 3, 3)
    return broken


@pytest.mark.parametrize(
    "change",
    """another network, batch norm, number as key, no layers, missing bias, missing layer,
    transposed, 5x5, gray input, whole numbers, text, empty""".replace("\n    ", " ").split(", "),
)
def test_other_networks_and_wrong_shapes(tmp_path: Path, state: State, change: str) -> None:
    torch.save(_change(state, change), tmp_path / "a.pth")
    _refuse(tmp_path / "a.pth", "VGG-19 or VGG-16 with torchvision's keys")


@pytest.mark.parametrize("change", ["list", "sparse", "forged size"])
def test_more_than_plain_tensors(tmp_path: Path, state: State, change: str) -> None:
    torch.save(_change(state, change), tmp_path / "a.pth")
    _refuse(tmp_path / "a.pth", "more than plain tensors")


def test_message_names_the_layer_and_both_shapes(tmp_path: Path, state: State) -> None:
    torch.save(_change(state, "gray input"), tmp_path / "a.pth")
    _refuse(tmp_path / "a.pth", r"weight of conv1_1 should be \(2, 3, 3, 3\), is \(2, 1, 3, 3\)")


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.pth").write_bytes(b"x")
    monkeypatch.setattr(Path, "open", fail)
    _refuse(tmp_path / "a.pth", "permission denied")


def test_result_does_not_depend_on_the_file_any_more(tmp_path: Path, state: State) -> None:
    path = tmp_path / "a.safetensors"
    save_file(state, path)
    _, weights = read_weights(path)
    path.write_bytes(b"")
    buffer = io.BytesIO()
    torch.save(weights, buffer)  # touches every byte
    torch.testing.assert_close(weights["0.weight"], state["features.0.weight"])
