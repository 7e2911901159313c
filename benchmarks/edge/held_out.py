"""At which update each training of a table is hopeless, by rules that were calibrated without it."""

from functools import cache

from benchmarks.edge.ship import long_curve, relatives
from benchmarks.edge.tables import NUM_SEEDS, Table
from failmap.search.futility.calibration import calibrate


@cache
def hopeless_updates(table: Table, max_wrong: float) -> dict[tuple[tuple[object, ...], int], int | None]:
    """Return the update at which each training is hopeless within the map's budget; None if it never is.

    An eighth of the seeds is left out at a time: these trainings are judged by a rule that was calibrated on
    the family's other seeds, those of other tables of its settings included.

    Args:
        table: The table.
        max_wrong: Share of the stops that may be wrong.

    Returns:
        Updates by labels and seed.
    """
    family = [(other, curve) for other in relatives(table) for curve in other.curves()]
    every = table.config.space.base["train"].get("evaluate_every", 50)
    num_evaluations = table.max_updates // every
    found: dict[tuple[tuple[object, ...], int], int | None] = {}
    for fold in range(NUM_SEEDS):
        known = [
            long_curve(other, curve).within(num_evaluations)
            for other, curve in family
            if curve.seed % NUM_SEEDS != fold
        ]
        rule = calibrate([curve for curve in known if curve is not None], num_evaluations, max_wrong)
        for curve in table.curves():
            if curve.seed % NUM_SEEDS == fold:
                seen = long_curve(table, curve).within(num_evaluations)
                end = None if rule is None or seen is None else rule.stops_at(seen.scores, seen.losses)
                found[curve.labels, curve.seed] = None if end is None else every * end
    return found
