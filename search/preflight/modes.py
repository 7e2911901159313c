"""Whether training and evaluation differ where, and only where, something is drawn in training."""

import torch
from torch import Tensor, nn

from failmap.models.config import DecodingConfig
from failmap.search.preflight.finding import Finding
from failmap.search.preflight.subject import Subject
from failmap.search.trial.probes.batches import first_of

#: Outputs that differ by less, relative to their size, differ by rounding: float32 has 7 digits.
ROUNDING = 1e-5
_UNIT = "relative difference of outputs"


@torch.no_grad()
def modes(subject: Subject) -> Finding:
    """Passes the same batch in both modes, and twice in evaluation mode."""
    batch = first_of(subject.batch, 16)
    evaluated = subject.trace(batch, training=False).outputs
    difference = _relative(subject.trace(batch, training=True).outputs, evaluated)
    noise = _relative(subject.trace(batch, training=False).outputs, evaluated)
    model = subject.config.model
    if noise > ROUNDING:
        advice = "evaluation draws random numbers: look for dropout that does not ask for self.training"
        return Finding("fail", "two evaluations of the same batch differ", noise, _UNIT, advice)
    if model.draws_randomly and difference <= ROUNDING:
        advice = "dropout stands between layers: model.depth=2 or more, or leave model.dropout out"
        return Finding("fail", "dropout is on and changes nothing", difference, _UNIT, advice)
    if model.draws_randomly:
        return Finding("pass", "dropout acts in training alone", difference, _UNIT)
    if difference <= ROUNDING:
        return Finding("pass", "no dropout, and both modes agree", difference, _UNIT)
    if isinstance(model, DecodingConfig) and model.decoder_input == "teacher":
        return Finding("pass", "a decoder is shown the truth in training alone", difference, _UNIT)
    if any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in subject.model.modules()):
        advice = "its running means need many updates; compare with model.layer_norm=true"
        return Finding("warn", "batch norm: evaluation goes by running means", difference, _UNIT, advice)
    advice = "look for what depends on self.training"
    return Finding("fail", "no dropout, and yet the modes differ", difference, _UNIT, advice)


def _relative(one: Tensor, other: Tensor) -> float:
    """Norm of the difference over the norm."""
    size = float(other.double().norm())
    return float((one.double() - other.double()).norm()) / (size or 1.0)
