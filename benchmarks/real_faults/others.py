"""The rules of published tools on the signals of a watched training."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from benchmarks.diagnosis.judge import Finding
from benchmarks.diagnosis.judges import BLIND, INFORMED, JUDGES
from failmap.run_folder.records import Evaluation, TrialRecord

#: Failmap's own verdict is the watcher's.
OTHERS = {name: judge for name, judge in JUDGES.items() if name not in (INFORMED, BLIND)}


def found_by_others(record: TrialRecord, history: Sequence[Evaluation]) -> Mapping[str, tuple[Finding, ...]]:
    """Return the findings of each published tool, by its name."""
    # AutoTrainer counts in epochs, for which evaluations stand.
    train = record.config["train"]
    every = max(1, train["max_updates"] // max(1, len(history)))
    config = {**record.config, "train": {"evaluate_every": every, **train}}
    return {name: judge(replace(record, config=config), history) for name, judge in OTHERS.items()}
