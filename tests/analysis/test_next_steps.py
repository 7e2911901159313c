import json
from typing import Any

import pytest

from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import build_map
from failmap.analysis.next_steps import next_steps
from failmap.run_folder.records import Evaluation, Intervention


def commands(run: Any) -> dict[str, str]:
    loaded = load_run(run.folder)
    return dict(next_steps(loaded, build_map(loaded)))


def test_finished_run_is_not_continued(make_run: Any) -> None:
    run = make_run(lengths=(5,), depths=(1,))
    run.trials(6, 0, 5, 1)
    assert not any("search.resume" in words for words in commands(run).values())


def test_every_open_part_has_a_command(make_run: Any) -> None:
    run = make_run(facets=(32, 128), budget={"seeds": 6, "max_seeds": 10, "facets": 1})
    run.trials(2, 6, 5, 1, facet=32)
    run.trials(0, 6, 20, 1, facet=32)
    steps = commands(run)
    assert any(words.endswith("budget.minutes=30") for words in steps.values())
    assert any("budget.max_seeds=16" in words for words in steps.values())
    assert any("budget.recipes=3" in words for words in steps.values())
    assert "budget.facets=2" in steps["The next map: hidden size 128, too:"]
    assert all(f"run={run.folder.name}" in words for words in steps.values() if "search.resume" in words)


def typed(run: Any, *words: str) -> None:
    """Write the command that started the run."""
    command = ["python", "-m", "search.run", *words]
    run.folder.provenance.write_text(json.dumps({"sessions": [{"command": command}]}))


def test_recipes_are_limited_by_the_space(make_run: Any) -> None:
    rates = [{"path": "train.learning_rate", "values": [0.003, 0.001], "default": 0.003}]
    for recipes, told in ((1, True), (2, False)):
        run = make_run(f"of_{recipes}", axes=rates, budget={"recipes": recipes})
        run.trials(0, 6)
        assert any("budget.recipes=2" in words for words in commands(run).values()) is told
    run = make_run("without", axes=[])
    run.trials(0, 6)
    assert not any("budget.recipes" in words for words in commands(run).values())


def test_check_is_proposed_if_nothing_learned(make_run: Any) -> None:
    run = make_run()
    typed(run, "run=first", "budget.minutes=2", "space=my space.yaml", "train.clip_norm=1")
    run.trials(0, 6)
    checks = [words for words in commands(run).values() if "search.check" in words]
    assert checks == ["python -m search.check 'space=my space.yaml' train.clip_norm=1"]
    run.trials(1, 0, 20, 1)
    assert not any("search.check" in words for words in commands(run).values())


def test_check_names_the_default_space(make_run: Any) -> None:
    run = make_run()
    typed(run)
    run.trials(0, 6)
    assert "python -m search.check space=lstm_depth" in commands(run).values()


def test_larger_run_is_proposed_for_depth_maps(make_run: Any) -> None:
    run = make_run("deep", facets=(32, 128))
    run.trials(6, 0, 5, 1, 32)
    assert (
        "python -m search.run budget=full model.hidden_size=512 model.depth=5 task.sequence_length=20 "
        "cluster.address=auto"
    ) in commands(run).values()
    flat = make_run("flat")
    flat.trials(6, 0)
    assert not any("search.run" in words for words in commands(flat).values())


def test_parity_is_proposed_after_adding(make_run: Any) -> None:
    for task, network, told in (("adding", "lstm", 1), ("moving_mnist", "gru", 0)):
        base = {"task": {"name": task}, "model": {"name": network}}
        run = make_run(task, facets=(32,), base=base)
        run.trials(6, 0, 5, 1, 32)
        words = " ".join(commands(run).values())
        assert words.count("task=parity") == told
        assert ("model=gru" in words) is (network == "gru")


def test_more_updates_are_proposed_where_trials_were_still_learning(make_run: Any) -> None:
    run = make_run(lengths=(5,), depths=(1,))
    typed(run, "run=first", "space=lstm_depth", "train.max_updates=1500")
    for _ in range(2):  # Half of the cell's trials never moved.
        run.trial("failed", 5, 1, history=[])
    for _ in range(2):
        # The loss falls by a factor of 0.95 an evaluation: the goal of a twentieth needs 59 of them.
        falling = [
            Evaluation(50 * index, 0.1, loss, loss, loss, 1 - 0.95**index)
            for index in range(1, 31)
            for loss in (0.95**index / 6,)
        ]
        run.trial("failed", 5, 1, history=falling)
    (longer,) = [words for purpose, words in commands(run).items() if purpose.startswith("More updates")]
    assert longer == "python -m search.run space=lstm_depth train.max_updates=3000"


def test_rescue_comes_first(make_run: Any) -> None:
    run = make_run("my run")
    run.trials(0, 6)
    told = list(commands(run).values())
    assert told[0] == f"python -m search.rescue 'run=my run' storage={run.folder.path.parent}"
    run.trial("learned", intervention=Intervention("rescue", "layer_norm", {}, 0))
    assert not any("search.rescue" in words for words in commands(run).values()), "it was tried"


def test_no_rescue_without_failing_cells(make_run: Any) -> None:
    run = make_run()
    run.trials(3, 1)
    assert not any("search.rescue" in words for words in commands(run).values())


@pytest.mark.parametrize(
    "words", [(), ("task=array_file", "task.path=my data.csv", "task.target=forecasting")]
)
def test_user_file_is_kept_in_proposals(make_run: Any, words: tuple[str, ...]) -> None:
    base = {"task": {"name": "array_file", "path": "my data.csv"}, "model": {"name": "lstm"}}
    run = make_run(facets=(32,), base=base)
    typed(run, *words, "task.sequence_length=5,20")
    run.trials(0, 6, 5, 1, 32)
    begun = [words for words in commands(run).values() if "search.run" in words or "search.check" in words]
    assert "task=array_file 'task.path=my data.csv'" in begun[-1]
    assert ("task.target=forecasting" in begun[-1]) is bool(words)
    assert "task.sequence_length=20 cluster.address" in begun[-1], "the axis is pinned by the proposal only"
