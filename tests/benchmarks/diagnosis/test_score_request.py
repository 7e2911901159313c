from pathlib import Path

import pytest

from benchmarks.diagnosis.request import Request, parse_request
from failmap.run_folder.errors import UserError


def test_default_is_to_score_everything() -> None:
    assert parse_request([]) == Request("score", ("tuning", "unseen", "third", "fourth"), None, 2, False)


def test_arguments() -> None:
    asked = parse_request(["score", "half=tuning", "folder=elsewhere", "misses=true"])

    assert asked == Request("score", ("tuning",), Path("elsewhere"), 2, True)


def test_each_mistake_has_a_line_with_the_nearest_name() -> None:
    with pytest.raises(UserError) as error:
        parse_request(["scor", "half=tunin", "proceses=2", "processes=0", "misses=yes"])

    expected = (("scor:", "score?"), ("proceses=:", "processes?"), ("half=tunin:", "tuning?"))
    expected += (("processes=0:", ""), ("misses=yes:", ""))
    for problem, (key, nearest) in zip(error.value.problems, expected, strict=True):
        assert problem.startswith(key)
        assert problem.endswith(nearest)


def test_two_stages_are_a_mistake() -> None:
    with pytest.raises(UserError, match="train score: "):
        parse_request(["train", "score"])
