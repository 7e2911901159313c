"""The number of slots, per node and over all resources."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failmap.search.cluster.resources import Resources, num_slots

GIB = 2**30
AMOUNTS = st.integers(0, 64)
NODES = st.lists(st.fixed_dictionaries({"CPU": AMOUNTS, "GPU": st.integers(0, 8)}), max_size=5)


@pytest.mark.parametrize(
    ("nodes", "wanted", "slots"),
    [
        pytest.param([{"CPU": 1}] * 3, {"CPU": 2}, 0, id="no trial spans nodes"),
        pytest.param([{"CPU": 3}, {"CPU": 5}], {"CPU": 2}, 3, id="remainders do not add up"),
        pytest.param([{"CPU": 9, "GPU": 2}], {"CPU": 1, "GPU": 0.4}, 4, id="a part of a GPU is of one GPU"),
        pytest.param([{"CPU": 9, "GPU": 1}], {"CPU": 1, "GPU": 0.1}, 9, id="tenths add up"),
        pytest.param([{"CPU": 8, "memory": 5 * GIB}], {"CPU": 1, "memory": 2 * GIB}, 2, id="memory"),
        pytest.param([{"CPU": 4}, {"CPU": 4, "special": 1}], {"CPU": 1, "special": 0.5}, 2, id="custom"),
        pytest.param([], {"CPU": 1}, 0, id="no node"),
    ],
)
def test_trials_that_fit(nodes: list[Resources], wanted: Resources, slots: int) -> None:
    assert num_slots(nodes, wanted) == slots


@given(nodes=NODES, cpus=st.integers(1, 8), gpus=st.sampled_from([0, 0.25, 0.3, 1, 2]))
def test_slots_stay_within_the_cluster(nodes: list[dict[str, int]], cpus: int, gpus: float) -> None:
    slots = num_slots(nodes, {"CPU": cpus, "GPU": gpus})
    assert slots * cpus <= sum(node["CPU"] for node in nodes)
    assert slots * gpus <= sum(node["GPU"] for node in nodes)


@given(nodes=NODES, more=NODES, cpus=st.integers(1, 8))
def test_slots_add_up_over_nodes(nodes: list[Resources], more: list[Resources], cpus: int) -> None:
    wanted = {"CPU": cpus}
    assert num_slots(more + nodes, wanted) == num_slots(nodes, wanted) + num_slots(more, wanted)
