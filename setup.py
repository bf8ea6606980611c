"""Refuse machines that PyTorch has no packages for, in one sentence; all else: pyproject.toml."""

import os
import platform
import sys

from setuptools import setup

WITHOUT_TORCH = {
    ("darwin", "x86_64"): "Intel Macs (on Apple silicon use a Python built for arm64)",
    ("win32", "ARM64"): "Windows on Arm (use a Python built for x64, which Windows emulates)",
}

machine = WITHOUT_TORCH.get((sys.platform, platform.machine()))
if machine is not None and not os.environ.get("STYLECLI_ANY_MACHINE"):
    sys.exit(
        f"stylecli needs PyTorch 2.6 or newer, of which PyPI has no packages for {machine}. With "
        "a PyTorch from elsewhere: set STYLECLI_ANY_MACHINE=1 and add --no-deps."
    )

setup()
