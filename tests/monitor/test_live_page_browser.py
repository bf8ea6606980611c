"""The page of a run in a real browser: the picture and the curves are there to see."""

import glob
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import torch

from stylecli.monitor.live_page import Watch
from stylecli.settings import Settings
from stylecli.transfer import stylize
from stylecli.transfer.results import Progress

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ALSO = "~/.cache/ms-playwright/chromium*/chrome-linux*/*"  # where Playwright keeps its browsers
FLAGS = (
    "--headless",
    "--no-sandbox",  # which root may not use
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--remote-debugging-pipe",
)
# What the page shows, the picture's mean color among it.
LOOK = """(() => {
  const image = document.getElementById("picture"), lines = document.querySelectorAll("polyline");
  if (!image) return "null";
  const [width, height] = [image.naturalWidth || 1, image.naturalHeight || 1];
  const pen = new OffscreenCanvas(width, height).getContext("2d");
  if (image.naturalWidth) pen.drawImage(image, 0, 0);
  const sums = [0, 0, 0];
  const data = pen.getImageData(0, 0, width, height).data;
  data.forEach((value, i) => { if (i % 4 < 3) sums[i % 4] += value; });
  return JSON.stringify({
    where: document.getElementById("where").textContent,
    done: document.getElementById("done").value,
    picture: [image.naturalWidth, image.naturalHeight],
    shown: image.getBoundingClientRect().width,
    color: sums.map((sum) => sum / (255 * width * height)),
    curves: [...lines].map((line) => line.getAttribute("points").split(" ").length),
    seen: [...lines].map((line) => getComputedStyle(line).stroke),
  });
})()"""


class Enough(Exception):
    """The browser has seen what it came for."""


class Browser:
    """A tab, spoken to over pipes; answers are waited for one at a time."""

    def __init__(self, program: str, folder: Path) -> None:
        theirs, self.write = os.pipe()
        self.read, ours = os.pipe()
        self.rest, self.number = b"", 0
        self.session: dict[str, Any] = {}
        wiring = f'exec "$0" "$@" 3<&{theirs} 4>&{ours}'
        self.process = subprocess.Popen(
            ["bash", "-c", wiring, program, *FLAGS, f"--user-data-dir={folder}"],
            pass_fds=(theirs, ours),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(ours)

    def __enter__(self) -> Self:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        found = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = {"sessionId": found["sessionId"]}
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.write)
        os.close(self.read)
        self.process.terminate()
        self.process.wait(30)

    def call(self, method: str, **parameters: Any) -> Any:
        self.number += 1
        request = {"id": self.number, "method": method, "params": parameters, **self.session}
        os.write(self.write, json.dumps(request).encode() + b"\0")
        while True:
            message, found, self.rest = self.rest.partition(b"\0")
            if not found:
                data = os.read(self.read, 65536)
                assert data, "the browser has ended"
                self.rest = message + data
                continue
            answer = json.loads(message)
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]

    def look(self) -> Any:
        return json.loads(self.call("Runtime.evaluate", expression=LOOK)["result"]["value"])


def browser_program() -> str | None:
    found = [path for path in map(shutil.which, NAMES) if path]
    found += [path for path in glob.glob(os.path.expanduser(ALSO)) if path.endswith("/chrome")]
    return found[0] if found else None


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    program = browser_program()
    if program is None:
        pytest.skip("no Chromium here")
    with Browser(program, tmp_path / "profile") as browser:
        yield browser


def test_a_run_in_a_browser(browser: Browser, content: torch.Tensor, style: torch.Tensor) -> None:
    seen: dict[str, Any] = {}
    means: list[torch.Tensor] = []  # of the pictures that the page has held

    def tell(progress: Progress) -> None:
        nonlocal seen
        page(progress)
        if page.image is not None and page.pictures > len(means):
            means.append(page.image.mean((1, 2)))
        if progress.iteration == 1:
            browser.call("Page.navigate", url=page.url)
        seen = browser.look() or {}
        if seen and seen["picture"] == [64, 48] and min(seen["curves"], default=0) > 2:
            raise Enough

    settings = Settings(iterations=5000)  # as many as the browser needs to see some
    with Watch() as page, pytest.raises(Enough):
        stylize(content, style, settings=settings, on_progress=tell)
    assert seen["where"].startswith("Scale 1 of 1, 64x48, iteration ")
    assert 0.0 < seen["done"] < 1.0
    assert seen["shown"] > 100
    assert len(seen["curves"]) == 3 and len(set(seen["curves"])) == 1
    assert seen["seen"] == ["rgb(31, 95, 168)", "rgb(194, 65, 12)", "rgb(47, 125, 50)"]
    color = torch.tensor(seen["color"], dtype=torch.float32)
    assert any(torch.allclose(color, mean, atol=0.02) for mean in means)
    for _ in range(3000):  # the page asks once a second
        if "(the run has ended)" in browser.look()["where"]:
            return
        time.sleep(0.02)
    pytest.fail("the page never says that the run has ended")
