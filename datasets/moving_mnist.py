"""Moving digits: reconstruction and prediction of frames (Srivastava et al. 2015, section 3.1)."""

from functools import lru_cache

import torch
from jaxtyping import UInt8
from torch import Tensor

from failmap.datasets.chance import Chance, PartialSolution
from failmap.datasets.config import MovingMnistConfig
from failmap.datasets.criterion import check_criterion, few_test_sequences
from failmap.datasets.digits import raw_split
from failmap.datasets.frame_levels import frame_moments, guess_level, mean_frame_chance
from failmap.datasets.moving_scenes import Scenes, draw_scenes, resized, show
from failmap.datasets.task import TEST, TRAIN, VALIDATION, Batch, Task


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
        self.chance, self.target_moments, self.partial_solutions = _known_levels(config)
        self.target_metric = config.target_metric(self.chance)
        check_criterion(config, chance=self.chance)
        self.notes = few_test_sequences(config, config.test_size)

    def train_batch(self, seed: int, update: int, batch_size: int, progress: float) -> Batch:
        """Return the training batch of one update (see `Task.train_batch`)."""
        assert 0 <= progress <= 1, progress
        generator = self.generator(seed, TRAIN, update)
        return show(self.config, draw_scenes(self.config, self._pools[TRAIN], generator, batch_size))

    def _held_out_set(self, stream: int) -> Batch:
        """Make the fixed sequences of VALIDATION or TEST."""
        return show(self.config, _fixed_scenes(self.config, self._pools[stream], stream))


@lru_cache(maxsize=1)
def _known_levels(
    config: MovingMnistConfig,
) -> tuple[Chance, tuple[float, float], tuple[PartialSolution, ...]]:
    """Return chance, exact moments of training targets, and the partial solutions, the worst first.

    Measured on the validation set on the CPU whatever the device. Cached for the next trial of a reused
    process.
    """
    pools = _digit_pools(config.folder, config.digit_size)
    moments = frame_moments(pools[TRAIN], config.frame_size, config.num_digits)
    scenes = _fixed_scenes(config, pools[VALIDATION], VALIDATION)
    batch = show(config, scenes)
    mean_digit = (pools[TRAIN].float().mean(0) / 255).expand_as(scenes.digits)
    guesses = {
        "repeats the last frame shown": batch.inputs[:, -1:],
        "repeats the mean of the frames shown": batch.inputs.mean(1, keepdim=True),
        "knows where the digits are, not which": show(config, scenes._replace(digits=mean_digit)).targets,
    }
    chance = mean_frame_chance(moments.mean, batch.targets)
    levels = (guess_level(name, guess, batch.targets) for name, guess in guesses.items())
    beyond_chance = (level for level in levels if level.metric < chance.metric)
    worst_first = sorted(beyond_chance, key=lambda level: level.metric, reverse=True)
    return chance, moments.of_a_pixel, tuple(worst_first)


def _fixed_scenes(config: MovingMnistConfig, pool: UInt8[Tensor, "digits size size"], stream: int) -> Scenes:
    """Draw the fixed scenes of VALIDATION or TEST."""
    generator = Task.fixed_generator(stream, 0)
    num_sequences = config.validation_size if stream == VALIDATION else config.test_size
    return draw_scenes(config, pool, generator, num_sequences)


@lru_cache(maxsize=1)
def _digit_pools(folder: str | None, digit_size: int) -> dict[int, UInt8[Tensor, "digits size size"]]:
    """Return the resized digits of training, validation and test, cached for the next trial."""
    split = raw_split(folder)
    parts = zip((TRAIN, VALIDATION, TEST), split, strict=True)
    return {stream: resized(torch.from_numpy(part.pixels), digit_size) for stream, part in parts}
