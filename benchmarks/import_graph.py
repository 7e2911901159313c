"""Cycles and the longest chain of an import graph."""

from collections.abc import Mapping, Set
from graphlib import TopologicalSorter

#: The modules that each module imports.
Graph = Mapping[str, Set[str]]


def reachable(graph: Graph, start: str) -> set[str]:
    """Return every module that is imported when `start` is, directly or through others."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def cycles(graph: Graph) -> list[frozenset[str]]:
    """Return the groups of modules that all import each other, directly or through others, largest first."""
    groups = {group for group in _groups(graph).values() if len(group) > 1}
    return sorted(groups, key=lambda group: (-len(group), min(group)))


def longest_chain(graph: Graph) -> list[str]:
    """Return a longest chain of modules in which each imports the next one. A cycle counts as one module."""
    groups = _groups(graph)
    imported = {
        group: {groups[target] for member in group for target in graph[member]} - {group}
        for group in set(groups.values())
    }
    chains: dict[frozenset[str], list[str]] = {}
    # Imported modules come before their importers, so their chains are known.
    for group in TopologicalSorter(imported).static_order():
        longest = max(
            (chains[target] for target in imported[group]), key=lambda way: (len(way), way), default=[]
        )
        chains[group] = [min(group), *longest]
    return max(chains.values(), key=lambda way: (len(way), way), default=[])


def _groups(graph: Graph) -> dict[str, frozenset[str]]:
    """Return the strongly connected component of each module."""
    reached = {module: reachable(graph, module) for module in graph}
    return {
        module: frozenset({module, *(target for target in reached[module] if module in reached[target])})
        for module in graph
    }
