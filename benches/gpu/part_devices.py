"""The machine: nvidia-smi, the program's view of its devices, and NVML's."""

import json

import gpu
import programs

LIMIT_S = 20
QUERY = "name,driver_version,memory.total,memory.used,temperature.gpu,power.draw,ecc.mode.current,mig.mode.current"


def run(setup, part, deadline) -> None:
    devices = programs.run([setup.earwitness, "devices", "--json"], LIMIT_S, setup.log)
    seen = json.loads(devices.stdout)
    part.fact("earwitness devices --json", json.dumps(seen, ensure_ascii=False))
    if setup.is_cpu:
        part.check("the product lists the CPU", seen["cpu"]["threads"] > 0)
        return
    query = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv"]
    part.fact("nvidia-smi", programs.run(query, LIMIT_S, setup.log).stdout.strip())
    read = gpu.readings()
    part.fact("NVML", json.dumps(read))
    part.check("the build has CUDA", seen["cuda_build"])
    part.check("the product finds NVML's GPU", read["uuid"] in devices.stdout, read["uuid"])
