"""Requests whose answers are documents. The parts of `Falcon` stand on this."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, cast

from falcon_svc.client.transport import Transport

Document = dict[str, Any]
Kind = TypeVar("Kind")


class Asking:
    """What every part of `Falcon` asks with."""

    _transport: Transport

    def _pages(self, kind: type[Kind], path: str, wanted: dict[str, str]) -> Iterator[Kind]:
        while True:
            page = self._get(Document, path, params=wanted)
            yield from cast(list[Kind], page["items"])
            if page["next_page_token"] is None:
                return
            wanted = wanted | {"page_token": page["next_page_token"]}

    def _get(self, kind: type[Kind], path: str, **given: Any) -> Kind:
        return cast(Kind, self._transport.send("GET", path, **given).json())

    def _post(
        self,
        kind: type[Kind],
        path: str,
        body: Document | None = None,
        *,
        key: str | None = None,
    ) -> Kind:
        headers = {} if key is None else {"Idempotency-Key": key}
        return cast(Kind, self._transport.send("POST", path, json=body, headers=headers).json())
