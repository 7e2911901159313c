"""Lower layers that begin with what another network has learned."""

from typing import Any

import pytest
import torch
from torch import Tensor

from failmap.models import build_model
from failmap.models.config import MODEL_CONFIGS
from failmap.models.network import Interface
from failmap.models.recurrent import RecurrentNetwork, reuse_layers


def network(
    name: str = "lstm", input_size: int = 3, output_size: int = 2, **settings: Any
) -> RecurrentNetwork:
    config = MODEL_CONFIGS[name].model_validate({"depth": 3, "hidden_size": 5, **settings})
    return build_model(config, Interface(input_size, output_size, num_steps=7))


def shared(one: RecurrentNetwork, stored: dict[str, Tensor]) -> set[str]:
    """The parts that are the same in both."""
    return {
        name
        for name, part in one.parts().items()
        if all(torch.equal(t, stored.get(f"{name}.{key}", t + 1)) for key, t in part.state_dict().items())
    }


def test_fitting_layers_are_copied_without_readout() -> None:
    stored, ours = network().state_dict(), network()
    reuse_layers(ours, stored)
    assert shared(ours, stored) == {"layers.0", "layers.1", "layers.2"}
    assert ours.num_reused_layers == 3


@pytest.mark.parametrize(("theirs", "count"), [(1, 1), (2, 2), (5, 3)])
def test_reuse_between_depths(theirs: int, count: int) -> None:
    stored, ours = network(depth=theirs).state_dict(), network()
    reuse_layers(ours, stored)
    assert ours.num_reused_layers == count
    assert shared(ours, stored) == {f"layers.{index}" for index in range(count)}


def test_the_first_layer_that_does_not_fit_ends_it() -> None:
    stored, ours = network(widths="5-4-5").state_dict(), network(widths="5-6-5")
    reuse_layers(ours, stored)
    assert ours.num_reused_layers == 1


def test_a_norm_is_a_part_of_its_layer() -> None:
    theirs, ours = network(batch_norm=True), network(batch_norm=True)
    theirs(torch.randn(4, 7, 3))
    reuse_layers(ours, theirs.state_dict())
    assert "layers.2" in shared(ours, theirs.state_dict()), "its running statistics too"

    with pytest.raises(ValueError, match="no lower layer fits"):
        reuse_layers(network(), theirs.state_dict())


def test_misfit_names_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"weight_ih_l0 20x3.* here, and .*weight_ih_l0 20x4.* there"):
        reuse_layers(network(), network(input_size=4).state_dict())
    with pytest.raises(ValueError, match=r"here, and .*weight_ih_l0 15x3.* there"):
        reuse_layers(network(), network("gru").state_dict())
    with pytest.raises(ValueError, match="and missing there"):
        reuse_layers(network(), {"readout.weight": torch.zeros(2, 5)})


def test_a_frozen_layer_can_be_reused() -> None:
    stored, ours = network().state_dict(), network(frozen_layers=2)
    reuse_layers(ours, stored)
    assert shared(ours, stored) >= {"layers.0", "layers.1"}
    assert not any(parameter.requires_grad for parameter in ours.layers[1].parameters())


def test_fresh_network_has_no_reused_layers() -> None:
    assert network().num_reused_layers == 0
