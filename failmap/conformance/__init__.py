"""What own networks and tasks must keep to: the checks that `failmap run` makes before it starts.

`check_model` and `check_task` return a list of problems, one line each; an empty list is a pass. The same
checks hold the shipped networks and tasks (tests/conformance).
"""

from failmap.conformance.models import check_model
from failmap.conformance.tasks import check_task

__all__ = ["check_model", "check_task"]
