"""Whom loading an encoder tells of its steps."""

from collections.abc import Callable

DownloadCallback = Callable[[int, int], None]  # bytes here, and in all
MessageCallback = Callable[[str], None]  # a short line before a step that may take a while
