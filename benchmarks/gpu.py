"""Compare our training loop with a bare torch loop on a GPU: python -m benchmarks.gpu [pairs=20].

Needs torch, pydantic, jaxtyping and safetensors, but neither Ray nor Optuna. Without a GPU, the results file
says that nothing was measured.
"""

import torch

from benchmarks.arguments import parse_arguments
from benchmarks.loop_cases import CASES, Case, compare, table
from benchmarks.results_file import write_results

#: The largest network of the question that Failmap started from; a CPU is too slow for it.
GPU_CASES = (*CASES, Case("lstm", 5, 512))
TITLE = "Our training loop compared with a bare torch loop on a GPU"


def main() -> None:
    """Measure every network on the first GPU."""
    if not torch.cuda.is_available():
        write_results("gpu", TITLE, "Not measured: this machine has no GPU.", "none")
        return
    pairs = parse_arguments(pairs=20).pairs
    device = torch.device("cuda")
    name = torch.cuda.get_device_name(device)
    results = [compare(case, device, pairs) for case in GPU_CASES]
    remarks = (
        f"{name}, CUDA {torch.version.cuda}. Adding problem, T=50, batch 64. The loops alternate; an "
        "interval is 50 updates and an evaluation on 512 sequences. Ours includes probes, history and "
        "checkpoints."
    )
    write_results("gpu", TITLE, f"{remarks}\n\n{table(results)}", name)


if __name__ == "__main__":
    main()
