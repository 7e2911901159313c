"""Sessions of training functions that are written down in the tests, without Ray."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from failmap.run_folder.paths import TrialFolder
from failmap.search.own.config import OwnTrialConfig
from failmap.search.own.session import FunctionSession

OpenSession = Callable[..., FunctionSession]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def trial_folder(tmp_path: Path) -> TrialFolder:
    folder = TrialFolder(tmp_path / "trials" / "7")
    folder.path.mkdir(parents=True)
    return folder


@pytest.fixture
def open_session(trial_folder: TrialFolder) -> OpenSession:
    def make(
        function: Callable[[Any, Any], Any],
        *,
        settings: dict[str, Any] | None = None,
        seed: int = 3,
        is_stopped: Callable[[], bool] = lambda: False,
        is_current: Callable[[], bool] = lambda: True,
        timeout: float | None = None,
        **own: Any,
    ) -> FunctionSession:
        criterion = own or {"score": 0.9}
        config = OwnTrialConfig.model_validate(
            {"own": {"function": "f.py:train", **criterion}, "settings": settings or {}, "seed": seed}
        )
        return FunctionSession(
            config,
            trial_folder,
            torch.device("cpu"),
            function,
            is_stopped=is_stopped,
            is_current=is_current,
            timeout=timeout,
        )

    return make
