"""Published weights over the network: into a temporary file, checked, then into place."""

import hashlib
import http.client
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from stylecli.atomic import remove_leftovers, write_atomically
from stylecli.encoder.callbacks import DownloadCallback
from stylecli.encoder.registry import MIRROR, EncoderSpec
from stylecli.errors import OutputError, WeightsError
from stylecli.messages import reason
from stylecli.quoting import shown_address

TIMEOUT: Final = 30.0  # seconds to connect, and for each read
CHUNK: Final = 1 << 20
_SECRET: Final = re.compile(r"@|^$")  # an address with a user in it; no words at all
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def address_of(spec: EncoderSpec) -> str:
    """The URL of an encoder's file: the published one, or on a mirror (STYLECLI_WEIGHTS_URL)."""
    mirror = os.environ.get(MIRROR)
    return f"{mirror.rstrip('/')}/{spec.file_name}" if mirror else str(spec.url)


def download_weights(
    spec: EncoderSpec,
    target: Path,
    *,
    on_download: DownloadCallback | None = None,
    timeout: float | None = None,
) -> None:
    """Put an encoder's file in its place, complete and of the pinned hash, or not at all.

    `on_download` is called with bytes done and in all. `timeout` is in seconds. Two processes may
    do this at once: each has a temporary file of its own. Raises `WeightsError`.
    """

    def receive(file: BinaryIO) -> None:
        digest, done = hashlib.sha256(), 0
        for chunk in _chunks(spec, target, timeout=TIMEOUT if timeout is None else timeout):
            file.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            if on_download is not None:
                on_download(done, spec.size)
        if done != spec.size:
            raise _failure(spec, target, f"it ended after {done} of {spec.size} bytes")
        if digest.hexdigest() != spec.sha256:
            raise _failure(spec, target, f"its SHA-256 is {digest.hexdigest()}, not {spec.sha256}")

    remove_leftovers(target.parent)  # of downloads that were killed: half a gigabyte each
    try:
        write_atomically(target, receive)
    except OutputError as error:
        raise WeightsError(f"cannot keep the downloaded weights: {error}") from error


def _chunks(spec: EncoderSpec, target: Path, *, timeout: float) -> Iterator[bytes]:
    """The bytes of the file as they arrive, never more than it should have."""
    url = address_of(spec)
    _check_address(url)
    request = Request(url, headers={"User-Agent": "stylecli"})
    try:
        with build_opener(_SafeRedirects).open(request, timeout=timeout) as response:
            offered = response.headers.get("Content-Length")
            if offered is not None and offered != str(spec.size):
                raise _failure(spec, target, f"it has {offered} bytes there, not {spec.size}")
            left = spec.size
            while left > 0 and (chunk := response.read1(min(CHUNK, left))):
                left -= len(chunk)
                yield chunk
            if left == 0 and response.read1(1):
                raise _failure(spec, target, f"it has more than {spec.size} bytes there")
    except HTTPError as error:
        error.close()
        answer = f"{error.code} {error.reason}"[:100]
        raise _failure(spec, target, f"the server answers {answer}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failure(spec, target, _cause(error)) from error


def _cause(error: Exception) -> str:
    """The innermost words for a failed connection, none that may repeat a password."""
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        return _cause(error.reason)
    if isinstance(error, OSError):
        return reason(error)
    return type(error).__name__ if _SECRET.search(str(error)) else str(error)[:200]


def _failure(spec: EncoderSpec, target: Path, cause: str) -> WeightsError:
    return WeightsError(
        f"cannot download {spec.file_name} from {shown_address(address_of(spec))} ({cause}): check "
        f"the network, or put that file into {target.parent} yourself."
    )


def _check_address(url: str) -> None:
    """Raise `WeightsError` for anything but https, or http on this machine itself."""
    try:
        parts = urlsplit(url)
        allowed = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    except ValueError:
        allowed = False
    if not allowed:
        raise WeightsError(
            f"weights are downloaded over https only, not from {shown_address(url)}."
        )


class _SafeRedirects(HTTPRedirectHandler):
    def redirect_request(
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> Request | None:
        try:
            _check_address(newurl)
        except WeightsError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)
