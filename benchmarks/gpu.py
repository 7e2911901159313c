"""Our training loop beside a bare torch loop on a GPU: python -m benchmarks.gpu [pairs=20].

Needs torch, pydantic, jaxtyping and safetensors; neither Ray nor Optuna. Where there is no GPU the file that
it writes says so.
"""

import sys

import torch

from benchmarks.loop_cases import CASES, Case, compare, table
from benchmarks.results_file import write_results

#: The widest network of the issue that Failmap was asked about, which a CPU is too slow for.
GPU_CASES = (*CASES, Case("lstm", 5, 512))
TITLE = "Our training loop beside a bare torch loop on a GPU"


def main() -> None:
    """Compares every network on the first GPU."""
    if not torch.cuda.is_available():
        write_results("gpu", TITLE, "Not measured: this machine has no GPU.", "none")
        return
    pairs = int(dict(word.split("=") for word in sys.argv[1:]).get("pairs", 20))
    device = torch.device("cuda")
    name = torch.cuda.get_device_name(device)
    results = [compare(case, device, pairs) for case in GPU_CASES]
    remarks = (
        f"{name}, CUDA {torch.version.cuda}. Adding problem, T=50, batch 64. In turn, an interval at a time: "
        "50 updates and an evaluation on 512 sequences, in both; ours with probes, history and checkpoints."
    )
    write_results("gpu", TITLE, f"{remarks}\n\n{table(results)}", name)


if __name__ == "__main__":
    main()
