"""The classes as a graph: GraphML, Cytoscape's elements, SKOS in Turtle."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import networkx as nx
import numpy as np

from falcon_svc.result.words import printable
from falcon_svc.triage.session import Session

SKOS_PREFIXES = """\
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""


def review_graph(session: Session) -> nx.DiGraph[str]:
    """Return coarse classes and classes as nodes, an edge from each parent to each class."""
    review = session.review
    graph: nx.DiGraph[str] = nx.DiGraph(head=session.head)
    sizes = np.bincount(review.fine[review.fine >= 0], minlength=review.next_number)
    for q, name in enumerate(review.coarse_names):
        graph.add_node(f"coarse/{q}", kind="coarse", label=printable(name))
    for held in review.classes.values():
        graph.add_node(
            held.id,
            kind="class",
            label=printable(held.name),
            status=held.status,
            size=int(sizes[held.number]),
        )
        graph.add_edges_from((f"coarse/{q}", held.id) for q in held.parents)
    return graph


def graphml(session: Session) -> bytes:
    """Return GraphML: Gephi, yEd, igraph, networkx."""
    lines = nx.generate_graphml(review_graph(session))
    return ("\n".join(lines) + "\n").encode()


def cytoscape(session: Session) -> bytes:
    """Return Cytoscape's elements JSON."""
    document: dict[str, Any] = nx.cytoscape_data(review_graph(session))
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def skos_turtle(session: Session, *, base: str = "urn:falcon:") -> str:
    """Return a SKOS concept scheme in Turtle: coarse classes on top, classes below.

    Parameters
    ----------
    session : Session
    base : str
        What the concepts' IRIs begin with.
    """
    review = session.review
    scheme = f"<{base}scheme/{session.discovery.dataset_digest[:16]}>"
    lines = [SKOS_PREFIXES, f"{scheme} a skos:ConceptScheme .", ""]
    for q, name in enumerate(review.coarse_names):
        node = _iri(base, f"coarse/{q}")
        lines += [
            f"{node} a skos:Concept ; skos:prefLabel {_literal(name)} ;",
            f"  skos:topConceptOf {scheme} ; skos:inScheme {scheme} .",
        ]
    for held in review.classes.values():
        broader = " , ".join(_iri(base, f"coarse/{q}") for q in held.parents)
        lines += [
            f"{_iri(base, held.id)} a skos:Concept ; skos:prefLabel {_literal(held.name)} ;",
            f"  skos:notation {_literal(held.id)} ; skos:broader {broader} ; "
            f"skos:inScheme {scheme} .",
        ]
    return "\n".join([*lines, ""])


def _iri(base: str, name: str) -> str:
    return f"<{base}{quote(name)}>"


def _literal(text: str) -> str:
    """A Turtle string; JSON's escapes are Turtle's."""
    return json.dumps(printable(text), ensure_ascii=False).replace("\\/", "/")
