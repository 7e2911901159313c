"""Examples that two sets share."""

from failmap.datasets.task import Batch


def num_shared(one: Batch, other: Batch) -> int:
    """How many examples of `one` are, bit for bit, among the inputs of `other`. Targets are not looked at."""
    known = set(_rows(other))
    return sum(row in known for row in _rows(one))


def _rows(batch: Batch) -> list[bytes]:
    """The bytes of each example's inputs, without the padding at its end."""
    inputs = batch.inputs.detach().cpu().contiguous().numpy()
    if batch.lengths is None:
        return [sequence.tobytes() for sequence in inputs]
    return [
        sequence[:length].tobytes() for sequence, length in zip(inputs, batch.lengths.tolist(), strict=True)
    ]
