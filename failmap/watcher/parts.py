"""Names and parts of an arbitrary module: its parameters, grouped by the layer that owns them."""

import re
from collections.abc import Iterator

from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.nn.parameter import UninitializedParameter
from torch.optim import Optimizer

#: Beyond this number of parts, parameters are grouped by the model's own children.
MAX_PARTS = 64
#: Attribute in which torch.compile keeps the module that it wraps.
_COMPILED = "_orig_mod"
#: Layer of a parameter in torch's recurrent modules, as in weight_ih_l0_reverse.
_LAYER = re.compile(r"_l(\d+)(_reverse)?$")


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the module inside DataParallel, DistributedDataParallel and torch.compile."""
    while True:
        inner = getattr(model, _COMPILED, None)
        if isinstance(model, DataParallel | DistributedDataParallel):
            model = model.module
        elif isinstance(inner, nn.Module):
            model = inner
        else:
            return model


def is_compiled(model: nn.Module) -> bool:
    """Return whether any part of the model is compiled, scripted or traced."""
    return any(
        isinstance(getattr(module, _COMPILED, None), nn.Module)
        or getattr(module, "_compiled_call_impl", None) is not None
        or hasattr(module, "_c")
        for module in model.modules()
    )


def named_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield every module once, with its dotted name in the unwrapped model; that itself has its class's."""
    inner = unwrapped(model)
    for name, module in inner.named_modules():
        segments = [segment for segment in name.split(".") if segment != _COMPILED]
        if not hasattr(module, _COMPILED):
            yield ".".join(segments) or type(inner).__name__.lower(), module


def named_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return every parameter once, by its dotted name in the unwrapped model; lazy ones when they exist."""
    return {
        name.replace(f"{_COMPILED}.", ""): parameter
        for name, parameter in unwrapped(model).named_parameters()
        if not isinstance(parameter, UninitializedParameter)
    }


def parts_of(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Return the parameters by part: each module that owns parameters, from the first to the last.

    Layers of a recurrent module are parts of their own (`rnn.l0`, `rnn.l1`). A shared parameter belongs to
    the first module that has it. Models of more than MAX_PARTS such parts are grouped by their children.
    """
    parts: dict[str, list[nn.Parameter]] = {}
    seen: set[nn.Parameter] = set()
    for name, module in named_modules(model):
        for own, parameter in module.named_parameters(recurse=False):
            if parameter in seen or isinstance(parameter, UninitializedParameter):
                continue
            seen.add(parameter)
            parts.setdefault(_part(name, module, own), []).append(parameter)
    return parts if len(parts) <= MAX_PARTS else _by_child(parts)


def _part(name: str, module: nn.Module, parameter: str) -> str:
    layer = _LAYER.search(parameter)
    if isinstance(module, nn.RNNBase) and module.num_layers > 1 and layer is not None:
        return f"{name}.l{layer[1]}"
    return name


def _by_child(parts: dict[str, list[nn.Parameter]]) -> dict[str, list[nn.Parameter]]:
    grouped: dict[str, list[nn.Parameter]] = {}
    for name, parameters in parts.items():
        grouped.setdefault(name.split(".", 1)[0], []).extend(parameters)
    return grouped


def unregistered(model: nn.Module, optimizer: Optimizer) -> str | None:
    """Return the attribute that holds modules in a plain list, tuple or dict, where torch does not look.

    None if there is none, or if the optimizer was given their parameters.
    """
    known = {id(parameter) for parameter in model.parameters()}
    known |= {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            # Torch's own registries begin with an underscore.
            if name.startswith("_") or not isinstance(value, list | tuple | dict):
                continue
            members = value.values() if isinstance(value, dict) else value
            held = [
                parameter for one in members if isinstance(one, nn.Module) for parameter in one.parameters()
            ]
            if any(parameter.requires_grad and id(parameter) not in known for parameter in held):
                return f"{path}.{name}" if path else name
    return None


def frozen_recurrence(model: nn.Module) -> str | None:
    """Return the name of the first recurrent layer without a trainable parameter, or None."""
    for name, module in model.named_modules():
        is_recurrent = isinstance(module, nn.RNNBase | nn.RNNCellBase)
        if is_recurrent and not any(parameter.requires_grad for parameter in module.parameters()):
            return name or "the network"
    return None
