"""The run folder of a watched training: the same files as a searched run's, without a journal."""

import getpass
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
import yaml

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder, name_problem
from failmap.run_folder.records import Evaluation, Summary, TrialRecord
from failmap.run_folder.storage import parse_location, store_of, write_atomically
from failmap.search.lease_terms import Owner

#: The axes of a watched training's map, which has one cell.
_LENGTH, _DEPTH = "task.sequence_length", "model.depth"


def create_folder(storage: str, name: str | None) -> RunFolder:
    """Return the folder of a new watched training.

    Args:
        storage: Folder that holds runs.
        name: Of the folder; None for a unique one after the script that runs.

    Raises:
        UserError: The name cannot be a run's, is taken, or the folder cannot be made.
    """
    location = parse_location(storage)
    store = store_of(location)
    if name is None:
        script = re.sub(r"[^A-Za-z0-9._-]", "_", Path(sys.argv[0] or "python").stem).lstrip("._-") or "python"
        name, count = script, 1
        while store.exists(location / name):
            count += 1
            name = f"{script}-{count}"
    if problem := name_problem(name):
        raise UserError(f"name={name}: {problem}")
    folder = RunFolder(location / name)
    if store.exists(folder.config):
        raise UserError(f"name={name}: {folder.path} exists already: choose another name")
    try:
        store.make_folder(folder.trials)
    except OSError as error:
        raise UserError(f"{folder.path}: cannot be made: {error.strerror or error}") from None
    return folder


class WatchedFolder:
    """Writes the record and the history of one watched training, as its trial 0.

    Args:
        folder: The run's.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._started = _now()
        self._process = Owner.this_process()

    def write(
        self, config: Mapping[str, Any], summary: Summary, history: Sequence[Evaluation], *, is_over: bool
    ) -> TrialRecord:
        """Write everything that is known so far, and return the record.

        Args:
            config: What was seen of the task, the network and the training, as nested mappings.
            summary: The end, or the state so far.
            history: All evaluations.
            is_over: Whether the loop has ended.
        """
        cell = {_LENGTH: config["task"]["sequence_length"], _DEPTH: config["model"]["depth"]}
        record = TrialRecord(
            number=0,
            attempt=1,
            config=dict(config),
            cell=cell,
            recipe={},
            recipe_index=0,
            purpose="watched",
            seed=0,
            started=self._started,
            ended=_now() if is_over else None,
            summary=summary if is_over else None,
        )
        trial = self.folder.trial(0)
        store_of(trial.path).make_folder(trial.path)
        write_atomically(self.folder.config, yaml.safe_dump(self._run_config(config, cell), sort_keys=False))
        write_atomically(self.folder.provenance, json.dumps(self._provenance(is_over), indent=1))
        write_atomically(trial.history, "".join(f"{one.to_line()}\n" for one in history))
        write_atomically(trial.record, record.to_json())
        return record

    def _run_config(self, config: Mapping[str, Any], cell: Mapping[str, Any]) -> dict[str, Any]:
        base = {group: dict(fields) for group, fields in config.items()}
        for path in cell:
            group, _, field = path.partition(".")
            base[group].pop(field)
        return {
            "run": self.folder.name,
            "storage": str(self.folder.path.parent),
            "watched": True,
            "space": {
                "name": "watched",
                "question": "Does this loop learn?",
                "map": {"x": _LENGTH, "y": _DEPTH},
                "axes": [{"path": path, "values": [value], "default": value} for path, value in cell.items()],
                "base": base,
            },
        }

    def _provenance(self, is_over: bool) -> dict[str, Any]:
        session = {
            "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
            "user": getpass.getuser(),
            "started": self._started,
            "ended": _now() if is_over else None,
            "ended_by": "finished" if is_over else None,
            "process": asdict(self._process),
            "versions": {"python": sys.version.split()[0], "torch": torch.__version__},
        }
        return {"sessions": [session], "codes": {}}


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
