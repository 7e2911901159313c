import pytest
import torch
from torch import Tensor, nn

from failmap.watcher.observer import Step, Watched
from failmap.watcher.observers.teacher import TeacherObserver
from tests.watcher.example_loops import observe

NUM_STEPS = 8


class Decoder(nn.Module):
    """Decodes a sequence step by step, from the true outputs in training."""

    def __init__(self, *, is_free: bool) -> None:
        super().__init__()
        self.encoder = nn.GRU(1, 16, batch_first=True)
        self.cell = nn.GRUCell(1, 16)
        self.readout = nn.Linear(16, 1)
        self.is_free = is_free

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        _, state = self.encoder(inputs)
        state, given, outputs = state[0], torch.zeros(len(inputs), 1), []
        for step in range(NUM_STEPS):
            state = self.cell(given, state)
            outputs.append(self.readout(state))
            is_forced = self.training and not self.is_free
            given = targets[:, step] if is_forced else outputs[-1]
        return torch.stack(outputs, dim=1)


def batch(update: int) -> tuple[Tensor, Tensor]:
    series = torch.randn(16, 2 * NUM_STEPS, 1).cumsum(1)
    return series[:, :NUM_STEPS], series[:, NUM_STEPS:]


def forward(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    outputs: Tensor = model(inputs, targets)
    return outputs


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def test_true_outputs_in_training_only() -> None:
    signals = observe(TeacherObserver, Decoder(is_free=False), batch, validation=batch, forward=forward)
    assert signals["teacher_forcing"]["training"] == 1.0
    assert signals["teacher_forcing"]["validation"] < 0.1


def test_own_outputs_in_training() -> None:
    signals = observe(TeacherObserver, Decoder(is_free=True), batch, validation=batch, forward=forward)
    assert "teacher_forcing" not in signals


def test_language_models_get_true_tokens_in_validation_as_well() -> None:
    class Language(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(10, 8)
            self.recurrence, self.readout = nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 10)

        def forward(self, tokens: Tensor) -> Tensor:
            read: Tensor = self.readout(self.recurrence(self.embedding(tokens))[0])
            return read.transpose(1, 2)

    def tokens(update: int) -> tuple[Tensor, Tensor]:
        series = torch.randint(10, (16, 13))
        return series[:, :-1], series[:, 1:]

    signals = observe(TeacherObserver, Language(), tokens, loss_fn=nn.CrossEntropyLoss(), validation=tokens)
    assert signals["teacher_forcing"] == {"training": 1.0, "validation": 1.0}


def test_nothing_is_kept_between_looks() -> None:
    model = Decoder(is_free=False)
    observer = TeacherObserver(_watched(model))
    observer.before_look()
    for update in range(3):
        inputs, targets = batch(update)
        outputs = model(inputs, targets)
        if update == 0:
            observer.after_look(_step(inputs, outputs, targets))
    assert observer._forced == 1.0
    assert not observer._inputs
    observer.remove()


def _watched(model: nn.Module) -> Watched:
    return Watched(model, torch.optim.SGD(model.parameters(), lr=0.1))


def _step(inputs: Tensor, outputs: Tensor, targets: Tensor) -> Step:
    return Step(1, outputs.mean().detach(), inputs, outputs, targets)
