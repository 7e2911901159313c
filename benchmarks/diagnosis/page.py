"""The results page: tables and their limitations."""

from collections.abc import Mapping, Sequence

from benchmarks.diagnosis import sections
from benchmarks.diagnosis.case import Half
from benchmarks.diagnosis.judges import INFORMED, JUDGES
from benchmarks.diagnosis.labelled import Labelled
from benchmarks.diagnosis.score import judge_all

#: The set that rules were not changed for.
UNSEEN: Half = "fourth"

TITLE = "Diagnosis: how well the cause of a failed training is found"

Trainings = Mapping[Half, Sequence[Labelled]]

HOW_TO_READ = """\
[docs/diagnosis-benchmark.md](../../docs/diagnosis-benchmark.md) describes the method. A cell has hits of
trainings, the share, and two 95 % intervals: [Wilson's, as if trainings were independent] and {a bootstrap
over whole families of trainings}. If every family has the same share, the second has no width and carries no
information.

*Informed* is Failmap as it is used: it knows whether the criterion was met, so a training that learned raises
no alarm by definition. *Blind* has outcome and criterion hidden, as for the other tools. Those name symptoms;
each of their rules counts as right for every cause that it could mean, so their shares of right causes are
upper bounds. AutoTrainer names at most one symptom."""

AGAINST = """\
- Faults are planted one at a time, and are the only difference to a training that learned. Real failures have
  several and milder causes.
- Rules were changed with the other sets in sight, the third one included after it was read once. The fourth
  set was chosen by somebody who saw no rule; no rule was changed after it was read.
- A label names the change, not its effect: a learning rate that is far too high may saturate units before the
  loss jumps.
- Trainings whose fault had no effect are left out: a fault too mild to prevent learning is not scored.
- A training ends when it meets its criterion, so the history of a healthy one ends at its best. Blind
  verdicts benefit from that; verdicts during training do not.
- The networks are small and the trainings short. None ran on a GPU.
- The published tools were made for other networks (mostly feed-forward, trained in epochs). They are
  reimplemented on our signals with their default parameters and without their repairs; their authors might do
  that better."""


def as_body(trainings: Trainings, show_misses: bool = False) -> str:
    """Return the page without title and provenance.

    Args:
        trainings: all trainings of each half.
        show_misses: whether to list the misses of the unseen set, which makes it seen.
    """
    halves = {half: _judged(labelled) for half, labelled in trainings.items()}
    parts = [HOW_TO_READ, sections.headlines(halves)]
    if UNSEEN in halves:
        parts += [
            f"## Targets, on the {UNSEEN} set, which no rule had seen",
            sections.targets(halves[UNSEEN]),
        ]
    for half, labelled in trainings.items():
        parts += [
            f"## Verdicts by their confidence, {half}",
            sections.reliability_table(labelled),
        ]
    parts += ["## Scored trainings", sections.left_out(trainings)]
    for half in halves:
        parts += _half(half, halves[half], [one for one in trainings[half] if one.took])
    for half in halves:
        if half != UNSEEN or show_misses:
            parts += [f"## Misses, {half}", sections.misses(halves[half])]
    parts += ["## Limitations", AGAINST]
    return "\n\n".join(parts)


def _judged(labelled: Sequence[Labelled]) -> sections.ByJudge:
    scored = [training for training in labelled if training.took]
    return {name: judge_all(scored, judge) for name, judge in JUDGES.items()}


def _half(half: Half, by_judge: sections.ByJudge, scored: Sequence[Labelled]) -> list[str]:
    informed = by_judge[INFORMED]
    return [
        f"## {half.capitalize()}",
        "### By cause, informed",
        sections.causes(informed),
        "### Confusion, informed: rows are labels, columns verdicts",
        sections.confusion_matrix(informed),
        "### By kind of fault, informed",
        sections.by_kind_of_fault(informed),
        "### By severity, informed",
        sections.by_severity(informed),
        "### False alarms, by kind of healthy training",
        sections.false_alarms(by_judge),
        "### False alarms during training: healthy trainings cut at a share of their evaluations",
        sections.on_the_way(scored),
        "### Failmap's rules, informed",
        sections.own_rules(scored),
        "### Rules of the other tools",
        sections.rules_of_others(by_judge),
    ]
