"""From a name or a path to a frozen encoder."""

import os
from dataclasses import replace
from pathlib import Path

import torch

from stylecli.encoder.architecture import Plan
from stylecli.encoder.cache import fetch, missing, source_path
from stylecli.encoder.callbacks import DownloadCallback, MessageCallback
from stylecli.encoder.checksum import check_file, sha256_of
from stylecli.encoder.quantized import read_quantized
from stylecli.encoder.registry import (
    SUFFIXES,
    EncoderSpec,
    default_layers,
    get_spec,
    is_path,
    spec_of_hash,
)
from stylecli.encoder.vgg import Encoder
from stylecli.encoder.weights_file import read_weights
from stylecli.errors import WeightsError
from stylecli.messages import ignore
from stylecli.settings import Padding, Pooling

Weights = dict[str, torch.Tensor]


def load_encoder(
    name_or_path: str = "compact",
    *,
    pooling: Pooling = "max",
    padding: Padding = "replicate",
    download: bool = True,
    max_bytes: int | None = None,
    on_download: DownloadCallback | None = None,
    on_message: MessageCallback | None = None,
) -> Encoder:
    """A frozen float32 encoder on the CPU, from a name or a `.safetensors` or `.pth` file.

    Its `sha256` is that of the file. Published weights that are not here are downloaded unless
    `download` is false; `on_message` gets a sentence before that, and `on_download` the bytes
    done and in all. `max_bytes` is the memory they may take, by default what is free. Raises
    `WeightsError` for missing, damaged or foreign weights, `MemoryLimitError`, and `UsageError`
    for an unknown name.
    """
    if is_path(name_or_path):
        spec, weights = _from_file(Path(os.path.expanduser(name_or_path)), max_bytes)
    else:
        spec = get_spec(name_or_path)
        if spec.package is not None and not os.path.exists(source_path(spec)):
            raise missing(spec)
        if spec.url is not None:
            say = on_message or ignore
            _ensure_here(spec, download=download, on_download=on_download, say=say)
            say(f"Checking {source_path(spec)}")
        weights = _from_published(spec, max_bytes)
    return Encoder(spec, weights, sha256=spec.sha256, pooling=pooling, padding=padding)


def _from_file(path: Path, max_bytes: int | None) -> tuple[EncoderSpec, Weights]:
    if path.suffix.lower() not in SUFFIXES:
        raise WeightsError(f"encoder weights must be a {' or '.join(SUFFIXES)} file, not {path}.")
    sha256 = sha256_of(path)
    plan, weights = read_weights(path, max_bytes)
    size = path.stat().st_size
    spec = spec_of_hash(sha256) or EncoderSpec(
        str(path), plan, *default_layers(plan), path.name, size, sha256
    )
    # A copy of a known file is the known encoder in all that was calibrated for it.
    return replace(spec, name=str(path), file_name=path.name, url=None, package=None), weights


def _from_published(spec: EncoderSpec, max_bytes: int | None) -> Weights:
    path = source_path(spec)
    check_file(path, spec)
    if spec.package is not None:
        return read_quantized(path, spec.plan)
    return _matching(spec, path, *read_weights(path, max_bytes))


def _matching(spec: EncoderSpec, path: Path, plan: Plan, weights: Weights) -> Weights:
    if plan != spec.plan:
        raise WeightsError(f"{path} holds another network than {spec.name}: delete it.")
    return weights


def _ensure_here(
    spec: EncoderSpec, *, download: bool, on_download: DownloadCallback | None, say: MessageCallback
) -> None:
    if os.path.exists(source_path(spec)):
        return
    if not download:
        raise missing(spec)
    fetch(spec, on_download=on_download, on_message=say)
