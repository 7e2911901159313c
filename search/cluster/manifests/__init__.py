"""Manifests that start a cluster and a run on it: a RayJob for KubeRay, a Slurm script, `ray up` files."""

from failmap.search.cluster.manifests.rendering import KINDS, Settings, render

__all__ = ["KINDS", "Settings", "render"]
