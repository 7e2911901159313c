"""Files of the archives (.ts, .arff, .tsf) and wide tables, written here as they are published."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.contents import Sequences, SeriesSet
from failmap.datasets.files.prepare import read_file


def read(path: Path, content: str, **values: Any) -> Sequences:
    path.write_text(content)
    contents = read_file(ArrayFileConfig(path=str(path), **values))
    assert isinstance(contents, Sequences)
    return contents


def read_tsf(path: Path, content: str, **values: Any) -> SeriesSet:
    path.write_text(content)
    config = ArrayFileConfig(path=str(path), target="forecasting", sequence_length=2, **values)
    contents = read_file(config)
    assert isinstance(contents, SeriesSet)
    return contents


TS = """# made by hand
@problemName Motions
@timeStamps false
@univariate false
@equalLength false
@classLabel true walk run
@data
0.5,0.25,1.5:1,2,3:walk
-1,4:5,-6.5:run
"""
STAMPED = """@timeStamps true
@classLabel true 1 2
@data
(2007-01-01 00:00:00,241.97),(2007-01-01 00:01:00,241.75):1
(2008-09-09 20:56:00,4.0),(2008-09-09 20:57:00,0.0):2
"""
ARFF = r"""% made by hand
@relation 'Motions'
@attribute relationalAtt relational
@attribute att0 numeric
@attribute att1 numeric
@end relationalAtt
@attribute activity {walk, run}

@data
'0.5,0.25\n1,2',walk
'-1.0,?\n5.0,?',run
'-1.0,?\n5.0,?',run
"""
FLAT_ARFF = """@RELATION Gun
@ATTRIBUTE att0 REAL
@ATTRIBUTE att1 REAL
@ATTRIBUTE target {1,2}
@DATA
0.5,0.25,1
-1.5,4,2
"""


def test_a_ts_file_has_features_between_colons(tmp_path: Path) -> None:
    contents = read(tmp_path / "my.ts", TS)
    assert contents.lengths.tolist() == [3, 2]
    assert contents.inputs.tolist() == [[[0.5, 1], [0.25, 2], [1.5, 3]], [[-1, 5], [4, -6.5], [0, 0]]]
    assert contents.targets.tolist() == [1, 0]


def test_time_stamps_of_a_ts_file_are_left_out_and_told(tmp_path: Path) -> None:
    contents = read(tmp_path / "my.ts", STAMPED)
    assert contents.inputs[..., 0].tolist() == [[241.97, 241.75], [4, 0]]
    assert contents.targets.tolist() == [1, 2]
    assert any("time stamps" in note for note in contents.notes)


def test_an_arff_file_may_have_several_features(tmp_path: Path) -> None:
    contents = read(tmp_path / "my.arff", ARFF)
    assert contents.lengths.tolist() == [2, 1, 1], "missing ends are padding"
    assert contents.inputs[0].tolist() == [[0.5, 1], [0.25, 2]]
    assert contents.targets.tolist() == [1, 0, 0]
    flat = read(tmp_path / "my.arff", FLAT_ARFF)
    assert (flat.inputs[..., 0].tolist(), flat.targets.tolist()) == ([[0.5, 0.25], [-1.5, 4]], [1, 2])


TSF = """# made by hand
@relation made
@attribute series_name string
@attribute start_timestamp date
@frequency {}
@horizon 4
@data
T1:1979-01-31 00-00-00:1,2,3,4,5
T2:1980-06-30 12-30-00:6,7,?,9,10
"""


@pytest.mark.parametrize(
    ("frequency", "expected"),
    [
        ("yearly", ["1979-01-31", "1980-01-31", "1981-01-31", "1982-01-31", "1983-01-31"]),
        ("monthly", ["1979-01-31", "1979-02-28", "1979-03-31", "1979-04-30", "1979-05-31"]),
        ("weekly", ["1979-01-31", "1979-02-07", "1979-02-14", "1979-02-21", "1979-02-28"]),
        ("12_hours", ["1979-01-31", "1979-01-31T12", "1979-02-01", "1979-02-01T12", "1979-02-02"]),
    ],
)
def test_times_of_a_tsf_file_are_counted_from_its_start(
    tmp_path: Path, frequency: str, expected: list[str]
) -> None:
    whole, *pieces = read_tsf(tmp_path / "my.tsf", TSF.format(frequency)).series
    assert whole.times is not None
    assert whole.times.tolist() == np.array(expected, dtype="M8[ns]").astype(int).tolist()
    assert [piece.values[:, 0].tolist() for piece in pieces] == [[6, 7], [9, 10]]
    assert [piece.group for piece in (whole, *pieces)] == [0, 1, 1]
    assert pieces[0].times is not None
    assert str(pieces[0].times[:1].astype("M8[ns]")[0])[:16] == "1980-06-30T12:30"


def test_a_tsf_file_is_for_forecasts(tmp_path: Path) -> None:
    (tmp_path / "my.tsf").write_text(TSF.format("daily"))
    with pytest.raises(TaskError, match=r"task\.target=forecasting"):
        read_file(ArrayFileConfig(path=str(tmp_path / "my.tsf")))
    with pytest.raises(TaskError, match="@frequency often: not known"):
        read_tsf(tmp_path / "my.tsf", TSF.format("often"))


VALUES = np.random.RandomState(0).normal(size=(30, 6))


def test_a_wide_table_has_a_row_for_each_sequence(tmp_path: Path) -> None:
    table = pd.DataFrame(VALUES, columns=[f"t{step}" for step in range(6)]).assign(
        label=["walk", "run", "sit"] * 10, patient=np.arange(30) // 5
    )
    table.to_csv(tmp_path / "my.csv")
    config = ArrayFileConfig(
        path=str(tmp_path / "my.csv"), layout="wide", target_column="label", group_column="patient"
    )
    contents = read_file(config)
    assert isinstance(contents, Sequences)
    assert contents.inputs[..., 0].tolist() == VALUES.tolist(), "the index is no step"
    assert contents.targets[:3].tolist() == [2, 0, 1]
    assert contents.groups is not None
    assert contents.groups.tolist() == table.patient.tolist()


def test_a_wide_table_may_lack_names(tmp_path: Path) -> None:
    """As in the UCR archive: the label first, missing values as padding."""
    values = VALUES.copy()
    values[3, 4:] = values[7, 2:] = np.nan
    table = pd.DataFrame(values)
    table.insert(0, "label", np.arange(30) % 2 + 1)
    path = tmp_path / "my.tsv"
    table.to_csv(path, sep="\t", header=False, index=False, na_rep="NaN")
    contents = read_file(ArrayFileConfig(path=str(path), layout="wide"))
    assert isinstance(contents, Sequences)
    assert contents.targets.tolist() == (np.arange(30) % 2 + 1).tolist()
    assert contents.lengths.tolist() == [4 if row == 3 else 2 if row == 7 else 6 for row in range(30)]
    with pytest.raises(TaskError, match=r"task\.layout=wide"):
        read_file(ArrayFileConfig(path=str(path)))


MISTAKES: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "no number": ("my.ts", TS.replace("0.25", "x"), {}, "line 8: 'x' is no number"),
    "features of other lengths": ("my.ts", TS.replace("1,2,3", "1,2"), {}, "sequence 0 .* 2/3 steps"),
    "no labels": ("my.ts", TS.replace("true walk run", "false"), {}, "the file has no labels"),
    "a missing value": ("my.ts", TS.replace("0.25", "?"), {}, "a missing value at sequence 0, step 1"),
    "numbers as classes": ("my.ts", STAMPED.replace("class", "target"), {}, r"task\.target=regression"),
    "no attributes": ("my.arff", "0.5,1,walk\n", {}, "no line begins with @attribute"),
    "sparse": ("my.arff", FLAT_ARFF + "{1 5, 2 walk}\n", {}, "line 8: sparse data"),
    "a step a row": ("my.ts", TS, {"layout": "wide"}, r"task\.layout=wide: is for tables"),
    "no target": ("my.csv", "a,b,label\n1,2,0\n3,4,1\n", {"layout": "wide"}, r"task\.target_column=NAME"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_name_the_line(tmp_path: Path, mistake: str) -> None:
    name, content, values, message = MISTAKES[mistake]
    with pytest.raises(TaskError, match=message):
        read(tmp_path / name, content, **values)
