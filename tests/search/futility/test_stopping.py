"""By which rules a run's trials are stopped, from shipped curves and from its own."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from failmap.run_folder.futility import read_rule_notes, rule_path
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Evaluation, FutilityCheck, Summary, TrialRecord
from failmap.search.config import Futility
from failmap.search.futility import stopping
from failmap.search.futility.families import Family, LongCurve, settings_of, shipped
from failmap.search.futility.rule import Rule
from failmap.search.futility.stopping import Stopping
from failmap.search.trial.config import TrialConfig

MAX_UPDATES, EVERY = 1000, 50


def config(length: int = 10, seed: int = 0, **train: Any) -> dict[str, Any]:
    """Return a trial's configuration."""
    return TrialConfig.model_validate(
        {
            "task": {"name": "adding", "sequence_length": length},
            "model": {"name": "gru"},
            "train": {"max_updates": MAX_UPDATES, "evaluate_every": EVERY, **train},
            "seed": seed,
        }
    ).model_dump(mode="json")


def curve(seed: int, learns: bool) -> LongCurve:
    """Return a curve that rises early, or stays at chance for three budgets."""
    random = np.random.default_rng((seed, learns))
    num = int(random.integers(4, 9)) if learns else 3 * MAX_UPDATES // EVERY
    scores = 0.05 * random.standard_normal(num)
    scores[-3:] = [0.5, 0.96, 0.97] if learns else scores[-3:]
    return LongCurve((seed % 12,), tuple(scores), tuple(np.exp(-scores)), num if learns else None)


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grow smaller forests, which are as good for curves as simple as these."""
    monkeypatch.setattr("failmap.search.futility.forest._NUM_TREES", 80)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Family:
    """Ship one family: lengths from 5 to 50."""
    curves = tuple(curve(seed, learns) for seed in range(60) for learns in (False, True))
    boxes = ({"task.sequence_length": (5, 50), "model.depth": (1, 2), "model.hidden_size": (32, 32)},)
    family = Family("known", settings_of(config()), boxes, 3 * MAX_UPDATES // EVERY, curves)
    monkeypatch.setattr(stopping, "shipped", lambda: (family,))
    stopping._calibrate_shipped.cache_clear()
    return family


Open = Callable[..., Stopping]


@pytest.fixture
def open_stopping(tmp_path: Path) -> Open:
    """Return a function that opens the rules of a run."""

    def open_rules(seed: int = 0, name: str = "run", **settings: float) -> Stopping:
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir(exist_ok=True)
        return Stopping(folder, Futility(max_wrong=0.02, **settings), seed)

    return open_rules


@pytest.mark.usefixtures("known")
def test_shipped_curves_stop_trials_like_theirs(open_stopping: Open, tmp_path: Path) -> None:
    """A file holds the rule, from which a worker reads it."""
    check = open_stopping().begin(config(20))
    assert check is not None
    folder = RunFolder(tmp_path / "run")
    rule = Rule.from_bytes(Path(str(rule_path(folder, check.rule))).read_bytes())
    (note,) = read_rule_notes(folder)
    assert (note.name, note.num_shipped, note.num_own) == (check.rule, 120, 0)
    assert (rule.stopped, rule.wrong, rule.p_learn) == (note.stopped, note.wrong, note.p_learn)
    assert note.p_learn <= 0.02


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    "other",
    [
        config(100),
        config(20, learning_rate=0.1),
        config(20, max_updates=4000),
        config(20, evaluate_every=25),
        {"own": {"function": "train.py:train"}, "settings": {}, "seed": 0},
    ],
    ids=["longer", "another rate", "more updates", "other evaluations", "own function"],
)
def test_other_trials_are_left_alone(open_stopping: Open, other: dict[str, Any]) -> None:
    """Nothing is known of other settings, sizes beyond those tried, or budgets beyond the curves."""
    assert open_stopping().begin(other) is None


@pytest.mark.usefixtures("known")
def test_fewer_updates_have_a_rule_of_their_own(open_stopping: Open) -> None:
    """What is hopeless within 500 updates may learn within 1,000."""
    rules = open_stopping()
    names = {check.rule for updates in (500, 1000) if (check := rules.begin(config(20, max_updates=updates)))}
    assert len(names) == 2


@pytest.mark.usefixtures("known")
def test_nothing_is_stopped_if_nothing_may_be_wrong(tmp_path: Path) -> None:
    """`futility.max_wrong=0` turns it off."""
    assert Stopping(RunFolder(tmp_path), Futility(max_wrong=0), 0).begin(config(20)) is None


@pytest.mark.usefixtures("known")
def test_exempt_share_follows_from_the_seed_and_the_trial(open_stopping: Open) -> None:
    """A tenth, the same on every machine and in every order, and others with another seed."""
    configs = [config(length, seed) for length in range(5, 25) for seed in range(2, 22)]

    def exempt(rules: Stopping, order: int = 1) -> list[bool]:
        checks = [rules.begin(one) for one in configs[::order]][::order]
        return [check.exempt for check in checks if check is not None]

    first = exempt(open_stopping())
    assert first == exempt(open_stopping(name="again"), order=-1)
    assert first != exempt(open_stopping(seed=1, name="other"))
    assert len(first) == 400
    assert 20 < sum(first) < 65


@pytest.mark.usefixtures("known")
def test_first_seed_of_a_cell_is_exempt(open_stopping: Open) -> None:
    """Only whole trainings are diagnosed, and so each cell that fails has one."""
    rules = open_stopping(seed=7, exempt_share=0)
    checks = [rules.begin(config(length, seed)) for length in (10, 20) for seed in (7, 8, 9)]
    assert [check.exempt for check in checks if check is not None] == [True, False, False] * 2


@pytest.mark.usefixtures("known")
def test_resumed_run_has_the_same_rules(open_stopping: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read, not made again: a later version may ship other curves."""
    check = open_stopping().begin(config(20))
    monkeypatch.setattr(stopping, "shipped", tuple)
    assert open_stopping().begin(config(20)) == check


def record(folder: RunFolder, number: int, learns: bool, **more: Any) -> TrialRecord:
    """Write the history of a trial of another task, and return its record."""
    one = curve(number, learns)
    num = len(one.scores) if learns else MAX_UPDATES // EVERY
    trial = folder.trial(number)
    trial.path.mkdir(parents=True)
    lines = (
        Evaluation(EVERY * (index + 1), 1.0, one.losses[index], 0.0, 0.0, one.scores[index]).to_line()
        for index in range(num)
    )
    trial.history.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    summary = Summary("learned" if learns else "failed", "as planned", updates=num * EVERY, **more)
    return TrialRecord(
        number,
        1,
        config(5 + number % 12, number + 1, learning_rate=0.02),
        {},
        {},
        0,
        "default",
        number,
        "",
        summary=summary,
    )


@pytest.mark.usefixtures("known")
def test_runs_own_curves_make_a_rule(open_stopping: Open, tmp_path: Path) -> None:
    """Of settings that nothing is shipped for, once 64 of its trainings have ended; within what was tried."""
    rules, folder = open_stopping(), RunFolder(tmp_path / "run")
    new = config(10, learning_rate=0.02)
    for number in range(63):
        rules.end(record(folder, number, learns=number % 2 == 0))
    assert rules.begin(new) is None
    rules.end(record(folder, 63, learns=False))
    check = awaited(rules, new)
    assert check is not None
    assert check.rule.endswith("-64")
    assert rules.begin(config(17, learning_rate=0.02)) is None


@pytest.mark.usefixtures("known")
def test_damaged_histories_are_left_out(open_stopping: Open, tmp_path: Path) -> None:
    """One is gone, one is empty, one has a corrupt line: the others make the rule."""
    rules, folder = open_stopping(), RunFolder(tmp_path / "run")
    trials = [record(folder, number, learns=number % 2 == 0) for number in range(64)]
    folder.trial(1).history.unlink()
    folder.trial(3).history.write_text("", encoding="utf-8")
    folder.trial(5).history.write_text("{}\n", encoding="utf-8")
    for trial in trials:
        rules.end(trial)
    assert awaited(rules, config(10, learning_rate=0.02)) is not None


@pytest.mark.usefixtures("known")
def test_stopped_trials_are_no_curves(open_stopping: Open, tmp_path: Path) -> None:
    """Their end is not known: the exempt ones stand for them."""
    rules, folder = open_stopping(), RunFolder(tmp_path / "run")
    for number in range(80):
        rules.end(record(folder, number, learns=number % 2 == 0, p_learn=0.01 * (number % 2)))
    assert not rules._awaited
    assert awaited(rules, config(10, learning_rate=0.02)) is None


@pytest.mark.usefixtures("known")
def test_exempt_trials_stand_for_those_that_were_stopped(open_stopping: Open, tmp_path: Path) -> None:
    """A hopeless one that was spared counts ten times: here those that learned forbid the rule."""
    rules, folder = open_stopping(), RunFolder(tmp_path / "run")
    check = FutilityCheck("earlier-0", exempt=True)
    for number in range(64):
        trial = record(folder, number, learns=number < 34)
        if number < 3:
            # They rose late, from a curve like those that fail.
            failing = record(RunFolder(tmp_path / "run"), 1000 + number, learns=False)
            text = folder.trial(failing.number).history.read_text(encoding="utf-8")
            folder.trial(number).history.write_text(text, encoding="utf-8")
            assert trial.summary is not None
            trial = replace(trial, futility=check, summary=replace(trial.summary, hopeless_at=300))
        rules.end(trial)
    assert awaited(rules, config(10, learning_rate=0.02)) is None
    (note,) = read_rule_notes(folder)
    assert (note.num_own, note.stopped) == (64, 0)


def awaited(rules: Stopping, new: dict[str, Any]) -> FutilityCheck | None:
    """Return how a trial is stopped once all that is being calibrated has ended."""
    for future in rules._awaited.values():
        future.result()
    return rules.begin(new)


def test_shipped_families_are_those_of_default_maps() -> None:
    """Each has a rule's worth of trainings that failed, and settings that a default space trains with."""
    families = {family.name: family for family in shipped()}
    assert {"adding", "order", "parity"} <= families.keys()
    for family in families.values():
        assert json.loads(json.dumps(family.settings)) == family.settings
        ends = {family.num_evaluations, family.num_evaluations // 3}
        assert {len(one.scores) for one in family.curves if one.learned_at is None} <= ends
        assert all(len(one.scores) == one.learned_at for one in family.curves if one.learned_at is not None)
