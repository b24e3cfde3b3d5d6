"""Occupies MIB MiB of the GPU's memory until it is killed: `python ballast.py MIB`."""

import sys
import time

import torch

held = torch.empty(int(sys.argv[1]) << 20, dtype=torch.uint8, device="cuda")
print("ready", flush=True)
while True:
    time.sleep(60)
