"""The tables of docs/configuration.md, made from the models; printed when run.

`python -m tests.cli.configuration_tables` prints what the document must hold.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from falcon_svc.config import DiscoveryConfig

HEAD = "| key | default | meaning |\n|---|---|---|"


def tables() -> dict[str, str]:
    """Section -> Markdown table of its keys, sections within sections too."""
    return dict(_tables("", DiscoveryConfig()))


def _tables(name: str, section: BaseModel) -> Iterator[tuple[str, str]]:
    inner = {key: value for key, value in section if isinstance(value, BaseModel)}
    rows = [_row(section, key) for key in type(section).model_fields if key not in inner]
    yield name, "\n".join([HEAD, *rows])
    for key, value in inner.items():
        yield from _tables(f"{name}.{key}".lstrip("."), value)


def _row(section: BaseModel, key: str) -> str:
    description = (type(section).model_fields[key].description or "").replace("|", "\\|")
    return f"| `{key}` | {_toml(getattr(section, key))} | {description} |"


def _toml(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


if __name__ == "__main__":
    for name, table in tables().items():
        print(f"## {f'[{name}]' if name else 'Top level'}\n\n{table}\n")
