"""Notes on networks and loops that may learn all the same, and none on their repaired twins."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import failmap

NUM_STEPS = 12


class Net(nn.Module):
    """A recurrent layer, or a cell that is called at each step, and a readout."""

    def __init__(self, recurrence: nn.Module) -> None:
        super().__init__()
        self.recurrence, self.readout = recurrence, nn.Linear(4, 1)
        self.state: Any = None

    def forward(self, inputs: Tensor) -> Tensor:
        if isinstance(self.recurrence, nn.RNNCellBase):
            state: Any = None
            for step in inputs.unbind(1):
                state = self.recurrence(step, state)
            outputs: Tensor = self.readout(state)
            return outputs
        states, self.state = self.recurrence(inputs, self.state)
        return self.readout(states[:, -1])


def notes(
    recurrence: nn.Module, *, clip: str = "", carries: bool = False, detaches: bool = True
) -> tuple[str, ...]:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = Net(recurrence)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    watch = failmap.watch(model, optimizer, nn.MSELoss(), must_write=False)
    for _ in range(NUM_STEPS):
        inputs = torch.randn(8, 5, 3)
        if not carries:
            model.state = None
        elif detaches and model.state is not None:
            state = model.state
            model.state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        outputs = model(inputs)
        # Weights of an earlier graph must stay as they were for a second backward pass.
        loss = outputs.square().mean()
        optimizer.zero_grad()
        loss.backward(retain_graph=carries)
        if clip == "norm":
            nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
        if clip == "value":
            nn.utils.clip_grad_value_(model.parameters(), 1e-3)
        if detaches:
            optimizer.step()
        watch.step(loss, inputs=inputs, outputs=outputs, targets=torch.zeros(8, 1))
    verdict = watch.close()
    assert verdict is not None
    return verdict.notes


@pytest.mark.filterwarnings("ignore:dropout option adds dropout")
@pytest.mark.parametrize(("layers", "dropout", "count"), [(1, 0.3, 1), (1, 0.0, 0), (2, 0.3, 0), (2, 0.0, 0)])
def test_dropout_of_a_single_layer(layers: int, dropout: float, count: int) -> None:
    found = notes(nn.GRU(3, 4, layers, dropout=dropout, batch_first=True))
    assert sum("dropout" in note for note in found) == len(found) == count


@pytest.mark.parametrize("kind", ["layer", "cell"])
@pytest.mark.parametrize(
    ("nonlinearity", "clip", "count"),
    [("relu", "", 1), ("relu", "norm", 0), ("relu", "value", 0), ("tanh", "", 0)],
)
def test_relu_recurrence_without_clipping(kind: str, nonlinearity: str, clip: str, count: int) -> None:
    layer = nn.RNNCell(3, 4, nonlinearity=nonlinearity)
    if kind == "layer":
        layer = nn.RNN(3, 4, nonlinearity=nonlinearity, batch_first=True)
    found = notes(layer, clip=clip)
    assert sum("clip_grad_norm_" in note for note in found) == len(found) == count


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize(
    ("carries", "detaches", "count"), [(True, False, 1), (True, True, 0), (False, True, 0)]
)
def test_state_carried_with_its_graph(kind: Any, carries: bool, detaches: bool, count: int) -> None:
    found = notes(kind(3, 4, batch_first=True), carries=carries, detaches=detaches)
    assert sum("detach()" in note for note in found) == len(found) == count
