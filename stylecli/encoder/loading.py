"""From a name or a path to a frozen encoder."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save

from stylecli.atomic import write_atomically
from stylecli.encoder.architecture import Plan
from stylecli.encoder.cache import (
    extract_path,
    fetch,
    find_extracts,
    is_intact,
    missing,
    source_path,
)
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
from stylecli.errors import OutputError, WeightsError
from stylecli.settings import Padding, Pooling

Weights = dict[str, torch.Tensor]


def load_encoder(
    name_or_path: str = "compact",
    *,
    pooling: Pooling = "max",
    padding: Padding = "replicate",
    download: bool = True,
    on_download: DownloadCallback | None = None,
    on_message: MessageCallback | None = None,
) -> Encoder:
    """A frozen float32 encoder on the CPU, from a name or a `.safetensors` or `.pth` file.

    Its `sha256` is that of the file. Published weights that are not here are downloaded unless
    `download` is false; `on_message` gets a sentence before that, and `on_download` the bytes
    done and in all. Raises `WeightsError` for missing, damaged or foreign
    weights and `UsageError` for an unknown name.
    """
    if is_path(name_or_path):
        spec, weights = _from_file(Path(os.path.expanduser(name_or_path)))
    else:
        spec = get_spec(name_or_path)
        if spec.package is not None and not os.path.exists(source_path(spec)):
            raise missing(spec)
        if spec.url is None:
            weights = _from_published(spec)
        else:
            say = on_message or _silent
            weights = _from_extract(spec, say)
            if not weights:
                _ensure_here(spec, download=download, on_download=on_download, say=say)
                say(f"Reading {source_path(spec)} for the first time")
                weights = _from_published(spec)
                _keep(spec, weights, say)
    return Encoder(spec, weights, sha256=spec.sha256, pooling=pooling, padding=padding)


def _from_file(path: Path) -> tuple[EncoderSpec, Weights]:
    if path.suffix.lower() not in SUFFIXES:
        raise WeightsError(f"encoder weights must be a {' or '.join(SUFFIXES)} file, not {path}.")
    sha256 = sha256_of(path)
    plan, weights = read_weights(path)
    size = path.stat().st_size
    spec = spec_of_hash(sha256) or EncoderSpec(
        str(path), plan, *default_layers(plan), path.name, size, sha256
    )
    # A copy of a known file is the known encoder in all that was calibrated for it.
    return replace(spec, name=str(path), file_name=path.name, url=None, package=None), weights


def _from_published(spec: EncoderSpec) -> Weights:
    path = source_path(spec)
    check_file(path, spec)
    if spec.package is not None:
        return read_quantized(path, spec.plan)
    return _matching(spec, path, *read_weights(path))


def _from_extract(spec: EncoderSpec, say: MessageCallback) -> Weights:
    """Weights from the first intact file of our own cache, or none."""
    for path in find_extracts(spec):
        if is_intact(path):
            return _matching(spec, path, *read_weights(path))
        say(f"{path} is damaged and not used")
    return {}


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


def _keep(spec: EncoderSpec, weights: Mapping[str, torch.Tensor], say: MessageCallback) -> None:
    """Keep the convolutions alone, a seventh of the file, so that the next start is quick."""
    content = save(dict(weights))
    path = extract_path(spec, hashlib.sha256(content).hexdigest())
    try:
        write_atomically(path, lambda file: file.write(content))
    except OutputError as error:
        say(f"Later starts will be as slow as this one: {error}")


def _silent(message: str) -> None:
    pass
