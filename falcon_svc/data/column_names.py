"""Which column means what, by its name: labels, ids, texts, vectors, images, and what is none.

Names are compared without regard to case and outer blanks. A setting that names a column always
wins; what a name decides otherwise is shown by `falcon validate`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from falcon_svc.data.config import DataConfig
from falcon_svc.types import Note

COARSE_NAMES = (
    *("coarse", "coarse_label", "coarse_labels", "superclass", "super_class", "label", "labels"),
    *("class", "class_name", "category", "choice", "target", "y"),
)
SAID_PLAINLY = COARSE_NAMES[:5]
"""Names that leave no doubt."""

FINE_NAMES = ("fine", "fine_label", "fine_labels", "fine_class")
ID_NAMES = ("id", "ids", "file_name", "file")
TEXT_NAMES = ("text", "texts")
VECTOR_NAMES = (
    *("x", "vector", "vectors", "embedding", "embeddings", "features", "feature", "emb"),
    *("feature_vector", "feats", "representation", "latent"),
)
IMAGE_NAMES = (
    *("file_name", "file", "filename", "filepath", "file_path", "image", "image_path"),
    *("image_file", "image_name", "img", "img_path", "img_name", "path", "imagepath", "photo"),
)
TIME_NAMES = (
    *("date", "datetime", "date_time", "timestamp", "created", "created_at", "updated_at"),
    *("modified_at", "unix_time", "epoch_time", "date_created", "datum", "zeitstempel", "fecha"),
)
CERTAINTY_NAMES = (
    *("confidence", "prob", "proba", "probability", "y_prob", "y_proba", "y_score", "logit"),
    *("pred_prob", "pred_proba", "sample_weight", "sample_weights", "class_weight"),
    *("loss", "entropy", "logits", "wahrscheinlichkeit"),
)
BOOKKEEPING_NAMES = (
    *("batch", "batch_no", "plate", "annotator", "annotators", "rater", "labeler", "labeller"),
    *("seed", "random_state", "run", "replicate", "version", "n_annotations"),
)
PLACE_NAMES = (
    *("loc", "location", "latlon", "lat_lon", "latlng", "coordinates", "coords", "geometry"),
    *("geo", "gps", "centroid", "geolocation"),
)
"""Of columns that hold two or three numbers in a cell, which are no vectors."""

SPLIT_NAMES = ("split", "fold", "subset", "partition", "is_train", "is_test")
LABEL_LIKE = (
    *(*COARSE_NAMES[:-1], *FINE_NAMES, "targets", "classes", "cluster", "clusters", "truth"),
    *("subcategory", "sub_category", "subclass", "sub_class", "subtype", "sub_type", "group"),
    *("species", "breed", "variety", "kind", "type", "ground_truth", "y_true", "y_pred"),
    *("pred", "prediction", "predicted", "leiden", "louvain", "kmeans", "hdbscan", "topic"),
    *("labelid", "classid", "class_idx", "class_index", "class_no", "category_code", "catid"),
    *("klasse", "kategorie", "gruppe", "classe", "categorie", "groupe", "clase", "categoria"),
)
LABEL_PREFIXES = ("coarse_", "fine_", "label_", "leiden_", "louvain_")
LABEL_ENDS = ("_label", "_labels", "_class", "_cluster", "_clusters", "_category", "_topic")
INDEX_NAMES = (
    *("index", "idx", "row", "row_id", "rownames", "row_names", "row_number", "level_0"),
    *("uid", "uuid", "guid", "key"),
)
INDEX = re.compile(r"__index_level_\d+__|unnamed: ?[\d.]+(_level_\d+)?|\.\.\.1|")
OURS = "falcon_"
"""What the columns begin with that we add to a user's file."""

ENDS_AS_ID = re.compile(r".+([_ .-][iI][dD]|[a-z]I[dD])")


FINE_TRUTH = "fine truth, for evaluation only"


def folded(name: str) -> str:
    """Return a name as names are compared."""
    return name.strip().casefold()


def first_of(usual: Iterable[str], there: Iterable[str]) -> str | None:
    """Return the first usual name's column; its exact spelling before others."""
    names = list(there)
    fold = {folded(name): name for name in reversed(names)}
    return next((w if w in names else fold[w] for w in usual if w in names or w in fold), None)


@dataclass(frozen=True)
class Roles:
    """What the columns of one data set mean, as far as their names and the settings say.

    Parameters
    ----------
    sources
        (label source, column), the default source first; empty where no column is named so.
    chosen
        Sources that a setting names: these must be usable, the others are left out if not.
    id_column, text_column, fine_column
        None where there is none of the usual names.
    """

    sources: tuple[tuple[str, str], ...]
    chosen: frozenset[str]
    id_column: str | None
    text_column: str | None
    fine_column: str | None

    @classmethod
    def of(cls, there: Iterable[str], config: DataConfig) -> Roles:
        """Return the roles of the columns `there`."""
        names = [name for name in there if name not in config.ignore_columns]
        return cls(
            *_sources(names, config),
            config.id_column or first_of(ID_NAMES, names),
            config.text_column or first_of(TEXT_NAMES, names),
            fine_column(names, config),
        )

    def role(self, name: str) -> str | None:
        """Return what a column is, if it has a role; such a column is no feature."""
        if name in [column for _, column in self.sources]:
            return "coarse labels"
        if name == self.fine_column or folded(name).startswith("fine_"):
            return FINE_TRUTH
        if name == self.id_column:
            return "ids"
        return "shown in reports" if name == self.text_column else None


def fine_column(there: Iterable[str], config: DataConfig) -> str | None:
    """Return the column of the fine truth: the setting's, else one of the usual names."""
    names = list(there)
    if config.fine_column in names:
        return config.fine_column
    usual = FINE_NAMES if config.fine_column == FINE_NAMES[0] else ()
    return first_of(usual, names)


def why_no_feature(name: str) -> str | None:
    """Return why a column of numbers is no feature by its name alone, or None."""
    fold = folded(name)
    reasons = (
        (fold.startswith(OURS), "classes of an earlier discovery, by its name"),
        (INDEX.fullmatch(fold), "the table's index"),
        (fold in INDEX_NAMES, "an index by its name"),
        (fold in (*ID_NAMES, *IMAGE_NAMES), "an id by its name"),
        (ENDS_AS_ID.fullmatch(name.strip()), "an id by its name"),
        (fold in SPLIT_NAMES, "a split by its name"),
        (fold in LABEL_LIKE or fold.startswith(LABEL_PREFIXES), "labels by its name"),
        (fold.endswith(LABEL_ENDS), "labels by its name"),
        (fold in TEXT_NAMES, "text by its name"),
        (fold in TIME_NAMES, "a time by its name"),
        (fold in CERTAINTY_NAMES, "a weight or a certainty by its name"),
        (fold in BOOKKEEPING_NAMES, "bookkeeping by its name"),
    )
    return next((reason for is_so, reason in reasons if is_so), None)


def is_index(name: str) -> bool:
    """Return whether a column is what pandas or R leave of a table's index."""
    return INDEX.fullmatch(folded(name)) is not None


DEFAULT_SOURCE = "coarse"


def _sources(
    there: list[str], config: DataConfig
) -> tuple[tuple[tuple[str, str], ...], frozenset[str]]:
    main = config.coarse_column
    if main is None and DEFAULT_SOURCE not in config.label_sources:
        main = first_of(COARSE_NAMES, there)
    further = dict(config.label_sources) or _further(there, main)
    found = ([(DEFAULT_SOURCE, main)] if main else []) + list(further.items())
    chosen = {DEFAULT_SOURCE, *config.label_sources}
    return tuple(found), frozenset(chosen)


def _further(there: list[str], main: str | None) -> dict[str, str]:
    return {
        column.removeprefix("coarse_"): column
        for column in there
        if column.startswith("coarse_")
        and column not in ("coarse_", "coarse_label", "coarse_labels", main)
        and not column.endswith("_names")
    }


def other_labels(there: Iterable[str], roles: Roles, config: DataConfig) -> tuple[Note, ...]:
    """Return the note on columns whose names say labels as much as that of the one chosen."""
    taken = next((column for name, column in roles.sources if name == DEFAULT_SOURCE), "")
    if config.coarse_column is not None or folded(taken) in SAID_PLAINLY:
        return ()
    others = [
        name
        for name in there
        if folded(name) in COARSE_NAMES[:-1] and name != taken and roles.role(name) is None
    ]
    if not others:
        return ()
    text = f"Coarse labels are read from {taken!r}, though {', '.join(map(repr, others))} may hold "
    return (Note("other_labels", text + "labels too; name the right one with coarse_column."),)
