"""Tasks whose sequences are drawn by a formula: anew for every batch, or once for a finite training set."""

from abc import abstractmethod
from functools import cached_property

import torch
from jaxtyping import Int64
from torch import Tensor

from failmap.datasets.config import GeneratedTaskConfig
from failmap.datasets.criterion import few_test_sequences
from failmap.datasets.task import LENGTH, TEST, TRAIN, TRAIN_SET, VALIDATION, Batch, Epochs, Task, hashed_seed
from failmap.datasets.vocabulary import Vocabulary, Words, distinct_numbers

#: Updates whose batches are drawn at once at most, and numbers in their inputs.
_MOST_DRAWN_AHEAD, _NUMBERS_DRAWN_AHEAD = 16, 2**18
_CPU = torch.device("cpu")


class GeneratedTask(Task):
    """A task whose inputs are words of equally likely letters (see `input_space`).

    Training, validation and test share no example: validation and test are different words, and training
    draws from all others. Where there are no more words than validation and test ask for, both hold each
    word once, and training draws from all of them. Only words of the full length are compared; shorter ones
    in training are other inputs.
    """

    config: GeneratedTaskConfig
    #: Sequences shorter than this make no sense.
    shortest_length: int = 1

    def __init__(self, config: GeneratedTaskConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        self.input_size = config.num_features
        self.chance = config.chance()
        self.target_metric = config.target_metric()
        self.target_moments = config.target_moments()
        self.partial_solutions = config.partial_solutions()
        self.notes = config.split_notes()
        if not config.is_enumerated:
            self.notes += few_test_sequences(config, config.test_size)
        self.num_train = config.num_train
        self._epochs = None if self.num_train is None else Epochs(self.num_train, self.device)
        self._training_set: tuple[int, Batch] | None = None
        self._block: tuple[tuple[int, int, int, int], Batch] | None = None
        self._vocabularies: dict[int, Vocabulary] = {}

    @abstractmethod
    def show(self, words: Words, length: int) -> Batch:
        """Return the sequences that words of one length encode, and their targets, on the words' device."""

    def train_batch(self, seed: int, update: int, batch_size: int, progress: float) -> Batch:
        """Return the training batch of one update, of one length (see `Task.train_batch`)."""
        if self._epochs is not None:
            rows = self._epochs.rows(seed, update, batch_size)
            inputs, targets, _ = self._training_set_of(seed)
            return Batch(inputs.index_select(0, rows), targets.index_select(0, rows))
        length = self.training_length(seed, update, progress)
        block, index = divmod(update, self._num_drawn_ahead(batch_size))
        key = (seed, block, batch_size, length)
        if self._block is None or self._block[0] != key:
            num_sequences = self._num_drawn_ahead(batch_size) * batch_size
            words = self._vocabulary(length).draw(self.generator(seed, TRAIN, block), num_sequences)
            self._block = (key, self.show(words, length))
        inputs, targets, _ = self._block[1]
        part = slice(index * batch_size, (index + 1) * batch_size)
        return Batch(inputs[part], targets[part])

    def _num_drawn_ahead(self, batch_size: int) -> int:
        """Return how many batches are drawn at once, since small ones cost as much as large ones."""
        if self.config.length_distribution != "fixed":
            return 1
        numbers = batch_size * self.num_steps * self.input_size
        return max(1, min(_MOST_DRAWN_AHEAD, _NUMBERS_DRAWN_AHEAD // numbers))

    def training_length(self, seed: int, update: int, progress: float) -> int:
        """Return the time steps of one update's batch.

        `uniform` takes any length from the shortest to the full one. `curriculum` does so too, but the
        longest grows in proportion to progress and is the full one from `curriculum_share` on, so that
        short sequences stay in the mix.
        """
        config = self.config
        assert 0 <= progress <= 1, progress
        if config.length_distribution == "fixed":
            return config.sequence_length
        num_lengths = config.sequence_length - self.shortest_length + 1
        if config.length_distribution == "curriculum":
            grown = min(1.0, progress / config.curriculum_share)
            num_lengths = 1 + int(grown * (num_lengths - 1))
        return self.shortest_length + hashed_seed(seed, LENGTH, update) % num_lengths

    def _vocabulary(self, length: int) -> Vocabulary:
        """Return the words of one length that training draws from."""
        if length not in self._vocabularies:
            is_full = length == self.config.sequence_length
            self._vocabularies[length] = Vocabulary(
                self.config.input_space(length), self.device, self._kept_out if is_full else None
            )
        return self._vocabularies[length]

    @cached_property
    def _kept_out(self) -> Int64[Tensor, "kept"] | None:
        """Heads that training must not draw, in ascending order."""
        if self.config.is_enumerated:
            return None
        return torch.cat(list(self._held_out_heads.values())).sort().values

    @cached_property
    def _held_out_heads(self) -> dict[int, Int64[Tensor, "held_out"]]:
        """Heads of the words in validation and test: all different, or in each set all that exist."""
        config = self.config
        num_heads = config.input_space(config.sequence_length).num_heads
        if config.is_enumerated:
            return dict.fromkeys((VALIDATION, TEST), torch.arange(num_heads))
        generator = self.fixed_generator(VALIDATION, 0)
        sizes = [config.validation_size, config.test_size]
        validation, test = distinct_numbers(generator, sum(sizes), num_heads).split(sizes)
        return {VALIDATION: validation, TEST: test}

    def _held_out_set(self, stream: int) -> Batch:
        """Make the fixed sequences of VALIDATION or TEST, at the full length."""
        length = self.config.sequence_length
        generator = self.fixed_generator(stream, 1)
        everything = Vocabulary(self.config.input_space(length), _CPU)
        words = everything.with_heads(self._held_out_heads[stream], generator)
        return self._on_device(self.show(words, length))

    def _training_set_of(self, seed: int) -> Batch:
        """Return one seed's training set, all different words. Cached for the last seed: a trial has one."""
        if self._training_set is None or self._training_set[0] != seed:
            assert self.num_train is not None
            length = self.config.sequence_length
            generator = torch.Generator().manual_seed(hashed_seed(seed, TRAIN_SET, 0))
            vocabulary = Vocabulary(self.config.input_space(length), _CPU, self._kept_out)
            ranks = distinct_numbers(generator, self.num_train, vocabulary.num_heads)
            words = vocabulary.with_ranks(ranks, generator)
            self._training_set = (seed, self._on_device(self.show(words, length)))
        return self._training_set[1]

    def _on_device(self, batch: Batch) -> Batch:
        return Batch(batch.inputs.to(self.device), batch.targets.to(self.device))
