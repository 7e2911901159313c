"""The tables of the results page."""

from collections.abc import Callable, Mapping, Sequence

from benchmarks.diagnosis.calibration import count_by_rule, reliability
from benchmarks.diagnosis.case import Case, Half
from benchmarks.diagnosis.intervals import Rate
from benchmarks.diagnosis.judges import BLIND, INFORMED, JUDGES
from benchmarks.diagnosis.labelled import WHY_LEFT_OUT, Labelled, why_left_out
from benchmarks.diagnosis.on_the_way import FRACTIONS, is_loud, judge_cut
from benchmarks.diagnosis.score import (
    Judged,
    by_cause,
    confusion,
    grouped,
    headline,
    kind_of_fault,
    share,
)
from benchmarks.results_file import table
from failmap.analysis.diagnosis import CAUSES
from failmap.analysis.diagnosis.rules import RULES
from failmap.analysis.statistics import Interval

#: Judged trainings of a half, by name of the tool.
ByJudge = Mapping[str, Sequence[Judged]]

#: Targets for the unseen set.
LEAST_CAUSE, LEAST_IN_TWO, MOST_FALSE_ALARMS, LEAST_RISING = 0.88, 0.94, 0.03, 0.95


def headlines(halves: Mapping[Half, ByJudge]) -> str:
    """Return the main figures of each tool on each half."""
    columns = ("half", "tool", "detected", "a cause named", "cause first", "first two", "any", "false alarms")
    rows = [
        (half, name, *map(counted_twice, (f.detected, f.named, f.top_1, f.top_2, f.top_any, f.false_alarms)))
        for half, by_judge in halves.items()
        for name, judged in by_judge.items()
        for f in (headline(judged),)
    ]
    return table(columns, rows)


def targets(by_judge: ByJudge) -> str:
    """Return the targets for the unseen set, and whether they are met."""
    informed, blind = headline(by_judge[INFORMED]), headline(by_judge[BLIND])
    rising = [one for one in by_judge[INFORMED] if one.case.label == "too_slow"]
    slow = share(rising, lambda one: one.is_right(1))
    rows = [
        _target("right cause first", "88 % or more", informed.top_1, lambda x: x >= LEAST_CAUSE),
        _target("right cause in the first two", "94 % or more", informed.top_2, lambda x: x >= LEAST_IN_TWO),
        _target("false alarms, blind", "3 % or less", blind.false_alarms, lambda x: x <= MOST_FALSE_ALARMS),
        _target("rising ones called too slow", "95 % or more", slow, lambda x: x >= LEAST_RISING),
    ]
    return table(("what", "target", "measured", ""), rows)


def causes(judged: Sequence[Judged]) -> str:
    """Return recall and precision of each cause."""
    rows = [
        (cause, counted(score.recall), counted(score.recall_top_2), counted(score.precision))
        for cause, score in by_cause(judged).items()
    ]
    return table(("cause", "found first", "in the first two", "right where named first"), rows)


def confusion_matrix(judged: Sequence[Judged]) -> str:
    """Return counts with labels as rows and verdicts as columns, without empty columns."""
    counts = confusion(judged)
    labels = [cause for cause in CAUSES if any(label == cause for label, _ in counts)]
    verdicts = [cause for cause in CAUSES if any(verdict == cause for _, verdict in counts)]
    rows = []
    for label in labels:
        cells = [(counts.get((label, verdict), 0), label == verdict) for verdict in verdicts]
        rows.append((label, *(f"**{n}**" if n and right else str(n or "") for n, right in cells)))
    return table(("label", *verdicts), rows)


def by_severity(judged: Sequence[Judged]) -> str:
    """Return how often the right cause comes first, by cause and severity."""
    return _by("fault and severity", judged, lambda case: f"{case.label}: {case.severity}")


def by_kind_of_fault(judged: Sequence[Judged]) -> str:
    """Return how often the right cause comes first, for faults in code and in the configuration."""
    return _by("fault in", judged, kind_of_fault)


def false_alarms(by_judge: ByJudge) -> str:
    """Return false alarms by kind of healthy training."""
    kinds = grouped(_healthy(by_judge[BLIND]), lambda case: case.kind_of_healthy)
    rows = []
    for name, judged in by_judge.items():
        groups = grouped(_healthy(judged), lambda case: case.kind_of_healthy)
        rows.append((name, *(counted(share(groups[kind], lambda one: one.is_alarm)) for kind in kinds)))
    return table(("tool", *kinds), rows)


def on_the_way(trainings: Sequence[Labelled]) -> str:
    """Return alarms on healthy trainings that are still running."""
    rows = []
    for name, judge in JUDGES.items():
        cells = []
        for fraction in FRACTIONS:
            judged = judge_cut(trainings, judge, fraction)
            cells.append(counted(share(judged, lambda one: one.is_alarm)))
            cells.append(counted(share(judged, is_loud)))
        rows.append((name, *cells))
    columns = [f"{fraction:.0%}{kind}" for fraction in FRACTIONS for kind in ("", ", other than too_slow")]
    return table(("tool", *columns), rows)


def rules_of_others(by_judge: ByJudge) -> str:
    """Return how often each rule of the published tools fires, without rules that never do."""
    rows = []
    for name, judged in by_judge.items():
        if name in (INFORMED, BLIND):
            continue
        right_for = {finding.name: finding.right_for for one in judged for finding in one.findings}
        for rule, causes in sorted(right_for.items()):
            fires = [one for one in judged if any(finding.name == rule for finding in one.findings)]
            faulty = [one for one in fires if not one.case.is_healthy]
            num_right = sum(one.case.label in causes for one in faulty)
            meant = ", ".join(cause for cause in CAUSES if cause in causes)
            rows.append((name, rule, meant, str(len(faulty)), str(num_right), str(len(fires) - len(faulty))))
    columns = ("tool", "rule", "counts as right for", "fires on faulty", "is right", "fires on healthy")
    return table(columns, rows)


def own_rules(trainings: Sequence[Labelled]) -> str:
    """Return how often each of Failmap's rules decided about a faulty training, and was right."""
    counts = count_by_rule(trainings)
    rows = [
        (rule.name, rule.cause, str(count.all), str(count.right), f"{rule.confidence:.2f}")
        for rule in RULES
        if (count := counts[rule.name]).all
    ]
    return table(("rule", "cause", "verdicts", "right", "stated confidence"), rows)


def reliability_table(trainings: Sequence[Labelled]) -> str:
    """Return how often verdicts are right, by their confidence."""
    rows = [
        (f"{one.low:.2f} to {min(one.high, 1):.2f}", f"{one.mean:.2f}", counted_twice(one.right))
        for one in reliability(trainings)
    ]
    return table(("confidence", "mean", "right"), rows)


def left_out(halves: Mapping[Half, Sequence[Labelled]]) -> str:
    """Return how many trainings are scored, and why others are not."""
    reasons = {half: why_left_out(trainings) for half, trainings in halves.items()}
    rows = [("trainings", *(str(len(trainings)) for trainings in halves.values()))]
    rows += [(f"left out: {why}", *(str(reasons[half][why]) for half in halves)) for why in WHY_LEFT_OUT]
    for kind, is_healthy in (("healthy", True), ("faulty", False)):
        counts = [
            sum(training.took and training.case.is_healthy == is_healthy for training in trainings)
            for trainings in halves.values()
        ]
        rows.append((f"scored, {kind}", *map(str, counts)))
    return table(("", *halves), rows)


def misses(by_judge: ByJudge) -> str:
    """Return wrong first causes of the informed mode, and false or missing alarms of the blind one."""
    wrong = [
        ("informed", one) for one in by_judge[INFORMED] if not one.case.is_healthy and not one.is_right(1)
    ]
    wrong += [("blind", one) for one in by_judge[BLIND] if one.case.is_healthy == one.is_alarm]
    rows = [
        (way, one.case.name, one.case.label, one.verdict, _evidence(one).replace("|", "/"))
        for way, one in wrong
    ]
    return table(("mode", "case", "label", "verdict", "evidence"), rows) if rows else "None."


def percent(rate: Rate) -> str:
    """Return '97 %', with a decimal if it is near 0 or 100 but not equal, or 'none' without trials."""
    if rate.share is None:
        return "none"
    value = 100 * rate.share
    return f"{value:.0f} %" if value in (0, 100) or 5 <= value <= 95 else f"{value:.1f} %"


def counted(rate: Rate) -> str:
    """Return '8 of 10, 80 % [49, 94]', with Wilson's interval, or 'none' without trials."""
    if rate.share is None:
        return "none"
    return f"{rate.num_hits} of {rate.num_trials}, {percent(rate)} [{_ends(rate.wilson)}]"


def counted_twice(rate: Rate) -> str:
    """Return the same followed by the interval over families in braces."""
    return "none" if rate.share is None else f"{counted(rate)} {{{_ends(rate.by_family)}}}"


def _ends(interval: Interval) -> str:
    return f"{100 * interval.low:.0f}, {100 * interval.high:.0f}"


def _target(what: str, aim: str, rate: Rate, is_met: Callable[[float], bool]) -> tuple[str, str, str, str]:
    met = rate.share is not None and is_met(rate.share)
    return what, aim, counted_twice(rate), "met" if met else "**not met**"


def _by(column: str, judged: Sequence[Judged], key: Callable[[Case], str]) -> str:
    groups = grouped((one for one in judged if not one.case.is_healthy), key)
    rows = [(name, counted(share(group, lambda one: one.is_right(1)))) for name, group in groups.items()]
    return table((column, "right cause first"), rows)


def _healthy(judged: Sequence[Judged]) -> list[Judged]:
    return [one for one in judged if one.case.is_healthy]


def _evidence(judged: Judged) -> str:
    return judged.findings[0].evidence if judged.findings else "nothing looked wrong"
