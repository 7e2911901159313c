"""Trains trials of a run again, without interruption: python -m tests.search.processes.undisturbed ...

In a process of its own: where the tests run, every call is checked, and a training takes twice as long.
"""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from failmap.analysis.load import load_run
from failmap.run_folder.paths import RunFolder, TrialFolder
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.session import TrialSession

ROOT = Path(__file__).parents[3]


def train_again(folder: RunFolder, scratch: RunFolder, numbers: Iterable[int]) -> None:
    """Trains the trials with these numbers into a folder that is beside the run if weights are reused."""
    words = [str(folder.path), str(scratch.path), *map(str, numbers)]
    subprocess.run([sys.executable, "-m", __name__, *words], cwd=ROOT, check=True)


def main(words: Sequence[str]) -> None:
    torch.set_num_threads(1)
    folder, scratch = (RunFolder(Path(word)) for word in words[:2])
    for record in load_run(folder).records:
        if record.number in map(int, words[2:]):
            session = TrialSession(
                TrialConfig.model_validate(record.config),
                TrialFolder(scratch.trial(record.number).path),
                torch.device("cpu"),
            )
            while session.summary is None:
                session.advance()


if __name__ == "__main__":
    main(sys.argv[1:])
