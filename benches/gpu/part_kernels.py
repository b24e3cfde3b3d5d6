"""The CUDA kernels against their plain references in Rust."""


def run(setup, part, deadline) -> None:
    # Exit code 1 says that a kernel failed, and the answer says which.
    answer = setup.ours("kernels", limit_s=deadline.left(), codes=(0, 1))
    for entry in answer["kernels"]:
        part.row("Kernels", **{"name": entry["name"]} | entry)
    part.check("all kernels agree", answer["passed"])
