from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.diagnosis import sections
from benchmarks.diagnosis.__main__ import main
from benchmarks.diagnosis.case import Half
from benchmarks.diagnosis.judge import Finding
from benchmarks.diagnosis.judges import BLIND, INFORMED
from benchmarks.diagnosis.labelled import WHY_LEFT_OUT, Labelled
from benchmarks.diagnosis.page import as_body
from benchmarks.diagnosis.score import Judged
from failmap.run_folder.errors import UserError
from failmap.run_folder.records import Evaluation

MakeTraining = Callable[..., Labelled]
Store = Callable[[Labelled], Path]

NOT_FINITE = {"first_nonfinite": {"tensor": "loss", "update": 70}}


@pytest.fixture
def half(training: MakeTraining) -> list[Labelled]:
    """Two healthy trainings, one that diverged, and one whose fault had no effect."""
    return [
        training(name="healthy twin", kind_of_healthy="plain"),
        training(name="slow one", kind_of_healthy="slow"),
        training("diverged", name="hot", severity="rate x1000", summary=NOT_FINITE),
        training("overfit", name="mild", outcome="learned", took=False),
    ]


def test_page_has_counts_and_scores(half: list[Labelled]) -> None:
    cells = [line.strip("| ").split(" | ") for line in as_body({"tuning": half}).splitlines()]

    assert ["trainings", "4"] in cells
    assert [f"left out: {WHY_LEFT_OUT[1]}", "1"] in cells
    assert ["scored, healthy", "2"] in cells
    assert ["scored, faulty", "1"] in cells
    assert ["diverged: rate x1000", "1 of 1, 100 % [21, 100]"] in cells
    assert ["diverged", *["1 of 1, 100 % [21, 100]"] * 3] in cells


def test_page_has_rules_of_other_tools(training: MakeTraining, evaluation: Callable[..., Evaluation]) -> None:
    hot = [evaluation(50), evaluation(100, learning_rate=0.5)]
    trainings = [
        training(name="healthy twin", history=hot),
        training("oscillating", name="faulty", history=hot),
        training("leak", name="otherwise faulty", history=hot),
    ]

    lines = as_body({"tuning": trainings}).splitlines()

    meant = "diverged, exploding_gradient, saturated, dead_units, oscillating"
    assert f"| UMLAUT | LRHigh | {meant} | 2 | 1 | 1 |" in lines


def test_misses_of_both_modes(training: MakeTraining) -> None:
    healthy, found, wrong = (
        training(label, name=name).case
        for label, name in (("none", "healthy one"), ("leak", "found"), ("leak", "named wrongly"))
    )
    leak = (Finding("leak", frozenset({"leak"}), "the future"),)
    frozen = (Finding("frozen", frozenset({"frozen"}), "a | b"),)

    lines = sections.misses(
        {
            INFORMED: [Judged(healthy, ()), Judged(found, leak), Judged(wrong, frozen)],
            BLIND: [Judged(healthy, leak), Judged(found, leak), Judged(wrong, ())],
        }
    ).splitlines()[2:]

    assert lines == [
        "| informed | named wrongly | leak | frozen | a / b |",
        "| blind | healthy one | none | leak | the future |",
        "| blind | named wrongly | leak | none | nothing looked wrong |",
    ]


def test_sections_of_the_unseen_set(half: list[Labelled]) -> None:
    halves: dict[Half, list[Labelled]] = {"tuning": half, "fourth": half}

    assert "## Targets" not in as_body({"tuning": half})
    assert "## Targets" in as_body(halves)
    assert "## Misses, fourth" not in as_body(halves)
    assert "## Misses, tuning" in as_body(halves)
    assert "## Misses, fourth" in as_body(halves, show_misses=True)


def test_scoring_the_tuning_half_does_not_read_the_unseen_one(
    half: list[Labelled], store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    for training in half:
        folder = store(training)
    unreadable = folder / "unseen" / "any case" / "label.json"
    unreadable.parent.mkdir(parents=True)
    unreadable.write_text("not JSON: reading it would fail")

    assert main(["score", "half=tuning", f"folder={folder}"]) == 0

    assert "## Tuning" in capsys.readouterr().out


def test_scoring_without_trainings_suggests_the_command(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"tuning: .*python -m .* train half=tuning"):
        main(["score", "half=tuning", f"folder={tmp_path}"])
