"""A layer run in chunks is the layer, and gradients to its states are those of a loop over steps."""

import pytest
import torch
from torch import Tensor, nn

from failmap.models.chunks import run_in_chunks, state_gradients
from failmap.models.gates import from_inputs, from_states

BATCH, NUM_STEPS, FEATURES, HIDDEN = 3, 7, 2, 4
LAYERS = {
    "tanh": nn.RNN(FEATURES, HIDDEN, batch_first=True),
    "relu": nn.RNN(FEATURES, HIDDEN, nonlinearity="relu", batch_first=True),
    "gru": nn.GRU(FEATURES, HIDDEN, batch_first=True),
    "lstm": nn.LSTM(FEATURES, HIDDEN, batch_first=True),
}


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def states_one_by_one(layer: nn.RNNBase, inputs: Tensor) -> list[Tensor]:
    """The equations of torch's documentation, a step at a time; every state is a node of the graph."""
    hidden = inputs.new_zeros(len(inputs), HIDDEN)
    cell = hidden
    states = []
    for step in range(inputs.shape[1]):
        fed, back = from_inputs(layer, "_l0", inputs[:, step]), from_states(layer, "_l0", hidden)
        if isinstance(layer, nn.LSTM):
            entry, forget, candidate, output = (fed + back).chunk(4, dim=-1)
            cell = forget.sigmoid() * cell + entry.sigmoid() * candidate.tanh()
            hidden = output.sigmoid() * cell.tanh()
        elif isinstance(layer, nn.GRU):
            fed_reset, fed_update, fed_new = fed.chunk(3, dim=-1)
            back_reset, back_update, back_new = back.chunk(3, dim=-1)
            keep = (fed_update + back_update).sigmoid()
            new = torch.tanh(fed_new + (fed_reset + back_reset).sigmoid() * back_new)
            hidden = (1 - keep) * new + keep * hidden
        else:
            hidden = torch.tanh(fed + back) if layer.mode == "RNN_TANH" else torch.relu(fed + back)
        states.append(hidden)
    return states


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("steps", [[0], [6], [0, 3, 6], [2, 4], list(range(7))], ids=str)
def test_chunks_do_not_change_the_states(name: str, steps: list[int]) -> None:
    layer, inputs = LAYERS[name], drawn(BATCH, NUM_STEPS, FEATURES)
    passed = run_in_chunks(layer, inputs, steps)
    torch.testing.assert_close(passed.states, layer(inputs)[0])
    for step, node in zip(steps, passed.nodes, strict=True):
        torch.testing.assert_close(node[:, 0], passed.states[:, step])


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("read", ["last", "all"])
def test_state_gradients_match_a_step_loop(name: str, read: str) -> None:
    layer, inputs, steps = LAYERS[name], drawn(BATCH, NUM_STEPS, FEATURES), [0, 2, 5, 6]
    weights = drawn(BATCH, NUM_STEPS, HIDDEN)
    if read == "last":
        weights[:, :-1] = 0
    alone = states_one_by_one(layer, inputs)
    expected = torch.autograd.grad((torch.stack(alone, dim=1) * weights).sum(), [alone[t] for t in steps])
    gradients = state_gradients(layer, inputs, weights, steps)
    torch.testing.assert_close(gradients, torch.stack(expected))


def test_state_gradients_of_a_frozen_layer() -> None:
    layer = nn.GRU(FEATURES, HIDDEN, batch_first=True).requires_grad_(False)
    from_above = drawn(BATCH, NUM_STEPS, HIDDEN)
    assert state_gradients(layer, drawn(BATCH, NUM_STEPS, FEATURES), from_above, [0, 6]).abs().min() > 0


def test_a_layer_that_reads_both_ways_is_refused() -> None:
    layer = nn.GRU(FEATURES, HIDDEN, batch_first=True, bidirectional=True)
    with pytest.raises(AssertionError, match="future"):
        run_in_chunks(layer, drawn(BATCH, NUM_STEPS, FEATURES), [0])
