"""The curves, levels and signals of one training, which all rules read."""

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from failmap.analysis.diagnosis.chance import significant_score
from failmap.analysis.diagnosis.series import Curve, curve, jitter, known, largest, middle, number, slope
from failmap.run_folder.records import Evaluation, Summary, TrialRecord

#: Score from which on a training without a criterion counts as solved: nine tenths of the way to perfection.
SOLVED_SCORE = 0.9
#: Skill from which on a loss has left chance: a twentieth of the way to its floor.
LEFT_CHANCE = 0.05
#: Gain in a fifth of a training, as a share of what is left to gain, that counts as progress.
PROGRESS_LEFT = 0.03
#: Networks of recurrent layers.
_RECURRENT = ("rnn", "gru", "lstm", "encoder_decoder", "cnn_lstm", "conv_lstm")
#: Epochs in which a finite training set is hardly memorised.
EARLY_EPOCHS = 3
#: The end of a training: its last fifth, but at least three evaluations.
END_SHARE, MIN_END = 0.2, 3


class TrainingCurves:
    """The curves, levels and signals of one training.

    A loss is converted to a skill: 0 is the trained loss of blind guessing, 1 its best possible value, and
    below 0 is worse than guessing.

    Args:
        record: Record of the trial.
        history: Every evaluation in order.
        is_blind: Whether outcome and criterion must not be used.
        is_running: Whether the training continues, so that a plateau may be temporary.

    Attributes:
        updates: Update of each evaluation.
        train_loss, validation_loss, metric, score: Value at each evaluation, shape (evaluations,).
    """

    def __init__(
        self,
        record: TrialRecord,
        history: Sequence[Evaluation],
        *,
        is_blind: bool,
        is_running: bool = False,
    ) -> None:
        self.record = record
        self.history = history
        self.is_blind = is_blind
        self.is_running = is_running
        self.summary = record.summary or Summary(outcome=None, reason="")
        self.updates = [one.update for one in history]
        self.train_loss = curve(one.train_loss for one in history)
        self.validation_loss = curve(one.validation_loss for one in history)
        self.metric = curve(one.metric for one in history)
        self.score = curve(one.score for one in history)
        # Several rules read the same signals.
        self._signal_curves: dict[str, Curve] = {}
        self._layer_curves: dict[str, dict[str, Curve]] = {}

    # Configuration.

    def setting(self, path: str, default: Any = None) -> Any:
        """Return the setting at a dotted path, or the default if it is missing or None."""
        value: Any = self.record.config
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return default if value is None else value

    @property
    def is_recurrent(self) -> bool:
        """Return whether the network consists of recurrent layers."""
        return self.setting("model.name") in _RECURRENT

    @property
    def is_unbounded(self) -> bool:
        """Return whether the recurrent units have no bound, as ReLUs."""
        name, nonlinearity = self.setting("model.name"), self.setting("model.nonlinearity", "tanh")
        return bool(name == "rnn" and nonlinearity != "tanh")

    @property
    def is_clipped(self) -> bool:
        """Return whether gradients are clipped."""
        return bool(self.setting("train.clip_norm") or self.setting("train.clip_value"))

    @cached_property
    def num_steps(self) -> int:
        """Return the number of time steps of an input, from a signal or the configuration."""
        shown = self.last_signal("gradient_steps")
        if isinstance(shown, list) and shown and isinstance(shown[-1], int):
            return shown[-1] + 1
        return int(number(self.setting("task.sequence_length", 0)))

    @cached_property
    def is_data_finite(self) -> bool:
        """Return whether the training set is finite and thus repeated."""
        return self.last_signal("epoch") is not None

    @cached_property
    def num_epochs(self) -> float:
        """Return the number of epochs, or 0 if every batch was new."""
        return number(self.last_signal("epoch")) if self.is_data_finite else 0.0

    @cached_property
    def num_train(self) -> float:
        """Return the number of training sequences, or infinity if every batch is new."""
        if not self.num_epochs > 0:
            return math.inf
        return self.updates[-1] * number(self.setting("train.batch_size", 0)) / self.num_epochs

    @cached_property
    def num_early(self) -> int | None:
        """Return the number of evaluations in the first EARLY_EPOCHS; None if every batch is new."""
        return int((self.signal_curve("epoch") <= EARLY_EPOCHS).sum()) if self.is_data_finite else None

    @cached_property
    def fresh(self) -> slice:
        """Return the evaluations before any sequence was repeated; until then nothing can be memorised."""
        if not self.is_data_finite:
            return slice(None)
        epochs = self.signal_curve("epoch")
        return slice(0, int((epochs <= 1).sum()))

    # Levels.

    @cached_property
    def best_loss(self) -> float:
        """Return the best possible loss of any output head."""
        if math.isfinite(self.summary.best_possible_loss):
            return self.summary.best_possible_loss
        # Older records lack it: pixels are the only targets whose best possible loss is not zero.
        return self.summary.loss_floor if self.setting("task.name") == "moving_mnist" else 0.0

    def loss_skill(self, losses: Curve) -> Curve:
        """Return losses as skills: 0 at chance, 1 at the best possible loss; NaN if chance is unknown."""
        room = self.summary.chance_loss - self.best_loss
        if not room > 0:
            return np.full(len(losses), math.nan)
        skill: Curve = (self.summary.chance_loss - losses) / room
        return skill

    @cached_property
    def train_skill(self) -> Curve:
        """Return the skill of the training loss."""
        return self.loss_skill(self.train_loss)

    @cached_property
    def validation_skill(self) -> Curve:
        """Return the skill of the validation loss, or the score if the chance level of the loss is
        unknown."""
        skill = self.loss_skill(self.validation_loss)
        return skill if np.isfinite(skill).any() else self.score

    @cached_property
    def end(self) -> slice:
        """Return the evaluations at the end of the training."""
        return slice(-max(MIN_END, round(END_SHARE * len(self.history))), None)

    @cached_property
    def end_train_skill(self) -> float:
        """Return the median skill of the training loss at the end."""
        return middle(self.train_skill[self.end])

    @cached_property
    def end_validation_skill(self) -> float:
        """Return the median skill of the validation loss at the end."""
        return middle(self.validation_skill[self.end])

    @cached_property
    def chance_score(self) -> float:
        """Return the score that blind guessing exceeds at some evaluation in one of 100 trainings."""
        return significant_score(self.record, len(self.history))

    @cached_property
    def left_chance(self) -> bool:
        """Return whether validation ever left chance, by its score or clearly by its loss."""
        by_score = largest(self.score) > self.chance_score
        skill = known(self.validation_skill)
        # Two evaluations, since one of a jumping loss may be luck.
        return by_score or (skill.size > 1 and bool(np.sort(skill)[-2] > LEFT_CHANCE))

    @cached_property
    def ends_away_from_chance(self) -> bool:
        """Return whether validation left chance and has not returned to it at the end."""
        is_away = middle(self.score[self.end]) > self.chance_score or self.end_validation_skill > LEFT_CHANCE
        return self.left_chance and is_away

    @cached_property
    def trained_away_from_chance(self) -> bool:
        """Return whether the training loss is clearly below chance at the end."""
        return self.end_train_skill > LEFT_CHANCE

    @cached_property
    def progress(self) -> float:
        """Return the gain in a fifth of the training at its end, as a share of what is left to gain.

        It is extrapolated from the Theil-Sen slope of the validation skill over the last third; 0 if the gain
        is smaller than the jitter.
        """
        skill = self.validation_skill
        late = skill[-max(MIN_END, len(skill) // 3) :]
        per_evaluation, left = slope(late), 1 - middle(late)
        if not left > 0 or not per_evaluation * len(late) > jitter(late):
            return 0.0
        return per_evaluation * len(skill) * END_SHARE / left

    @cached_property
    def is_getting_somewhere(self) -> bool:
        """Return whether the score is lately near perfection, or has left chance and still improves."""
        is_better = self.left_chance and self.end_validation_skill > LEFT_CHANCE
        is_solved = bool((self.score[-MIN_END:] >= SOLVED_SCORE).any())
        return is_solved or (is_better and self.progress > PROGRESS_LEFT)

    # Signals.

    def signals(self, name: str) -> Iterator[tuple[int, Any]]:
        """Yield the update and the value of a signal at every evaluation that has it."""
        for one in self.history:
            value = one.signals.get(name)
            if value is not None:
                yield one.update, value

    def last_signal(self, name: str) -> Any:
        """Return the last value of a signal, or None if it was never measured."""
        values = (one.signals.get(name) for one in reversed(self.history))
        return next((value for value in values if value is not None), None)

    def numbers(self, name: str) -> list[tuple[int, float]]:
        """Return the updates and values of a scalar signal where it is finite."""
        values = [(update, number(value)) for update, value in self.signals(name)]
        return [(update, value) for update, value in values if math.isfinite(value)]

    def signal_curve(self, name: str) -> Curve:
        """Return a scalar signal by evaluation, with NaN where it is missing."""
        if name not in self._signal_curves:
            self._signal_curves[name] = curve([one.signals.get(name) for one in self.history])
        return self._signal_curves[name]

    def curves_by_layer(self, name: str) -> dict[str, Curve]:
        """Return the curves of a signal by layer, from the bottom up."""
        if name not in self._layer_curves:
            values = [one.signals.get(name) for one in self.history]
            tables = [value if isinstance(value, dict) else {} for value in values]
            layers = dict.fromkeys(chain.from_iterable(tables))
            self._layer_curves[name] = {
                layer: curve([table.get(layer) for table in tables]) for layer in layers
            }
        return self._layer_curves[name]

    def first_step_shares(self, least_steps: int) -> list[tuple[int, float]]:
        """Return updates and the first step's share of the last step's gradient, for one label at the end.

        Args:
            least_steps: Number of steps below which an input is left out.
        """
        if self.setting("task.supervision", "last") != "last":
            return []
        ends = [
            (update, number(norms[0]), number(norms[-1]))
            for update, norms in self.lists("gradient_norm_by_step", least_steps)
        ]
        return [(update, first / last) for update, first, last in ends if last > 0 and math.isfinite(first)]

    def lists(self, name: str, least_size: int) -> list[tuple[int, list[Any]]]:
        """Return the updates and values of a signal that is a list, where it has at least `least_size`
        entries."""
        found = [(update, value) for update, value in self.signals(name) if isinstance(value, list)]
        return [(update, value) for update, value in found if len(value) >= least_size]
