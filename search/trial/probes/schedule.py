"""At which evaluations the probes are made that cost passes of their own."""


def is_probed(update: int, evaluate_every: int, max_updates: int) -> bool:
    """Whether the evaluation after so many updates is the 1st, 8th, 64th, ... or the budget is spent.

    A function of the configuration and the update alone, so that a training which was interrupted makes the
    same probes.
    """
    number, rest = divmod(update, evaluate_every)
    return is_last(update, max_updates) or (rest == 0 and _is_power_of_eight(number))


def is_first(update: int, evaluate_every: int) -> bool:
    """Whether it is the first evaluation."""
    return update <= evaluate_every


def is_last(update: int, max_updates: int) -> bool:
    """Whether the budget is spent."""
    return update == max_updates


def _is_power_of_eight(number: int) -> bool:
    return number.bit_count() == 1 and number.bit_length() % 3 == 1
