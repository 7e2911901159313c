from typing import Any

import pytest
import torch
from torch import Tensor, nn

from failmap.watcher.observers.batches import BatchObserver
from tests.watcher.example_loops import LastStep, observe


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def test_scale_of_features_and_moments_of_values() -> None:
    def batch(update: int) -> tuple[Tensor, Tensor]:
        return 100 + 3 * torch.randn(32, 10, 2), 50 + 2 * torch.randn(32, 1)

    signals = observe(BatchObserver, LastStep(2), batch)
    assert signals["input_scale"]["largest_mean"] == pytest.approx(100, rel=0.05)
    assert signals["input_scale"]["largest_spread"] == pytest.approx(3, rel=0.2)
    assert signals["target_moments"]["mean"] == pytest.approx(50, rel=0.05)
    assert signals["target_moments"]["deviation"] == pytest.approx(2, rel=0.2)
    assert signals["output_spread_share"] < 0.3


@pytest.mark.parametrize("kind", ["tokens", "float_tokens", "one_hot"])
def test_codes_have_no_scale(kind: str) -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(5000, 8)
            self.network = LastStep(8, 3)

        def forward(self, inputs: Tensor) -> Any:
            return self.network(self.embedding(inputs.long()))

    def batch(update: int) -> tuple[Tensor, Tensor]:
        tokens = torch.randint(5000, (8, 10))
        if kind == "one_hot":
            tokens = nn.functional.one_hot(tokens, 5000)
        return (tokens if kind == "tokens" else tokens.float()), torch.randint(3, (8,))

    model = LastStep(5000, 3) if kind == "one_hot" else Tokens()
    signals = observe(BatchObserver, model, batch, loss_fn=nn.CrossEntropyLoss(), updates=2)
    assert "input_scale" not in signals


@pytest.mark.parametrize("share", [0.95, 0.5])
def test_shares_of_classes(share: float) -> None:
    def batch(update: int) -> tuple[Tensor, Tensor]:
        targets = (torch.rand(64) > share).float()
        # A repaired twin can tell the classes apart.
        shown = torch.randn(64, 10, 1) + (4 * targets[:, None, None] if share == 0.5 else 0)
        return shown, targets[:, None]

    signals = observe(BatchObserver, LastStep(), batch, loss_fn=nn.BCEWithLogitsLoss(), updates=60, rate=0.03)
    counts = signals["class_counts"]
    assert counts["0"] / sum(counts.values()) == pytest.approx(share, abs=0.02)
    if share > 0.9:
        assert signals["predicted_majority_share"] == 1.0
    else:
        assert signals["predicted_majority_share"] < 0.7


def test_ignored_targets_do_not_count() -> None:
    def batch(update: int) -> tuple[Tensor, Tensor]:
        targets = torch.randint(3, (16, 10))
        targets[:, 5:] = -100
        return torch.randn(16, 10, 1), targets

    def loss_fn(outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())

    signals = observe(BatchObserver, LastStep(1, 3, by_step=True), batch, loss_fn=loss_fn, updates=2)
    assert set(signals["class_counts"]) == {"0", "1", "2"}
    assert sum(signals["class_counts"].values()) == 2 * 16 * 5
