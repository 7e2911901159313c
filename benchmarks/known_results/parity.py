"""Parity: limited by supervision, not by capacity."""

from benchmarks.known_results.claim import Claim, expects_counts, seeds

_SMALL = {"train": {"learning_rate": 3e-3, "clip_norm": 1.0, "max_updates": 1500}}
_SOURCE = "Shalev-Shwartz et al. 2017: the gradient carries almost no information about a parity"


def _parity(**settings: object) -> dict[str, object]:
    return {"name": "parity", **settings}


CLAIMS = [
    Claim(
        topic="parity, label at the end",
        statement="an LSTM learns it for 3 bits, and not for 4, from fresh data",
        source=_SOURCE,
        expected="4 of 4 at T=3, 0 of 4 at T=4",
        judge=expects_counts(**{"T=3": 4, "T=4": 0}),
        arms={
            f"T={length}": seeds(4, task=_parity(sequence_length=length), model={"name": "lstm"}, **_SMALL)
            for length in (3, 4)
        },
    ),
    Claim(
        topic="parity, every network",
        statement="with the label at the end of 5 bits, no network learns it: the wall is the supervision",
        source=_SOURCE,
        expected="LSTM, GRU and plain 0 of 8 each",
        judge=expects_counts(lstm=0, gru=0, rnn=0),
        arms={
            name: seeds(
                8,
                task=_parity(sequence_length=5),
                model={"name": name, "hidden_size": 128},
                train={"learning_rate": 1e-3, "clip_norm": 1.0, "batch_size": 128, "max_updates": 4000},
            )
            for name in ("lstm", "gru", "rnn")
        },
    ),
    Claim(
        topic="parity, mixed lengths",
        statement="trained on lengths mixed from 1 to 20, it learns 20 bits with the label at the end",
        source="curricula: Bengio et al. 2009; Zaremba and Sutskever 2014 (mixed lengths)",
        expected="mixed 3 of 3, length 20 alone 0 of 3",
        judge=expects_counts(mixed=3, alone=0),
        arms={
            name: seeds(
                3,
                task=_parity(sequence_length=20, length_distribution=lengths),
                model={"name": "lstm", "hidden_size": 128},
                train={"learning_rate": 1e-3, "clip_norm": 1.0, "batch_size": 128, "max_updates": 3000},
            )
            for name, lengths in (("mixed", "uniform"), ("alone", "fixed"))
        },
    ),
    Claim(
        topic="parity, a label at every step",
        statement="with the running parity as label, the network that fails at 4 bits learns 50",
        source="the running parity is a chain of two-bit steps: Hochreiter and Schmidhuber 1997, section 5",
        expected="4 of 4 at T=50",
        judge=expects_counts(**{"T=50": 4}),
        arms={
            "T=50": seeds(
                4,
                task=_parity(sequence_length=50, supervision="every_step"),
                model={"name": "lstm"},
                **_SMALL,
            )
        },
    ),
]
