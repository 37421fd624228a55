"""The coarse-fine graph in the formats that other programs read: pure functions of a discovery.

Place: used by `result_files` and the service. Node-link is networkx's JSON (edges under
`edges`), GraphML is read by Gephi, yEd and igraph, the elements JSON by Cytoscape.

Nodes are coarse classes (`kind="coarse"`) of every label source and fine classes
(`kind="fine"`); an edge runs from a coarse class to each of its fine classes and carries the
price of its best alternative, where there is one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from falcon_svc.result.record import Discovery, FineClass, SourceRelation
from falcon_svc.result.words import printable
from falcon_svc.types import LabelSource

Record = dict[str, Any]


class Alternative(NamedTuple):
    """The next best parent of a fine class, and how much the optimum would drop for it."""

    coarse: int
    price: float


def next_best_parent(relation: SourceRelation, fine: int) -> Alternative | None:
    """Return the cheapest other parent of `fine`, or None if there is no other or no price."""
    price = np.where(relation.relation[fine], np.inf, relation.regret[fine])
    best = int(np.argmin(np.where(np.isnan(price), np.inf, price)))
    return Alternative(best, float(price[best])) if np.isfinite(price[best]) else None


def graph_node_link(discovery: Discovery) -> Record:
    """Return networkx node-link data: `networkx.node_link_graph(data, edges="edges")` reads it."""
    return {
        "directed": True,
        "multigraph": False,
        "graph": {"dataset_digest": discovery.dataset_digest, "seed": discovery.seed},
        "nodes": _nodes(discovery),
        "edges": _edges(discovery),
    }


def graph_cytoscape(discovery: Discovery) -> Record:
    """Return Cytoscape's elements JSON; an edge's id is ``source->target``."""
    edges = [{"id": f"{e['source']}->{e['target']}", **e} for e in _edges(discovery)]
    return {
        "data": {"dataset_digest": discovery.dataset_digest, "seed": discovery.seed},
        "elements": {
            "nodes": [{"data": node} for node in _nodes(discovery)],
            "edges": [{"data": edge} for edge in edges],
        },
    }


def graph_graphml(discovery: Discovery) -> bytes:
    """Return a GraphML document; characters that XML cannot hold become U+FFFD."""
    import networkx as nx

    graph = nx.DiGraph()
    for node in map(_xml_ready, _nodes(discovery)):
        graph.add_node(node.pop("id"), **node)
    for edge in map(_xml_ready, _edges(discovery)):
        graph.add_edge(edge.pop("source"), edge.pop("target"), **edge)
    lines = "\n".join(nx.generate_graphml(graph, named_key_ids=True))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{lines}\n'.encode()


def _xml_ready(record: Record) -> Record:
    return {
        key: printable(value) if isinstance(value, str) else value for key, value in record.items()
    }


def _nodes(discovery: Discovery) -> list[Record]:
    coarse = [node for source in discovery.sources for node in _coarse_nodes(source)]
    return coarse + [_fine_node(fine) for fine in discovery.classes]


def _coarse_nodes(source: LabelSource) -> list[Record]:
    sizes = np.bincount(source.labels[source.labels >= 0], minlength=source.n_coarse).tolist()
    return [
        {
            "id": _coarse_id(source.name, k),
            "kind": "coarse",
            "label": name,
            "label_source": source.name,
            "size": sizes[k],
        }
        for k, name in enumerate(source.names)
    ]


def _fine_node(fine: FineClass) -> Record:
    node: Record = {
        "id": _fine_id(fine.id),
        "kind": "fine",
        "label": fine.title,
        "name": fine.name,
        "size": fine.size,
        "mean_confidence": fine.mean_confidence,
    }
    return node if fine.stability is None else {**node, "stability": fine.stability}


def _edges(discovery: Discovery) -> list[Record]:
    return [
        _edge(relation, fine, coarse)
        for relation in discovery.relations
        for fine, coarse in np.argwhere(relation.relation).tolist()
    ]


def _edge(relation: SourceRelation, fine: int, coarse: int) -> Record:
    edge = {
        "source": _coarse_id(relation.source, coarse),
        "target": _fine_id(fine),
        "label_source": relation.source,
    }
    other = next_best_parent(relation, fine)
    if other is None:
        return edge
    return {**edge, "next_best": relation.coarse_names[other.coarse], "price": other.price}


def _coarse_id(source: str, coarse: int) -> str:
    return f"coarse/{source}/{coarse}"


def _fine_id(fine: int) -> str:
    return f"fine/{fine}"
