"""The encoders of the core's tests."""

from ..transfer.conftest import build as build
from ..transfer.conftest import compact as compact
