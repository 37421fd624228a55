"""Data sets: sent whole as a form, or made of an upload in parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, File, Form, Path, Request, Response, UploadFile
from pydantic import WithJsonSchema

from falcon_svc.api.dependencies import (
    Ctx,
    DatasetId,
    IdempotencyKey,
    Left,
    Listing,
    PageSize,
    PageToken,
    Reader,
    UploadId,
    Writer,
)
from falcon_svc.api.documents import GATED, LOCATION, refused
from falcon_svc.api.examples import SHA256
from falcon_svc.api.forms import gathered, json_object, metadata_of
from falcon_svc.api.schemas import CompleteIn, DatasetOut, Page, UploadIn, UploadOut
from falcon_svc.api.strict_route import StrictRoute, check_media_type
from falcon_svc.service import datasets, uploads
from falcon_svc.service.context import Context
from falcon_svc.service.keys import Caller
from falcon_svc.storage.tables import Dataset

router = APIRouter(prefix="/v1", tags=["data sets"], route_class=StrictRoute, responses=GATED)
OCTETS = "application/octet-stream"
PART = {
    "required": True,
    "content": {
        OCTETS: {"schema": {"type": "string", "format": "binary"}, "example": "bytes of the file"}
    },
}
BINARY = WithJsonSchema({"type": "string", "format": "binary"})
"""As generators know a file; OpenAPI 3.1 alone would have `contentMediaType`."""
DataFile = Annotated[
    UploadFile,
    File(description="Format of the file: npz, npy, csv, jsonl, parquet, h5ad or zip."),
    BINARY,
]
LabelFile = Annotated[UploadFile | Left, File(description="Labels of an npy file, as CSV."), BINARY]
Options = Annotated[str, Form(description="Reading options as a JSON object.")]
MetadataText = Annotated[str, Form(description="Metadata of your own: a JSON object of texts.")]
PartNumber = Annotated[int, Path(ge=1, le=uploads.MOST_PARTS, examples=[1])]
Sha256 = Annotated[
    str | Left,
    Form(description="SHA-256 of the file's bytes, in hexadecimal digits.", examples=[SHA256]),
]
Name = Annotated[
    str | Left, Form(description="Name of the data set, instead of the file's.", examples=["birds"])
]


def receive(
    context: Context,
    caller: Caller,
    file: UploadFile,
    labels: UploadFile | None,
    options: dict[str, Any],
    metadata: dict[str, str],
    *,
    sha256: str | None = None,
    name: str | None = None,
    key: str | None,
) -> tuple[Dataset, bool]:
    """Store the files of a form as a data set; return it and whether it is new."""
    with staged(context, file, labels, sha256) as (whole, beside):
        return datasets.add(
            context, caller, whole, options, metadata, name=name, labels=beside, key=key
        )


@contextmanager
def staged(
    context: Context, file: UploadFile, labels: UploadFile | None, sha256: str | None = None
) -> Iterator[tuple[datasets.Upload, datasets.Upload | None]]:
    """Yield the files of a form, as they have arrived; what is not moved is deleted."""
    whole = uploads.stage(context, file.file, file.filename or "")
    try:
        uploads.check_sha256(whole, sha256)
        named = None if labels is None else (labels.file, labels.filename or "")
        yield whole, None if named is None else uploads.stage(context, *named)
    finally:
        whole.discard()


@router.post(
    "/datasets",
    status_code=201,
    operation_id="create_dataset",
    responses={
        200: {"model": DatasetOut, "description": "Made by an earlier request."},
        201: {"headers": LOCATION},
        **refused(507),
    },
)
def create_dataset(
    context: Ctx,
    caller: Writer,
    response: Response,
    file: DataFile,
    labels: LabelFile = None,
    options: Options = "{}",
    metadata: MetadataText = "{}",
    sha256: Sha256 = None,
    name: Name = None,
    idempotency_key: IdempotencyKey = None,
) -> DatasetOut:
    """Send a data set; it is then checked, and `ready` or `invalid`."""
    made, new = receive(
        context,
        caller,
        file,
        labels,
        json_object("options", options),
        metadata_of(metadata),
        sha256=sha256,
        name=name,
        key=idempotency_key,
    )
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/datasets/{made.id}"
    return DatasetOut.of(made)


@router.get("/datasets", operation_id="list_datasets")
def list_datasets(
    context: Ctx, caller: Reader, page_size: PageSize = 50, page_token: PageToken = None
) -> Page[DatasetOut]:
    """List data sets, newest first."""
    listing = Listing(context, caller, "datasets")
    rows, more = datasets.page(context, caller, size=page_size, before=listing.before(page_token))
    token = listing.next_token(list(rows), more)
    return Page(items=[DatasetOut.of(row) for row in rows], next_page_token=token)


@router.get("/datasets/{dataset_id:id}", operation_id="get_dataset", responses=refused(404))
def get_dataset(context: Ctx, caller: Reader, dataset_id: DatasetId) -> DatasetOut:
    """Return a data set."""
    return DatasetOut.of(datasets.get(context, caller, dataset_id))


@router.delete(
    "/datasets/{dataset_id:id}",
    status_code=204,
    operation_id="delete_dataset",
    responses=refused(404, 409),
)
def delete_dataset(context: Ctx, caller: Writer, dataset_id: DatasetId) -> None:
    """Delete a data set with the jobs on it, their results and all files."""
    datasets.delete(context, caller, dataset_id)


@router.post(
    "/uploads",
    status_code=201,
    operation_id="begin_upload",
    responses={201: {"headers": LOCATION}},
)
def begin_upload(context: Ctx, caller: Writer, response: Response, body: UploadIn) -> UploadOut:
    """Announce a file that comes in parts; parts and announcement are kept for a day."""
    made = uploads.begin(context, caller, body.name, body.size_bytes)
    response.headers["Location"] = f"/v1/uploads/{made.id}"
    return UploadOut.of(made, [])


@router.get("/uploads/{upload_id:id}", operation_id="get_upload", responses=refused(404))
def get_upload(context: Ctx, caller: Reader, upload_id: UploadId) -> UploadOut:
    """Return an upload with the parts that are here."""
    return UploadOut.of(*uploads.get(context, caller, upload_id))


@router.put(
    "/uploads/{upload_id:id}/parts/{number}",
    status_code=204,
    operation_id="put_part",
    responses=refused(404, 409, 507),
    openapi_extra={"requestBody": PART},
)
async def put_part(
    context: Ctx, caller: Writer, request: Request, upload_id: UploadId, number: PartNumber
) -> None:
    """Send part 1, 2, ...; in any order, again if need be."""
    check_media_type(request, OCTETS)
    part = await anyio.to_thread.run_sync(uploads.open_part, context, caller, upload_id, number)
    try:
        async for piece in gathered(request.stream(), uploads.CHUNK_BYTES):
            await anyio.to_thread.run_sync(part.write, piece)
        await anyio.to_thread.run_sync(part.finish)
    finally:
        part.discard()


@router.post(
    "/uploads/{upload_id:id}:complete",
    status_code=201,
    operation_id="complete_upload",
    responses={201: {"headers": LOCATION}, **refused(404, 409, 507)},
)
def complete_upload(
    context: Ctx, caller: Writer, response: Response, upload_id: UploadId, body: CompleteIn
) -> DatasetOut:
    """Make the data set once all parts are here."""
    made = uploads.complete(
        context, caller, upload_id, body.sha256, body.options, dict(body.metadata)
    )
    response.headers["Location"] = f"/v1/datasets/{made.id}"
    return DatasetOut.of(made)


@router.delete(
    "/uploads/{upload_id:id}",
    status_code=204,
    operation_id="abort_upload",
    responses=refused(404),
)
def abort_upload(context: Ctx, caller: Writer, upload_id: UploadId) -> None:
    """Forget an upload and its parts."""
    uploads.abort(context, caller, upload_id)
