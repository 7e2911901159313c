"""Moving digits: reconstruction and prediction of frames (Srivastava et al. 2015, section 3.1)."""

from functools import cached_property, lru_cache
from typing import NamedTuple

import torch
from jaxtyping import UInt8
from torch import Tensor

from failmap.datasets.chance import Chance, PartialSolution
from failmap.datasets.config import MovingMnistConfig
from failmap.datasets.criterion import check_criterion, few_test_sequences
from failmap.datasets.digits import raw_split
from failmap.datasets.frame_levels import frame_moments, guess_level, mean_frame_chance
from failmap.datasets.moving_scenes import Scenes, draw_scenes, resized, show
from failmap.datasets.task import TEST, TRAIN, VALIDATION, Batch, Task, hashed_seed

#: Validation and test are the same for every trial.
_FIXED_SEED = 0


class MovingMnist(Task):
    """Digits drift over a square and bounce off its walls; each sequence is drawn anew.

    Training, validation and test show different digits. A frame's pixels run row by row, from 0 to 1.
    """

    config: MovingMnistConfig
    perfect_metric = 0.0

    def __init__(self, config: MovingMnistConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        self.input_size = self.output_size = config.frame_size**2
        pools = _digit_pools(config.folder, config.digit_size)
        self._pools = {stream: pool.to(self.device) for stream, pool in pools.items()}
        levels = _known_levels(config)
        self.chance = levels.chance
        self.target_moments = levels.target_moments
        self.partial_solutions = levels.partial_solutions
        self.target_metric = config.target_metric(self.chance)
        check_criterion(config, chance=self.chance)
        self.notes = few_test_sequences(config, config.test_size)

    def train_batch(self, seed: int, update: int, batch_size: int, progress: float) -> Batch:
        """Return the training batch of one update (see `Task.train_batch`)."""
        assert 0 <= progress <= 1, progress
        generator = self.generator(seed, TRAIN, update)
        return show(self.config, draw_scenes(self.config, self._pools[TRAIN], generator, batch_size))

    def validation_set(self) -> Batch:
        """Return the fixed validation sequences."""
        return self._validation_set

    @cached_property
    def _validation_set(self) -> Batch:
        scenes = _fixed_scenes(self.config, self._pools[VALIDATION], VALIDATION, self.config.validation_size)
        return show(self.config, scenes)

    def _test_set(self) -> Batch:
        return show(self.config, _fixed_scenes(self.config, self._pools[TEST], TEST, self.config.test_size))


class _KnownLevels(NamedTuple):
    """Levels of a task that are known before any training."""

    chance: Chance
    target_moments: tuple[float, float]
    partial_solutions: tuple[PartialSolution, ...]


@lru_cache(maxsize=1)
def _known_levels(config: MovingMnistConfig) -> _KnownLevels:
    """Return exact moments of training, and the levels beyond chance measured on the validation set.

    Measured on the CPU whatever the device, and kept for the next trial of a reused process.
    """
    pools = _digit_pools(config.folder, config.digit_size)
    moments = frame_moments(pools[TRAIN], config.frame_size, config.num_digits)
    scenes = _fixed_scenes(config, pools[VALIDATION], VALIDATION, config.validation_size)
    batch = show(config, scenes)
    mean_digit = (pools[TRAIN].float().mean(0) / 255).expand_as(scenes.digits)
    guesses = {
        "repeats the last frame shown": batch.inputs[:, -1:],
        "repeats the mean of the frames shown": batch.inputs.mean(1, keepdim=True),
        "knows where the digits are, not which": show(config, scenes._replace(digits=mean_digit)).targets,
    }
    chance = mean_frame_chance(moments.mean, batch.targets)
    levels = [guess_level(name, guess, batch.targets) for name, guess in guesses.items()]
    beyond_chance = [level for level in levels if level.metric < chance.metric]
    beyond_chance.sort(key=lambda level: level.metric, reverse=True)
    return _KnownLevels(chance, moments.of_a_pixel, tuple(beyond_chance))


def _fixed_scenes(
    config: MovingMnistConfig, pool: UInt8[Tensor, "digits size size"], stream: int, num_sequences: int
) -> Scenes:
    """Draw on the CPU whatever the device, so that maps from different machines compare."""
    generator = torch.Generator().manual_seed(hashed_seed(_FIXED_SEED, stream, 0))
    return draw_scenes(config, pool, generator, num_sequences)


@lru_cache(maxsize=1)
def _digit_pools(folder: str | None, digit_size: int) -> dict[int, UInt8[Tensor, "digits size size"]]:
    """Return the resized digits of training, validation and test, cached for the next trial."""
    split = raw_split(folder)
    parts = {TRAIN: split.train, VALIDATION: split.validation, TEST: split.test}
    return {stream: resized(torch.from_numpy(part.pixels), digit_size) for stream, part in parts.items()}
