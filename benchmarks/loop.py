"""Compare our training loop with a bare torch loop on a CPU: python -m benchmarks.loop [pairs=20]."""

import torch

from benchmarks.arguments import parse_arguments
from benchmarks.loop_cases import CASES, compare, table
from benchmarks.results_file import write_results


def main() -> None:
    """Measure every network with one torch thread."""
    torch.set_num_threads(1)
    pairs = parse_arguments(pairs=20).pairs
    device = torch.device("cpu")
    results = [
        compare(case, device, max(3, pairs // 6) if case.hidden_size > 128 else pairs) for case in CASES
    ]
    remarks = (
        "Adding problem, T=50, batch 64, one thread. The loops alternate; an interval is 50 updates and an "
        "evaluation on 512 sequences. Ours includes probes, history and checkpoints. The bare loop is "
        "`nn.LSTM` or `nn.GRU` with torch's default Adam; ours uses the fused Adam."
    )
    write_results(
        "loop", "Our training loop compared with a bare torch loop", f"{remarks}\n\n{table(results)}"
    )


if __name__ == "__main__":
    main()
