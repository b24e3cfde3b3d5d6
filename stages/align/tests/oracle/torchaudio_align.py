"""torchaudio's forced alignment of given texts to given emissions (the last release, 2.11, beside a newer torch).

    python torchaudio_align.py GIVEN.safetensors OUT.safetensors

`emissions.N` is [frames, symbols] of log-probabilities with blank at 0, `targets.N` the symbols of the text; `states.N`
of the answer is the symbol of every frame.
Exits with 77 where a module is missing.
"""

import sys

try:
    import torch
    from safetensors.torch import load_file, save_file

    # torchaudio rejects a torch with another CUDA version. This script does not use CUDA.
    torch.version.cuda = None
    sys.path.append(f"{sys.prefix}/aside")
    from torchaudio.functional import forced_align
except (ImportError, OSError, RuntimeError) as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)

given = load_file(sys.argv[1])
answer = {}
for name in [name for name in given if name.startswith("emissions.")]:
    number = name.partition(".")[2]
    states, _ = forced_align(given[name][None], given[f"targets.{number}"].int()[None], blank=0)
    answer[f"states.{number}"] = states[0].contiguous()
save_file(answer, sys.argv[2])
