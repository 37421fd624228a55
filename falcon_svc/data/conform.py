"""New samples read as the data set of a discovery was: the same columns, in its order and scale.

A file of new samples need not have labels, nor all roles of the old one: what is there is taken
under its old name, what is missing is done without and told, and a missing feature is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from falcon_svc.columns import by_number, further, matched
from falcon_svc.count_recipe import CountRecipe
from falcon_svc.data.config import DataConfig
from falcon_svc.data.formats.singlecell import fit_recipe
from falcon_svc.data.refusal import quoted, refusal
from falcon_svc.data.source import Samples
from falcon_svc.types import Reading


def like_before(
    config: DataConfig, earlier: Reading, there: Collection[str], given: Mapping[str, Any]
) -> DataConfig:
    """Return settings under which a file with the columns `there` is read as an earlier one was.

    Parameters
    ----------
    config
        The earlier settings; columns that are not there are found by their usual names.
    earlier
        The `reading` of the data set that a model was made with.
    given
        What a user says of this file: its columns must be there.
    """

    def first(*names: str | None) -> str | None:
        return next((name for name in names if name in there), None)

    columns = dict(earlier.coarse_columns)
    main = next(iter(columns.values()), None)
    further_sources = {n: c for n, c in columns.items() if c in there and c != main}
    table = earlier.features if earlier.counts is None else None
    return config.model_copy(
        update={
            "coarse_column": given.get("coarse_column") or first(config.coarse_column, main),
            "label_sources": further_sources | given.get("label_sources", {}),
            "id_column": first(config.id_column, earlier.id_column),
            **_text_columns(config, earlier, given, there),
            "vector_column": None if table else first(config.vector_column, earlier.vector_column),
            "feature_columns": table or (),
            "restrict_to": (),
            "obsm_key": earlier.obsm_key or config.obsm_key,
        }
    )


def _text_columns(
    config: DataConfig, earlier: Reading, given: Mapping[str, Any], there: Collection[str]
) -> dict[str, Any]:
    """Return the settings of texts: the samples themselves where they were so before."""
    asked = given.get("text_column")
    usual = next((n for n in (config.text_column, earlier.text_column) if n in there), None)
    texts = {"samples": "texts"} if earlier.text_column is not None else {}
    return {**texts, "text_column": asked or usual}


def by_recipe(
    samples: Samples, earlier: Reading | None, config: DataConfig, where: str
) -> tuple[Samples, CountRecipe | None]:
    """Return samples whose counts have become vectors, and the recipe; others as they are."""
    if earlier is not None and earlier.counts is not None:
        return _projected(samples, earlier.counts, where), earlier.counts
    if samples.counts is None:
        return samples, None
    genes = samples.names or ()
    if earlier is not None:
        raise refusal(
            f"the embedding {quoted(earlier.obsm_key)} that the model was made with"
            if earlier.obsm_key
            else "the vectors that the model was made with",
            "counts of genes only",
            where=where,
            remedy="compute the same embedding for these cells",
            code="missing_features",
        )
    genes_only = config.count_features == "genes"
    recipe = fit_recipe(samples.counts, genes, where=where, genes_only=genes_only)
    return _applied(samples, recipe, samples.counts, where), recipe


def _projected(samples: Samples, recipe: CountRecipe, where: str) -> Samples:
    """Return new cells by an earlier recipe; the genes may be columns of a table too."""
    counts = samples.vectors if samples.counts is None else samples.counts
    if counts is None or samples.names is None:
        raise refusal(
            "counts of genes by name, as the model was made with",
            "images" if counts is None else "vectors without names",
            where=where,
            remedy="give an .h5ad, or a table with one column per gene",
            code="missing_features",
        )
    found = _applied(samples, recipe, counts, where)
    return found.told(notes=recipe.notes(samples.names))


def _applied(samples: Samples, recipe: CountRecipe, counts: object, where: str) -> Samples:
    vectors = recipe.apply(counts, samples.names or (), where=where)
    names = recipe.used_genes if recipe.rows is None else None
    return replace(samples, vectors=vectors, counts=None, names=names, obsm_key="X")


def conformed(samples: Samples, earlier: Reading, where: str) -> Samples:
    """Return samples whose columns are those of an earlier reading, matched by name.

    Raises
    ------
    InputError
        A feature is missing, or the vectors have another number of columns.
    """
    wanted, there = earlier.features, samples.names
    if samples.vectors is None or there is None or wanted == there or earlier.counts is not None:
        _check_width(samples, earlier, where)
        return samples
    if wanted is None:
        _check_width(samples, earlier, where)
        return samples.told(notes=by_number(there))
    columns = matched(wanted, there, where=where)
    told = samples.told(notes=further(wanted, there))
    return replace(told, vectors=samples.vectors[:, columns], names=wanted)


def _check_width(samples: Samples, earlier: Reading, where: str) -> None:
    if earlier.scaling is None or samples.vectors is None or samples.vectors.ndim != 2:
        return
    wanted, width = len(earlier.scaling.centre), samples.vectors.shape[1]
    if wanted != width:
        raise refusal(
            f"vectors of {wanted:,} numbers, as the model was made with",
            f"{width:,}",
            where=where,
            remedy="give the same features in the same order",
            code="missing_features",
        )
