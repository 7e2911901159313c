"""How a training went, read once from its record and history: what every rule looks at."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from failmap.analysis.diagnosis.chance import significant_score
from failmap.analysis.diagnosis.series import Curve, curve, jitter, known, middle, number, slope
from failmap.run_folder.records import Evaluation, Summary, TrialRecord

#: A training without a criterion counts as solved from this skill on: nine tenths of the way to perfection.
SOLVED_SCORE = 0.9
#: A loss counts as away from chance once a twentieth of the way to its floor is done.
LEFT_CHANCE = 0.05
#: Progress in a fifth of a training, as a share of what is left, that counts as still going on.
PROGRESS_LEFT = 0.03
#: What the end of a training is: its last fifth, and three evaluations at least.
END_SHARE, MIN_END = 0.2, 3


class TrainingCurves:
    """A training as rules read it: curves over evaluations, levels between chance and perfection, signals.

    Levels of the loss are skills: 0 is what blind guessing gets of the loss that trains, 1 the best that can
    be; below 0 is worse than guessing.

    Args:
        record: the trial's.
        history: every evaluation, in order.
        is_blind: whether outcome and criterion must not be looked at.
        is_running: whether the training goes on, so that what stands still may yet move.

    Attributes:
        updates: at which update each evaluation was.
        train_loss, validation_loss, metric, score: by evaluation.
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
        self.updates = np.array([one.update for one in history], dtype=np.int64)
        self.train_loss = curve(one.train_loss for one in history)
        self.validation_loss = curve(one.validation_loss for one in history)
        self.metric = curve(one.metric for one in history)
        self.score = curve(one.score for one in history)
        # Several rules look at the same signals.
        self._signal_curves: dict[str, Curve] = {}
        self._layer_curves: dict[str, dict[str, Curve]] = {}

    # What was configured.

    def setting(self, path: str, default: Any = None) -> Any:
        """A setting by its dotted path; the default where it is absent or none."""
        value: Any = self.record.config
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return default if value is None else value

    @property
    def is_recurrent(self) -> bool:
        """Whether the network is a plain stack of recurrent layers, or is made of them."""
        return self.setting("model.name") in (
            "rnn",
            "gru",
            "lstm",
            "encoder_decoder",
            "cnn_lstm",
            "conv_lstm",
        )

    @cached_property
    def num_steps(self) -> int:
        """Time steps of an input, as far as configuration and signals tell."""
        shown = self.last_signal("gradient_steps")
        if isinstance(shown, list) and shown and isinstance(shown[-1], int):
            return shown[-1] + 1
        return int(number(self.setting("task.sequence_length", 0)))

    @cached_property
    def is_data_finite(self) -> bool:
        """Whether the training set is gone through again and again."""
        return self.last_signal("epoch") is not None

    @cached_property
    def num_epochs(self) -> float:
        """How often the training set was gone through; 0 where every batch was new."""
        return number(self.last_signal("epoch")) if self.is_data_finite else 0.0

    @cached_property
    def fresh(self) -> slice:
        """The evaluations before any training sequence came twice: until then nothing can be memorised."""
        if not self.is_data_finite:
            return slice(None)
        epochs = self.signal_curve("epoch")
        return slice(0, int((epochs <= 1).sum()))

    # Levels.

    @cached_property
    def best_loss(self) -> float:
        """The least loss of all, whatever the head can say; NaN where it has no end or nobody knows."""
        if math.isfinite(self.summary.best_possible_loss):
            return self.summary.best_possible_loss
        # Records of before it was recorded: pixels are the only targets whose least loss is not zero.
        return self.summary.loss_floor if self.setting("task.name") == "moving_mnist" else 0.0

    def loss_skill(self, losses: Curve) -> Curve:
        """Losses as skills: 0 at chance, 1 at the least loss; NaN where chance is not known."""
        room = self.summary.chance_loss - self.best_loss
        if not room > 0:
            return np.full(len(losses), math.nan)
        skill: Curve = (self.summary.chance_loss - losses) / room
        return skill

    @cached_property
    def train_skill(self) -> Curve:
        """Of the training loss."""
        return self.loss_skill(self.train_loss)

    @cached_property
    def validation_skill(self) -> Curve:
        """Of the validation loss; the score where the chance of the loss is not known."""
        skill = self.loss_skill(self.validation_loss)
        return skill if np.isfinite(skill).any() else self.score

    @cached_property
    def end(self) -> slice:
        """The evaluations that are the end of the training."""
        return slice(-max(MIN_END, round(END_SHARE * len(self.history))), None)

    @cached_property
    def end_score(self) -> float:
        """The median score at the end."""
        return middle(self.score[self.end])

    @cached_property
    def end_train_skill(self) -> float:
        """The median skill of the training loss at the end."""
        return middle(self.train_skill[self.end])

    @cached_property
    def end_validation_skill(self) -> float:
        """The median skill of the validation loss at the end."""
        return middle(self.validation_skill[self.end])

    @cached_property
    def chance_score(self) -> float:
        """The best score that a blind guesser gets by luck, at any evaluation, in 99 of 100 trainings."""
        return significant_score(self.record, len(self.history))

    @cached_property
    def left_chance(self) -> bool:
        """Whether validation ever came away from chance: by its score, or clearly by its loss."""
        by_score = known(self.score).size > 0 and float(known(self.score).max()) > self.chance_score
        skill = known(self.validation_skill)
        # Twice, for one evaluation of a loss that jumps about may be lucky.
        return by_score or (skill.size > 1 and bool(np.sort(skill)[-2] > LEFT_CHANCE))

    @cached_property
    def ends_away_from_chance(self) -> bool:
        """Whether validation is away from chance at the end too: what it reached once may be luck."""
        is_away = self.end_score > self.chance_score or self.end_validation_skill > LEFT_CHANCE
        return self.left_chance and is_away

    @cached_property
    def trained_away_from_chance(self) -> bool:
        """Whether the training loss is clearly below chance at the end."""
        return self.end_train_skill > LEFT_CHANCE

    @cached_property
    def is_solved(self) -> bool:
        """Whether it ends near perfection, at one of the last evaluations at least."""
        return bool((self.score[-MIN_END:] >= SOLVED_SCORE).any())

    @cached_property
    def progress(self) -> float:
        """What a fifth of the training gains at its end, as a share of what is left to gain.

        By the slope (Theil and Sen) of the validation loss over the last third; 0 where that drowns in
        jitter.
        """
        skill = self.validation_skill
        late = skill[-max(MIN_END, len(skill) // 3) :]
        per_evaluation, left = slope(late), 1 - middle(late)
        if not left > 0 or not per_evaluation * len(late) > jitter(late):
            return 0.0
        return per_evaluation * len(skill) * END_SHARE / left

    @cached_property
    def is_getting_somewhere(self) -> bool:
        """Whether it is solved, or validation has left chance and still gets better."""
        is_better = self.left_chance and self.end_validation_skill > LEFT_CHANCE
        return self.is_solved or (is_better and self.progress > PROGRESS_LEFT)

    # Signals.

    def signals(self, name: str) -> Iterator[tuple[int, Any]]:
        """A signal and its update at every evaluation that has it, in order."""
        for one in self.history:
            value = one.signals.get(name)
            if value is not None:
                yield one.update, value

    def last_signal(self, name: str) -> Any:
        """A signal where it was measured last; None where it never was."""
        for one in reversed(self.history):
            value = one.signals.get(name)
            if value is not None:
                return value
        return None

    def numbers(self, name: str) -> list[tuple[int, float]]:
        """A signal that is a number and its update, wherever it was measured and is finite."""
        told = [(update, number(value)) for update, value in self.signals(name)]
        return [(update, value) for update, value in told if math.isfinite(value)]

    def signal_curve(self, name: str) -> Curve:
        """A signal that is a number, by evaluation; NaN where it is absent."""
        if name not in self._signal_curves:
            self._signal_curves[name] = curve(one.signals.get(name) for one in self.history)
        return self._signal_curves[name]

    def measured(self, name: str) -> Curve:
        """A signal that is a number, only where it was measured: at probed evaluations."""
        return known(self.signal_curve(name))

    def curves_by_layer(self, name: str) -> dict[str, Curve]:
        """A signal that is a number by layer: one curve a layer, in the order from the bottom up."""
        if name not in self._layer_curves:
            self._layer_curves[name] = self._read_layers(name)
        return self._layer_curves[name]

    def _read_layers(self, name: str) -> dict[str, Curve]:
        layers: dict[str, None] = {}
        tables = [_table(one.signals.get(name)) for one in self.history]
        for table in tables:
            layers.update(dict.fromkeys(table))
        return {layer: curve(table.get(layer) for table in tables) for layer in layers}

    def lists(self, name: str) -> list[tuple[int, Curve]]:
        """A signal that is a list of numbers, with its update, wherever it was measured."""
        return [(update, curve(value)) for update, value in self.signals(name) if isinstance(value, list)]


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
