"""The page that shows a run: what it answers, to whom, and what cannot shake it."""

import io
import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stylecli.images.writing import to_pil
from stylecli.monitor import live_page
from stylecli.monitor.live_page import LONGEST, POINTS, Watch
from stylecli.settings import Settings
from stylecli.transfer import stylize
from stylecli.transfer.results import Losses, Progress

from .conftest import ask


@pytest.fixture
def page() -> Iterator[Watch]:
    with Watch() as page:
        yield page


def step(number: int = 1, size: tuple[int, int] = (8, 6), total: float = 1.0) -> Progress:
    """An iteration at the second of two scales; of four the last one ends the run."""
    width, height = size
    color = torch.tensor([1.0, 0.0, 0.0])[:, None, None].expand(3, height, width)
    losses = Losses(total, 0.5, 0.1)
    return Progress(2, 2, width, height, number, 4, number / 4, losses, lambda: color)


def test_a_picture_is_encoded_once(page: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []

    def encode(image: torch.Tensor) -> Image.Image:
        encoded.append(1)
        return to_pil(image)

    monkeypatch.setattr(live_page, "to_pil", encode)
    page(step(4))
    first = [page.picture() for _ in range(3)]
    assert len(encoded) == 1 and first[0] == first[2]
    page(step(4, (9, 9)))
    assert page.picture() != first[0]


def test_before_the_first_iteration(page: Watch) -> None:
    state = json.loads(ask(page, "/state.json")[2])
    assert state == {"where": "Starting", "fraction": 0, "losses": [], "picture": -1, "width": 0}
    with Image.open(io.BytesIO(ask(page, "/picture.jpg")[2])) as image:
        assert (image.format, image.size) == ("JPEG", (1, 1))


def test_the_state_of_a_run(page: Watch) -> None:
    for number, total in ((1, 2.0), (2, math.inf), (3, 0.5)):
        page(step(number, total=total))
    state = json.loads(ask(page, "/state.json")[2], parse_constant=pytest.fail)
    where = state.pop("where")
    assert where.startswith("Scale 2 of 2, 8x6, iteration 3 of 4, about ")
    assert where.endswith(" s left")
    losses = [[2.0, 0.5, 0.1], [None, 0.5, 0.1], [0.5, 0.5, 0.1]]
    expected = {"fraction": 0.75, "losses": losses, "picture": 0, "width": 8, "finished": False}
    assert state == expected
    page(step(4))
    assert json.loads(ask(page, "/state.json")[2])["finished"] is True


@pytest.mark.parametrize("count", [POINTS, POINTS + 1, 2 * POINTS - 1, 5 * POINTS])
def test_a_long_run_is_few_points(count: int) -> None:
    page = Watch()
    page.server.server_close()
    for _ in range(count):
        page(step(1))
    assert POINTS / 2 < len(page.state()["losses"]) <= POINTS


def test_pictures_are_taken_where_somebody_watches(page: Watch, monkeypatch: Any) -> None:
    now = [100.0]
    monkeypatch.setattr("stylecli.monitor.live_page.time.monotonic", lambda: now[0])

    def pictures(after: float, number: int = 1) -> int:
        now[0] += after
        page(step(number))
        return page.pictures

    assert pictures(0.0) == 0  # nobody has asked
    page.state()
    assert [pictures(0.1), pictures(0.5), pictures(0.6)] == [1, 1, 2]
    assert pictures(60.0) == 2  # they have left
    assert pictures(0.1, number=4) == 3  # the last one is kept anyway
    page.picture()


def test_the_picture(page: Watch) -> None:
    for size, shown in (((8, 6), (8, 6)), ((2 * LONGEST, 10), (LONGEST, 5))):
        page(step(4, size))
        with Image.open(io.BytesIO(ask(page, "/picture.jpg")[2])) as image:
            assert (image.format, image.size) == ("JPEG", shown)
            red, green, blue = np.asarray(image)[3, 4]
            assert red > 240 and green < 15 and blue < 15


def test_a_real_run(page: Watch, content: torch.Tensor, style: torch.Tensor) -> None:
    seen: list[dict[str, Any]] = []

    def tell(progress: Progress) -> None:
        page(progress)
        seen.append(json.loads(ask(page, "/state.json")[2]))

    result = stylize(content, style, settings=Settings(iterations=3), on_progress=tell)
    assert [len(state["losses"]) for state in seen] == [1, 2, 3]
    fractions = [state["fraction"] for state in seen]  # the style's preparation counts as well
    assert 1 / 3 < fractions[0] < fractions[1] < fractions[2] == 1.0
    with Image.open(io.BytesIO(ask(page, "/picture.jpg")[2])) as image:
        assert image.size == (64, 48)
        mean = torch.tensor(np.asarray(image.resize((1, 1), Image.Resampling.BOX))[0, 0])
    assert torch.allclose(mean / 255, result.image.mean((1, 2)), atol=0.02)


def test_it_ends_with_the_run() -> None:
    with pytest.raises(ZeroDivisionError), Watch() as page:
        assert ask(page)[0] == 200
        raise ZeroDivisionError
    assert not page.thread.is_alive()
    with pytest.raises(ConnectionRefusedError):
        ask(page)
    with Watch(page.server.server_port) as again:  # the port is free
        assert again.server.server_port == page.server.server_port
        assert again.server.token != page.server.token
