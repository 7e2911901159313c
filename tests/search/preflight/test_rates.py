"""The learning-rate range test of a preflight."""

from pathlib import Path

import pytest

from failmap.search.commands.check import check, read_check_request
from failmap.search.preflight.rates import curve_lines, run_range_test
from failmap.search.preflight.selection import select

PNG = b"\x89PNG"


def test_curve_is_printed_and_drawn(tmp_path: Path) -> None:
    request = read_check_request(["task=adding", "task.sequence_length=5", "model.hidden_size=16"])
    report = run_range_test(select(request.config.space, 0).smallest[0], tmp_path / "rates.png")
    lines = list(report.lines())
    assert (tmp_path / "rates.png").read_bytes().startswith(PNG)
    assert "the loss falls fastest at" in lines[-2]
    assert lines[-1] == f"picture: {tmp_path / 'rates.png'}"
    assert any(line.endswith("<- steepest") for line in lines)


def test_slow_trial_is_not_tested(tmp_path: Path) -> None:
    arguments = ["task=adding", "task.sequence_length=5000", "model.depth=5", "model.hidden_size=2048"]
    report = run_range_test(
        select(read_check_request(arguments).config.space, 0).smallest[0], tmp_path / "rates.png"
    )
    assert report.test is None
    assert "takes more than" in next(report.lines())
    assert not (tmp_path / "rates.png").exists()


def test_bars_show_the_loss() -> None:
    lines = list(curve_lines([1e-3, 1e-2, 1e-1], [1.0, 0.5, 2.0], steepest=1e-2))
    assert [line.count("#") for line in lines] == [30, 15, 30]
    assert lines[1].endswith("<- steepest")
    assert lines[2].endswith("+")


@pytest.mark.parametrize(
    ("arguments", "place"), [([], "store/range_test.png"), (["picture=rates.png"], "rates.png")]
)
def test_picture_goes_to_the_storage_unless_it_is_named(
    arguments: list[str], place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[object] = []

    def look(config: object, *, picture: object, on_trial: object) -> None:
        places.append(picture)
        raise SystemExit

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("failmap.search.preflight.run.preflight", look)
    with pytest.raises(SystemExit):
        check(["space=smoke", "range_test=true", "storage=store", *arguments])
    assert places == [Path(place)]
