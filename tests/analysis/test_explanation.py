import json
from collections.abc import Callable
from typing import Any

import pytest

from failmap.analysis.diagnosis import Diagnosis
from failmap.analysis.explanation import Explanation
from failmap.analysis.load import load_run
from failmap.run_folder.errors import UserError

MakeRun = Callable[..., Any]
MakeHistory = Callable[..., Any]


def explained(run: Any) -> dict[int, Explanation]:
    return dict(load_run(run.folder).explanations)


def diagnosed(run: Any, number: int = 0) -> Diagnosis:
    diagnosis = explained(run)[number].diagnosis
    assert diagnosis is not None
    return diagnosis


@pytest.fixture
def diverged(make_run: MakeRun, history: MakeHistory) -> Any:
    """A run of one trial that diverged."""
    run = make_run()
    nonfinite = {"tensor": "layers.0.weight_hh_l0", "update": 12}
    run.trial("failed", first_nonfinite=nonfinite, history=history("failed", count=3))
    return run


def kept(run: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.folder.causes.read_text().splitlines()]


def keep_another_cause(run: Any) -> None:
    """Replace the kept verdict by another one than that of the rules."""
    (line,) = kept(run)
    line["verdict"]["cause"] = "dead_units"
    run.folder.causes.write_text(json.dumps(line) + "\n")


def test_only_learned_and_failed_trials_are_explained(make_run: MakeRun) -> None:
    run = make_run()
    for outcome in ("learned", "failed", "censored", "errored", None):
        run.trial(outcome)
    causes = [one.diagnosis and one.diagnosis.cause for one in explained(run).values()]
    assert causes == ["none", "unknown", None, None, None]
    assert explained(run)[0].level == "learned"


def test_kept_verdicts_equal_new_ones(diverged: Any) -> None:
    made = explained(diverged)
    assert kept(diverged)[0]["verdict"]["cause"] == "diverged"
    assert explained(diverged) == made


def test_kept_verdicts_expire_with_the_history(diverged: Any, history: MakeHistory) -> None:
    explained(diverged)
    keep_another_cause(diverged)
    assert diagnosed(diverged).cause == "dead_units"
    with diverged.folder.trial(0).history.open("a") as file:
        file.write(history("failed", count=4)[-1].to_line() + "\n")
    assert diagnosed(diverged).cause == "diverged"


def test_kept_verdicts_expire_with_the_rules(diverged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    explained(diverged)
    keep_another_cause(diverged)
    monkeypatch.setattr("failmap.analysis.explanation._rules", lambda: b"better ones")
    assert diagnosed(diverged).cause == "diverged"


def test_kept_verdicts_expire_with_the_record(diverged: Any) -> None:
    explained(diverged)
    keep_another_cause(diverged)
    record = diverged.folder.trial(0).record
    record.write_text(record.read_text().replace('"update": 12', '"update": 13'))
    assert "13" in diagnosed(diverged).verdict.evidence[0].told


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]\n3\n",
        '{"number": 0}\n',
        "\udcff\n",
        '{"key": "", "verdict": 3}',
        '{"number": ' + "[" * 5000,
    ],
    ids=lambda text: text[:12],
)
def test_unreadable_file_is_replaced(diverged: Any, text: str) -> None:
    made = explained(diverged)
    diverged.folder.causes.write_text(text, errors="surrogateescape")
    assert explained(diverged) == made
    assert len(kept(diverged)) == 1


def test_unwritable_file_is_ignored(diverged: Any) -> None:
    diverged.folder.causes.mkdir()
    assert diagnosed(diverged).cause == "diverged"


def test_several_processes_agree_with_one(
    make_run: MakeRun, history: MakeHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("a run")
    for outcome in ("learned", "failed", "failed"):
        run.trial(outcome, history=history(outcome, count=20))
    alone = explained(run)
    run.folder.causes.unlink()
    monkeypatch.setattr("failmap.analysis.explanation._WORTH_PROCESSES", 1)
    assert explained(run) == alone


@pytest.mark.parametrize("worth_processes", [1, 1000])
def test_corrupt_history_is_reported(
    diverged: Any, monkeypatch: pytest.MonkeyPatch, worth_processes: int
) -> None:
    monkeypatch.setattr("failmap.analysis.explanation._WORTH_PROCESSES", worth_processes)
    diverged.folder.trial(0).history.write_text("{broken\n")
    with pytest.raises(UserError, match=r"trials/0/history\.jsonl, line 1: ") as error:
        explained(diverged)
    assert len(error.value.problems) == 1
