"""What the labels have to do with the gradient: its noise, and what is left of it beside other labels."""

import math
from collections.abc import Iterable, Sequence
from itertools import combinations, product

import torch
from torch import Tensor

from search.trial.probes.host import Signals
from search.trial.probes.passes import ProbePass, shuffled_targets

#: A gradient, parameter by parameter.
Gradient = list[Tensor]
#: Inner products of gradients, by their places.
Products = list[list[float]]


def label_signals(
    training: Sequence[ProbePass], validation: Sequence[ProbePass], seed: int, update: int
) -> Signals:
    """How much of the gradient is signal, and how much of that comes from labels that fit their inputs.

    Let g be a batch's gradient, and d = g - g(labels of other sequences): what the labels tell beyond their
    frequencies. That d points the same way for different batches is what Shalev-Shwartz, Shamir and Shammah
    (2017) miss in parity, where it is noise whatever the network.

    Args:
        training: passes of training batches.
        validation: passes of validation batches.
        seed: the trial's.
        update: the evaluation's, which the order of other labels goes by.

    Returns:
        Numbers: mean cosines, and the ratio of signal to noise in the gradient of one batch (McCandlish et
        al. 2018, without its trace over single sequences). `label_share` is the size of d against that of g:
        about 0 where the loss does not depend on which sequence has which label. Absent where there is no
        gradient.
    """
    true = [one.gradient(one.loss()) for one in training]
    differences = [_difference(one, seed, update) for one in (*training, *validation)]
    gradients = [gradient for gradient in (*differences, *true) if gradient is not None]
    if len(gradients) < len(differences) + len(true) or not gradients:
        return {}
    products = inner_products(gradients)
    of_training = range(len(training))
    of_validation = range(len(training), len(differences))
    signals = {
        "gradient_snr": signal_to_noise(products, range(len(differences), len(gradients))),
        "label_share": _relative_size(products, of_training, range(len(differences), len(gradients))),
        "label_signal": _mean_cosine(products, combinations(of_training, 2)),
        "label_signal_validation": _mean_cosine(products, combinations(of_validation, 2)),
        "label_agreement": _mean_cosine(products, product(of_training, of_validation)),
    }
    return {name: value for name, value in signals.items() if value is not None}


def inner_products(gradients: Sequence[Gradient]) -> Products:
    """All with all, parameter by parameter, so that no gradient is copied as a whole."""
    total = torch.zeros((), dtype=torch.float64, device=gradients[0][0].device)
    for parts in zip(*gradients, strict=True):
        stacked = torch.stack([part.flatten() for part in parts])
        total = total + (stacked @ stacked.T).double()
    products: Products = total.tolist()
    return products


def signal_to_noise(products: Products, places: Iterable[int]) -> float | None:
    """Energy of the mean gradient over that of a batch's deviation from it, both without bias, from pairs.

    None where there is no pair, or no deviation.
    """
    pairs = list(combinations(places, 2))
    signal = sum(products[one][other] for one, other in pairs)
    noise = sum(
        (products[one][one] + products[other][other]) / 2 - products[one][other] for one, other in pairs
    )
    return signal / noise if noise else None


def _difference(one: ProbePass, seed: int, update: int) -> Gradient | None:
    return one.gradient(one.loss() - one.loss(shuffled_targets(one.batch, seed, update)))


def _relative_size(products: Products, places: Iterable[int], others: Iterable[int]) -> float | None:
    """Root mean square norm of some gradients over that of others; None where these are zero."""
    size, reference = (sum(products[place][place] for place in group) for group in (places, others))
    return math.sqrt(size / reference) if reference else None


def _mean_cosine(products: Products, pairs: Iterable[tuple[int, int]]) -> float | None:
    """None where every pair has a gradient that is zero."""
    cosines = []
    for one, other in pairs:
        size = math.sqrt(products[one][one] * products[other][other])
        if size != 0:
            cosines.append(products[one][other] / size)
    return sum(cosines) / len(cosines) if cosines else None
