"""An accuracy that blind guessing does not exceed at the best of many evaluations."""

import math


def best_of_chance(
    accuracy: float, num_sequences: int, num_evaluations: int, probability: float = 1e-6
) -> float:
    """An accuracy that blind guessing exceeds at no evaluation, but with at most this probability.

    Bounds the upper tail of the binomial distribution by Chernoff, P(share >= q) <= exp(-n KL(q || p)), and
    the best of all evaluations by a union. The bound holds for any independent averages within [0, 1]
    (Hoeffding 1963, theorem 1), so labels within one sequence may depend on each other; the exact binomial
    quantile would not allow that. It holds, too, where no sequence is drawn twice (theorem 4).

    Args:
        accuracy: of blind guessing, in expectation, below 1.
        num_sequences: independent sequences that one evaluation averages over.
        num_evaluations: how often chance may try.
        probability: what the statement may be wrong with.

    Returns:
        The bound; 1.0 where chance may get everything right.
    """
    surprise = math.log(num_evaluations / probability) / num_sequences
    low, high = accuracy, 1.0
    if _divergence(high, accuracy) <= surprise:
        return 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _divergence(middle, accuracy) < surprise:
            low = middle
        else:
            high = middle
    return high


def _divergence(q: float, p: float) -> float:
    """Kullback-Leibler divergence of two binary distributions, KL(q || p), in nats."""
    return sum(a * math.log(a / b) for a, b in ((q, p), (1 - q, 1 - p)) if a > 0)
