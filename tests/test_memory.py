"""Running out of memory, by all its names, and work that is cut into parts that fit."""

import numpy as np
import pytest
import torch
from attrimark_registry import smaller_on_exhaustion
from attrimark_registry.memory import is_exhaustion
from hypothesis import given
from hypothesis import strategies as st

EXHAUSTED = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 39.39 GiB",
    "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other API call",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`",
    "cuFFT error: CUFFT_ALLOC_FAILED",
    "HIP out of memory. Tried to allocate 512.00 MiB",
    "HIP error: hipErrorOutOfMemory",
    "CUDA error: HIPBLAS_STATUS_ALLOC_FAILED when calling `hipblasCreate(handle)`",
    "MPS backend out of memory (MPS allocated: 17.95 GB, other allocations: 1.22 GB, max allowed: 18.13 GB)",
    "Invalid buffer size: 24.00 GiB",
    "XPU out of memory. Tried to allocate 20.00 MiB",
    "Native API failed. Native API returns: 39 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)",
    "Native API failed. Native API returns: 40 (UR_RESULT_ERROR_OUT_OF_RESOURCES)",
    "[enforce fail at alloc_cpu.cpp:114] data. DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes.",
    "[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 8",
    "unable to mmap 8 bytes from file <model.safetensors>: Cannot allocate memory (12)",
    "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes.",
    "std::bad_alloc",
)
OTHER = (
    "CUDA error: an illegal memory access was encountered",
    "required rank 4 tensor to use channels_last memory format",
    "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`",
    "unsupported operation: more than one element of the written-to tensor refers to a single memory location",
    "shapes do not fit",
    "CUDA error: device-side assert triggered",
)


@pytest.mark.parametrize("kind", [RuntimeError, torch.AcceleratorError])
@pytest.mark.parametrize("text", EXHAUSTED)
def test_running_out_of_memory_is_recognised_by_every_name(text, kind):
    assert is_exhaustion(kind(text))


@pytest.mark.parametrize("text", OTHER)
def test_errors_that_only_mention_memory_are_something_else(text):
    assert not is_exhaustion(RuntimeError(text))


def test_running_out_of_memory_is_recognised_by_its_class():
    with pytest.raises(MemoryError) as numpys:
        np.empty(2**60, np.int8)
    assert is_exhaustion(numpys.value)
    assert is_exhaustion(MemoryError())
    assert is_exhaustion(torch.OutOfMemoryError("no room"))
    assert not is_exhaustion(ValueError("CUDA out of memory"))


def test_torchs_own_error_on_a_cpu_is_recognised():
    with pytest.raises(RuntimeError) as found:
        torch.empty(2**60, dtype=torch.int8)
    assert is_exhaustion(found.value)


@given(count=st.integers(0, 60), room=st.integers(1, 80))
def test_every_item_is_computed_once_in_order_and_no_size_fails_twice(count, room):
    done, failed, told = [], [], []

    def compute(some):
        if len(some) > room:
            failed.append(len(some))
            raise MemoryError
        done.extend(some)

    smaller_on_exhaustion(compute, range(count), told.append)
    assert done == list(range(count))
    assert failed == sorted(set(failed), reverse=True)
    assert len(told) == len(failed)
    assert not told or told[-1] <= room


def test_one_item_that_does_not_fit_is_an_error():
    def compute(some):
        raise MemoryError

    with pytest.raises(MemoryError):
        smaller_on_exhaustion(compute, [1, 2])
