"""Words of a command that were refused although they are documented, or taken although they do nothing."""

import json

import pytest

from failmap.search.commands.running import run
from failmap.search.loading import read_request

SMOKE = ("space=smoke", "plan=true")


@pytest.fixture(autouse=True)
def no_preflight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("failmap.search.preflight.run.brief_preflight", lambda config, command: [])


def test_documented_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*SMOKE, "fail_after_recipes=2"], as_json=True) == 0
    assert read_request([*SMOKE, "fail_after_recipes=2"]).config.space.fail_after_recipes == 2
    assert json.loads(capsys.readouterr().out)["cells"]


def test_dropout_at_one_layer(capsys: pytest.CaptureFixture[str]) -> None:
    words = (*SMOKE, "model.depth=1", "train.learning_rate=1e-6", "model.dropout=0,0.5", "budget.recipes=2")
    assert any("model.dropout=0,0.5" in note for note in read_request(words).notes)
    assert run(words, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["num_recipes"] == 1
