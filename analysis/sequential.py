"""The sequential rule that decides a cell, and its error by exact enumeration.

A recipe is looked at after fixed numbers of seeds. Each look decides that it learns on more than half of all
seeds (above), that it learns on fewer (below), or that more seeds are needed. The boundaries are so strict
that a cell at P(learn) = 1/2 is decided in at most ERROR of all cases, over all looks and all recipes
together: by a union bound over the rules of its recipes, each of which is enumerated exactly.

As every group sequential design (Jennison and Turnbull 1999) it spends its error look by look. Most goes to
the first two, where six seeds of six agree or nine of ten, so that clear cells are cheap.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Literal

#: Probability of deciding a cell at P(learn) = 1/2, whatever the number of its looks and recipes.
ERROR = 0.05

Side = Literal["above", "below"]
SIDES: tuple[Side, ...] = ("above", "below")


@dataclass(frozen=True)
class Look:
    """What decides once a recipe has `num_seeds` seeds.

    Attributes:
        num_seeds: n, of which k learned.
        least_above: The least k that decides *above*; more than n if none does.
        most_below: The largest k that decides *below*; -1 if none does.
    """

    num_seeds: int
    least_above: int
    most_below: int

    def side(self, learned: int) -> Side | None:
        """Return what k learned seeds decide."""
        if learned >= self.least_above:
            return "above"
        return "below" if learned <= self.most_below else None


@dataclass(frozen=True)
class Rule:
    """Looks at one recipe, by number of seeds. The first that decides stands, whatever comes after it."""

    looks: tuple[Look, ...]

    def decide(self, seeds: Sequence[bool | None]) -> Side | None:
        """Return what the seeds decide.

        Args:
            seeds: Whether each one learned, in the order in which they were begun; None if that is not known.
                Such a seed counts against either decision.
        """
        at_worst, at_best = (
            self._first_decision(unknown if one is None else one for one in seeds)
            for unknown in (False, True)
        )
        return "above" if at_worst == "above" else "below" if at_best == "below" else None

    def next_look(
        self, seeds: Sequence[bool | None], limit: int, sides: Sequence[Side] = SIDES
    ) -> int | None:
        """Return the number of seeds at the next look that can decide, or None if none up to the limit can.

        Args:
            seeds: As for `decide`, and undecided; those that are not known may still end either way.
            limit: Seeds at most.
            sides: The decisions that are of interest.
        """
        learned, unknown = seeds.count(True), seeds.count(None)
        for look in self.looks:
            missing = look.num_seeds - len(seeds)
            if missing <= 0 or look.num_seeds > limit:
                continue
            can_be_above = learned + unknown + missing >= look.least_above
            can_be_below = learned <= look.most_below
            if (can_be_above and "above" in sides) or (can_be_below and "below" in sides):
                return look.num_seeds
        return None

    def _first_decision(self, seeds: Iterable[bool]) -> Side | None:
        totals = list(accumulate(seeds))
        for look in self.looks:
            if look.num_seeds > len(totals):
                break
            if side := look.side(totals[look.num_seeds - 1]):
                return side
        return None


#: Looks at the default recipe, and how many seeds may differ from all others at each.
_DEFAULT = ((6, 0), (10, 1), (16, 2), (24, 3), (32, 6), (48, 10), (64, 16), (96, 28), (128, 40))
#: Looks at a recipe that is confirmed, less its place in the order of confirmations, and seeds that may fail.
_CONFIRM = ((8, 0), (13, 1), (24, 3), (32, 5), (48, 10), (64, 15), (96, 28), (128, 40))

#: The rule for the default recipe; its *below* is that for every recipe.
DEFAULT_RULE = Rule(tuple(Look(num, num - differing, differing) for num, differing in _DEFAULT))
FIRST_LOOK = DEFAULT_RULE.looks[0].num_seeds


@cache
def confirm_rule(place: int) -> Rule:
    """Return the rule for a recipe that was chosen among several, on the fresh seeds that confirm it.

    Every recipe that is confirmed is one more chance to learn by luck. Each needs one more seed than the one
    before it, which about halves its error: together they stay below a bound, whatever their number.

    Args:
        place: The recipe's place in the order of the cell's confirmations, from 1.
    """
    above = {num + place: num + place - failing for num, failing in _CONFIRM}
    below = {look.num_seeds: look.most_below for look in DEFAULT_RULE.looks}
    return Rule(
        tuple(Look(num, above.get(num, num + 1), below.get(num, -1)) for num in sorted({*above, *below}))
    )


@dataclass(frozen=True)
class Behaviour:
    """What a rule does to a recipe with a given P(learn).

    Attributes:
        above, below: Probabilities of the two decisions.
        num_seeds: Mean number of seeds.
    """

    above: float
    below: float
    num_seeds: float


def enumerate_rule(rule: Rule, p_learn: float, max_seeds: int, min_seeds: int = 0) -> Behaviour:
    """Return what a rule does, by the probability of every number of learned seeds at every look.

    Args:
        rule: Looks beyond `max_seeds` never come.
        p_learn: Probability that a seed learns.
        max_seeds: Seeds at most.
        min_seeds: Seeds of every cell, also if no look up to `max_seeds` can decide any more.
    """
    looks = {look.num_seeds: look for look in rule.looks if look.num_seeds <= max_seeds}
    undecided, decided, num_seeds = {0: 1.0}, {"above": 0.0, "below": 0.0}, 0.0
    for num in range(max_seeds + 1):
        running: dict[int, float] = {}
        for learned, probability in undecided.items():
            if num in looks and (side := looks[num].side(learned)):
                decided[side] += probability
                num_seeds += num * probability
            elif num < min_seeds or rule.next_look(_seeds(learned, num), max_seeds):
                for more, share in ((1, p_learn), (0, 1 - p_learn)):
                    running[learned + more] = running.get(learned + more, 0.0) + probability * share
            else:
                num_seeds += num * probability
        undecided = running
    return Behaviour(decided["above"], decided["below"], num_seeds)


def cell_error(num_recipes: int, max_seeds: int, p_learn: float = 0.5) -> float:
    """Return a bound on the probability that a cell is decided, if each of its recipes has the same P(learn).

    The bound is the sum of both decisions about the default recipe, and of *above* about each other one, as
    if all were confirmed. Their *below* adds nothing, for a cell fails only if the default recipe does.
    """
    default = enumerate_rule(DEFAULT_RULE, p_learn, max_seeds)
    others = (enumerate_rule(confirm_rule(place), p_learn, max_seeds) for place in range(1, num_recipes))
    return default.above + default.below + sum(other.above for other in others)


def _seeds(learned: int, num: int) -> list[bool]:
    return [True] * learned + [False] * (num - learned)
