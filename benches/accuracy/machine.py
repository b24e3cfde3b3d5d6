"""The machine of a measurement."""

import datetime
import os
from pathlib import Path

# The CPU flags that decide which kernels the engines use.
FLAGS = ["avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8"]


def cpuinfo(field: str) -> str:
    """A field of the first CPU in /proc/cpuinfo, or an empty string."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == field), "")


def flags() -> list[str]:
    """The FLAGS that the CPU has."""
    return [flag for flag in FLAGS if flag in cpuinfo("flags").split()]


def cpu() -> str:
    """The CPU's name, family and flags as text."""
    family = f"family {cpuinfo('cpu family')} model {cpuinfo('model')}"
    return f"{cpuinfo('model name')} ({family}; {', '.join(flags()) or 'none of the relevant flags'})"


def today() -> str:
    return datetime.date.today().isoformat()


def describe() -> dict:
    return {"date": today(), "cpu": cpuinfo("model name"), "flags": flags(), "cores": len(os.sched_getaffinity(0))}
