"""Whatever a file or a word from outside says, only errors of our own come out, in one line."""

import hashlib
import json
import math
import random
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import torch
from safetensors.torch import save

from stylecli.batch.job_list import read_lines
from stylecli.batch.output_names import FIELDS, Naming
from stylecli.batch.planning import BatchRequest, plan_batch
from stylecli.encoder.weights_file import read_weights
from stylecli.errors import StylecliError
from stylecli.images.embedded_text import from_comment, to_comment
from stylecli.images.exif import build_exif
from stylecli.images.icc_matrix import parse_shaper
from stylecli.pipeline.checkpoint import _digest, load_checkpoint
from stylecli.provenance.recipe import parse_recipe
from stylecli.recognition.gallery import load_gallery
from stylecli.settings import Compute, Settings
from stylecli.settings.parsing import text_of
from stylecli.settings.toml_file import read_settings
from stylecli.sweep.axes import NAMES, parse_axis, spread
from stylecli.sweep.grid import SweepRequest, plan_sweep

from .fuzzing import fuzz, mutate_bytes, mutate_json, mutate_text
from .scale import SECONDS, SEED
from .seeds import AXES, CHECKPOINT, GALLERY, LINES, RECIPE, SETTINGS, TEMPLATES, weights_files

SHARE = SECONDS / 13
Attempt = Callable[[Any], object]


@pytest.fixture
def survives(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Fuzz a parser: what it returns is taken, an error of ours refused, all else a failure."""

    def run(parse: Attempt, seeds: Sequence[Any], mutate: Any, seconds: float = SHARE) -> None:
        def attempt(given: Any) -> bool:
            try:
                parse(given)
            except StylecliError as error:
                message = str(error)
                assert message.endswith((".", "?")), message
                assert message.isprintable(), message
                assert len(message) < 1000 + 12 * len(given), message[:3000]
                return False
            return True

        report = fuzz(attempt, seeds, mutate, seconds=seconds, seed=SEED)
        print(f"{parse.__qualname__.split('.')[0]}: {report}")
        record_property("report", str(report))
        assert report.lines > 5 and report.inputs > len(seeds)

    return run


def test_recipes(survives: Any) -> None:
    def parse(text: str) -> None:
        recipe = parse_recipe(text)
        assert parse_recipe(recipe.to_json()) == recipe

    survives(parse, [json.dumps(RECIPE)], mutate_json)


def test_recipes_in_comments(survives: Any) -> None:
    def parse(data: bytes) -> None:
        found = from_comment(data)
        assert found is None or len(found) <= 2**16

    survives(parse, [to_comment("x" * 99), to_comment("é" * 99)], mutate_bytes)


def _file(header: Any, tensors: dict[str, torch.Tensor], key: str, path: Path) -> None:
    """A file in the program's own format, with whatever header, and a hash that is right."""
    text = header if isinstance(header, str) else json.dumps(header)
    text = text.encode("utf-8", "replace").decode()
    path.write_bytes(save(tensors, {key: text, "sha256": _digest(text, tensors)}))


def test_headers_of_checkpoints(survives: Any, tmp_path: Path) -> None:
    tensors = {f"/descent/{name}": torch.rand(1, 3, 4, 5) for name in ("image", "best_image")}
    path = tmp_path / "a.checkpoint"

    def parse(text: str) -> None:
        _file(text, tensors, "stylecli", path)
        load_checkpoint(path)

    _file(CHECKPOINT, tensors, "stylecli", path)
    assert load_checkpoint(path).threads == 2
    survives(parse, [json.dumps(CHECKPOINT)], mutate_json)


def test_headers_of_galleries(survives: Any, tmp_path: Path) -> None:
    tensors = {"codes": torch.rand(2, 5), "mean": torch.rand(5), "matrix": torch.rand(5, 3)}
    path = tmp_path / "a.safetensors"

    def parse(text: str) -> None:
        _file(text, tensors, "stylecli-gallery", path)
        gallery = load_gallery(path)
        assert math.isfinite(gallery.threshold)
        assert len(gallery.match(torch.rand(5))) == len(set(gallery.names))

    _file(GALLERY, tensors, "stylecli-gallery", path)
    assert load_gallery(path).names == ("night", "day")
    survives(parse, [json.dumps(GALLERY)], mutate_json)


@pytest.mark.parametrize("kind", ["checkpoint", "gallery"])
def test_bytes_of_files(kind: str, survives: Any, tmp_path: Path) -> None:
    load: Callable[[Path], object] = load_checkpoint if kind == "checkpoint" else load_gallery
    path = tmp_path / "a.safetensors"
    tensors = {"codes": torch.rand(2, 5), "image": torch.rand(1, 3, 4, 5)}
    _file(CHECKPOINT, tensors, "stylecli", path)
    seeds = [path.read_bytes()]
    _file(GALLERY, tensors, "stylecli-gallery", path)

    def parse(data: bytes) -> None:
        path.write_bytes(data)
        load(path)

    survives(parse, [*seeds, path.read_bytes(), b""], mutate_bytes)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights(suffix: str, survives: Any, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"

    def parse(data: bytes) -> None:
        path.write_bytes(data)
        _, weights = read_weights(path)
        assert all(bool(tensor.isfinite().all()) for tensor in weights.values())

    survives(parse, weights_files(suffix), mutate_bytes)


def test_name_templates(survives: Any) -> None:
    def parse(template: str) -> None:
        named = Naming(template, ".png").relative(dict.fromkeys(FIELDS, "../a\n"))
        assert type(named) is PurePosixPath and not named.is_absolute()
        assert ".." not in named.parts
        assert not any(unicodedata.category(c) == "Cc" for c in str(named))

    survives(parse, TEMPLATES, mutate_text)


def test_lists_of_jobs(survives: Any, tmp_path: Path) -> None:
    def parse(text: str) -> None:
        list(read_lines(text.split("\n")))
        plan = plan_batch(BatchRequest(folder=tmp_path, lines=text.split("\n"), styles=["s.png"]))
        assert all(tmp_path in job.output.parents for job in plan.jobs)
        for failure in plan.failures:
            assert failure.code in (2, 4, 5) and str(failure.error).endswith((".", "?")), failure

    def mutate(rng: random.Random, corpus: Sequence[str]) -> str:
        line = rng.choice(rng.choice(corpus).split("\n"))
        if line.startswith("{"):
            return mutate_json(rng, [line])
        return mutate_text(rng, corpus)

    survives(parse, LINES, mutate)


def test_settings_in_files(survives: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"

    def parse(text: str) -> None:
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        Settings(**read_settings(path))

    survives(parse, SETTINGS, mutate_text)


def test_axes_of_sweeps(survives: Any) -> None:
    def parse(text: str) -> None:
        name, _, values = text.partition("=")
        axis = parse_axis(name if name in NAMES else "tv", values)
        for value in axis.values:
            numbers = [value] if isinstance(value, int | float) else []
            assert all(map(math.isfinite, numbers))
            again = parse_axis(axis.name, text := text_of(value)).values
            assert again == (value,) or isinstance(value, str) or "nan" in text, (value, again)
        assert len(axis.labels) == len(axis.values)
        request: dict[str, Any] = {
            "content": Path("c.png"),
            "styles": (Path("s.png"),),
            "folder": Path("out"),
        }
        plan = plan_sweep(SweepRequest(**request, axes=[axis]))
        cells = spread(axis, 1).values  # scales of several styles are several of the one there is
        assert len({cell.job.output for cell in plan.cells}) == len(cells)

    survives(parse, AXES, mutate_text)


def test_sizes_of_memory_and_devices(survives: Any) -> None:
    def parse(text: str) -> None:
        found = Compute(device=text.partition("=")[0], max_memory=text.partition("=")[2] or None)
        assert found.max_bytes is None or found.max_bytes >= 0

    survives(parse, ["cpu=800M", "cuda:1=2.5GiB", "auto="], mutate_text)


def test_curves_of_profiles(survives: Any, make_profile: Callable[..., bytes]) -> None:
    def parse(data: bytes) -> None:
        found = parse_shaper(data)
        assert found is None or found.curves.shape[0] in (1, 3)
        build_exif(data, comment=None, dpi=None)

    survives(parse, [make_profile(), make_profile(space=b"GRAY")], mutate_bytes)


@pytest.mark.parametrize("number", [10**400, -(10**400), math.nan, math.inf, None, "1", [], {}])
def test_numbers_that_are_none(number: Any, tmp_path: Path) -> None:
    """What the fuzzers found once."""
    for name in ("strength", "tv", "chroma_tv", "losses", "seed", "style_weights"):
        settings = {**RECIPE["settings"], name: number if name != "style_weights" else [number]}
        if (name, number) != ("strength", None):
            with pytest.raises(StylecliError):
                parse_recipe(json.dumps({**RECIPE, "settings": settings}))
    losses = json.dumps({**RECIPE, "losses": {"total": number}})
    try:
        assert parse_recipe(parse_recipe(losses).to_json()).losses == {"total": None}
    except StylecliError:
        assert number not in (math.inf, None)
    path, tensors = tmp_path / "a.safetensors", {"codes": torch.rand(2, 5)}
    _file({**GALLERY, "threshold": number}, tensors, "stylecli-gallery", path)
    if number != "1":
        with pytest.raises(StylecliError, match="cannot read the gallery"):
            load_gallery(path)


def test_settings_with_a_number_of_thousands_of_digits(tmp_path: Path) -> None:
    """TOML's hexadecimal numbers have no limit, and Python cannot write them in decimal."""
    for name in ("seed", "tv", "size", "style_weights", "quality", "encoder"):
        (path := tmp_path / "a.toml").write_text(f"{name} = 0x{'f' * 5000}\n")
        with pytest.raises(StylecliError, match=f"{name} must"):
            read_settings(path)


def test_a_hash_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path, text = tmp_path / "a.checkpoint", json.dumps(CHECKPOINT)
    path.write_bytes(save({}, {"stylecli": text, "sha256": hashlib.sha256(b"").hexdigest()}))
    with pytest.raises(StylecliError, match="damaged"):
        load_checkpoint(path)
