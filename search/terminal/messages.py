"""The errors of trials in a few lines: each distinct message once, with its count."""

from collections import Counter
from collections.abc import Iterable, Mapping

#: Distinct messages that are shown.
MAX_MESSAGES = 5


def error_lines(messages: Iterable[str] | Mapping[str, int], most: int = MAX_MESSAGES) -> list[str]:
    """Return a line for each distinct message, the most frequent first, and how many more there are.

    Args:
        messages: The message of each errored trial, or the number of trials by message.
        most: Maximum number of lines.
    """
    counts = Counter(messages).most_common()
    shown = counts if len(counts) <= most else counts[: most - 1]
    lines = [f"{count} errored: {message}" for message, count in shown]
    if others := counts[len(shown) :]:
        num_trials = sum(count for _, count in others)
        lines.append(f"{num_trials} errored: {len(others)} other messages")
    return lines
