"""A permutation test of whether targets depend on inputs, with linear and nearest-neighbour probes."""

from typing import NamedTuple

import numpy as np

from failmap.watcher.examples.host_batch import Array, as_features

#: Examples, numbers of an input and classes that are tested at most.
MAX_EXAMPLES, MAX_NUMBERS, MAX_CLASSES = 1200, 2048, 32
#: Tokens that are counted at most: the most frequent ones.
MAX_TOKENS = 64
#: Permutations, and neighbours that predict.
NUM_PERMUTATIONS, NUM_NEIGHBOURS = 99, 5
#: Penalty of the linear probe, as a share of the mean eigenvalue.
PENALTY = 0.3
#: Standard errors by which a probe that finds an effect in four of five cases exceeds its threshold.
_FOUR_OF_FIVE = 0.84


class Dependence(NamedTuple):
    """The result of a test.

    Attributes:
        p: Share of permutations of the targets that are predicted as well, by the better probe, corrected
            for two probes.
        linear, neighbour: Correlation of the probes' predictions with targets that were left out.
        power: The least correlation that would have been found in four of five cases; 1 if the inputs are so
            long that only their last steps were tested.
        examples: Number of examples.
    """

    p: float
    linear: float
    neighbour: float
    power: float
    examples: int


def dependence(inputs: Array, targets: Array, *, is_embedded: bool = False) -> Dependence | None:
    """Test whether targets depend on inputs; None with fewer than 40 examples or constant targets.

    Half of the examples fit the probes, the others are predicted.

    Args:
        inputs: (examples, time, features), (examples, time) or (examples, features).
        targets: (examples, ...): classes (whole numbers) or values.
        is_embedded: Whether whole numbers among the inputs are tokens.
    """
    generator = np.random.default_rng(0)
    chosen = generator.permutation(len(inputs))[:MAX_EXAMPLES]
    if len(chosen) < 40:
        return None
    codes = _codes(targets[chosen])
    numbers = summary_numbers(inputs[chosen], is_embedded=is_embedded)
    half = len(chosen) // 2
    known, asked = codes[:half], codes[half:]
    known, asked = known - known.mean(axis=0), asked - asked.mean(axis=0)
    if not (known.any() and asked.any() and numbers.shape[1]):
        return None
    maps = [_linear_map(numbers[:half], numbers[half:]), _neighbour_map(numbers[:half], numbers[half:])]
    orders = np.stack([generator.permutation(half) for _ in range(NUM_PERMUTATIONS)])
    others = np.stack([generator.permutation(len(asked)) for _ in range(NUM_PERMUTATIONS)])
    shuffled = known[orders].transpose(1, 0, 2)
    found, thresholds, shares = [], [], []
    for weights in maps:
        effect = float(_correlations((weights @ known)[None], asked)[0])
        by_chance = (weights @ shuffled.reshape(half, -1)).reshape(len(asked), NUM_PERMUTATIONS, -1)
        by_chance = by_chance.transpose(1, 0, 2)
        # Predictions of shuffled targets scatter more about targets that depend on few numbers.
        silent = _correlations(by_chance, asked[others])
        found.append(effect)
        shares.append((1 + int((_correlations(by_chance, asked) >= effect).sum())) / (1 + NUM_PERMUTATIONS))
        thresholds.append(float(np.quantile(silent, 0.975) + _FOUR_OF_FIVE * silent.std()))
    is_whole = (is_embedded and inputs.dtype.kind in "iu") or inputs[:1].size <= MAX_NUMBERS
    power = max(thresholds) if is_whole else 1.0
    return Dependence(min(1.0, 2 * min(shares)), found[0], found[1], power, len(chosen))


def summary_numbers(inputs: Array, *, is_embedded: bool) -> Array:
    """Return numbers that summarise inputs, standardised, shape (examples, numbers).

    Of features: the whole sequence (its last steps if it is long), means and deviations over time. Of tokens:
    how often the most frequent ones occur, and the first and the last.
    """
    if is_embedded and inputs.dtype.kind in "iu":
        tokens = inputs.reshape(len(inputs), -1)
        names, counts = np.unique(tokens, return_counts=True)
        frequent = names[np.argsort(-counts, kind="stable")[:MAX_TOKENS]]
        counted = (tokens[:, :, None] == frequent).sum(axis=1)
        ends = [tokens[:, [end]] == frequent for end in (0, -1)]
        columns = np.concatenate([counted, *ends], axis=1).astype(np.float64)
    else:
        steps = as_features(inputs).astype(np.float64)
        late = steps[:, -max(1, MAX_NUMBERS // max(1, steps.shape[2])) :, :MAX_NUMBERS]
        parts = [late.reshape(len(steps), -1)]
        if inputs.ndim > 2:
            parts += [steps.mean(axis=1)[:, :MAX_NUMBERS], steps.std(axis=1)[:, :MAX_NUMBERS]]
        columns = np.concatenate(parts, axis=1)
    deviation = columns.std(axis=0)
    varied = deviation > 1e-9 * (1 + np.abs(columns.mean(axis=0)))
    standardised: Array = (columns - columns.mean(axis=0))[:, varied] / deviation[varied]
    return standardised


def _codes(targets: Array) -> Array:
    """Return one-hot classes (the most frequent ones), or values, shape (examples, codes)."""
    if targets.dtype.kind in "iu":
        names, counts = np.unique(targets, return_counts=True)
        frequent = names[np.argsort(-counts, kind="stable")[:MAX_CLASSES]]
        flat = targets.reshape(len(targets), -1)[:, -1]
        classes: Array = (flat[:, None] == frequent).astype(np.float64)
        return classes
    values: Array = targets.reshape(len(targets), -1)[:, :MAX_CLASSES].astype(np.float64)
    deviation = values.std(axis=0)
    scaled: Array = values / np.where(deviation > 0, deviation, 1.0)
    return scaled


def _linear_map(known: Array, asked: Array) -> Array:
    """Return the matrix that maps known targets to ridge predictions of the asked ones."""
    centred = known - known.mean(axis=0)
    others = asked - known.mean(axis=0)
    penalty = PENALTY * np.square(centred).sum() / len(known) + 1e-9
    # The smaller of two systems with the same solution: of examples, or of numbers.
    if len(known) <= known.shape[1]:
        products = centred @ centred.T + penalty * np.eye(len(known))
        weights: Array = np.linalg.solve(products, centred @ others.T).T
    else:
        products = centred.T @ centred + penalty * np.eye(known.shape[1])
        weights = others @ np.linalg.solve(products, centred.T)
    return weights


def _neighbour_map(known: Array, asked: Array) -> Array:
    """Return the matrix that averages the targets of the nearest known inputs."""
    # Squared distances less a constant of each asked row.
    distances = np.square(known).sum(axis=1) - 2 * asked @ known.T
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :NUM_NEIGHBOURS]
    weights = np.zeros((len(asked), len(known)))
    np.put_along_axis(weights, nearest, 1 / NUM_NEIGHBOURS, axis=1)
    return weights


def _correlations(predicted: Array, asked: Array) -> Array:
    """Return the cosines of predictions (trials, examples, codes) and centred targets over all numbers."""
    predicted = predicted - predicted.mean(axis=1, keepdims=True)
    products = (predicted * asked).sum(axis=(1, 2))
    size = np.sqrt(np.square(predicted).sum(axis=(1, 2)) * np.square(asked).sum(axis=(-2, -1)))
    shares: Array = np.divide(products, size, out=np.zeros_like(products), where=size > 0)
    return shares
