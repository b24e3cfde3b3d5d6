"""A Ray cluster whose autoscaler starts and removes emulated nodes on this machine, with Ray's fake provider. Run it
inside namespaces of its own.

    python autoscale.py NODES

At most this number of nodes run, each with room for one worker; the head has none. Prints one JSON line when it is
up: the address. Then a line whenever the number of nodes changes, with the seconds since the first line. Ends when its
stdin is closed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import ray
from nodes import say, tree
from ray.autoscaler._private.fake_multi_node.node_provider import FAKE_HEAD_NODE_ID

ADDRESS = "127.0.0.1:6379"
MEMORY = 80 << 20
HEAD_PATIENCE_S = 120
IDLE_S = 6
INTERVAL_S = 0.2

HEAD_TYPE = "ray.head.default"
"""The only name of a head's type that the second version of the autoscaler accepts."""


def config(nodes: int) -> dict[str, object]:
    worker = {"CPU": 1, "slot": 1, "object_store_memory": MEMORY}
    return {
        "cluster_name": "test",
        "max_workers": nodes,
        "upscaling_speed": 100.0,
        "idle_timeout_minutes": IDLE_S / 60,
        # Its own name, `fake_multinode`, needs a file that Ray's package lacks.
        "provider": {
            "type": "external",
            "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
            "gcs_address": ADDRESS,
            "head_node_id": FAKE_HEAD_NODE_ID,
            "launch_multiple": True,
        },
        "head_node_type": HEAD_TYPE,
        "available_node_types": {
            HEAD_TYPE: {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "worker": {"resources": worker, "node_config": {}, "min_workers": 0, "max_workers": nodes},
        },
        "setup_commands": [],
        "head_setup_commands": [],
        "worker_setup_commands": [],
        "initialization_commands": [],
        "file_mounts": {},
        "cluster_synced_files": [],
    }


def start_head(nodes: int) -> subprocess.Popen[bytes]:
    """Starts `ray start`, not `AutoscalingCluster`, which ends all processes that are named like Ray's."""
    path = Path(tempfile.mkdtemp()) / "autoscaling.json"
    path.write_text(json.dumps(config(nodes)))
    environment = {
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_FAKE_CLUSTER": "1",
        "RAY_enable_autoscaler_v2": "1",
        "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_NODE_ID,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID,
    }
    host, port = ADDRESS.split(":")
    options = [f"--node-ip-address={host}", f"--port={port}", f"--autoscaling-config={path}", "--num-cpus=0"]
    options += [f"--object-store-memory={MEMORY}", "--include-dashboard=false", "--disable-usage-stats", "--block"]
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", *options]
    return subprocess.Popen(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=sys.stderr)


def join(head: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + HEAD_PATIENCE_S
    while True:
        try:
            ray.init(address=ADDRESS, log_to_driver=False)
            return
        except Exception:
            if time.monotonic() > deadline or head.poll() is not None:
                raise
            time.sleep(INTERVAL_S)


def watch() -> None:
    began, last = time.monotonic(), -1
    while True:
        count = sum(node["Alive"] and node["Resources"].get("slot", 0) > 0 for node in ray.nodes())
        if count != last:
            last = count
            say({"nodes": count, "at_s": round(time.monotonic() - began, 1)})
        time.sleep(INTERVAL_S)


def main() -> None:
    head = start_head(int(sys.argv[1]))
    join(head)
    say({"address": ADDRESS})
    threading.Thread(target=watch, daemon=True).start()
    sys.stdin.read()
    for pid in tree(head.pid):
        os.kill(pid, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main()
