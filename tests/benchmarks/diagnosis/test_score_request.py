from pathlib import Path

import pytest

from benchmarks.diagnosis.request import Request, requested
from failmap.run_folder.errors import UserError


def test_no_word_asks_for_everything() -> None:
    assert requested([]) == Request(
        ("train", "score"), ("tuning", "unseen"), Path("runs/diagnosis"), 2, False
    )


def test_words_narrow_it_down() -> None:
    asked = requested(["score", "half=tuning", "folder=elsewhere", "misses=true"])

    assert asked == Request(("score",), ("tuning",), Path("elsewhere"), 2, True)


def test_mistakes_are_told_all_at_once_with_the_nearest_right_name() -> None:
    with pytest.raises(UserError) as told:
        requested(["scor", "half=tunin", "proceses=2", "processes=0", "misses=yes"])

    assert told.value.problems == (
        "scor: no such stage; did you mean score?",
        "proceses=: no such setting; did you mean processes?",
        "half=tunin: no such half; did you mean tuning?",
        "processes=0: how many trainings at a time, 1 or more",
        "misses=yes: true or false",
    )


def test_two_stages_are_both_which_no_word_asks_for() -> None:
    with pytest.raises(UserError, match="train score: name one stage, or none for both"):
        requested(["train", "score"])
