"""A picture again, from the recipe inside it."""

import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from stylecli._version import __version__
from stylecli.encoder.registry import BUNDLED, ENCODERS, FORMER_COMPACT
from stylecli.errors import InputError, WeightsError
from stylecli.images.formats import OutputOptions
from stylecli.images.input_bytes import digest_of
from stylecli.images.reading import read_picture
from stylecli.images.writing import write_picture
from stylecli.job import Job
from stylecli.pipeline.single import run_job
from stylecli.provenance import job_from_recipe as module
from stylecli.provenance.job_from_recipe import borrowed_settings, recipe_in, replay_of
from stylecli.settings import Compute, Settings

FEW = Settings(iterations=2, seed=5, strength=0.6, style_layers=(("relu1_1", 2.0),))
CPU = Compute(device="cpu", precision="fp32")
Make = Callable[..., Path]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "current").mkdir()
    monkeypatch.chdir(tmp_path / "current")


@pytest.fixture
def make(content_path: Path, style_path: Path, tmp_path: Path) -> Make:
    """A picture made by the real core."""

    def run(name: str = "out.png", **changes: Any) -> Path:
        given = {"content": content_path, "styles": (style_path,), "output": tmp_path / name}
        run_job(Job(**{**given, "settings": FEW, "compute": CPU, **changes}))
        return tmp_path / name

    return run


@pytest.fixture
def forge(make: Make) -> Callable[..., Path]:
    """A picture whose recipe says something else."""

    def write(change: Callable[[dict[str, Any]], object]) -> Path:
        path = make()
        values = recipe_in(path).to_dict()
        change(values)
        write_picture(path, read_picture(path).pixels, recipe=json.dumps(values))
        return path

    return write


def again(picture: Path, **more: Any) -> Path:
    output = picture.with_name(f"again{picture.suffix}")
    found = replay_of(picture, output, compute=CPU, **more)
    assert found.notes == ()
    run_job(found.job)
    return output


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "avif"])
def test_the_same_picture(make: Make, suffix: str) -> None:
    picture = make(f"out.{suffix}")
    assert recipe_in(picture).settings == replace(FEW, encoder="compact")
    assert again(picture).read_bytes() == picture.read_bytes()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("out.jpg", OutputOptions(quality=40)),
        ("out.png", OutputOptions(bits=16)),
        ("out.webp", OutputOptions(quality=100, keep_alpha=False)),
    ],
)
def test_the_same_file(make: Make, name: str, options: OutputOptions) -> None:
    picture = make(name, output_options=options)
    assert recipe_in(picture).output == options
    assert again(picture).read_bytes() == picture.read_bytes()


@pytest.mark.parametrize("value", [{"quality": 1000}, {"bits": "16"}, {"hue": 1}, [], 3])
def test_a_forged_way_to_write_is_refused(forge: Any, value: Any) -> None:
    picture = forge(lambda values: values.update(output=value))
    with pytest.raises(InputError, match="cannot read the recipe"):
        recipe_in(picture)


def test_with_everything_that_a_job_can_name(
    make: Make, tmp_path: Path, style_path: Path, content_path: Path
) -> None:
    mask, weights = tmp_path / "mask.png", tmp_path / "small.safetensors"
    with Image.open(content_path) as image:
        image.convert("L").point(lambda v: 255 * (v > 128)).save(mask)
    style_mask, start = tmp_path / "style_mask.png", tmp_path / "start.png"
    Image.new("L", (56, 40), 255).save(style_mask)
    Image.new("L", (64, 48), 99).save(start)
    weights.write_bytes(next(BUNDLED.glob("*.safetensors")).read_bytes())
    picture = make(
        settings=replace(FEW, init=str(start), encoder=str(weights), style_scale=(2.0,)),
        styles=(style_path, content_path),
        mask=mask,
        style_masks=(style_mask, mask),
    )
    job = replay_of(picture, tmp_path / "again.png").job
    assert (job.content, job.styles, job.init_path) == (
        content_path,
        (style_path, content_path),
        start,
    )
    assert (job.mask, job.style_masks) == (mask, (style_mask, mask))
    assert job.settings.encoder == str(weights)
    assert again(picture).read_bytes() == picture.read_bytes()
    for path, role in (
        (mask, "the mask mask.png"),
        (style_mask, "the style mask style"),
        (start, "the start start.png"),
    ):
        kept = path.read_bytes()
        path.unlink()
        with pytest.raises(InputError, match=f"^cannot find {role}.* add --input PATH.$"):
            replay_of(picture, tmp_path / "again.png")
        path.write_bytes(kept)
    weights.unlink()
    with pytest.raises(WeightsError, match="the encoder small.* is not here: add --input PATH of"):
        replay_of(picture, tmp_path / "again.png")


def test_precision_is_that_of_the_recipe(forge: Any, make: Make, tmp_path: Path) -> None:
    job = replay_of(forge(lambda r: r.update(precision="bf16")), tmp_path / "a.png").job
    assert job.compute == Compute(precision="bf16")
    (tmp_path / "out.png").unlink()
    picture = forge(lambda r: r.update(precision="fp8"))
    job = replay_of(picture, tmp_path / "a.png", existing="overwrite").job
    assert (job.compute, job.existing) == (Compute(precision="auto"), "overwrite")


def test_inputs_are_looked_for(make: Make, tmp_path: Path, content_path: Path) -> None:
    picture, output = make(), tmp_path / "again.png"
    assert replay_of(picture, output).job.content == content_path
    here = Path.cwd() / "content.png"
    content_path.rename(here)
    assert replay_of(picture, output).job.content == here
    renamed = tmp_path / "else" / "photo.png"
    renamed.parent.mkdir()
    here.rename(renamed)
    with pytest.raises(InputError) as caught:
        replay_of(picture, output)
    expected = f"cannot find the content content.png of {picture}: add --input PATH."
    assert str(caught.value) == expected
    with pytest.raises(InputError, match="cannot find the content"):
        replay_of(picture, output, moved=[tmp_path / "else", tmp_path / "none.png"])
    found = replay_of(picture, output, moved=[tmp_path / "style.png", renamed])
    assert (found.job.content, found.notes) == (renamed, ())


def test_the_very_file_goes_before_one_of_its_name(
    make: Make, tmp_path: Path, content_path: Path
) -> None:
    picture = make()
    content_path.rename(Path.cwd() / "content.png")
    Image.new("RGB", (64, 48), "red").save(content_path)
    found = replay_of(picture, tmp_path / "again.png")
    assert (found.job.content, found.notes) == (Path.cwd() / "content.png", ())


def test_a_changed_input_is_told(make: Make, tmp_path: Path, style_path: Path) -> None:
    picture = make()
    Image.new("RGB", (56, 40), "red").save(style_path)
    with pytest.raises(InputError, match="is not the file that .* was made from: add --input PATH"):
        replay_of(picture, tmp_path / "again.png")
    found = replay_of(picture, tmp_path / "again.png", moved=[style_path])
    assert found.notes == (f"the style {style_path} has changed since the picture was made",)
    run_job(found.job)
    other = read_picture(tmp_path / "again.png").pixels
    assert not torch.equal(other, read_picture(picture).pixels)
    style_path.write_bytes(b"")  # it cannot even be read
    assert replay_of(picture, tmp_path / "again.png", moved=[style_path]).notes == found.notes


def test_another_version_is_told(forge: Any, tmp_path: Path) -> None:
    picture = forge(lambda recipe: recipe.update(version="0.0.1"))
    found = replay_of(picture, tmp_path / "again.png")
    assert found.notes == (f"the picture was made by version 0.0.1, this is {__version__}",)


def test_another_encoder_of_that_name_is_refused(forge: Any, tmp_path: Path) -> None:
    picture = forge(lambda recipe: recipe["encoder"].update(sha256="0" * 64))
    with pytest.raises(WeightsError, match=r"a former version of the encoder compact \(SHA-256 0"):
        replay_of(picture, tmp_path / "again.png")


def former(recipe: dict[str, Any]) -> None:
    recipe["encoder"].update(sha256=FORMER_COMPACT.sha256)


def test_former_bundled_encoder_is_refused_by_name(forge: Any, tmp_path: Path) -> None:
    picture = forge(former)
    with pytest.raises(WeightsError, match="add --input PATH of vgg19_compact.safetensors"):
        replay_of(picture, tmp_path / "again.png")


def test_former_bundled_encoder_is_taken_where_it_is(
    forge: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture, weights = forge(former), tmp_path / FORMER_COMPACT.file_name
    weights.write_bytes(b"the weights")
    real = digest_of
    monkeypatch.setattr(
        "stylecli.provenance.hashing.digest_of",
        lambda path: FORMER_COMPACT.sha256 if path == weights else real(path),
    )
    found = replay_of(picture, tmp_path / "again.png")
    assert found.job.settings.encoder == str(weights)


def torchvision(recipe: dict[str, Any]) -> None:
    """As earlier versions recorded what is `torchvision-vgg19` now."""
    sha256 = ENCODERS["torchvision-vgg19"].sha256
    recipe["encoder"].update(name="vgg19", sha256=sha256)
    recipe["settings"].update(encoder="vgg19")


def test_renamed_encoder_is_refused_where_it_is_not(
    forge: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("STYLECLI_CACHE", str(tmp_path / "none"))
    picture = forge(torchvision)
    with pytest.raises(WeightsError, match="weights of torchvision-vgg19 are not here"):
        replay_of(picture, tmp_path / "again.png")


def test_renamed_encoder_is_found_by_its_hash(
    forge: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    spec = ENCODERS["torchvision-vgg19"]
    file = tmp_path / "hub" / "checkpoints" / spec.file_name
    file.parent.mkdir(parents=True)
    with file.open("wb") as handle:
        handle.truncate(spec.size)  # present; its hash is checked when it is loaded
    found = replay_of(forge(torchvision), tmp_path / "again.png")
    assert found.job.settings.encoder == "torchvision-vgg19"
    assert found.notes == ("the encoder vgg19 is called torchvision-vgg19 now",)


def test_borrowed_settings_name_the_same_network(forge: Any, tmp_path: Path) -> None:
    settings, note = borrowed_settings(forge(torchvision))
    assert (settings.encoder, note) == ("torchvision-vgg19", "")


def test_borrowed_settings_say_where_the_encoder_is_another(forge: Any) -> None:
    settings, note = borrowed_settings(forge(former))
    assert settings.encoder_name == "compact"
    assert note.startswith("the encoder compact is another one than")


def test_borrowed_settings_leave_the_encoder_to_the_quality(make: Make) -> None:
    picture = make()
    assert recipe_in(picture).settings.encoder == "compact"
    assert borrowed_settings(picture)[0].encoder is None


def test_borrowed_settings_name_no_file(forge: Any, tmp_path: Path) -> None:
    """A recipe from anywhere that starts from another's picture, through another's weights."""
    (tmp_path / "passport.png").write_bytes((tmp_path / "content.png").read_bytes())
    for start in (str(tmp_path / "passport.png"), "passport.png", "-", "./-", "../x"):

        def change(recipe: dict[str, Any], start: str = start) -> None:
            recipe["settings"].update(init=start, encoder=str(tmp_path / "x.pth"), strength=0)
            recipe["init"] = recipe["content"]
            recipe["encoder"].update(name="x.pth", sha256="0" * 64)

        (tmp_path / "out.png").unlink(missing_ok=True)
        settings, note = borrowed_settings(forge(change))
        assert (settings.init, settings.encoder, settings.strength) == ("random", None, 0)
        assert "add --init PATH" in note and "add --encoder PATH" in note


@pytest.mark.parametrize("name", ["../secret.png", "/etc/../secret.png", "current/../secret.png"])
def test_a_forged_name_leads_nowhere(forge: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.png").write_bytes((tmp_path / "content.png").read_bytes())
    picture = forge(lambda recipe: recipe["content"].update(name=name))
    moved = tmp_path / "current" / "out.png"
    picture.rename(moved)
    for path in (tmp_path / "style.png", tmp_path / "content.png"):
        path.rename(tmp_path / "current" / path.name)
    with pytest.raises(InputError, match="cannot find the content"):
        replay_of(moved, tmp_path / "again.png")


@pytest.mark.parametrize("name", ["x" * 5000, "", ".", "..", "a\0b", "\ud800.png", "\x1b[31m.png"])
def test_names_that_no_file_has(forge: Any, tmp_path: Path, name: str) -> None:
    picture = forge(lambda recipe: recipe["content"].update(name=name))
    with pytest.raises(InputError) as caught:
        replay_of(picture, tmp_path / "again.png")
    assert str(caught.value).startswith("cannot find the content ")
    assert str(caught.value).isprintable()


def test_what_holds_no_recipe(content_path: Path, tmp_path: Path, forge: Any) -> None:
    with pytest.raises(InputError, match=r"content\.png holds no recipe of this program\.$"):
        recipe_in(content_path)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError, match="cannot read"):
        recipe_in(tmp_path / "text.png")
    with pytest.raises(InputError, match="no such file"):
        recipe_in(tmp_path / "none.png")
    picture = forge(lambda recipe: recipe.update(format=9))
    with pytest.raises(InputError, match="its format is 9"):
        replay_of(picture, tmp_path / "again.png")


def test_a_name_from_macos_is_the_same_elsewhere(
    make: Make, content_path: Path, tmp_path: Path
) -> None:
    """Which writes an accent as a letter of its own."""
    names = [unicodedata.normalize(form, "photo\u00e9.png") for form in ("NFD", "NFC")]
    content = content_path.rename(tmp_path / names[0])
    picture = make(content=content)
    content.rename(tmp_path / names[1])
    assert replay_of(picture, tmp_path / "b.png").job.content.name == names[1]


def test_bf16_where_it_is_slow_is_noted(
    forge: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = forge(lambda values: values.update(precision="bf16"))
    for fast, noted in ((True, False), (False, True)):
        monkeypatch.setattr(module, "has_fast_bf16", lambda _, fast=fast: fast)
        notes = replay_of(picture, picture.with_name("b.png")).notes
        assert any("bf16" in note for note in notes) is noted
