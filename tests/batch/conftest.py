"""The fakes of the pipeline's tests."""

from ..pipeline.conftest import core as core
from ..pipeline.conftest import loaded as loaded
