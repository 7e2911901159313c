"""ikostrikov/pytorch-meta-optimizer issue 11: the weights of the LSTM cells are not optimized.

The cells are kept in a plain list, so the module's parameters() does not name them, and the optimizer gets
only those of the linear layers. The fix registers them. Here: two cells on noisy input steps, to name the
first symbol.
"""

import torch
from torch import Tensor, nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="ikostrikov/pytorch-meta-optimizer issue 11",
    fault="LSTM cells in a plain list: not among the optimizer's parameters",
    fix="cells registered as submodules",
    causes=("frozen",),
    solved=0.8,
)

STEPS, SYMBOLS = 7, 6


class MetaModel(nn.Module):
    """Linear layer, a list of LSTM cells, linear layer."""

    def __init__(self, registers: bool) -> None:
        super().__init__()
        self.linear1 = nn.Linear(SYMBOLS, 24)
        self.lstms = [nn.LSTMCell(24, 24) for _ in range(2)]
        if registers:
            self.lstms = nn.ModuleList(self.lstms)
        self.linear2 = nn.Linear(24, SYMBOLS)

    def forward(self, symbols: Tensor) -> Tensor:
        """Return the scores of the first symbol."""
        zeros = symbols.new_zeros(symbols.size(0), 24)
        states = [(zeros, zeros) for _ in self.lstms]
        for step in range(symbols.size(1)):
            x = torch.tanh(self.linear1(symbols[:, step]))
            for layer, cell in enumerate(self.lstms):
                states[layer] = cell(x, states[layer])
                x = states[layer][0]
        return self.linear2(x)


def make_batch(size: int) -> tuple[Tensor, Tensor]:
    """Draw symbols; the first is the label."""
    symbols = torch.randint(SYMBOLS, (size, STEPS))
    return nn.functional.one_hot(symbols, SYMBOLS).float(), symbols[:, 0]


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the skill on new sequences."""
    torch.manual_seed(15)
    model = MetaModel(registers=repaired)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    loss_fn = nn.CrossEntropyLoss()
    watching = watch(model, optimizer, loss_fn)
    test_symbols, test_labels = make_batch(500)
    accuracy = 0.0
    for iteration in range(1, 901):
        symbols, labels = make_batch(32)
        scores = model(symbols)
        loss = loss_fn(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=symbols, outputs=scores, targets=labels)
        if iteration % 60 == 0:
            with torch.no_grad():
                scores = model(test_symbols)
                test_loss = loss_fn(scores, test_labels)
            accuracy = (scores.argmax(1) == test_labels).float().mean().item()
            watching.validate(test_loss, inputs=test_symbols, outputs=scores, targets=test_labels)
    watching.close()
    return (accuracy - 1 / SYMBOLS) / (1 - 1 / SYMBOLS)
