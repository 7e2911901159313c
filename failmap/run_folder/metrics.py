"""Metrics by name, as records hold them."""

#: Metrics of which less is better. Of all others, such as accuracy or AUROC, more is.
_ERRORS = ("mean_squared_error",)


def is_larger_better(metric: str) -> bool:
    """Return whether a larger value of a metric is better; an unknown metric ("") counts as an error."""
    return metric not in (*_ERRORS, "")
