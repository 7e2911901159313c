"""Ridge regression on few examples of many features."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

#: Penalties that are tried, as shares of the mean squared length of an example.
PENALTIES = (1e-5, 1e-3, 1e-1, 10.0)
#: One example of so many chooses the penalty.
_HELD_OUT = 5


class Ridge(NamedTuple):
    """A linear map that was fitted to examples, in its dual form: with a weight for each example.

    So its cost goes with the features only linearly (Saunders et al. 1998).
    """

    examples: Float[Tensor, "examples features"]
    mean: Float[Tensor, "features"]
    deviation: Float[Tensor, "features"]
    weights: Float[Tensor, "examples outputs"]
    offset: Float[Tensor, "outputs"]

    @classmethod
    def fit(
        cls, inputs: Float[Tensor, "examples features"], targets: Float[Tensor, "examples outputs"]
    ) -> "Ridge":
        """Fits with the penalty that does best on a fifth of the examples, fitted to the others."""
        num_held_out = len(inputs) // _HELD_OUT
        penalty = PENALTIES[1]
        if num_held_out:
            seen, asked = slice(num_held_out, None), slice(num_held_out)
            errors = {
                trial: (cls._fit(inputs[seen], targets[seen], trial).predict(inputs[asked]) - targets[asked])
                .square()
                .mean()
                .item()
                for trial in PENALTIES
            }
            penalty = min(errors, key=lambda trial: errors[trial])
        return cls._fit(inputs, targets, penalty)

    @classmethod
    def _fit(
        cls,
        inputs: Float[Tensor, "examples features"],
        targets: Float[Tensor, "examples outputs"],
        penalty: float,
    ) -> "Ridge":
        mean, deviation = inputs.mean(0), inputs.std(0, correction=0)
        deviation = torch.where(deviation > 0, deviation, 1.0)
        examples, offset = (inputs - mean) / deviation, targets.mean(0)
        products = (examples @ examples.T).double()
        size = products.diagonal().mean().clamp(min=1e-12)
        regular = products + penalty * size * torch.eye(len(products), dtype=torch.float64)
        weights = torch.cholesky_solve((targets - offset).double(), torch.linalg.cholesky(regular))
        return cls(examples, mean, deviation, weights.float(), offset)

    def predict(self, inputs: Float[Tensor, "asked features"]) -> Float[Tensor, "asked outputs"]:
        """What the map makes of inputs."""
        similarity = ((inputs - self.mean) / self.deviation) @ self.examples.T
        return similarity @ self.weights + self.offset
