"""What the machine has: nvidia-smi, the product's own view of its devices, and NVML's beside it."""

import json

import gpu
import programs

LIMIT_S = 20


def run(setup, part, deadline) -> None:
    devices = programs.run([setup.earwitness, "devices", "--json"], LIMIT_S, setup.log)
    seen = json.loads(devices.stdout)
    part.fact("earwitness devices --json", json.dumps(seen, ensure_ascii=False))
    if setup.is_cpu:
        part.check("the product lists the CPU", seen["cpu"]["threads"] > 0)
        return
    smi = programs.run(["nvidia-smi"], LIMIT_S, setup.log)
    part.fact("nvidia-smi exit code", smi.code)
    part.fact("nvidia-smi", smi.stdout.strip())
    read = gpu.readings()
    part.fact("NVML", json.dumps(read))
    part.check("the build has CUDA", seen["cuda_build"])
    part.check("the product finds NVML's GPU", read["uuid"] in devices.stdout, read["uuid"])
