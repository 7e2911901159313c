"""A watched loop as a trial's configuration: what rules and reports read of task, network and training."""

from typing import Any

from torch import Tensor, nn

from failmap.watcher.observer import Watched

#: Recurrent modules by the name of their recurrence; cells are called step by step.
_KINDS = {nn.LSTM: "lstm", nn.GRU: "gru", nn.RNN: "rnn"}
_CELLS = {nn.LSTMCell: "lstm", nn.GRUCell: "gru", nn.RNNCell: "rnn"}


def describe(
    watched: Watched, inputs: Tensor | None, targets: Tensor | None, loss_name: str, updates: int
) -> dict[str, dict[str, Any]]:
    """Return the configuration of a watched training.

    Args:
        watched: What is trained.
        inputs, targets: Of some step, if they were given.
        loss_name: Torch's name of the loss, or ''.
        updates: Number of updates so far.
    """
    stacks = [module for module in watched.model.modules() if type(module) in _KINDS]
    cells = [module for module in watched.model.modules() if type(module) in _CELLS]
    layers = [type(module).__name__ for module in [*stacks, *cells]]
    model: dict[str, Any] = {
        "name": "own",
        "class": type(watched.model).__name__,
        "layers": layers,
        "depth": 1,
    }
    if stacks:
        first = stacks[0]
        model["name"] = _KINDS[type(first)]
        model["depth"] = sum(module.num_layers for module in stacks)
    elif cells:
        first = cells[0]
        model["name"], model["depth"] = _CELLS[type(first)], len(cells)
    if stacks or cells:
        model["hidden_size"] = first.hidden_size
        model["nonlinearity"] = getattr(first, "nonlinearity", "tanh")
        model["bidirectional"] = bool(getattr(first, "bidirectional", False))
    num_steps = _num_steps(watched, inputs, first if stacks else None)
    task: dict[str, Any] = {"name": "own", "sequence_length": num_steps, "supervision": "last"}
    if targets is not None and targets.dim() > 1 and num_steps > 1 and num_steps in targets.shape[:2]:
        task["supervision"] = "step"
    group = watched.optimizer.param_groups[0]
    train = {
        "optimizer": type(watched.optimizer).__name__.lower(),
        "learning_rate": float(group.get("lr", 0.0)),
        "batch_size": _batch_size(inputs, targets),
        "max_updates": updates,
    }
    return {"task": task, "model": model, "output": {"loss": loss_name or "own"}, "train": train}


def _num_steps(watched: Watched, inputs: Tensor | None, stack: nn.Module | None) -> int:
    """Return the number of time steps, or 1 if it cannot be seen."""
    if inputs is None or inputs.dim() < 2:
        return 1
    if watched.time_dim is not None:
        return int(inputs.shape[watched.time_dim])
    time_dim = 0 if stack is not None and not stack.batch_first and inputs.dim() == 3 else 1
    return int(inputs.shape[time_dim])


def _batch_size(inputs: Tensor | None, targets: Tensor | None) -> int:
    shown = targets if targets is not None else inputs
    return int(shown.shape[0]) if shown is not None and shown.dim() else 1
