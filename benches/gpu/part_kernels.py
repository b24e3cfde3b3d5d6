"""The CUDA kernels against their plain references in Rust."""


def run(setup, part, deadline) -> None:
    answer = setup.ours("kernels", limit_s=deadline.left())
    for entry in answer["kernels"]:
        part.row("Kernels", **{"name": entry["name"]} | entry)
    part.check("all kernels agree", answer["passed"])
