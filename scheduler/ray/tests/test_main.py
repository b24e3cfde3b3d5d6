"""The driver process, up to the point where it needs a cluster."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "src"


def run(first_line: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(SOURCES), "PATH": ""}
    return subprocess.run(
        [sys.executable, "-m", "earwitness_ray"],
        input=first_line,
        text=True,
        capture_output=True,
        check=False,
        env=environment,
        timeout=60,
    )


def fatal(finished: subprocess.CompletedProcess[str]) -> str:
    address, verb, payload = finished.stdout.split(" ", 2)
    assert (address, verb, finished.returncode) == ("-", "fatal", 1)
    fields = json.loads(payload)
    return f"{fields['message']}: {fields['remedy']}"


def test_driver_whose_coordinator_is_gone_ends() -> None:
    assert (run("").returncode, run("").stdout) == (0, "")


def test_driver_of_another_version_says_what_to_install() -> None:
    assert "pip install" in fatal(run('- configure {"protocol": 99}\n'))


@pytest.mark.parametrize("line", ["hello\n", "0.1 start {}\n", "- configure {\n"])
def test_driver_rejects_a_malformed_first_line(line: str) -> None:
    assert fatal(run(line)).startswith("the coordinator sent ")
