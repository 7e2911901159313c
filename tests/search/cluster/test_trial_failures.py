"""The classification of Ray's messages about lost workers (Ray 2.60, shortened)."""

import pytest

from failmap.search.cluster.trial_failures import failure_of

DIED = """Failure # 1 (occurred at 2026-11-23_01-03-41)
The actor died unexpectedly before finishing this task.
\tclass_name: with_resources.<locals>.ResourceTrainable
\tactor_id: 64d24e3320d950144c73957101000000
\tpid: 8417
\tip: 10.0.0.7
The actor is dead because its {reason}
"""
WORKER = DIED.format(reason="worker process has died. Worker exit type: {kind} Worker exit detail: ...")
RAISED = """Failure # 1 (occurred at 2026-11-23_01-03-12)
\x1b[36mray::ResourceTrainable.train()\x1b[39m (pid=8058, ip=10.0.0.7, actor_id=2458)
{error}
"""
MEMORY = (
    "Failure # 1\nTask was killed due to the node running low on memory.\nMemory on the node (IP: 10.0.0.7)"
)

UNAVAILABLE = """Failure # 1 (occurred at 2026-11-23_01-03-41)
The actor 64d24e33 is unavailable: The actor is temporarily unavailable: RpcError: Socket closed; RPC Error
"""


@pytest.mark.parametrize(
    ("text", "loss"),
    [
        (WORKER.format(kind="SYSTEM_ERROR"), ("lost", "its worker died on 10.0.0.7")),
        (
            WORKER.format(kind="NODE_OUT_OF_MEMORY"),
            ("lost", "its worker on 10.0.0.7 was killed, for the host was short of memory"),
        ),
        (MEMORY, ("lost", "its worker was killed, for the host was short of memory")),
        (DIED.format(reason="node has died. Node Id: 12"), ("lost", "its node died on 10.0.0.7")),
        (
            RAISED.format(
                error="failmap.search.trial.process.PreemptedError: the worker on gpu-7 was asked to leave"
            ),
            ("preempted", "the worker on gpu-7 was asked to leave"),
        ),
        (RAISED.format(error="ValueError: no such thing"), ("error", "ValueError: no such thing")),
        (UNAVAILABLE, ("lost", "its worker cannot be reached")),
        ("", ("lost", "its worker died")),
    ],
)
def test_failure_of(text: str, loss: tuple[str, str]) -> None:
    assert failure_of(text) == loss
