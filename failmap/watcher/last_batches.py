"""The batch axis, from the last batch of each epoch, which is often smaller."""

#: Smaller batches that are needed.
_LEAST = 2


class LastBatches:
    """Watches the leading two sizes of the inputs over all steps.

    Most batches have one size. One that is smaller along one axis, always by as much, and never twice in
    a row, is the rest of a data set that the batch size does not divide: along time, lengths vary otherwise.

    Attributes:
        usual: Sizes of the first batch; None before it.
    """

    def __init__(self) -> None:
        self.usual: tuple[int, ...] | None = None
        self._smaller: tuple[int, ...] | None = None
        self._num_smaller = 0
        self._was_smaller = self._is_other = False

    def see(self, sizes: tuple[int, ...]) -> None:
        """See the leading two sizes of a batch."""
        if sizes == self.usual:
            self._was_smaller = False
            return
        if self.usual is None:
            self.usual = sizes
            return
        self._is_other |= self._was_smaller or self._smaller not in (None, sizes)
        self._smaller, self._was_smaller = sizes, True
        self._num_smaller += 1

    @property
    def axis(self) -> int | None:
        """Return the batch axis, 0 or 1; None if it does not show."""
        if self._is_other or self._num_smaller < _LEAST or self.usual is None or self._smaller is None:
            return None
        pairs = zip(self.usual, self._smaller, strict=True)
        differences = [usual - smaller for usual, smaller in pairs]
        axes = [axis for axis, difference in enumerate(differences) if difference]
        return axes[0] if len(axes) == 1 and differences[axes[0]] > 0 else None
