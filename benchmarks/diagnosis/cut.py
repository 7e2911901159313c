"""How early a training shows its cause: python -m benchmarks.diagnosis.cut [minutes=5].

Runs the default job without stopping hopeless trials, or takes a run that is there (run=runs/NAME), cuts the
history of each trial that failed, and diagnoses it again.
"""

import sys
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from benchmarks.arguments import parse_arguments
from benchmarks.edge.real_search import search
from benchmarks.results_file import table, write_results
from failmap.analysis.diagnosis.diagnose import diagnose
from failmap.analysis.load import load_run
from failmap.run_folder.paths import RunFolder

#: Shares of the updates after which trainings are cut.
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def main() -> int:
    """Diagnose cut histories, and write the page."""
    asked = parse_arguments(minutes=5.0, run="")
    with tempfile.TemporaryDirectory() as storage:
        if asked.run:
            folder = RunFolder(Path(asked.run))
        else:
            words = ["space=lstm_depth", "budget=quick", f"budget.minutes={asked.minutes:g}"]
            folder, *_ = search([*words, "futility.max_wrong=0"], Path(storage), "whole")
        same = agreement(folder)
    rows = [[f"{100 * share:.0f}", sum(one), len(one)] for share, one in same.items()]
    body = f"""Trials of `space=lstm_depth` that failed after all their updates.

{table(("updates, % of the budget", "same cause as at the end", "trials"), rows)}"""
    write_results("diagnosis-cut", "How early a cause shows", body)
    return 0


def agreement(folder: RunFolder) -> dict[float, list[bool]]:
    """Return by share of the updates whether each failed trial had its last cause by then."""
    run = load_run(folder)
    same: dict[float, list[bool]] = defaultdict(list)
    for record in run.records:
        summary = record.summary
        if summary is None or summary.outcome != "failed" or summary.p_learn:
            continue
        history = run.history(record.number)
        last = diagnose(record, history)
        for share in _SHARES:
            seen = history[: max(1, round(share * len(history)))]
            best = max(one.score for one in seen)
            cut = replace(summary, updates=seen[-1].update, score=seen[-1].score, best_score=best)
            found = diagnose(replace(record, summary=cut), seen)
            assert last is not None, "a failed trial has a diagnosis"
            assert found is not None, "so has a shorter one"
            same[share].append(found.verdict.cause == last.verdict.cause)
    return same


if __name__ == "__main__":
    sys.exit(main())
