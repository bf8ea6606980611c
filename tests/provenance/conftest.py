"""The fakes of the pipeline's tests."""

from ..jobs.conftest import core as core
from ..jobs.conftest import loaded as loaded
