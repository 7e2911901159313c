"""A state of other sequences is seen; one of the same sequences, and a fresh one, raise no alarm."""

import pytest
import torch
from torch import Tensor, nn

from tests.watcher.loops import watch_updates

BATCH, TIME = 64, 5


def fired(*, carries: bool, continues: bool) -> set[str]:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = nn.GRU(1, 4, batch_first=True)
    state: list[Tensor | None] = [None]
    walks = torch.randn(BATCH, TIME * 20, 1).cumsum(1)

    def update(number: int) -> tuple[Tensor, dict[str, Tensor]]:
        start = TIME * (number - 1)
        inputs = walks[:, start : start + TIME] if continues else torch.randn(BATCH, TIME, 1)
        states, last = model(inputs, state[0])
        state[0] = last.detach() if carries else None
        return states.square().mean(), {"inputs": inputs}

    return watch_updates(model, update).fired()


@pytest.mark.parametrize(
    ("carries", "continues", "found"),
    [
        (True, False, {"state_of_other_sequences"}),
        (True, True, set()),
        (False, False, set()),
        (False, True, set()),
    ],
)
def test_state_of_other_sequences_is_seen(carries: bool, continues: bool, found: set[str]) -> None:
    assert fired(carries=carries, continues=continues) == found


@pytest.mark.parametrize(("carries", "found"), [(True, {"state_of_other_sequences"}), (False, set())])
def test_tokens_with_a_target_each(carries: bool, found: set[str]) -> None:
    torch.manual_seed(0)
    embedding, layer = nn.Embedding(9, 4), nn.GRU(4, 5, batch_first=True)
    model = nn.ModuleList([embedding, layer])
    state: list[Tensor | None] = [None]

    def update(_: int) -> tuple[Tensor, dict[str, Tensor]]:
        inputs = torch.randint(9, (BATCH, TIME))
        states, last = layer(embedding(inputs), state[0])
        state[0] = last.detach() if carries else None
        loss = nn.functional.cross_entropy(states[:, -1], inputs[:, 0] % 5)
        return loss, {"inputs": inputs, "outputs": states[:, -1], "targets": inputs[:, 0] % 5}

    assert watch_updates(model, update).fired() == found


def test_layer_called_step_by_step_raises_no_alarm() -> None:
    torch.manual_seed(0)
    model = nn.GRU(1, 4, batch_first=True)

    def update(_: int) -> tuple[Tensor, dict[str, Tensor]]:
        inputs = torch.randn(BATCH, TIME, 1)
        state = torch.zeros(1, BATCH, 4)
        for step in range(TIME):
            states, state = model(inputs[:, step : step + 1], state)
        return states.square().mean(), {"inputs": inputs}

    assert watch_updates(model, update).fired() == set()
