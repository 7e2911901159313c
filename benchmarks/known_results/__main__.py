"""Write docs/known-results.md: python -m benchmarks.known_results [topic ...].

Takes at most 30 minutes on 2 cores. With topics, only those are checked, and nothing is written.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

from benchmarks.known_results import depth, digits, memory, output, parity, references
from benchmarks.known_results.claim import Claim, Result, Verdict
from benchmarks.known_results.trainings import train_all
from benchmarks.results_file import provenance, table

PAGE = Path(__file__).parents[2] / "docs" / "known-results.md"

THEMES = (parity, memory, depth, digits, output, references)

#: Results that need a GPU, with the command for each.
NEEDS_A_GPU = (
    (
        "MNIST pixel by pixel (784 steps), all 60,000 digits: an LSTM of 128 units reaches 97 to 99 % "
        "(Arjovsky et al. 2016; Bai et al. 2018)",
        "python -m search.run space=mnist_length task.folder=FOLDER task.test_size=10000 "
        "task.sequence_length=784 model.name=lstm model.hidden_size=128 train.max_updates=50000",
    ),
    (
        "Two digits on frames of 64x64, 2,048 units: 341.2 nats a frame for the conditional composite model "
        "(Srivastava et al. 2015, table 5)",
        "python -m search.run space=encoder_decoder task.target=both task.num_digits=2 task.frame_size=64 "
        "task.digit_size=28 task.sequence_length=10 task.prediction_length=10 model.hidden_size=2048 "
        "train.max_updates=50000",
    ),
)


def main(topics: list[str]) -> int:
    """Check all claims, or those of the topics; return 1 if one does not hold."""
    started = perf_counter()
    claims = [claim for theme in THEMES for claim in theme.CLAIMS]
    if topics:
        claims = [claim for claim in claims if any(topic in claim.topic for topic in topics)]
    results: dict[str, Result] = {}
    for config, result in train_all(claims, os.cpu_count() or 1):
        results[config.model_dump_json()] = result
        what = f"{config.model.name} on {config.task.name}, seed {config.seed}"
        seconds = perf_counter() - started
        print(f"{seconds:.0f} s: {what}: {result.outcome} after {result.updates}", flush=True)
    verdicts = [judge(claim, results) for claim in claims]
    minutes = (perf_counter() - started) / 60
    page = as_page(claims, verdicts, minutes)
    print(page)
    if not topics:
        PAGE.write_text(page, encoding="utf-8")
    return 0 if all(verdict.passed for verdict in verdicts) else 1


def judge(claim: Claim, results: Mapping[str, Result]) -> Verdict:
    """Compare our results with one claim."""
    arms = {
        name: [results[config.model_dump_json()] for config in configs]
        for name, configs in claim.arms.items()
    }
    return claim.judge(arms)


def as_page(claims: list[Claim], verdicts: list[Verdict], minutes: float) -> str:
    """Return the page."""
    rows = [
        (
            *(claim.topic, claim.statement, claim.source, claim.expected, verdict.found),
            "pass" if verdict.passed else "**fail**",
        )
        for claim, verdict in zip(claims, verdicts, strict=True)
    ]
    return "\n".join(
        [
            "# Known results",
            "",
            "Known results about recurrent networks, and Failmap's. `make known-results` generates this page "
            f"({minutes:.0f} minutes on the machine below). All trainings are trials of Failmap with their "
            "criterion; k of n counts seeds.",
            "",
            table(("what", "known", "source", "expected", "ours", ""), rows),
            "",
            "## Not measured here: needs a GPU",
            "",
            table(("known", "command"), [(statement, f"`{command}`") for statement, command in NEEDS_A_GPU]),
            "",
            provenance("python -m benchmarks.known_results"),
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
