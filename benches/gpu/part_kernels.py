"""Compares the CUDA kernels with their references in Rust."""


def run(setup, part, deadline) -> None:
    # Exit code 1 means that a kernel failed; the output names it.
    answer = setup.ours("kernels", limit_s=deadline.left(), codes=(0, 1))
    for entry in answer["kernels"]:
        part.row("Kernels", **{"name": entry["name"]} | entry)
    part.check("all kernels agree", answer["passed"])
