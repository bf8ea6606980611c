"""Out of memory, told in many ways."""

import pytest

from stylecli.errors import MemoryLimitError, UsageError, is_device_failure, is_out_of_memory
from stylecli.pipeline.out_of_memory import memory_guard
from stylecli.settings import Settings


def test_what_is_out_of_memory() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("[enforce fail] not enough memory: you tried"))
    assert is_out_of_memory(RuntimeError("std::bad_alloc"))
    for words in (
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "MPS backend out of memory (MPS allocated: 17.9 GiB)",
        "Invalid buffer size: 24.00 GiB",
    ):
        assert is_out_of_memory(RuntimeError(words))
    assert is_out_of_memory(ImportError("libtorch.so: failed to map segment from shared object"))
    assert is_out_of_memory(OSError(12, "Cannot allocate memory"))
    assert not is_out_of_memory(ImportError("no module named torch"))
    assert not is_out_of_memory(OSError(28, "No space left on device"))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(ValueError("not enough memory"))


def test_the_size_named_is_that_of_the_output() -> None:
    words = "side of 4000 pixels: try size 2000"
    guard = memory_guard((3, 30, 40), Settings(size=4000))
    with pytest.raises(MemoryLimitError, match=words), guard:
        raise MemoryError
    with pytest.raises(MemoryLimitError, match="mine"), memory_guard((3, 1, 1), Settings()):
        raise MemoryLimitError("mine")


class AcceleratorError(RuntimeError):
    """Of torch since 2.8."""


@pytest.mark.parametrize(
    "error",
    [
        AcceleratorError(
            "an illegal memory access was encountered\nCompile with TORCH_USE_CUDA_DSA"
        ),
        RuntimeError("CUDA error: no kernel image is available for execution on the device\nFor"),
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate`"),
        RuntimeError("No CUDA GPUs are available"),
    ],
)
def test_a_gpu_that_fails_is_one_sentence(error: RuntimeError) -> None:
    words = r"^the GPU failed \(.*\): see 'stylize doctor --check', or use --device cpu\.$"
    with pytest.raises(UsageError, match=words) as raised, memory_guard((3, 1, 1), Settings()):
        raise error
    assert "\n" not in str(raised.value) and "TORCH_USE" not in str(raised.value)


def test_a_full_gpu_is_no_failure_of_it() -> None:
    words = "CUDA error: out of memory"
    with pytest.raises(MemoryLimitError), memory_guard((3, 8, 8), Settings()):
        raise AcceleratorError(words)
    assert not is_device_failure(RuntimeError("shape mismatch"))
    assert not is_device_failure(ValueError("CUDA error"))


@pytest.mark.parametrize(("limit", "expected"), [(-1, False), (2**32, True)])
def test_a_vague_error_is_out_of_memory_only_under_a_limit(
    monkeypatch: pytest.MonkeyPatch, limit: int, expected: bool
) -> None:
    """oneDNN says the same where tensors do not fit together."""
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert is_out_of_memory(RuntimeError("could not create a primitive")) is expected
