"""A callback of Hugging Face's Trainer that watches `Trainer.train`."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from failmap.watcher import library_loop
from failmap.watcher.library_loop import LibraryLoop, LoopCallback, never_raises

try:
    from transformers import TrainerCallback
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"failmap.watcher.transformers needs transformers: no {error.name}") from None


class WatchCallback(LoopCallback, TrainerCallback):  # type: ignore[misc]
    """Watches a model that returns its loss, as `failmap.watch` does; any other loss is given to `see`.

    Args:
        loss_fn, options: As in `failmap.watch`; `metric` is the name of what `compute_metrics` returns.
    """

    def __init__(self, loss_fn: Any = None, **options: Any) -> None:
        self.loop = LibraryLoop(loss_fn, options)
        self._forward: dict[str, Any] = {}
        self._is_causal = self._is_sum = self._is_training = False

    @never_raises
    def on_train_begin(self, args: Any, state: Any, *_: Any, model: Any, optimizer: Any, **__: Any) -> None:
        if state.is_world_process_zero:
            name = type(model).__name__
            self._is_causal = "CausalLM" in name or name in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()
            # Accelerate's optimizer wraps torch's, and takes no hooks itself.
            self.loop.start(model, [getattr(optimizer, "optimizer", optimizer)], [model], self._after_forward)

    @never_raises
    def _after_forward(self, model: nn.Module, args: Any, kwargs: dict[str, Any], outputs: Any) -> None:
        # Then the losses of the passes are parts of a sum, not means.
        self._is_sum, self._is_training = "num_items_in_batch" in kwargs, model.training
        inputs, targets = library_loop.inputs_and_targets(kwargs)
        inputs = inputs.get(getattr(model, "main_input_name", None), inputs)
        logits, loss = library_loop.without_loss(outputs), library_loop.loss_in(outputs)
        if self._is_causal and targets is not None:
            # Such a model compares its output at a step with the label of the next.
            inputs, logits, targets = inputs[:, :-1], logits[:, :-1], targets[:, 1:]
        self._forward = {"inputs": inputs, "outputs": logits, "targets": targets}
        if loss is not None:
            self.see(loss)

    @never_raises
    def see(self, loss: Tensor, **shown: Any) -> None:
        """Show the loss of a batch that the model does not return; to be called where it is computed.

        Args:
            loss: With its graph.
            shown: `inputs`, `outputs` or `targets`, where the model was not called with them.
        """
        shown = {**self._forward, **shown}
        if self._is_training:
            self.loop.add_pass(loss, **shown)
        else:
            self.loop.add_validation(loss, **shown)

    @never_raises
    def on_step_end(self, *_: Any, **__: Any) -> None:
        if self.loop.is_active and not self.loop.step(is_sum=self._is_sum):
            self.loop.warn("the model returns no loss: call see(loss, targets=labels) of the callback")

    @never_raises
    def on_evaluate(self, *_: Any, metrics: Mapping[str, float], **__: Any) -> None:
        self.loop.end_validation(metrics, prefix="eval_", loss_name="eval_loss")

    @never_raises
    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.loop.close()
