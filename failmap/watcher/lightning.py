"""A callback of PyTorch Lightning that watches `Trainer.fit`."""

from typing import Any

from torch import Tensor, nn

from failmap.watcher.library_loop import LibraryLoop, LoopCallback, inputs_and_targets, loss_in, never_raises

try:
    from lightning.pytorch import Callback
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"failmap.watcher.lightning needs lightning: no {error.name}") from None


class WatchCallback(LoopCallback, Callback):  # type: ignore[misc]
    """Watches a LightningModule that is trained by one optimizer, as `failmap.watch` does.

    Args:
        loss_fn, options: As in `failmap.watch`; `metric` is the name of what `validation_step` logs.
        split: Returns inputs and targets of a batch.
        val_loss: What `validation_step` logs its loss as, if it does not return it.
    """

    def __init__(
        self, loss_fn: Any = None, *, split: Any = None, val_loss: str = "val_loss", **options: Any
    ) -> None:
        self.loop = LibraryLoop(loss_fn, options)
        self._split, self._val_loss = split or inputs_and_targets, val_loss
        self._loss: Tensor | None = None
        self._outputs: Any = None
        self._num_steps = 0

    @never_raises
    def on_train_start(self, trainer: Any, module: nn.Module) -> None:
        if trainer.is_global_zero:
            parts = [one for one in module.children() if next(one.parameters(), None) is not None]
            # Often a module only wraps the network, and calls it without a `forward` of its own.
            is_wrapper = len(parts) == 1 and next(module.parameters(recurse=False), None) is None
            model = parts[0] if is_wrapper else module
            self.loop.start(model, trainer.optimizers, [module, *parts], self._keep_outputs)
            self._num_steps = trainer.global_step

    def _keep_outputs(self, module: nn.Module, args: Any, kwargs: Any, outputs: Any) -> None:
        self._outputs = outputs

    def on_before_backward(self, trainer: Any, module: nn.Module, loss: Tensor) -> None:
        self._loss = loss

    @never_raises
    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, index: int) -> None:
        loss, self._loss, value = self._loss, None, loss_in(outputs)
        if self.loop.is_active and loss is not None:
            self.loop.add_pass(loss, value, **self._shown(batch))
            if trainer.global_step > self._num_steps:
                self._num_steps = trainer.global_step
                # Lightning divides each loss by the number of passes that a step should have.
                self.loop.step(factor=trainer.accumulate_grad_batches)

    @never_raises
    def on_validation_batch_end(
        self, trainer: Any, module: nn.Module, outputs: Any, batch: Any, index: int, loader: int = 0
    ) -> None:
        if self.loop.is_active and loader == 0:
            self.loop.add_validation(loss_in(outputs), **self._shown(batch))

    @never_raises
    def on_validation_end(self, trainer: Any, module: nn.Module) -> None:
        self.loop.end_validation(trainer.callback_metrics, loss_name=self._val_loss)

    @never_raises
    def on_train_end(self, *_: Any) -> None:
        self.loop.close()

    on_exception = on_train_end

    def _shown(self, batch: Any) -> dict[str, Any]:
        (inputs, targets), outputs, self._outputs = self._split(batch), self._outputs, None
        return {"inputs": inputs, "outputs": outputs, "targets": targets}
