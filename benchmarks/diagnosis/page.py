"""The results' page: tables, and what one must know to believe them."""

from collections.abc import Mapping, Sequence

from benchmarks.diagnosis import sections
from benchmarks.diagnosis.case import Half
from benchmarks.diagnosis.judges import JUDGES, TOLD
from benchmarks.diagnosis.labelled import Labelled
from benchmarks.diagnosis.score import judge_all

TITLE = "Diagnosis: how well the cause of a failed training is found"

Trainings = Mapping[Half, Sequence[Labelled]]

HOW_TO_READ = """\
How it is measured is told in [docs/diagnosis-benchmark.md](../../docs/diagnosis-benchmark.md). A cell says
hits of trainings, the share, and two 95 % intervals: [Wilson's, as if trainings were independent] and {a
bootstrap that draws whole families of trainings}. Where every family has the same share, the second has no
width and says nothing.

*Told* is Failmap as it is used: it knows whether the criterion was met, so that a training that learned
raises no alarm by definition. *Blind* has outcome and criterion hidden, as the other tools work. Those name
symptoms; a rule of theirs counts as right for every cause that it could mean, so their shares of right causes
are upper bounds. AutoTrainer names one symptom at most."""

AGAINST = """\
- Faults are planted, one at a time, and known to be the one difference to a training that learned. Real
  failures have several causes, and milder ones.
- Cases, signals, rules and this scoring were made by the same authors. The unseen half has other tasks and
  shapes, but faults of the same kinds.
- A label says what was changed, not by which way it hurts: a rate that is far too high may saturate units
  before it makes the loss jump.
- Trainings whose fault did not take are left out: a fault too mild to stop learning is not scored.
- A training ends when it meets its criterion, so a healthy one's history ends at its best. Blind verdicts
  profit from that; those on the way do not.
- The networks are small and the trainings short. No training here ran on a GPU.
- The published tools were made for other networks (mostly feed-forward ones, by epochs over a data set). What
  stands here are re-statements on our signals, at their default parameters, without their repairs; their
  authors might restate them better."""


def as_body(trainings: Trainings, show_misses: bool = False) -> str:
    """Everything below the title and above the provenance.

    Args:
        trainings: of each half that is shown, those that did not take among them.
        show_misses: lists the unseen half's misses too, after which it is unseen no more.
    """
    halves = {half: _judged(labelled) for half, labelled in trainings.items()}
    parts = [HOW_TO_READ, sections.headlines(halves)]
    if "unseen" in halves:
        parts += ["## Targets, on the unseen half", sections.targets(halves["unseen"])]
    parts += ["## What is scored", sections.left_out(trainings)]
    for half in halves:
        parts += _half(half, halves[half], [one for one in trainings[half] if one.took])
    for half in halves:
        if half == "tuning" or show_misses:
            parts += [f"## Misses, {half} half", sections.misses(halves[half])]
    parts += ["## What speaks against these figures", AGAINST]
    return "\n\n".join(parts)


def _judged(labelled: Sequence[Labelled]) -> sections.ByJudge:
    scored = [training for training in labelled if training.took]
    return {name: judge_all(scored, judge) for name, judge in JUDGES.items()}


def _half(half: Half, by_judge: sections.ByJudge, scored: Sequence[Labelled]) -> list[str]:
    told = by_judge[TOLD]
    return [
        f"## The {half} half",
        "### By cause, told",
        sections.causes(told),
        "### Confusion, told: rows are labels, columns verdicts",
        sections.confusion_matrix(told),
        "### By kind of fault, told",
        sections.by_kind_of_fault(told),
        "### By severity, told",
        sections.by_severity(told),
        "### False alarms, by kind of healthy training",
        sections.false_alarms(by_judge),
        "### False alarms on the way: healthy trainings cut at a share of the evaluations that they needed",
        sections.on_the_way(scored),
        "### Failmap's rules, one by one, told",
        sections.own_rules(scored),
        "### Rules of the other tools, one by one",
        sections.rules_of_others(by_judge),
    ]
