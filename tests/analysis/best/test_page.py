"""The page of a run that looks for the best recipe: its numbers, marks and rows."""

import json
import random
import re
from itertools import pairwise

import pytest

from failmap.analysis.best.leaderboard import leaderboard_of
from failmap.analysis.best.page import render
from failmap.analysis.load import Run
from failmap.run_folder.errors import UserError
from failmap.run_folder.records import TrialRecord
from tests.analysis.best.conftest import MakeBest, trial

HOSTILE = "</script><b>"

#: Recipe 1 is confirmed, recipe 2 is not, 3 was stopped, 4 errored, 5 has no value.
TRIALS = (
    trial(0, 0, [0.5], "default"),
    trial(1, 1, [0.9]),
    trial(2, 1, [0.8], "confirm"),
    trial(3, 2, [0.95]),
    trial(4, 1, [0.84], "confirm"),
    trial(5, 3, [0.3], outcome="censored"),
    trial(6, 4, outcome="errored", reason=f"ValueError: {HOSTILE}"),
    trial(7, 5, reason="not finite: loss"),
    trial(8, 2, purpose="confirm", outcome=None),
)


def page_of(run: Run) -> str:
    return render(run, leaderboard_of(run))


def rows_of(page: str) -> dict[int, str]:
    """The rows of the ranking by recipe, in order."""
    rows = re.findall(r'<tr class="([^"]*)" data-recipe="(\d+)">(.*?)</tr>', page, re.DOTALL)
    return {int(recipe): f'class="{classes}" {row}' for classes, recipe, row in rows}


def section(page: str, name: str) -> str:
    found = re.search(rf'<section id="{name}">(.*?)</section>', page, re.DOTALL)
    return found[1] if found else ""


def marks_of(text: str) -> list[dict[str, str]]:
    """The attributes of each mark."""
    elements = re.findall(r"<(?:use|circle)[^>]*data-recipe[^>]*>", text)
    return [dict(re.findall(r'([\w-]+)="([^"]*)"', element)) for element in elements]


def percent(mark: dict[str, str], axis: str) -> float:
    return float((mark.get(axis) or mark[f"c{axis}"]).rstrip("%"))


def counts_of(page: str) -> dict[str, str]:
    return dict(re.findall(r'data-count="(\w+)">([^<]*)<', page))


def test_counts(make_best: MakeBest) -> None:
    assert counts_of(page_of(make_best(TRIALS))) == {
        "ended": "8",
        "recipes": "4",
        "confirmed": "1",
        "running": "1",
        "censored": "1",
        "errored": "1",
        "seconds": "20 s",
    }


def test_rows_are_in_order_and_tell_what_is_confirmed(make_best: MakeBest) -> None:
    rows = rows_of(page_of(make_best(TRIALS)))
    assert list(rows) == [2, 1, 0, 3]
    assert [recipe for recipe, row in rows.items() if "is-best" in row] == [2]
    assert [recipe for recipe, row in rows.items() if 'class="badge open"' not in row] == [1]
    estimates = {one: re.findall(r'data-objective="score">([^<]*)<', row)[0] for one, row in rows.items()}
    assert estimates[1].split() == ["0.82", "(0.5659", "to", "1.074)"]
    assert estimates[2].split()[0] == "0.95,"


def test_dot_plots_share_an_axis(make_best: MakeBest) -> None:
    rows = rows_of(page_of(make_best(TRIALS)))
    seeds = {
        one: {
            int(number): float(at) for at, number in re.findall(r'cx="([\d.]+)%"[^>]*data-trial="(\d+)"', row)
        }
        for one, row in rows.items()
    }
    assert {one: list(mine) for one, mine in seeds.items()} == {2: [3], 1: [1, 2, 4], 0: [0], 3: [5]}
    together = {number: at for mine in seeds.values() for number, at in mine.items()}
    values = {one.number: one.objectives[0] for one in TRIALS if one.objectives}
    scale = (together[1] - together[0]) / (values[1] - values[0])
    for number, at in together.items():
        assert at - together[0] == pytest.approx(scale * (values[number] - values[0]), abs=0.05)
    ((low, width),) = re.findall(r'class="interval" x="([\d.]+)%" width="([\d.]+)%"', rows[1])
    (mean,) = re.findall(r'class="mean" cx="([\d.]+)%"', rows[1])
    assert float(low) < float(mean) < float(low) + float(width)
    assert re.findall(r'class="seed (\w+)"', rows[1]) == ["first", "fresh", "fresh"]
    assert "interval" not in rows[2]


def test_settings_that_differ_have_columns_and_the_others_are_said_once(make_best: MakeBest) -> None:
    page = page_of(make_best(TRIALS))
    assert re.findall(r'<th scope="col" class="setting"[^>]*>([^<]*)<', page) == ["learning rate"]
    settings = [
        re.findall(r'data-name="learning rate"><span>([^<]*)<', row) for row in rows_of(page).values()
    ]
    assert settings == [["0.003"], ["0.002"], ["0.001"], ["0.004"]]
    assert "depth 1" in re.findall(r'<p id="common">([^<]*)<', page)[0]


def test_history_has_a_mark_for_every_trial_that_ended(make_best: MakeBest) -> None:
    search = section(page_of(make_best(TRIALS)), "search")
    marks = {int(mark["data-trial"]): mark for mark in marks_of(search)}
    kinds = ["new", "new", "repeat", "new", "repeat", "stopped", "errored", "no_value"]
    assert [marks[number]["class"].split()[1] for number in range(8)] == kinds
    assert [number for number in sorted(marks) if "of-best" in marks[number]["class"]] == [3]
    for one, other in pairwise(
        sorted((one for one in TRIALS if one.objectives), key=lambda one: one.objectives)
    ):
        assert percent(marks[one.number], "y") > percent(marks[other.number], "y")
    (path,) = re.findall(r'class="steps" d="([^"]*)"', search)
    heights = [float(height) for height in re.findall(r"(?:M\S+ |V)([\d.]+)", path)]
    assert heights == pytest.approx([percent(marks[number], "y") for number in (0, 1, 3)], abs=0.01)


def test_reasons_without_a_value(make_best: MakeBest) -> None:
    errors = section(page_of(make_best(TRIALS)), "errors")
    assert re.findall(r'data-errors="(\d+)"', errors) == ["1", "1"]
    assert "ValueError: &lt;/script&gt;&lt;b&gt;" in errors


def front_trials() -> list[TrialRecord]:
    """Recipes 0, 1 and 3 are on the front of score and parameters; 0 is confirmed; 2 is beaten by 1."""
    return [
        trial(0, 0, [0.9, 5000.0]),
        trial(1, 1, [0.7, 400.0]),
        trial(2, 2, [0.6, 450.0]),
        trial(3, 3, [0.2, 100.0]),
        trial(4, 0, [0.88, 5000.0], "confirm"),
        trial(5, 0, [0.86, 5000.0], "confirm"),
    ]


def test_front_of_two_objectives(make_best: MakeBest) -> None:
    page = page_of(make_best(front_trials(), ["score", "parameters"]))
    rows = rows_of(page)
    assert list(rows) == [0, 1, 3, 2]
    assert [re.findall(r'data-objective="parameters">([^<]*)<', row)[0] for row in rows.values()] == [
        "5,000", "400", "100", "450",
    ]  # fmt: skip
    search = section(page, "search")
    marks = {int(mark["data-recipe"]): mark for mark in marks_of(search)}
    assert {one: mark["class"].split()[1] for one, mark in marks.items()} == {
        0: "confirmed", 1: "front", 2: "beaten", 3: "front",
    }  # fmt: skip
    assert percent(marks[3], "x") < percent(marks[1], "x") < percent(marks[2], "x") < percent(marks[0], "x")
    at = {one: (percent(mark, "x"), percent(mark, "y")) for one, mark in marks.items()}
    (path,) = re.findall(r'class="steps" d="([^"]*)"', search)
    corners = f"M{at[3][0]} 100V{at[3][1]}H{at[1][0]}V{at[1][1]}H{at[0][0]}V{at[0][1]}H100"
    assert path == corners
    assert re.findall(r"<text [^>]*>(\d+)<", search) == ["1", "2", "3"]


def test_three_objectives_have_three_plots_a_row(make_best: MakeBest) -> None:
    trials = [trial(n, n, [0.1 * n, 10.0 + n, 100.0 * (n + 1)]) for n in range(5)]
    page = page_of(make_best(trials, ["score", "seconds", "parameters"]))
    for row in rows_of(page).values():
        names = re.findall(r'data-objective="(\w+)"', row)
        assert names == ["score", "seconds", "parameters"]
        assert row.count('class="dots"') == 3


def test_hostile_labels_are_text(make_best: MakeBest) -> None:
    axes = [{"path": HOSTILE, "default": HOSTILE}, {"path": "model.depth", "default": 1}]
    trials = [trial(n, n, [0.1 * n], recipe={HOSTILE: f"{HOSTILE}{n}", "model.depth": n}) for n in range(3)]
    shares = [{"method": HOSTILE, "path": HOSTILE, "share": 0.5, "low": 0.4, "high": 0.6}]
    importance = json.dumps({"importances": shares, "notes": [HOSTILE]})
    own = {"own": {"function": "train.py:train"}}
    run = make_best(trials, [f"{HOSTILE}:max"], axes, f"Why {HOSTILE}?", HOSTILE, own, importance=importance)
    page = page_of(run)
    assert not re.findall(r"<b>[^<]*[^<\w %]", page), "only names and numbers are bold"
    assert page.count("</script>") == 2
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert HOSTILE in json.loads(data)["recipes"]["1"]


@pytest.mark.parametrize(
    ("trials", "ended"),
    [
        ([], "0"),
        ([trial(0, 0, outcome="errored"), trial(1, 1, outcome="errored")], "2"),
        ([trial(0, 0, outcome=None)], "0"),
        ([trial(0, 0)], "1"),
    ],
)
@pytest.mark.parametrize("objective", [["score"], ["score", "parameters"]])
def test_run_without_a_value(
    make_best: MakeBest, trials: list[TrialRecord], ended: str, objective: list[str]
) -> None:
    page = page_of(make_best(trials, objective))
    assert counts_of(page)["ended"] == ended
    assert counts_of(page)["recipes"] == "0"
    assert rows_of(page) == {}
    assert marks_of(page) == []
    assert section(page, "take-away")


@pytest.mark.parametrize("value", [0.5, 0.0, -1e308, 1e-320])
def test_one_recipe(make_best: MakeBest, value: float) -> None:
    page = page_of(make_best([trial(0, 0, [value])]))
    assert list(rows_of(page)) == [0]
    assert [mark["data-trial"] for mark in marks_of(section(page, "search"))] == ["0"]
    assert not marks_of(section(page, "axes")), "nothing differs"
    assert not re.findall(r"\b(?:nan|inf)\b", page)


def test_many_recipes_are_capped_and_the_best_one_is_shown(make_best: MakeBest) -> None:
    draw = random.Random(0)
    trials = [
        trial(n, n, [0.95 * draw.random()], recipe={"train.learning_rate": draw.random()})
        for n in range(1999)
    ]
    # Seeds differ by 0.5, so that a single one of the others is worth little.
    last = 1999
    trials += [
        trial(1999 + n, last, [value], "confirm" if n else "explore")
        for n, value in enumerate((0.8, 0.3, 1.3))
    ]
    page = page_of(make_best(trials))
    rows = rows_of(page)
    assert len(rows) == 21
    assert list(rows)[-1] == last
    place = 1 + sum(one.objectives[0] > 0.8 for one in trials[:1999])
    assert re.findall(r"<b>(\d+)</b>", rows[last]) == [str(place)]
    assert len(marks_of(section(page, "search"))) == 1500
    assert len(marks_of(section(page, "axes"))) == 1500
    assert len(page) < 2_000_000


def test_axes_are_logarithmic_or_have_columns(make_best: MakeBest) -> None:
    recipes = [{"train.learning_rate": 10.0 ** (n / 2 - 5), "model.depth": 1 + n % 2} for n in range(8)]
    recipes.append({"train.learning_rate": 10.0 ** (8 / 2 - 5)})
    trials = [trial(n, n, [0.1 * n], recipe=recipe) for n, recipe in enumerate(recipes)]
    axes = section(page_of(make_best(trials)), "axes")
    by_rate, by_depth = map(marks_of, re.findall(r"<figure.*?</figure>", axes, re.DOTALL))
    places = sorted(percent(mark, "x") for mark in by_rate)
    assert [b - a for a, b in pairwise(places)] == pytest.approx([places[1] - places[0]] * 8, abs=0.05)
    assert {int(mark["data-recipe"]): percent(mark, "x") > 50 for mark in by_depth} == {
        n: recipe["model.depth"] == 2 for n, recipe in enumerate(recipes[:-1])
    }
    assert [mark["data-recipe"] for mark in by_rate if "of-best" in mark["class"]] == ["8"]


def test_importance(make_best: MakeBest) -> None:
    shares = [
        {"method": "fanova", "path": "model.depth", "share": 0.25, "low": 0.2, "high": 0.5},
        {"method": "fanova", "path": "train.learning_rate", "share": 0.75, "low": 0.5, "high": 0.8},
    ]
    text = json.dumps({"importances": shares, "notes": []})
    importance = section(page_of(make_best(TRIALS, importance=text)), "importance")
    assert re.findall(r'data-path="([\w.]+)"', importance) == ["train.learning_rate", "model.depth"]
    assert re.findall(r'class="fill" style="width: ([\d.]+)%"', importance) == ["75.0", "25.0"]
    assert re.findall(r'class="whisker" style="left: ([\d.]+)%; width: ([\d.]+)%"', importance) == [
        ("50.0", "30.0"), ("20.0", "30.0"),
    ]  # fmt: skip


def test_importance_that_is_missing_or_corrupt(make_best: MakeBest) -> None:
    assert section(page_of(make_best(TRIALS)), "importance") == ""
    run = make_best(TRIALS, importance='{"importances": 1}')
    with pytest.raises(UserError, match=r"importance\.json, line 1"):
        page_of(run)


def test_command_names_the_storage(make_best: MakeBest) -> None:
    assert "run=tuned</code>" in page_of(make_best(TRIALS))
    assert "run=tuned storage=elsewhere</code>" in page_of(make_best(TRIALS, storage="elsewhere"))
