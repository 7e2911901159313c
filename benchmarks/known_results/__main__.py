"""Writes docs/known-results.md: python -m benchmarks.known_results [topic ...].

At most 30 minutes on 2 cores. With topics only those are tried, and nothing is written.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

from benchmarks.known_results import depth, digits, memory, output, parity, references
from benchmarks.known_results.claim import Claim, Result, Verdict
from benchmarks.known_results.trainings import train_all
from benchmarks.results_file import provenance

PAGE = Path(__file__).parents[2] / "docs" / "known-results.md"

THEMES = (parity, memory, depth, digits, output, references)

#: What a GPU is needed for, each with the command that tries it.
WANTS_A_GPU = (
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
    """Tries all claims, or those of the topics; returns 1 where one does not hold."""
    started = perf_counter()
    claims = [claim for theme in THEMES for claim in theme.CLAIMS]
    if topics:
        claims = [claim for claim in claims if any(topic in claim.topic for topic in topics)]
    results: dict[str, Result] = {}
    for config, result in train_all(claims, os.cpu_count() or 1):
        results[config.model_dump_json()] = result
        told = f"{config.model.name} on {config.task.name}, seed {config.seed}"
        print(
            f"{perf_counter() - started:.0f} s: {told}: {result.outcome} after {result.updates}", flush=True
        )
    verdicts = [judged(claim, results) for claim in claims]
    minutes = (perf_counter() - started) / 60
    page = as_page(claims, verdicts, minutes)
    print(page)
    if not topics:
        PAGE.write_text(page, encoding="utf-8")
    return 0 if all(verdict.passed for verdict in verdicts) else 1


def judged(claim: Claim, results: Mapping[str, Result]) -> Verdict:
    """Ours for one claim."""
    arms = {
        name: [results[config.model_dump_json()] for config in configs]
        for name, configs in claim.arms.items()
    }
    return claim.judge(arms)


def as_page(claims: list[Claim], verdicts: list[Verdict], minutes: float) -> str:
    """The page, with everything that one must know to believe it."""
    rows = [
        f"| {claim.topic} | {claim.statement} | {claim.source} | {claim.expected} | {verdict.found} "
        f"| {'pass' if verdict.passed else '**fail**'} |"
        for claim, verdict in zip(claims, verdicts, strict=True)
    ]
    waiting = [f"| {statement} | `{command}` |" for statement, command in WANTS_A_GPU]
    return "\n".join(
        [
            "# Known results",
            "",
            "What is known of recurrent networks, and what Failmap gets. `make known-results` makes this "
            f"page anew ({minutes:.0f} minutes on the machine below). A training is one of Failmap's own "
            "trials, with its criterion; k of n are seeds.",
            "",
            "| what | known | source | expected | ours | |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "## Not tried here: wants a GPU",
            "",
            "| known | command |",
            "|---|---|",
            *waiting,
            "",
            provenance("python -m benchmarks.known_results"),
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
