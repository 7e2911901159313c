"""Epochs over a finite training set."""

import torch
from jaxtyping import Int64
from torch import Tensor

from failmap.datasets.task import TRAIN, hashed_seed


class Epochs:
    """Goes through all examples of a set again and again, each time in an order of its own.

    The seed determines every order, so a batch is a function of seed and update alone. A batch may reach
    over the end of an epoch.
    """

    def __init__(self, num_examples: int, device: torch.device) -> None:
        self.num_examples = num_examples
        self.device = device
        self._order: tuple[tuple[int, int], Int64[Tensor, "examples"]] | None = None

    def rows(self, seed: int, update: int, batch_size: int) -> Int64[Tensor, "batch"]:
        """Which examples one update's batch holds: the next ones in the orders of the epochs."""
        parts, start = [], update * batch_size
        while (missing := (update + 1) * batch_size - start) > 0:
            epoch, first = divmod(start, self.num_examples)
            parts.append(self._order_of(seed, epoch)[first : first + missing])
            start += len(parts[-1])
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _order_of(self, seed: int, epoch: int) -> Int64[Tensor, "examples"]:
        """The order of one epoch's examples. The last one asked for is kept: it serves the whole epoch."""
        if self._order is None or self._order[0] != (seed, epoch):
            generator = torch.Generator().manual_seed(hashed_seed(seed, TRAIN, epoch))
            order = torch.randperm(self.num_examples, generator=generator).to(self.device)
            self._order = ((seed, epoch), order)
        return self._order[1]
