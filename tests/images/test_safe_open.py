"""Files that are no picture, or not to be opened as one."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile

from stylecli.errors import InputError
from stylecli.images.reading import read_picture

from .conftest import Encode, read


class TestRefusals:
    """Every message is one sentence that names the file."""

    def refuse(self, source: Path, *words: str) -> None:
        with pytest.raises(InputError) as caught:
            read_picture(source)
        message = str(caught.value)
        assert message.endswith(".") and "\n" not in message and source.name in message
        assert all(word in message for word in words), message

    def test_missing(self, tmp_path: Path) -> None:
        self.refuse(tmp_path / "gone.jpg", "no such file")

    def test_folder(self, tmp_path: Path) -> None:
        self.refuse(tmp_path, "folder")

    def test_empty(self, tmp_path: Path) -> None:
        (path := tmp_path / "x.png").touch()
        self.refuse(path, "it is empty")

    def test_text(self, tmp_path: Path) -> None:
        (path := tmp_path / "text.jpg").write_text("These are words, not pixels.\n" * 50)
        self.refuse(path, "not a PNG, JPEG, WebP")

    def test_formats_off_the_list(self, tmp_path: Path) -> None:
        (path := tmp_path / "x.png").write_bytes(
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
        )
        self.refuse(path, "not a PNG")
        Image.new("RGB", (4, 4)).save(path, "PPM")
        self.refuse(path, "not a PNG")

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
    @pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
    def test_truncated(self, kind: str, share: float, tmp_path: Path, encode: Encode) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
        data = encode(Image.fromarray(noise), kind)
        (path := tmp_path / "cut").write_bytes(data[: int(len(data) * share)])
        self.refuse(path)

    def test_fifo_does_not_hang(self, tmp_path: Path) -> None:
        os.mkfifo(path := tmp_path / "pipe.png")
        self.refuse(path, "not a regular file")

    def test_device(self) -> None:
        self.refuse(Path("/dev/zero"), "not a regular file")

    def test_loop_of_links(self, tmp_path: Path) -> None:
        (path := tmp_path / "loop.png").symlink_to(path)
        self.refuse(path, "symbolic links")

    def test_forbidden(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> int:  # root is never refused by a file's mode
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)
        self.refuse(tmp_path / "secret.png", "permission denied")

    def test_impossible_names(self) -> None:
        with pytest.raises(InputError, match=r"a\\x00b.*not a valid file name"):
            read_picture(Path("a\0b"))
        with pytest.raises(InputError, match="no such file") as caught:
            read_picture(Path("no\nsuch\udc80.png"))
        assert "\n" not in str(caught.value) and str(caught.value).encode()

    def test_stream(self) -> None:
        with pytest.raises(InputError, match="cannot read standard input: it is empty"):
            read_picture(io.BytesIO())
        with pytest.raises(InputError, match="cannot read the pipe: "):
            read_picture(io.BytesIO(b"words"), name="the pipe")
        with pytest.raises(InputError, match="not a stream of bytes"):
            read_picture(io.StringIO("words"))  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "size", [(32769, 1), (16385, 16384), (100_000, 100_000), (2**31 - 1,) * 2]
    )
    def test_bombs(self, size: tuple[int, int], tmp_path: Path) -> None:
        head = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
        chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
        data = b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d))
            for k, d in chunks
        )
        (path := tmp_path / "bomb.png").write_bytes(data)
        self.refuse(path, "32768 pixels a side", "268 million")

    def test_largest_side_is_read_and_nothing_stays_changed(self, encode: Encode) -> None:
        limit = Image.MAX_IMAGE_PIXELS
        assert read(encode(Image.new("1", (32768, 1)), "PNG")).width == 32768
        assert limit == Image.MAX_IMAGE_PIXELS and not ImageFile.LOAD_TRUNCATED_IMAGES

    def test_file_too_large(self, monkeypatch: pytest.MonkeyPatch, encode: Encode) -> None:
        monkeypatch.setattr("stylecli.images.input_bytes.MAX_FILE_BYTES", 20)
        with pytest.raises(InputError, match="larger than"):
            read(encode(Image.new("RGB", (9, 9)), "PNG"))

    @pytest.mark.parametrize(
        "error",
        [
            OSError("x"),
            SyntaxError("x"),
            ValueError(),
            struct.error("x"),
            TypeError("a\nb"),
            MemoryError(),
        ],
    )
    def test_whatever_pillow_raises(
        self, error: Exception, monkeypatch: pytest.MonkeyPatch, encode: Encode
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(Image, "open", fail)
        with pytest.raises(InputError, match=r"^cannot read standard input: [^\n]+\.$"):
            read(encode(Image.new("RGB", (9, 9)), "PNG"))

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
    def test_mutated_files(self, kind: str, samples8: NDArray[np.uint8], encode: Encode) -> None:
        rng = np.random.default_rng(3)
        original = encode(Image.fromarray(samples8), kind)
        for _ in range(60):
            data = np.frombuffer(original, np.uint8).copy()
            data[rng.integers(0, len(data), 4)] = rng.integers(0, 256, 4)
            try:
                picture = read(data.tobytes())
            except InputError:
                continue
            assert bool(((picture.pixels >= 0) & (picture.pixels <= 1)).all())
