"""Every command that is proposed after a run has something to do."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import build_map
from failmap.analysis.next_steps import next_steps
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Outcome
from failmap.search.allocation.remaining import trials_left_of
from failmap.search.interventions.selection import cells_to_rescue, records_by_cell
from failmap.search.loading import load, resume_config, to_yaml
from tests.search.studies import FAILED, LEARNED, open_study

#: Arguments of a run, outcomes of its trials in turn, how many trials end, and the keys that are proposed.
CASES: list[tuple[str, list[Outcome], int, set[str]]] = [
    # Of one trial in all, no limit of a cell adds another one, unless the limit of trials is lifted.
    ("budget.trials=1", ["failed"], 1, {"trials", "minutes", "recipes"}),
    ("budget.minutes=5", ["learned", "failed"], 3, {"max_seeds", "minutes", "recipes"}),
    ("budget.max_seeds=6", ["learned", "failed"], 99, {"max_seeds", "minutes", "recipes"}),
    ("budget.seeds=10", ["learned", "failed"], 99, {"max_seeds", "minutes", "recipes"}),
    # It fails, or learns, everywhere tried: a value further out is proposed.
    ("budget.recipes=1", ["failed"], 99, {"minutes", "recipes", "task.sequence_length"}),
    # The default recipe is the only one of this space: more recipes add nothing.
    ("train.learning_rate=1e-2", ["failed"], 99, {"task.sequence_length"}),
    # Nor does a setting without effect.
    (
        "model.depth=1 train.learning_rate=1e-2 model.dropout=0,0.5",
        ["failed"],
        99,
        {"task.sequence_length"},
    ),
    (
        "map.facet=model.hidden_size model.hidden_size=4,8",
        ["learned"],
        99,
        {"minutes", "facets", "task.sequence_length"},
    ),
    ("fail_after_recipes=3", ["failed"], 99, {"minutes", "recipes"}),
    # Of trials that errored, as many are replaced as there may be seeds.
    ("", ["errored"], 99, {"max_seeds", "minutes", "recipes"}),
    ("", ["learned"], 99, {"task.sequence_length"}),
]


@pytest.mark.parametrize(("arguments", "outcomes", "num_trials", "expected"), CASES)
def test_proposals_begin_trials(
    tmp_path: Path, arguments: str, outcomes: list[Outcome], num_trials: int, expected: set[str]
) -> None:
    words = [*arguments.split(), "space=smoke", "task.sequence_length=3,30", "budget=quick"]
    if "model.depth=1" not in words:
        words.append("model.depth=1,2")
    config = load([*words, "run=small", f"storage={tmp_path}"])
    folder = RunFolder(tmp_path / "small")
    folder.trials.mkdir(parents=True)
    folder.config.write_text(to_yaml(config))
    study = open_study(config, folder)
    for number in range(num_trials):
        if (start := study.ask()) is None:
            break
        outcome = outcomes[number % len(outcomes)]
        study.tell(start.number, replace(LEARNED if outcome == "learned" else FAILED, outcome=outcome))
    study.close()
    run = load_run(folder)
    steps = next_steps(run, build_map(run), trials_left_of(config))
    keys: set[str] = set()
    for command in (shlex.split(text) for _, text in steps):
        named = [word for word in command if "=" in word and not word.startswith(("run=", "storage="))]
        if "search.resume" in command:
            keys |= {word.partition("=")[0].removeprefix("budget.") for word in named}
            continued = resume_config(config, named)
            assert trials_left_of(continued)(run.records, {}) > 0, command
        elif "search.rescue" in command:
            assert cells_to_rescue(config, records_by_cell(config, run.records), {}, recipe=0)
        else:
            assert "search.check" in command
    assert keys == expected
