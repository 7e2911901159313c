"""The callback of PyTorch Lightning, in trainings by Lightning itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import failmap
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Evaluation, TrialRecord
from failmap.watcher.problems import WatchWarning
from tests.search.trial.precisions import with_bf16
from tests.watcher.adapted_task import BATCH_SIZE, NUM_EXAMPLES, Classifier, examples

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.filterwarnings("always::failmap.watcher.problems.WatchWarning"),
]
RATE = 0.01


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make_module(**options: Any) -> Any:
    from lightning.pytorch import LightningModule

    class Module(LightningModule):
        """Trains a Classifier; options choose between the ways in which people write this."""

        def __init__(
            self,
            *,
            has_softmax: bool = False,
            rate: float = RATE,
            validates: str = "",
            is_manual: bool = False,
            num_optimizers: int = 1,
            is_inline: bool = False,
            raises_at: int | None = None,
        ) -> None:
            super().__init__()
            if is_inline:
                self.lstm, self.readout = Classifier().children()
            else:
                self.net = Classifier(has_softmax=has_softmax)
            self.loss_fn = nn.CrossEntropyLoss()
            self.rate, self.validates, self.num_optimizers = rate, validates, num_optimizers
            self.is_inline, self.raises_at = is_inline, raises_at
            self.automatic_optimization = not is_manual
            self.seen: list[float] = []

        def loss(self, batch: Any) -> Tensor:
            inputs, targets = (batch["x"], batch["label"]) if isinstance(batch, dict) else batch
            outputs = self.readout(self.lstm(inputs)[0][:, -1]) if self.is_inline else self.net(inputs)
            loss: Tensor = self.loss_fn(outputs, targets)
            return loss

        def training_step(self, batch: Any, index: int) -> Tensor:
            if index == self.raises_at:
                raise FloatingPointError
            loss = self.loss(batch)
            self.seen.append(float(loss))
            if not self.automatic_optimization:
                for optimizer in self.optimizers() if self.num_optimizers > 1 else [self.optimizers()]:
                    optimizer.zero_grad()
                self.manual_backward(loss)
                for optimizer in self.optimizers() if self.num_optimizers > 1 else [self.optimizers()]:
                    optimizer.step()
            return loss

        def validation_step(self, batch: Any, index: int) -> Tensor | None:
            loss = self.loss(batch)
            if self.validates == "logs":
                self.log("val_loss", loss)
            self.log("val_accuracy", torch.tensor(0.75))
            return loss if self.validates == "returns" else None

        def configure_optimizers(self) -> Any:
            optimizers = [
                torch.optim.Adam(self.parameters(), lr=self.rate) for _ in range(self.num_optimizers)
            ]
            return optimizers if self.num_optimizers > 1 else optimizers[0]

    torch.manual_seed(0)
    return Module(**options)


def by_name(rows: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    return {"label": torch.stack([row[1] for row in rows]), "x": torch.stack([row[0] for row in rows])}


def train(module: Any, *callbacks: Any, collate: Any = None, is_scaled: bool = False, **options: Any) -> Any:
    """Train for two epochs, and return the module."""
    from lightning.pytorch import Trainer
    from lightning.pytorch.plugins import MixedPrecision

    options = {"max_epochs": 2, "limit_val_batches": 0} | options
    if is_scaled:
        # On a CPU, Lightning takes bfloat16 for 16-mixed, and no scale with it.
        options["plugins"] = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=1024.0))
        options["plugins"].precision = "bf16-mixed"
    trainer = Trainer(
        callbacks=list(callbacks),
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    trainer.fit(
        module,
        DataLoader(TensorDataset(*examples(0)), batch_size=BATCH_SIZE, collate_fn=collate),
        DataLoader(TensorDataset(*examples(1, 256)), batch_size=BATCH_SIZE, collate_fn=collate),
    )
    return module


def make_callback(**options: Any) -> Any:
    from failmap.watcher.lightning import WatchCallback

    return WatchCallback(**options)


def history(name: str) -> tuple[TrialRecord, list[Evaluation]]:
    trial = RunFolder(Path("runs") / name).trial(0)
    record = TrialRecord.from_json(trial.record.read_text())
    return record, [Evaluation.from_line(line) for line in trial.history.read_text().splitlines()]


HEALTHY: dict[str, dict[str, Any]] = {
    "plain": {},
    "inline": {"module": {"is_inline": True}},
    "manual": {"module": {"is_manual": True}},
    "mapping": {"trainer": {"collate": by_name}},
    "clipped": {"trainer": {"gradient_clip_val": 0.05}},
    "accumulating": {"trainer": {"accumulate_grad_batches": 4, "max_epochs": 6}},
    "bfloat16": {"trainer": {"precision": "bf16-mixed"}},
    "scaled": {"trainer": {"is_scaled": True}},
    "returns": {
        "module": {"validates": "returns"},
        "trainer": {"limit_val_batches": 1.0, "val_check_interval": 16},
    },
    "logs": {
        "module": {"validates": "logs"},
        "trainer": {"limit_val_batches": 1.0, "val_check_interval": 16},
    },
}


@pytest.mark.parametrize("name", with_bf16(HEALTHY, "bfloat16", "scaled"))
def test_what_learns_is_healthy_and_has_the_same_weights(
    name: str, recwarn: pytest.WarningsRecorder, capsys: pytest.CaptureFixture[str]
) -> None:
    case = HEALTHY[name]
    alone = train(make_module(**case.get("module", {})), **case.get("trainer", {}))
    callback = make_callback(name="mine", every=4)
    watched = train(make_module(**case.get("module", {})), callback, **case.get("trainer", {}))
    for own, other in zip(watched.parameters(), alone.parameters(), strict=True):
        assert torch.equal(own, other)
    assert watched.seen == alone.seen
    assert [str(one.message) for one in recwarn if issubclass(one.category, WatchWarning)] == []
    assert callback.verdict is not None
    assert callback.verdict.cause == "none", callback.verdict
    assert callback.verdict.score > 0.8
    assert not any(module._forward_hooks for module in watched.modules())
    found = failmap.verdict("runs/mine")
    assert found is not None
    assert found.cause == "none"
    record, evaluations = history("mine")
    num_batches = NUM_EXAMPLES // BATCH_SIZE * case.get("trainer", {}).get("max_epochs", 2)
    size = case.get("trainer", {}).get("accumulate_grad_batches", 1)
    assert record.summary is not None
    assert record.summary.updates == num_batches // size
    assert record.summary.metric == "accuracy"
    if not case.get("module", {}).get("validates"):
        # The losses are those of the training steps, whatever Lightning has scaled them by.
        first = sum(watched.seen[: 4 * size]) / (4 * size)
        assert evaluations[0].train_loss == pytest.approx(first, rel=1e-3)
    else:
        assert record.summary.validation_size == (256 if name == "returns" else BATCH_SIZE)
        assert [one.update for one in evaluations] == [16 * index for index in range(1, 9)]


def test_gradients_are_those_of_the_step_that_is_shown() -> None:
    from lightning.pytorch import Callback

    norms: list[float] = []

    class Norms(Callback):
        def on_before_optimizer_step(self, trainer: Any, module: Any, optimizer: Any) -> None:
            total = sum(float(one.grad.square().sum()) for one in module.parameters())
            norms.append(total**0.5)

    train(make_module(), Norms(), make_callback(name="mine", every=1), gradient_clip_val=1e-3, max_steps=4)
    _, evaluations = history("mine")
    assert [one.signals["gradient_norm"] for one in evaluations] == pytest.approx(norms, rel=1e-3)
    assert [one.signals["clip_norm_seen"] for one in evaluations] == pytest.approx([1e-3] * 4, rel=1e-2)


@pytest.mark.parametrize(
    ("options", "cause"),
    [({"has_softmax": True}, "unreachable_output"), ({"rate": 10.0}, "oscillating")],
)
def test_faults_get_their_cause(options: dict[str, Any], cause: str) -> None:
    callback = make_callback(name="mine")
    train(make_module(**options), callback)
    assert callback.verdict.cause == cause, callback.verdict
    assert failmap.verdict("runs/mine").cause == cause


def test_a_named_metric_is_what_the_module_logs() -> None:
    callback = make_callback(name="mine", metric="val_accuracy", chance=0.5)
    train(make_module(validates="returns"), callback, limit_val_batches=1.0, val_check_interval=16)
    record, evaluations = history("mine")
    assert record.summary is not None
    assert record.summary.metric == "val_accuracy"
    assert {one.metric for one in evaluations} == {0.75}


def told(call: Callable[[], Any]) -> list[str]:
    with pytest.warns(WatchWarning) as caught:
        call()
    return [str(one.message) for one in caught if issubclass(one.category, WatchWarning)]


def test_mistakes_are_one_line_each_and_the_training_goes_on() -> None:
    two = make_callback()
    (line,) = told(lambda: train(make_module(is_manual=True, num_optimizers=2), two))
    assert "optimizer" in line
    assert two.verdict is None

    module = make_module(validates="returns")
    unknown = make_callback(name="other", metric="f1", chance=0.0)
    (line,) = told(lambda: train(module, unknown, limit_val_batches=1.0))
    assert "f1" in line
    assert "val_accuracy" in line
    assert len(module.seen) == 2 * NUM_EXAMPLES // BATCH_SIZE

    def split(batch: Any) -> Any:
        raise KeyError("no such entry")

    module, failing = make_module(), make_callback(name="third", split=split)
    (line,) = told(lambda: train(module, failing))
    assert "no such entry" in line
    assert len(module.seen) == 2 * NUM_EXAMPLES // BATCH_SIZE
    with pytest.raises(TypeError, match="nmae"):
        make_callback(nmae="mine")


def test_a_training_that_raises_has_a_verdict() -> None:
    module, callback = make_module(raises_at=40), make_callback(name="mine")
    with pytest.raises(FloatingPointError):
        train(module, callback)
    assert callback.verdict is not None
    record, _ = history("mine")
    assert record.summary is not None
    assert record.summary.updates == 40
    assert not any(one._forward_hooks for one in module.modules())
