import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from failmap.watcher.observer import Observer
from failmap.watcher.observers.padding import PaddingObserver
from tests.watcher.example_loops import LastStep, observe

MAX_STEPS = 20


class Packed(LastStep):
    """Reads the last step of each sequence itself."""

    def forward(self, inputs: Tensor) -> Tensor:
        lengths = (inputs != 0).any(dim=2).sum(dim=1)
        packed = pack_padded_sequence(self.recurrence_input(inputs), lengths, True, enforce_sorted=False)
        _, state = self.recurrence(packed)
        read: Tensor = self.readout(state[-1])
        return read

    def recurrence_input(self, inputs: Tensor) -> Tensor:
        return inputs


class Gathered(LastStep):
    """Reads the last step of each sequence from all outputs."""

    def forward(self, inputs: Tensor) -> Tensor:
        lengths = (inputs != 0).any(dim=2).sum(dim=1)
        outputs, _ = self.recurrence(inputs)
        read: Tensor = self.readout(outputs[torch.arange(len(inputs)), lengths - 1])
        return read


class StateRead(LastStep):
    """Reads the last state, which is the one after the padding."""

    def forward(self, inputs: Tensor) -> Tensor:
        _, state = self.recurrence(inputs)
        read: Tensor = self.readout(state[-1])
        return read


def padded(update: int, *, at_end: bool = True) -> tuple[Tensor, Tensor]:
    inputs, lengths = torch.randn(32, MAX_STEPS, 1), torch.randint(3, MAX_STEPS, (32,))
    is_own = torch.arange(MAX_STEPS) < lengths[:, None]
    inputs = inputs * is_own[:, :, None]
    return (inputs if at_end else inputs.flip(1)), torch.randn(32, 1)


def padded_at_start(update: int) -> tuple[Tensor, Tensor]:
    return padded(update, at_end=False)


def recall(update: int) -> tuple[Tensor, Tensor]:
    """A cue and blanks, which are no padding: they always have the same length."""
    inputs = torch.zeros(32, MAX_STEPS, 1)
    inputs[:, 0] = torch.randn(32, 1)
    return inputs, inputs[:, 0]


def is_suspected(signal: dict[str, float]) -> bool:
    return (
        signal["rows"] >= 0.5
        and signal["share"] >= 0.2
        and signal["lengths"] >= 3
        and signal["last_step"] > 0.99
    )


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.mark.parametrize("model", [LastStep, StateRead])
def test_last_step_of_padded_sequences_is_read(model: type[LastStep]) -> None:
    signal = observe(PaddingObserver, model(), padded, updates=3)["padding"]
    assert is_suspected(signal)
    assert signal["share"] == pytest.approx(0.45, abs=0.1)
    assert signal["blank"] < 0.1


@pytest.mark.parametrize("model", [Packed, Gathered])
def test_own_last_step_is_read(model: type[LastStep]) -> None:
    signals = observe(PaddingObserver, model(), padded, updates=3)
    assert "padding" not in signals or not is_suspected(signals["padding"])


@pytest.mark.parametrize("batches", [padded_at_start, recall], ids=lambda one: one.__name__)
def test_inputs_without_padding_at_the_end(batches: object) -> None:
    signal = observe(PaddingObserver, LastStep(), batches, updates=3)["padding"]  # type: ignore[arg-type]
    assert not is_suspected(signal)


def test_one_target_per_step_is_not_judged() -> None:
    def batch(update: int) -> tuple[Tensor, Tensor]:
        inputs, _ = padded(update)
        return inputs, torch.randn(32, MAX_STEPS, 1)

    kind: type[Observer] = PaddingObserver
    assert not observe(kind, LastStep(by_step=True), batch, loss_fn=nn.MSELoss(), updates=3)
