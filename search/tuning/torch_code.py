"""A recipe as lines of plain PyTorch, for stacks that torch itself has."""

from collections.abc import Iterator

from failmap.models.config import LSTMConfig, RecurrentConfig, RNNConfig
from failmap.run_folder.own_code import is_reference
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.head import MARGIN, Head
from failmap.search.trial.train_config import OPTIMIZERS, TrainConfig

_CLASSES = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}
_LOSSES = {
    "mse": "mse_loss",
    "huber": "huber_loss",
    "bce": "binary_cross_entropy",
    "bce_with_logits": "binary_cross_entropy_with_logits",
    "cross_entropy": "cross_entropy",
}


def why_not_plain(config: TrialConfig) -> str | None:
    """Return what torch's own modules do not have, or None if a recipe can be written with them.

    An own task is not built for it: the code of a run that somebody else has made is not to be executed.
    """
    model = config.model
    if is_reference(config.task.name):
        return f"task={config.task.name} is your own code, which is not executed here"
    if not isinstance(model, RecurrentConfig) or model.name not in _CLASSES:
        return f"model={model.name} is none of torch's own networks"
    unusual = {
        "model.widths": model.widths is not None and len(set(model.layer_widths)) > 1,
        "model.bidirectional": model.bidirectional,
        "model.residual": model.residual,
        "model.highway": model.highway,
        "model.layer_norm": model.layer_norm,
        "model.batch_norm": model.batch_norm,
        "model.variational_dropout": model.variational_dropout > 0,
        "model.readout_from": model.readout_from == "all",
        "model.frozen_layers": model.frozen_layers > 0,
        "model.start_from": model.start_from is not None,
        "model.chrono": getattr(model, "chrono", False),
        "a decoder": config.task.target_layout not in ("sequence", "step"),
    }
    found = [name for name, is_there in unusual.items() if is_there]
    return f"torch.nn.{_CLASSES[model.name]} has no {', '.join(found)}" if found else None


def torch_code(config: TrialConfig, head: Head, input_size: int, output_size: int, weights: str) -> str:
    """Return a module, its optimizer, one update and its predictions in PyTorch, and how weights are loaded.

    Args:
        config: A trial that `why_not_plain` has nothing against.
        head: Its head.
        input_size, output_size: Numbers of one step, and of one output.
        weights: The path of the stored weights.
    """
    assert why_not_plain(config) is None
    lines = [
        *_network(config, input_size, output_size),
        "",
        "",
        "def predict(outputs):",
        *(f"    {line}" for line in _predict(head)),
        "",
        "",
        "model = Network()",
        *_initialized(config),
        *_optimizer(config.train),
        "",
        "",
        "def update(inputs, targets):",
        *(f"    {line}" for line in _update(config, head)),
        "",
        "",
        f'stored = load_file("{weights}")',
        "for name, tensor in stored.items():",
        '    layer, _, rest = name.removeprefix("layers.").partition(".recurrence.")',
        "    own = f\"layers.{rest.removesuffix('_l0')}_l{layer}\" if rest else name",
        "    model.get_parameter(own).data.copy_(tensor)",
    ]
    return "\n".join([*_imports(config), "", "", *lines, ""])


def _imports(config: TrialConfig) -> Iterator[str]:
    train = config.train
    yield f"# Batches of {train.batch_size} sequences, {train.max_updates} updates, seed {config.seed}."
    if train.l2_penalty:
        yield f"# train.l2_penalty={train.l2_penalty:g}, after clipping, is not written out here."
    yield "import torch"
    yield "from safetensors.torch import load_file"
    yield "from torch import nn"
    yield "from torch.nn import functional"


def _network(config: TrialConfig, input_size: int, output_size: int) -> Iterator[str]:
    model = config.model
    assert isinstance(model, RecurrentConfig)
    width = model.layer_widths[0]
    extra = f", dropout={model.dropout:g}" if model.dropout > 0 and model.depth > 1 else ""
    if isinstance(model, RNNConfig) and model.nonlinearity != "tanh":
        extra += f', nonlinearity="{model.nonlinearity}"'
    is_last = config.task.target_layout == "sequence"
    read, shape = ("[:, -1]", "batch, outputs") if is_last else ("", "batch, steps, outputs")
    kind = f"nn.{_CLASSES[model.name]}"
    yield "class Network(nn.Module):"
    yield "    def __init__(self):"
    yield "        super().__init__()"
    yield f"        self.layers = {kind}({input_size}, {width}, {model.depth}, batch_first=True{extra})"
    yield f"        self.readout = nn.Linear({width}, {output_size})"
    yield ""
    yield "    def forward(self, inputs):  # (batch, steps, features), all of one length"
    yield "        states, _ = self.layers(inputs)"
    yield f"        return self.readout(states{read})  # ({shape})"


def _initialized(config: TrialConfig) -> Iterator[str]:
    model = config.model
    assert isinstance(model, RecurrentConfig)
    if model.initialization != "torch":
        yield f"# Trained from model.initialization={model.initialization}, which is not written out here."
    if isinstance(model, LSTMConfig) and model.forget_bias is not None:
        width = model.layer_widths[0]
        yield f"for layer in range({model.depth}):"
        for bias, value in (("bias_ih", model.forget_bias), ("bias_hh", 0.0)):
            yield f'    bias = model.layers.get_parameter(f"{bias}_l{{layer}}")'
            yield f"    bias.data[{width}:{2 * width}] = {value:g}"


def _optimizer(train: TrainConfig) -> Iterator[str]:
    chosen = OPTIMIZERS[train.optimizer]
    settings = {"lr": train.peak_rate}
    for name in ("weight_decay", "momentum", "nesterov"):
        value = getattr(train, name)
        if name in chosen.settings and value:
            settings[name] = value
    if train.epsilon is not None:
        settings["eps"] = train.epsilon
    text = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    if "beta1" in chosen.settings and (train.beta1 is not None or train.beta2 is not None):
        betas = (0.9 if train.beta1 is None else train.beta1, 0.999 if train.beta2 is None else train.beta2)
        text += f", betas={betas!r}"
    yield f"optimizer = torch.optim.{chosen.torch_name}(model.parameters(), {text})"
    if train.schedule != "constant":
        yield f"# train.schedule={train.schedule} over {train.max_updates} updates, to a share of"
        yield f"# {train.final_share:g} of this rate; set it in optimizer.param_groups before each update."


def _update(config: TrialConfig, head: Head) -> Iterator[str]:
    train = config.train
    squeezed = ".squeeze(-1)" if head.size == 1 else ""
    wanted = "targets"
    if head.kind == "category" and head.loss != "cross_entropy":
        wanted = f"functional.one_hot(targets, {head.size}).float()"
    elif (head.scale, head.offset) != (1.0, 0.0):
        wanted = f"targets * {head.scale!r} + {head.offset!r}"
    yield f"outputs = {_activated(head, f'model(inputs){squeezed}')}"
    if head.loss == "cross_entropy":
        yield "loss = functional.cross_entropy(outputs.flatten(0, -2), targets.flatten())"
    else:
        yield f"loss = functional.{_LOSSES[head.loss]}(outputs, {wanted})"
    yield "optimizer.zero_grad()"
    yield "loss.backward()"
    if train.clip_value is not None:
        yield f"nn.utils.clip_grad_value_(model.parameters(), {train.clip_value:g})"
    if train.clip_norm is not None:
        yield f"nn.utils.clip_grad_norm_(model.parameters(), {train.clip_norm:g})"
    yield "optimizer.step()"
    yield "return loss.item()"


def _predict(head: Head) -> Iterator[str]:
    squeezed = "outputs.squeeze(-1)" if head.size == 1 else "outputs"
    activated = _activated(head, squeezed)
    if head.loss == "cross_entropy":
        yield f"return {activated}.softmax(dim=-1)"
        return
    if head.loss == "bce_with_logits":
        activated = f"torch.sigmoid({activated})"
    if head.kind == "category":
        yield f"positive = {activated}.clamp(0, 1) + 1e-7"
        yield "return positive / positive.sum(dim=-1, keepdim=True)"
    elif (head.scale, head.offset) != (1.0, 0.0):
        yield f"return ({activated} - {head.offset!r}) / {head.scale!r}"
    else:
        yield f"return {activated}"


def _activated(head: Head, raw: str) -> str:
    if head.activation == "none":
        return raw
    if head.activation in ("sigmoid", "tanh"):
        return f"torch.{head.activation}({raw})"
    beyond = MARGIN * (head.high - head.low)
    low, high = head.low - beyond, head.high + beyond
    return f"({low!r} + {high - low!r} * torch.sigmoid({raw}))"
