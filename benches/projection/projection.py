#!/usr/bin/env python3
"""Projects the load of many GPUs on one case in PostgreSQL, from measured speeds and rates. Prints Markdown.

    python3 benches/projection/projection.py [--gpus 1000] [--chain-rate N] [--commit-rate N]

Nothing is measured here. Every input is an argument whose default is a measurement (BENCHMARKS.md, docs/gpu.md) or a default
of the program; docs/scale.md states the sources. `--chain-rate` is the number of transactions per second that append to the
custody log of one case; without it the table states what is needed.
"""

import argparse

# Whole runs on one H200 (16 CPU threads): turbo with two workers. The model alone: large-v3 and turbo, batch 32.
SPEEDS = {"whole run, turbo": 471, "large-v3 alone": 1_696, "turbo alone": 3_504}
ARTIFACTS = 5  # of a recording: decode, segment, transcribe, align, forensics
RESULT_FILES = 1  # JSON
ARTIFACT_BYTES_PER_AUDIO_S = 600  # five stages of 120, as in the simulated load
CHECKPOINT_BYTES = 4_096  # the same
LOG_LINE_BYTES = 450  # mean of a case of simulated recordings
# Of each recording: by the run that queues it five when it starts, five when the recording has ended and one for the summary;
# by the run that claims it five; by every other run one for the summary.
LOOKUPS, LOOKUPS_OF_OTHERS = 16, 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    number = dict(type=float)
    parser.add_argument("--gpus", **number, default=1000)
    parser.add_argument("--gpus-per-run", **number, default=8, help="GPUs of a machine, which one run uses")
    parser.add_argument("--recording-s", **number, default=510, help="mean length: 25.9 h in 183 calls")
    parser.add_argument("--window-s", **number, default=30, help="mean window; speech with pauses has shorter ones")
    parser.add_argument("--lease-s", **number, default=60)
    parser.add_argument("--heartbeat-s", **number, default=5)
    parser.add_argument("--chain-rate", **number, help="transactions per second that append to the log of one case")
    parser.add_argument("--commit-rate", **number, default=1_967, help="raw commits per second, all cases together")
    parser.add_argument("--recordings", **number, default=1_000_000, help="recordings of the case")
    return parser.parse_args()


def count(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:,.1f}"


def projection(speed: float, a: argparse.Namespace) -> dict[str, str]:
    runs = a.gpus / a.gpus_per_run
    recordings = a.gpus * speed / a.recording_s
    windows = a.gpus * speed / a.window_s
    results = recordings * ARTIFACTS + windows
    lines = results + recordings * RESULT_FILES
    rows = {
        "audio, hours per second": count(a.gpus * speed / 3600),
        "recordings per second": count(recordings),
        "results to commit per second (artifacts and windows)": count(results),
        "lines of the custody log per second": count(lines),
        "artifacts, checkpoints and log lines, MB per second": count(
            (a.gpus * speed * ARTIFACT_BYTES_PER_AUDIO_S + windows * CHECKPOINT_BYTES + lines * LOG_LINE_BYTES) / 1e6
        ),
        "transactions per second: claim, lease, release, end of a recording": count(4 * recordings),
        "renewals of registrations per second": count(runs * 4 / a.lease_s),
        "heartbeats per second, inside the machines": count(a.gpus / a.heartbeat_s),
        "connections": count(2 * runs),
        "minutes until the recordings of the case are done": count(a.recordings / recordings / 60),
        "lookups of artifacts at the start and end of all runs, millions": count(
            a.recordings * (LOOKUPS + (runs - 1) * LOOKUPS_OF_OTHERS) / 1e6
        ),
        "transactions per second that append to the log, if each result is one": count(lines),
    }
    if a.chain_rate:
        rows |= {
            "results per transaction at the measured rate": count(lines / a.chain_rate),
            "time between two commits of a run, s": count(runs / a.chain_rate),
            "GPUs at one result per transaction": count(a.gpus * a.chain_rate / lines),
            "cases at which the server's commits are the limit": count(a.commit_rate / a.chain_rate),
        }
    return rows


def main() -> None:
    a = arguments()
    columns = {name: projection(speed, a) for name, speed in SPEEDS.items()}
    first = next(iter(columns.values()))
    print(f"| {a.gpus:,.0f} GPUs | {' | '.join(f'{name}, {SPEEDS[name]:,}' for name in columns)} |")
    print(f"|---|{'---|' * len(columns)}")
    for row in first:
        print(f"| {row} | {' | '.join(column[row] for column in columns.values())} |")


if __name__ == "__main__":
    main()
