"""The callback of Hugging Face's Trainer, in trainings by that Trainer itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

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
    # Nothing here asks the hub for anything.
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


class WithLoss(nn.Module):
    """Returns the loss if it is given labels, as models of transformers do."""

    def __init__(self, *, has_softmax: bool = False, returns_tuple: bool = False) -> None:
        super().__init__()
        self.net = Classifier(has_softmax=has_softmax)
        self.returns_tuple = returns_tuple
        self.seen: list[float] = []

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Any:
        logits = self.net(x)
        if labels is None:
            return {"logits": logits}
        loss = nn.functional.cross_entropy(logits, labels)
        if self.training:
            self.seen.append(float(loss.detach()))
        return (loss, logits) if self.returns_tuple else {"loss": loss, "logits": logits}


class WithSummedLoss(WithLoss):
    """Divides the sum of the losses by the number of labels of the step, as models of transformers do."""

    def forward(
        self, x: Tensor, labels: Tensor | None = None, num_items_in_batch: Any = None, **_: Any
    ) -> Any:
        logits = self.net(x)
        loss = nn.functional.cross_entropy(logits, labels, reduction="sum")
        loss = loss / (len(x) if num_items_in_batch is None else num_items_in_batch)
        if self.training:
            self.seen.append(float(loss.detach()))
        return {"loss": loss, "logits": logits}


def rows(seed: int, count: int, *, ignored: int = 0) -> list[dict[str, Tensor]]:
    inputs, targets = examples(seed, count)
    return [
        {"x": one, "labels": torch.tensor(-100) if ignored and not index % ignored else label}
        for index, (one, label) in enumerate(zip(inputs, targets, strict=True))
    ]


def train(
    make: Callable[[], Any],
    *callbacks: Any,
    trainer: dict[str, Any] | None = None,
    kind: str = "Trainer",
    data: Any = None,
    held_out: Any = None,
    **options: Any,
) -> Any:
    """Train for two epochs, and return the model."""
    import transformers

    torch.manual_seed(0)
    model = make()
    base: Any = getattr(transformers, kind)
    options = {"num_train_epochs": 2, "learning_rate": RATE, "lr_scheduler_type": "constant"} | options
    arguments = transformers.TrainingArguments(
        output_dir="checkpoints",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        per_device_train_batch_size=BATCH_SIZE,
        per_device_eval_batch_size=BATCH_SIZE,
        **options,
    )
    base(
        model=model,
        args=arguments,
        train_dataset=data or rows(0, NUM_EXAMPLES),
        eval_dataset=held_out or rows(1, 256),
        callbacks=list(callbacks),
        **(trainer or {}),
    ).train()
    return model


def make_callback(**options: Any) -> Any:
    from failmap.watcher.transformers import WatchCallback

    return WatchCallback(**options)


def history(name: str) -> tuple[TrialRecord, list[Evaluation]]:
    trial = RunFolder(Path("runs") / name).trial(0)
    record = TrialRecord.from_json(trial.record.read_text())
    return record, [Evaluation.from_line(line) for line in trial.history.read_text().splitlines()]


HEALTHY: dict[str, dict[str, Any]] = {
    "mapping": {},
    "tuple": {"make": lambda: WithLoss(returns_tuple=True)},
    "accumulating": {"gradient_accumulation_steps": 4, "num_train_epochs": 6},
    "summed": {"make": WithSummedLoss, "gradient_accumulation_steps": 4, "num_train_epochs": 6},
    "ignored": {"data": lambda: rows(0, NUM_EXAMPLES, ignored=4)},
    "validated": {"eval_strategy": "steps", "eval_steps": 16},
    "bfloat16": {"bf16": True},
}


@pytest.mark.parametrize("name", with_bf16(HEALTHY, "bfloat16"))
def test_what_learns_is_healthy_and_has_the_same_weights(name: str, recwarn: pytest.WarningsRecorder) -> None:
    case = {"make": WithLoss} | HEALTHY[name]
    make = case.pop("make")
    if "data" in case:
        case["data"] = case["data"]()
    alone = train(make, **case)
    callback = make_callback(name="mine", every=4)
    watched = train(make, callback, **case)
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
    size = case.get("gradient_accumulation_steps", 1)
    assert record.summary is not None
    assert record.summary.updates == NUM_EXAMPLES // BATCH_SIZE * case.get("num_train_epochs", 2) // size
    assert record.summary.metric == "accuracy"
    if name == "validated":
        assert record.summary.validation_size == 256
        assert [one.update for one in evaluations] == [16 * index for index in range(1, 9)]
    else:
        num_summed = 4 if name == "summed" else 4 * size
        assert evaluations[0].train_loss == pytest.approx(
            sum(watched.seen[: 4 * size]) / num_summed, rel=1e-3
        )


@pytest.mark.parametrize(
    ("make", "options", "cause"),
    [
        (lambda: WithLoss(has_softmax=True), {}, "unreachable_output"),
        (WithLoss, {"learning_rate": 10.0, "max_grad_norm": 0.0}, "oscillating"),
    ],
)
def test_faults_get_their_cause(make: Callable[[], Any], options: dict[str, Any], cause: str) -> None:
    callback = make_callback(name="mine")
    train(make, callback, **options)
    assert callback.verdict.cause == cause, callback.verdict
    found = failmap.verdict("runs/mine")
    assert found is not None
    assert found.cause == cause


def test_gradients_are_those_of_the_step_that_is_shown() -> None:
    from transformers import TrainerCallback

    norms: list[float] = []

    class Norms(TrainerCallback):
        def on_pre_optimizer_step(self, *_: Any, model: Any, **__: Any) -> None:
            total = sum(float(one.grad.square().sum()) for one in model.parameters())
            norms.append(total**0.5)

    train(WithLoss, Norms(), make_callback(name="mine", every=1), max_grad_norm=1e-3, max_steps=4)
    _, evaluations = history("mine")
    assert norms == pytest.approx([1e-3] * 4, rel=1e-2)
    assert [one.signals["clip_norm_seen"] for one in evaluations] == pytest.approx(norms, rel=1e-3)
    assert all(one.signals["gradient_norm"] > 1e-2 for one in evaluations)


def test_a_named_metric_is_what_compute_metrics_returns() -> None:
    callback = make_callback(name="mine", metric="accuracy_of_mine", chance=0.5)
    trainer = {"compute_metrics": lambda predictions: {"accuracy_of_mine": 0.75}}
    train(WithLoss, callback, trainer=trainer, eval_strategy="steps", eval_steps=16)
    record, evaluations = history("mine")
    assert record.summary is not None
    assert record.summary.metric == "accuracy_of_mine"
    assert {one.metric for one in evaluations} == {0.75}


def told(call: Callable[[], Any]) -> list[str]:
    with pytest.warns(WatchWarning) as caught:
        call()
    return [str(one.message) for one in caught if issubclass(one.category, WatchWarning)]


def test_a_loss_outside_of_the_model_is_shown_by_hand() -> None:
    callback = make_callback(name="silent")

    def loss_of(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
        return nn.functional.cross_entropy(outputs["logits"], labels)

    (line,) = told(lambda: train(WithLoss, callback, trainer={"compute_loss_func": loss_of}))
    assert "see(" in line

    shown = make_callback(name="mine")

    def shown_loss_of(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
        loss = loss_of(outputs, labels)
        shown.see(loss, targets=labels)
        return loss

    trainer = {"compute_loss_func": shown_loss_of}
    train(WithLoss, shown, trainer=trainer, eval_strategy="steps", eval_steps=16)
    record, evaluations = history("mine")
    assert shown.verdict.cause == "none"
    assert record.summary is not None
    assert record.summary.updates == 2 * NUM_EXAMPLES // BATCH_SIZE
    assert record.summary.metric == "accuracy"
    assert [one.update for one in evaluations] == [16 * index for index in range(1, 9)]


def test_labels_of_a_causal_language_model_are_those_of_the_next_token() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    # Each token follows from the one before: (3 t + 1) mod 11.
    tokens = [torch.randint(11, (1,), generator=torch.Generator().manual_seed(one)) for one in range(512)]
    for _ in range(7):
        tokens = [torch.cat([row, (3 * row[-1:] + 1) % 11]) for row in tokens]
    data = [{"attention_mask": torch.ones_like(row), "input_ids": row, "labels": row} for row in tokens]
    config = GPT2Config(
        vocab_size=11, n_positions=8, n_embd=32, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
    callback = make_callback(name="mine")
    train(lambda: GPT2LMHeadModel(config), callback, data=data, num_train_epochs=12)
    record, evaluations = history("mine")
    assert callback.verdict.cause == "none", callback.verdict
    assert record.config["task"]["sequence_length"] == 7
    assert evaluations[-1].metric > 0.95


def test_mistakes_are_told_before_the_training() -> None:
    with pytest.raises(TypeError, match="nmae"):
        make_callback(nmae="mine")
