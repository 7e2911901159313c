"""Writes a merged run: whole, or not at all."""

import copy
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.storages import JournalStorage

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import is_local, store_of, write_atomically
from failmap.run_folder.storage.bounded_files import MAX_TENSOR_BYTES
from failmap.search.allocation.eta import write_costs
from failmap.search.config import RunConfig
from failmap.search.journal.trial_codec import record_of
from failmap.search.loading import to_yaml
from failmap.search.merging.source import MemoryJournal, Source
from failmap.search.merging.trials import MergedTrial, MergedTrials
from failmap.search.provenance import begin_session, end_session


def write_run(
    config: RunConfig,
    folder: RunFolder,
    gathered: MergedTrials,
    sources: Sequence[Source],
    command: Sequence[str],
) -> None:
    """Makes the run's folder, which must not exist. Raises OSError where that cannot be done.

    config.yaml comes last: a folder without is no run, to no program.
    """
    with _all_or_nothing(folder) as new:
        store = store_of(new.path)
        store.make_folder(new.path)
        store.make_folder(new.trials)
        journal = MemoryJournal([])
        storage = JournalStorage(journal)
        optuna.create_study(storage=storage, study_name=config.run, direction="maximize")
        study_id = storage.get_study_id_from_name(config.run)
        records = []
        for number, taken in enumerate(gathered.trials):
            template = copy.copy(taken.trial)
            template.user_attrs = gathered.attributes(taken, config.run)
            trial = storage.get_trial(storage.create_new_trial(study_id, template_trial=template))
            assert trial.number == number
            records.append(record_of(trial))
            _copy_files(taken, new, number)
            write_atomically(new.trial(number).record, records[-1].to_json(), survives_power_loss=False)
        log = store.open_segments(new.journal)
        log.append(journal.lines)
        log.sync()
        write_costs(config, new, records)
        _write_provenance(new, sources, command)
        write_atomically(new.config, to_yaml(config))


@contextmanager
def _all_or_nothing(folder: RunFolder) -> Iterator[RunFolder]:
    """Where to write: beside the folder, to be renamed at the end; an object store cannot rename."""
    new = folder
    if is_local(folder.path):
        new = RunFolder(folder.path.parent / f".{folder.name}.merging-{os.getpid()}")
    try:
        yield new
        if new is not folder:
            Path(str(new.path)).rename(str(folder.path))
    except BaseException:
        store_of(new.path).remove_tree(new.path)
        raise


def _copy_files(taken: MergedTrial, run: RunFolder, number: int) -> None:
    """History, weights, and of an unfinished trial the checkpoint that it goes on from."""
    source, target = taken.source.folder.trial(taken.trial.number), run.trial(number)
    names = [
        name
        for name in taken.source.trial_files.get(taken.trial.number, [])
        if name != target.record.name
        and not (taken.has_ended and name.startswith(f"{target.checkpoint.name}/"))
        and not any(part.startswith(".") for part in name.split("/"))
    ]
    paths = {source.path / name: target.path / name for name in names}
    for path, content in store_of(source.path).read_many(list(paths), MAX_TENSOR_BYTES).items():
        store_of(target.path).write(paths[path], content, survives_power_loss=False)


def _write_provenance(folder: RunFolder, sources: Sequence[Source], command: Sequence[str]) -> None:
    """All sessions of the sources, each with the run that it was of, and behind them the merge."""
    codes = {digest: code for source in sources for digest, code in source.provenance["codes"].items()}
    sessions = [
        {"run": source.config.run, **session}
        for source in sources
        for session in source.provenance["sessions"]
    ]
    sessions.sort(key=lambda session: (str(session.get("started")), session["run"]))
    write_atomically(folder.provenance, json.dumps({"codes": codes, "sessions": sessions}, indent=1))
    files = {
        path: state for source in sources for path, state in source.last_session.get("files", {}).items()
    }
    begin_session(folder, command, files=files)
    end_session(folder)
