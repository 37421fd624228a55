"""What a reviewer may say about a result: one immutable, typed record per kind of correction.

Place: below everything in triage; knows nothing of arrays. Classes are addressed by ids that
never change (``"c12"``), samples by the data set's ids, coarse classes by name, so that a record
keeps its meaning over re-solves and new data. Text is text: it is never read as markup, and what
would fool a reader (control and direction-changing characters) is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from falcon_svc.errors import InputError
from falcon_svc.wrong_fields import wrong_fields

MOST_NAME_CHARACTERS = 120
MOST_REASON_CHARACTERS = 2_000
MOST_PARTS = 64
_DIRECTION_CHARACTERS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class CorrectionError(InputError):
    """A correction that cannot be made; the sentence says why and what to do instead."""

    code = "correction"


def clean_name(text: str) -> str:
    """Return a class name in normal form (NFC, no space around it).

    Raises
    ------
    ValueError
        It is empty, longer than 120 characters, or holds characters that hide or reorder text.

    Examples
    --------
    >>> clean_name("  blue jay ")
    'blue jay'
    """
    name = unicodedata.normalize("NFC", text).strip()
    if not 0 < len(name) <= MOST_NAME_CHARACTERS:
        raise ValueError(
            f"a name needs 1 to {MOST_NAME_CHARACTERS} characters, this one has {len(name):,}; "
            "shorten it"
        )
    hidden = [c for c in name if _hides(c)]
    if hidden:
        raise ValueError(
            f"a name is one line of visible characters, this one holds U+{ord(hidden[0]):04X}; "
            "remove it"
        )
    return name


def clean_reason(text: str) -> str:
    """Return a reason in normal form; ValueError above 2,000 characters or with control ones."""
    reason = unicodedata.normalize("NFC", text).strip()
    if len(reason) > MOST_REASON_CHARACTERS:
        raise ValueError(
            f"a reason has at most {MOST_REASON_CHARACTERS:,} characters, this one has "
            f"{len(reason):,}; shorten it"
        )
    if any(_hides(c) for c in reason if c != "\n"):
        raise ValueError("a reason holds visible characters only; remove the others")
    return reason


def _hides(character: str) -> bool:
    control = unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
    return control or character in _DIRECTION_CHARACTERS


def _class_id(text: str) -> str:
    if not re.fullmatch("c[0-9]{1,9}", text):
        raise ValueError(f"the id of a class, such as c12, was expected, found {text[:40]!r}")
    return text


ClassId = Annotated[str, AfterValidator(_class_id)]
SampleIds = Annotated[tuple[str, ...], Field(min_length=1)]
Name = Annotated[str, AfterValidator(clean_name)]


class Record(BaseModel):
    """Base of all corrections: frozen, and nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Rename(Record):
    """Give a class a name; suggestions never replace it afterwards."""

    kind: Literal["rename"] = "rename"
    class_id: ClassId
    name: Name


class Accept(Record):
    """Sign a class off; `looked` samples were looked at and `wrong` of them were wrong."""

    kind: Literal["accept"] = "accept"
    class_id: ClassId
    looked: int = Field(0, ge=0)
    wrong: int = Field(0, ge=0)

    @field_validator("wrong")
    @classmethod
    def _among_those(cls, wrong: int, info: ValidationInfo) -> int:
        looked = info.data.get("looked", wrong)
        if wrong > looked:
            raise ValueError(f"at most the {looked:,} that were looked at, found {wrong:,}")
        return wrong


class Reject(Record):
    """Say that a class is no class; the next re-solve shares its samples among its siblings."""

    kind: Literal["reject"] = "reject"
    class_id: ClassId


class Merge(Record):
    """Make several classes one: the first keeps its id and takes the others' samples."""

    kind: Literal["merge"] = "merge"
    class_ids: Annotated[tuple[ClassId, ...], Field(min_length=2)]


class Split(Record):
    """Make several classes of one: each part leaves it as a new class, the rest stays.

    The parts are written out, whether a person selected them or `falcon_svc.triage.split` cut
    the class into exactly k or automatically: a record never depends on a computation.
    """

    kind: Literal["split"] = "split"
    class_id: ClassId
    parts: Annotated[tuple[SampleIds, ...], Field(min_length=1, max_length=MOST_PARTS)]
    how: Literal["selection", "into_k", "automatic"] = "selection"


class Move(Record):
    """Move samples into a class of their coarse class.

    They stay there from now on; with `firm` False, as for a whole group that was judged by some of
    its samples, a re-solve may still move single ones on.
    """

    kind: Literal["move"] = "move"
    samples: SampleIds
    class_id: ClassId
    firm: bool = True


class Label(Record):
    """Confirm or set the class of samples; they stay there from now on."""

    kind: Literal["label"] = "label"
    samples: SampleIds
    class_id: ClassId


class Exclude(Record):
    """Samples do not belong to this class; the next re-solve finds another one for them."""

    kind: Literal["exclude"] = "exclude"
    samples: SampleIds
    class_id: ClassId


class WrongCoarse(Record):
    """Say that samples' coarse label is wrong: they join `coarse`, or none.

    The only correction that takes a sample out of its coarse class. Without `class_id` the next
    re-solve chooses the class.
    """

    kind: Literal["wrong_coarse"] = "wrong_coarse"
    samples: SampleIds
    coarse: str | None
    class_id: ClassId | None = None


class Pin(Record):
    """A class hangs under this coarse class."""

    kind: Literal["pin"] = "pin"
    class_id: ClassId
    coarse: str


class Forbid(Record):
    """A class never hangs under this coarse class."""

    kind: Literal["forbid"] = "forbid"
    class_id: ClassId
    coarse: str


class MustLink(Record):
    """Two classes hang under the same coarse class."""

    kind: Literal["must_link"] = "must_link"
    class_id: ClassId
    other: ClassId


class CannotLink(Record):
    """Two classes never hang under the same coarse class."""

    kind: Literal["cannot_link"] = "cannot_link"
    class_id: ClassId
    other: ClassId


class KeepApart(Record):
    """Two classes are not one: merging them is refused, and the queue asks no more."""

    kind: Literal["keep_apart"] = "keep_apart"
    class_id: ClassId
    other: ClassId


class Whole(Record):
    """A class is one class: the queue proposes no more cuts of it."""

    kind: Literal["whole"] = "whole"
    class_id: ClassId


class LinkSamples(Record):
    """Two samples belong to one class (`together`) or to two."""

    kind: Literal["link_samples"] = "link_samples"
    sample: str
    other: str
    together: bool


class Resolved(Record):
    """A re-solve: from here on the classes are those of a stored solution."""

    kind: Literal["resolved"] = "resolved"
    solution: str = Field(pattern=r"^[0-9a-f]{64}$")
    summary: str


class Continued(Record):
    """The review goes on from that of an earlier result: its classes, and all that was said."""

    kind: Literal["continued"] = "continued"
    solution: str = Field(pattern=r"^[0-9a-f]{64}$")
    summary: str


class Undo(Record):
    """Take back the last correction that is in force."""

    kind: Literal["undo"] = "undo"


class Redo(Record):
    """Put back what was taken back last."""

    kind: Literal["redo"] = "redo"


Correction = Annotated[
    Rename
    | Accept
    | Reject
    | Merge
    | Split
    | Move
    | Label
    | Exclude
    | WrongCoarse
    | Pin
    | Forbid
    | MustLink
    | CannotLink
    | KeepApart
    | Whole
    | LinkSamples
    | Resolved
    | Continued
    | Undo
    | Redo,
    Field(discriminator="kind"),
]
CORRECTION: TypeAdapter[Correction] = TypeAdapter(Correction)


SAID: dict[str, type[Record]] = {
    kind.model_fields["kind"].default: kind
    for kind in get_args(get_args(Correction)[0])
    if kind not in (Resolved, Continued)
}
"""Kind -> record, of the corrections that a person may send; the others are made by triage."""


MADE = {
    "resolved": "a re-solve is started by :resolve, or falcon resolve",
    "continued": "a review goes on from another by /continuations, or --continue-from",
}
"""Kind that triage alone makes -> what makes it."""


def read_corrections(documents: Iterable[Any]) -> list[Correction]:
    """Read corrections from JSON documents, as a person sends them.

    Raises
    ------
    CorrectionError
        One of them is none; the sentence says which, names the field and tells its fields.

    Examples
    --------
    >>> read_corrections([{"kind": "merge", "class_ids": ["c1", "c4"]}])
    [Merge(kind='merge', class_ids=('c1', 'c4'))]
    """
    return [_read(document, number) for number, document in enumerate(documents)]


def _read(document: Any, number: int) -> Correction:
    kind = _kind_of(document, number)
    record = SAID.get(kind)
    if record is None:
        remedy = MADE.get(kind, "docs/triage.md says what each means")
        raise CorrectionError(
            f"Correction {number + 1} is of the kind {kind!r}, but one of {', '.join(SAID)} was "
            f"expected; {remedy}."
        )
    try:
        return cast(Correction, record.model_validate(document))
    except ValidationError as error:
        found = wrong_fields(error.errors(), document, f"/corrections/{number}")
        where = ".".join(found[0]["pointer"].split("/")[3:]) or "the whole"
        raise CorrectionError(
            f"Correction {number + 1} ({document['kind']}) is wrong at {where}: "
            f"{found[0]['detail']}; its fields are {_listed(record)}.",
            errors=found,
        ) from error


def _kind_of(document: Any, number: int) -> str:
    if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
        raise CorrectionError(
            f"Correction {number + 1} names no kind, but an object with one was expected, such as "
            '{"kind": "whole", "class_id": "c12"}; docs/triage.md lists the kinds.'
        )
    return str(document["kind"])


def _listed(record: type[Record]) -> str:
    names = list(record.model_fields)
    return f"{', '.join(names[:-1])} and {names[-1]}" if names[1:] else names[0]
