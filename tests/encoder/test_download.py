import os
import threading
from pathlib import Path

import pytest

from stylecli import atomic
from stylecli.encoder import download
from stylecli.encoder.download import address_of
from stylecli.encoder.registry import get_spec
from stylecli.errors import WeightsError

from .conftest import Server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "hub" / "vgg19-narrow.pth"


def _fails(target: Path, match: str, timeout: float = 5) -> None:
    with pytest.raises(WeightsError, match=match) as caught:
        download.download_weights(get_spec("torchvision-vgg19"), target, timeout=timeout)
    assert "\n" not in str(caught.value)
    assert not target.exists()
    assert not target.parent.exists() or os.listdir(target.parent) == []


def test_good(server: Server, target: Path, published: bytes) -> None:
    seen: list[tuple[int, int]] = []
    download.download_weights(
        get_spec("torchvision-vgg19"),
        target,
        on_download=lambda done, total: seen.append((done, total)),
    )
    assert target.read_bytes() == published
    assert os.listdir(target.parent) == [target.name]
    assert server.requests == ["/models/vgg19-narrow.pth"]
    assert seen[-1] == (len(published), len(published))
    assert seen == sorted(seen)


def test_message_names_file_url_and_folder(server: Server, target: Path) -> None:
    server.status = 404
    url, folder = f"{server.url}/vgg19-narrow.pth", target.parent
    _fails(
        target,
        rf"download vgg19-narrow\.pth from {url} \(.*404.*\).*put that file into {folder} yourself",
    )


def test_truncated_by_a_lost_connection(server: Server, target: Path, published: bytes) -> None:
    server.body, server.declared = published[:1000], len(published)
    _fails(target, f"ended after 1000 of {len(published)} bytes|incomplete")


def test_truncated_without_declared_length(server: Server, target: Path, published: bytes) -> None:
    server.body, server.declared = published[:1000], -1
    _fails(target, f"ended after 1000 of {len(published)} bytes")


def test_wrong_size_is_refused_before_it_is_read(server: Server, target: Path) -> None:
    server.body = b"<html>sign in</html>"
    _fails(target, "has 20 bytes there")


def test_more_than_the_file_should_have(server: Server, target: Path, published: bytes) -> None:
    server.body, server.declared = published + b"x", -1
    _fails(target, "more than")


def test_wrong_hash(server: Server, target: Path, published: bytes) -> None:
    server.body = bytes([published[0] ^ 1]) + published[1:]
    _fails(target, rf"SHA-256 is [0-9a-f]{{64}}, not {get_spec('torchvision-vgg19').sha256}")


def test_server_that_hangs(server: Server, target: Path) -> None:
    server.hangs = True
    _fails(target, "timed out", timeout=0.2)


def test_nobody_listens(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLECLI_WEIGHTS_URL", "http://127.0.0.1:9")
    _fails(target, "connection refused.*check the network")


def test_name_that_does_not_resolve(
    published: bytes, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*args: object, **kwargs: object) -> None:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", offline)
    _fails(target, r"https://weights\.invalid/vgg19-narrow\.pth \(name or service not known\)")


@pytest.mark.parametrize(
    "base", ["http://example.org", "file:///etc", "ftp://x", "nonsense", "http://[x"]
)
def test_only_https_is_used(
    published: bytes, target: Path, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    monkeypatch.setenv("STYLECLI_WEIGHTS_URL", base)
    _fails(target, "over https only")


def test_redirect_on_this_machine(server: Server, target: Path, published: bytes) -> None:
    server.location = f"{server.url}/elsewhere"
    download.download_weights(get_spec("torchvision-vgg19"), target)
    assert target.read_bytes() == published
    assert server.requests[1:] == ["/models/elsewhere"]


@pytest.mark.parametrize("location", ["http://example.org/w.pth", "file:///etc/passwd"])
def test_redirect_away_from_https(server: Server, target: Path, location: str) -> None:
    server.location = location
    _fails(target, "over https only|is not allowed")


def test_folder_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeightsError, match="cannot keep the downloaded weights"):
        download.download_weights(get_spec("torchvision-vgg19"), tmp_path / "file" / "w.pth")


def test_interrupt_leaves_nothing(server: Server, target: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download.download_weights(get_spec("torchvision-vgg19"), target, on_download=interrupt)
    assert os.listdir(target.parent) == []


def test_what_killed_downloads_left_is_removed(
    server: Server, target: Path, published: bytes
) -> None:
    target.parent.mkdir(parents=True)
    (target.parent / f"{atomic._PREFIX}{atomic._host()}-999999999-abc.part").touch()
    download.download_weights(get_spec("torchvision-vgg19"), target)
    assert os.listdir(target.parent) == [target.name]


def test_two_at_once(server: Server, target: Path, published: bytes) -> None:
    """Both are in the middle of the file before either may finish."""
    both, failures = threading.Barrier(2, timeout=10), []

    def work() -> None:
        waited: list[int] = []

        def wait(done: int, total: int) -> None:
            if not waited:
                waited.append(both.wait())

        try:
            download.download_weights(get_spec("torchvision-vgg19"), target, on_download=wait)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert target.read_bytes() == published
    assert os.listdir(target.parent) == [target.name]


def test_address_without_mirror_is_the_published_one(published: bytes) -> None:
    assert (
        address_of(get_spec("torchvision-vgg16"))
        == "https://download.pytorch.org/models/vgg16-397923af.pth"
    )
