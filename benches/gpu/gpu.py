"""NVML: readings of the first GPU, and the peak of its memory while a program runs."""

import threading

from programs import Failed

try:
    import pynvml
except ImportError:
    pynvml = None

POLL_S = 0.02


def handle():
    if pynvml is None:
        raise Failed("the Python package nvidia-ml-py is missing")
    pynvml.nvmlInit()
    return pynvml.nvmlDeviceGetHandleByIndex(0)


def readings() -> dict:
    """Name, driver, memory, temperature, clocks and power from NVML."""
    gpu = handle()
    memory = pynvml.nvmlDeviceGetMemoryInfo(gpu)
    return {
        "name": pynvml.nvmlDeviceGetName(gpu),
        "uuid": pynvml.nvmlDeviceGetUUID(gpu),
        "driver": pynvml.nvmlSystemGetDriverVersion(),
        "cuda_driver": pynvml.nvmlSystemGetCudaDriverVersion_v2() / 1000,
        "memory_total_mib": memory.total >> 20,
        "memory_used_mib": memory.used >> 20,
        "temperature_c": pynvml.nvmlDeviceGetTemperature(gpu, pynvml.NVML_TEMPERATURE_GPU),
        "sm_clock_mhz": pynvml.nvmlDeviceGetClockInfo(gpu, pynvml.NVML_CLOCK_SM),
        "power_w": pynvml.nvmlDeviceGetPowerUsage(gpu) / 1000,
    }


def memory_mib(kind: str) -> int:
    """Memory of the GPU in MiB: `free`, `used` or `total`."""
    return getattr(pynvml.nvmlDeviceGetMemoryInfo(handle()), kind) >> 20


class PeakMemory:
    """The peak increase of the GPU's memory use inside a `with` block; None without a GPU."""

    def __init__(self, device: str):
        self.measures = device == "cuda" and pynvml is not None
        self.mib = None

    def __enter__(self):
        if self.measures:
            self.gpu, self.ended = handle(), threading.Event()
            self.before = self.used()
            self.mib = 0
            self.thread = threading.Thread(target=self.poll, daemon=True)
            self.thread.start()
        return self

    def __exit__(self, *_):
        if self.measures:
            self.ended.set()
            self.thread.join()

    def used(self) -> int:
        return pynvml.nvmlDeviceGetMemoryInfo(self.gpu).used >> 20

    def poll(self) -> None:
        while not self.ended.wait(POLL_S):
            self.mib = max(self.mib, self.used() - self.before)
