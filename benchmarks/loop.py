"""Our training loop beside a bare torch loop on a CPU: python -m benchmarks.loop [pairs=20]."""

import sys

import torch

from benchmarks.loop_cases import CASES, compare, table
from benchmarks.results_file import write_results


def main() -> None:
    """Compares every network, one torch thread."""
    torch.set_num_threads(1)
    pairs = int(dict(word.split("=") for word in sys.argv[1:]).get("pairs", 20))
    device = torch.device("cpu")
    results = [
        compare(case, device, max(3, pairs // 6) if case.hidden_size > 128 else pairs) for case in CASES
    ]
    remarks = (
        "Adding problem, T=50, batch 64, one thread. In turn, an interval at a time: 50 updates and an "
        "evaluation on 512 sequences, in both; ours with probes, history and checkpoints. The bare loop is "
        "`nn.LSTM` or `nn.GRU` with torch's Adam as it comes; ours takes the fused Adam."
    )
    write_results("loop", "Our training loop beside a bare torch loop", f"{remarks}\n\n{table(results)}")


if __name__ == "__main__":
    main()
