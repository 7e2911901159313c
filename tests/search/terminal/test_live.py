"""The live view: a picture in a terminal, plain lines on a pipe."""

import re
from collections.abc import Iterable, Sequence
from io import StringIO
from unittest.mock import patch

import pytest
from rich.console import Console, ConsoleDimensions

from failmap.run_folder.records import Intervention, Outcome
from failmap.search.allocation.known_trials import KnownTrial, KnownTrials
from failmap.search.config import RunConfig
from failmap.search.loading import load
from failmap.search.terminal.live import LiveView
from failmap.search.terminal.view import SafeConsole

CONFIG = load(["space=smoke", "budget=quick", "model.depth=1,2,4"])
CELLS = {
    (cell.as_dict()["task.sequence_length"], cell.as_dict()["model.depth"]): cell
    for cell in CONFIG.space.cells()
}


def known(trials: Iterable[KnownTrial]) -> KnownTrials:
    found = KnownTrials()
    for trial in trials:
        found.add(trial)
    return found


def results(**outcomes: Sequence[Outcome | None]) -> KnownTrials:
    """Return trials of the default recipe by cell: T3_D1=['learned', None]."""
    trials = []
    for name, ends in outcomes.items():
        length, depth = name.removeprefix("T").split("_D")
        cell = CELLS[int(length), int(depth)]
        trials += [KnownTrial(i, cell, 0, {}, "default", i, outcome) for i, outcome in enumerate(ends)]
    return known(trials)


FILLED = results(
    T3_D1=["learned"] * 6,
    T30_D1=["failed"] * 6,
    T3_D2=["learned", "failed", None],
    T30_D2=["errored"],
    T3_D4=[None],
)


def shown(found: KnownTrials, *, terminal: bool, seconds_left: float = 42.0) -> str:
    file = StringIO()
    console = Console(
        file=file, force_terminal=terminal, width=100, color_system="truecolor" if terminal else None
    )
    # Both ticks fall within one interval, however long the first one takes to draw.
    with (
        patch("failmap.search.terminal.view.monotonic", lambda: 1000.0),
        patch("failmap.search.terminal.live.monotonic", lambda: 1000.0),
        patch("failmap.search.allocation.remaining.monotonic", lambda: 1000.0),
        LiveView(CONFIG, found, 1000.0 + seconds_left, console) as view,
    ):
        view.tick()
        view.tick()
    return file.getvalue()


def finished(found: KnownTrials, config: RunConfig = CONFIG, width: int = 200) -> list[str]:
    """Return the lines of the final map."""
    file = StringIO()
    LiveView(config, found, None, Console(file=file, width=width)).show()
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_pipe_gets_one_line_per_interval() -> None:
    text = shown(FILLED, terminal=False)
    assert text.count("\n") == 1
    assert "15 trials: 7 learned, 7 failed, 1 errored; 2 running" in text
    assert "3 of 6 cells: 2 measured, 1 inferred, 0 at the edge" in text
    assert "42 s left" in text
    assert "\x1b" not in text


def test_terminal_gets_the_map_in_colours() -> None:
    text = shown(FILLED, terminal=True)
    assert text.count("3 of 6 cells: 2 measured") == 1
    assert "6/6+" in text
    assert "48;2;31;95;168m" in text, "the blue of what learns"
    assert "48;2;184;72;12m" in text, "the orange of what fails"


def test_shallow_row_is_at_the_bottom() -> None:
    heading, *rows = finished(FILLED)[:5]
    assert heading == "depth (up) by sequence length (across)"
    assert [row.split() for row in rows] == [
        ["4", ".…", "."],
        ["2", "1/2?…", "(-)"],
        ["1", "6/6+", "0/6-"],
        ["3", "30"],
    ]


def test_no_trials() -> None:
    lines = finished(results())
    assert "0 trials: 0 learned, 0 failed; 0 unfinished" in lines[-1]
    assert "no estimate of the time left" in lines[-1]


@pytest.mark.parametrize("facets", ["1", "none"])
def test_only_reached_facets_are_shown(facets: str) -> None:
    config = load(["space=lstm_depth", "budget=quick", f"budget.facets={facets}"])
    text = "\n".join(finished(results(), config))
    assert text.count("hidden size") == (1 if facets == "1" else 3)


def test_names_are_short_and_in_rows() -> None:
    heading, *rows = finished(results(), load(["space=loss_activation"]), width=80)
    assert heading == "activation, loss by target range (across)"
    assert rows[0].strip().startswith("no activation, bce_with_logits")
    assert rows[3].strip().startswith("sigmoid, bce_with_logits")
    assert rows[12].split() == ["zero_one", "minus_one_one", "standardised"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_many_columns_fit_the_terminal(width: int) -> None:
    lengths = ",".join(str(100 + length) for length in range(10))
    config = load(["space=supervision", f"task.sequence_length={lengths}"])
    lines = finished(results(), config, width)
    assert any(line.split()[-10:] == lengths.split(",") for line in lines)
    row = next(line for line in lines if line.strip().startswith("every_"))
    assert row.split()[1:] == ["."] * 10
    assert max(map(len, (line for line in lines if "unfinished" not in line))) <= max(width, 80)


def test_count_does_not_touch_its_label() -> None:
    lengths = ",".join(str(length) for length in range(2, 14))
    config = load(["space=supervision", "budget.facets=1", f"task.sequence_length={lengths}"])
    cell = next(cell for cell in config.space.cells() if cell.as_dict()["task.supervision"] == "every_step")
    notes = [KnownTrial(i, cell, 0, {}, "default", i, "failed") for i in range(6)]
    found = known(notes)
    assert any("every_step 0/6-" in line for line in finished(found, config, width=80))


def test_interventions_are_counted_apart() -> None:
    change = Intervention("rescue", "clip", {"train.clip_norm": 1.0}, 0, "diverged")
    notes = [KnownTrial(9, CELLS[3, 4], 0, {}, "intervene", 0, None, intervention=change)]
    lines = finished(known([*(FILLED[number] for number in range(len(FILLED))), *notes]))
    assert lines[:5] == finished(FILLED)[:5]
    assert "2 unfinished · 1 intervention unfinished · 3 of 6" in lines[-1]


@pytest.mark.parametrize("height", [9, 16])
def test_tall_map_shows_running_trials_and_counts_the_rest(height: int) -> None:
    config = load(["space=lstm_depth", "budget.facets=none"])
    cell = next(cell for cell in config.space.cells() if cell.as_dict()["model.hidden_size"] == 512)
    found = known([KnownTrial(0, cell, 0, {}, "default", 0)])
    file = StringIO()
    console = Console(file=file, width=120, height=height, force_terminal=True, color_system=None)
    view = LiveView(config, found, None, console)
    console.print(view.picture())
    lines = file.getvalue().splitlines()
    assert len(lines) <= height - 2, "its line comes below, and then the prompt"
    assert "hidden size 512" in file.getvalue()
    assert "… 2 more parts of the map: python -m search.status run=" in file.getvalue()
    assert ("more row" in file.getvalue()) == (height == 9)


def test_no_word_is_broken_in_a_narrow_terminal() -> None:
    view = LiveView(
        load(["space=loss_activation"]),
        results(),
        None,
        Console(file=StringIO(), force_terminal=True, width=60),
    )
    with view.console.capture() as captured:
        view.show()
    text = re.sub(r"\x1b\[[0-9;]*m", "", captured.get())
    words = {word for line in text.splitlines() for word in line.split()}
    assert {"standardised", "bce_with_logits", "zero_one", "unfinished", "decided"} <= words
    assert max(map(len, text.splitlines())) <= 60


@pytest.mark.parametrize("width", range(24, 100, 5))
def test_line_is_broken_between_its_parts(width: int) -> None:
    view = LiveView(CONFIG, FILLED, None, Console(file=StringIO(), force_terminal=True, width=width))
    lines = view.wrapped("1 · 22 trials · 4 s left · 3 of 4").plain.splitlines()
    assert " · ".join(lines) == "1 · 22 trials · 4 s left · 3 of 4"
    assert all(len(line) <= width for line in lines)


def test_resized_terminal_is_cleared_once_and_keeps_what_was_said() -> None:
    file = StringIO()
    console = SafeConsole(file=file)
    console._force_terminal, console.size = True, ConsoleDimensions(80, 30)
    console.print_line("warning: no disk")
    with LiveView(CONFIG, FILLED, None, console) as view:
        view.tick()
        assert "\x1b[2J" not in file.getvalue()
        console.size = ConsoleDimensions(50, 30)
        for _ in range(2):
            view._next = 0.0
            view.tick()
    before, cleared, after = file.getvalue().partition("\x1b[2J")
    assert cleared
    assert "\x1b[2J" not in after
    assert before.count("warning: no disk") == after.count("warning: no disk") == 1


def test_errors_are_shown_with_their_message() -> None:
    trials = [
        KnownTrial(i, CELLS[3, 1], 0, {}, "default", i, "errored", error=error)
        for i, error in enumerate(["out of memory", "ValueError: no", "out of memory", "a", "b"])
    ]
    text = shown(known(trials), terminal=True)
    assert "2 errored: out of memory" in text
    assert "3 errored: 3 other messages" in text


def test_time_counts_from_the_programs_start() -> None:
    with patch("failmap.search.terminal.live.monotonic", lambda: 100.0):
        view = LiveView(CONFIG, results(), 160.0, Console(file=StringIO()), started=40.0)
        assert view.line().startswith("60 s · ")
        with patch("failmap.search.allocation.remaining.monotonic", lambda: 100.0):
            assert view.line().endswith("60 s left")


def test_inferred_cells_have_marks_and_counts_of_their_own() -> None:
    config = load(["space=smoke", "budget=quick", "model.depth=1", "task.sequence_length=3,6,12,24,48,96"])
    cells = {cell.as_dict()["task.sequence_length"]: cell for cell in config.space.cells()}
    ends: dict[int, list[Outcome]] = {
        6: ["learned"],
        12: ["learned"] * 6,
        48: ["failed"] * 6,
        96: ["failed"],
    }
    trials = [
        KnownTrial(10 * length + i, cells[length], 0, {}, "default", i, outcome)
        for length, outcomes in ends.items()
        for i, outcome in enumerate(outcomes)
    ]
    _, row, *_, line = finished(known(trials), config)
    assert row.split() == ["1", "(+)", "1/1(+)", "6/6+", "~", "0/6-", "0/1(-)"]
    assert "6 of 6 cells: 2 measured, 3 inferred, 1 at the edge" in line
