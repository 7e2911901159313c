"""The JSON of `failmap report --json`."""

import json
from pathlib import Path
from typing import Any

import pytest

from failmap.search.commands.table import COMMANDS
from tests.search.json_keys import documented_keys


def test_json_has_the_documented_keys_and_the_maps_numbers(
    make_run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    run.trials(1, 3, 5, 1, first_nonfinite={"tensor": "layers.0.weight_hh_l0", "update": 12})
    assert COMMANDS["report"].run(["run=first", f"storage={run.folder.path.parent}", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == documented_keys("report")
    assert found["run"] == "first"
    assert set(found["title"]) == {"question", "subject", "criterion", "recipes"}
    assert [(axis["role"], axis["path"]) for axis in found["axes"]][:2] == [
        ("x", "task.sequence_length"),
        ("y", "model.depth"),
    ]
    assert all(set(cell) == documented_keys("report", "cells") for cell in found["cells"])
    assert len(found["cells"]) == sum(found["states"].values())
    assert found["outcomes"]["failed"] == 3
    (cell,) = (cell for cell in found["cells"] if cell["trials"])
    assert cell["labels"]["task.sequence_length"] == 5
    assert (cell["state"], cell["learned"], cell["trials"]) == ("unknown", 1, 4)
    assert cell["interval"] == pytest.approx([0.0456, 0.6994], abs=1e-4)
    assert (cell["cause"], cell["cause_share"]) == ("diverged", 1)
    assert "weight_hh_l0" in cell["evidence"][0]["text"]
    assert cell["trial_numbers"] == [0, 1, 2, 3]
    names = {Path(path).name for path in found["files"]}
    assert names == {"trials.parquet", "index.html", "failure_map.png", "trials.csv", "cells.csv", "edge.csv"}
    assert all(Path(path).is_file() for path in found["files"])
