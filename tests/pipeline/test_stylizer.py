"""`Stylizer`: what stands for a picture, what is kept between calls, what its results write."""

import io
import threading
import typing
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from stylecli import SettingsError, Stylizer, UsageError, stylize
from stylecli.images.embedded_text import read_recipe
from stylecli.images.reading import read_picture
from stylecli.pipeline.api import SettingsKeywords
from stylecli.provenance.recipe import parse_recipe
from stylecli.settings import Settings
from stylecli.transfer.objective.targets import Targets

FAST = Settings(size=40, iterations=2)


def test_keywords_are_those_of_the_settings() -> None:
    names = {field.name for field in fields(Settings)} - {"encoder", "init"}
    assert typing.get_type_hints(SettingsKeywords).keys() == names


def test_styles_are_measured_once(
    monkeypatch: pytest.MonkeyPatch, content: torch.Tensor, style: torch.Tensor
) -> None:
    """And the result is that of a single call, from whatever thread."""
    measured: list[object] = []
    measure = Targets._measured

    def remember(*args: Any) -> Any:
        measured.append(args)
        return measure(*args)

    monkeypatch.setattr(Targets, "_measured", remember)
    stylizer, results = Stylizer(device="cpu", precision="fp32"), []
    before = len(measured)
    results.append(stylizer.stylize(content, style, FAST))
    first = len(measured) - before
    calls = [
        threading.Thread(
            target=lambda: results.append(stylizer.stylize(content, style.clone(), FAST))
        )
        for _ in range(2)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    evaluated = 1  # of each finished picture
    assert len(measured) - before == first + 2 * evaluated
    single = stylize(
        content, style, encoder="compact", device="cpu", precision="fp32", size=40, iterations=2
    )
    assert len(results) == 3
    assert all(torch.equal(result.image, single.image) for result in results)


def test_a_result_writes_what_the_command_line_does(
    core: Any, loaded: Any, content_path: Path, style: torch.Tensor, tmp_path: Path
) -> None:
    with Image.open(content_path) as image:
        image.putalpha(Image.linear_gradient("L").resize(image.size))
        image.save(content_path, dpi=(300, 300))
    result = stylize(content_path, style, seed=3, mask=torch.ones(3, 48, 64), device="cpu")
    out = tmp_path / "out.png"
    result.save(out, bits=16)
    recipe = parse_recipe(read_recipe(out) or "")
    assert recipe.settings.seed == 3 and recipe.output.bits == 16 and recipe.mask is not None
    assert recipe.content.sha256 == read_picture(content_path).meta.sha256
    written = read_picture(out)
    assert written.meta.bits == 16 and written.meta.dpi == pytest.approx((300, 300), abs=0.1)
    assert torch.allclose(written.pixels, result.image, atol=1e-4)
    expected = read_picture(content_path).alpha
    assert written.alpha is not None and expected is not None
    assert torch.allclose(written.alpha, expected, atol=1e-4)
    with pytest.raises(Exception, match="exists already: add force=True"):
        result.save(out)
    result.save(str(out), force=True)
    with Image.open(io.BytesIO(result._repr_png_())) as image:
        assert image.size == (64, 48)


def test_notes_are_kept(core: Any, loaded: Any, content: torch.Tensor, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    notes = stylize(content, tmp_path / "two.gif").notes
    assert (
        any("several frames" in note for note in notes)
        and "The fake core recovered from nothing." in notes
    )


def test_wrong_counts_and_values(core: Any, loaded: Any, content: torch.Tensor) -> None:
    with pytest.raises(SettingsError, match=r"style_weights has 3 number"):
        stylize(content, [content, content], style_weights=[1, 2, 3])
    with pytest.raises(UsageError, match="1 time"):
        stylize(content, [content, content], mask=content, style_masks=[content])
    with pytest.raises(SettingsError, match="max_memory"):
        Stylizer(max_memory="much")
