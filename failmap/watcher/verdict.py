"""The verdict on a watched training, for people and for programs."""

from dataclasses import dataclass

from failmap.analysis.diagnosis import (
    CAUSE_WORDS,
    FIX_WORDS,
    REMEDIES,
    WHERE_TO_LOOK,
    Cause,
    Diagnosis,
    Evidence,
    Suspicion,
)
from failmap.analysis.diagnosis.training_curves import SOLVED_SCORE
from failmap.run_folder.storage import AnyPath

#: Name of a verdict on fewer steps than a loop needs (`analysis.diagnosis.diagnose.LEAST_STEPS`).
_TOO_FEW = "too_few_steps"


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a training, or that nothing is.

    Attributes:
        cause: A cause of docs/diagnosis.md; 'none' if nothing looks wrong.
        confidence: Share of such verdicts that are right, 0 to 1; 0 if there were too few steps to judge.
        evidence: What was observed, the most important first.
        runners_up: Other suspicions, the most likely first.
        fixes: What to try or where to look, the most promising first.
        score: Skill at the end: 0 at chance, 1 perfect.
        chance: Where the level of chance comes from.
        not_judged: What could not be judged, and why.
        notes: What was noticed besides.
        folder: The run folder, for `failmap report`; None if nothing was written.
        rule: Name of the rule that speaks, as in docs/diagnosis.md.
    """

    cause: Cause
    confidence: float
    evidence: tuple[Evidence, ...]
    runners_up: tuple[Suspicion, ...]
    fixes: tuple[str, ...]
    score: float
    chance: str
    not_judged: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    folder: AnyPath | None = None
    rule: str = ""

    @property
    def is_healthy(self) -> bool:
        """Return whether nothing looks wrong."""
        return self.cause == "none"

    def __str__(self) -> str:
        lines = [self._headline()]
        lines += [f"  {one.told}" for one in self.evidence]
        lines += [f"  or {one.cause} ({one.confidence:.0%})" for one in self.runners_up[:2]]
        if self.fixes:
            lines.append(f"  try: {'; '.join(self.fixes[:4])}")
        lines += [f"  note: {note}" for note in self.notes]
        lines.append(f"  score {self.score:.3g}; {self.chance}")
        if self.not_judged:
            lines.append(f"  not judged: {'; '.join(self.not_judged)}")
        return "\n".join(lines)

    def _headline(self) -> str:
        if self.rule == _TOO_FEW:
            return "failmap: not judged: too few steps, in which no fault of the code was seen"
        if self.cause == "unknown":
            return "failmap: unknown: it has learned nothing, and no rule says why"
        words = CAUSE_WORDS[self.cause]
        if self.is_healthy:
            words = "nothing looks wrong"
            if self.score < SOLVED_SCORE:
                words += f", but it ended {max(self.score, 0.0):.0%} of the way from chance to perfection"
        return f"failmap: {self.cause} (confidence {self.confidence:.0%}): {words}"


def verdict_of(
    diagnosis: Diagnosis,
    *,
    score: float,
    chance: str,
    not_judged: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    folder: AnyPath | None = None,
) -> Verdict:
    """Return a verdict with the fixes against its cause."""
    cause = diagnosis.cause
    evidence = diagnosis.verdict.evidence
    if diagnosis.verdict.rule == _TOO_FEW:
        # Nothing was found, and the evidence says what could not be judged.
        not_judged, evidence = (*(one.told for one in evidence), *not_judged), ()
    look = (WHERE_TO_LOOK[cause],) if cause in WHERE_TO_LOOK else ()
    return Verdict(
        cause=cause,
        confidence=diagnosis.confidence,
        evidence=evidence,
        runners_up=diagnosis.runners_up,
        fixes=(*look, *(FIX_WORDS[name] for name in REMEDIES[cause])),
        score=score,
        chance=chance,
        not_judged=not_judged,
        notes=notes,
        folder=folder,
        rule=diagnosis.verdict.rule,
    )
