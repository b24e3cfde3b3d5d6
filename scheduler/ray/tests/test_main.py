"""The driver process, up to the point where it needs a cluster."""

import json
import signal
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


def test_driver_leaves_its_end_to_the_coordinator() -> None:
    script = Path(__file__).with_name("local_driver.py")
    driver = subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert driver.stdin is not None
    assert driver.stdout is not None
    settings = {"protocol": 1, "address": "", "gpus": 0, "cpus": 0, "resources": {}, "argv": [], "environment": {}}
    driver.stdin.write(f"- configure {json.dumps({**settings, 'silence_ms': 1})}\n")
    driver.stdin.flush()
    beats = 0
    for line in driver.stdout:
        if beats == 0 and line.startswith("- beat"):
            driver.send_signal(signal.SIGTERM)
            driver.send_signal(signal.SIGINT)
        beats += line.startswith("- beat")
        if beats == 2:
            driver.stdin.close()
    assert (beats >= 2, driver.wait(30)) == (True, 0)


def test_driver_of_another_version_says_what_to_install() -> None:
    assert "pip install" in fatal(run('- configure {"protocol": 99}\n'))


@pytest.mark.parametrize("line", ["hello\n", "0.1 start {}\n", "- configure {\n"])
def test_driver_rejects_a_malformed_first_line(line: str) -> None:
    assert fatal(run(line)).startswith("the coordinator sent ")
