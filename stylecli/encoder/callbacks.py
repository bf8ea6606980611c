"""Callbacks of loading an encoder: progress of a download, and messages."""

from collections.abc import Callable

DownloadCallback = Callable[[int, int], None]  # bytes here, and in all
MessageCallback = Callable[[str], None]  # a short line before a step that may take a while
