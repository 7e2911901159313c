"""Whether 'learned' means more than what predictors without any memory get."""

from failmap.datasets.baselines import measure_baselines
from failmap.search.preflight.finding import Finding
from failmap.search.preflight.subject import Subject

#: Sequences that baselines are fitted on.
NUM_TRAIN = 2000


def baselines(subject: Subject) -> Finding:
    """Measures a constant, a zero input, a linear map and the like, and holds them against the criterion."""
    task, config = subject.task, subject.config
    measured = measure_baselines(task, config.seed, NUM_TRAIN)
    target = target_metric(subject)
    is_accuracy = task.perfect_metric > task.chance.metric
    best = (max if is_accuracy else min)(measured, key=lambda baseline: baseline.metric)
    details = {baseline.name: baseline.metric for baseline in measured}
    name = config.task.metric.replace("_", " ")
    message = f"the best baseline, {best.name}, gets {name} {best.metric:.4g}; learned means {target:.4g}"
    is_met = best.metric >= target if is_accuracy else best.metric <= target
    if not is_met:
        return Finding("pass", message, best.metric, name, details=details)
    advice = "a stricter criterion.score, or a task that needs memory: this one is solved without a network"
    return Finding("warn", message, best.metric, name, advice, details)


def target_metric(subject: Subject) -> float:
    """The criterion in the task's metric."""
    task, score = subject.task, subject.config.criterion.score
    if score is None:
        return task.target_metric
    return task.chance.metric + score * (task.perfect_metric - task.chance.metric)
