"""`toolkit parts`: what is on the shelves."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from toolkit.cli import _options as opts


def command(
    name: Annotated[str, typer.Argument(help="A part, by id or code, or a shelf.")] = "",
    with_: opts.With = [],  # noqa: B006 - typer copies it
    json: opts.AsJson = False,
) -> None:
    """List every part, or show one with its documentation and options."""
    from toolkit.core import parts

    opts.load_parts(with_)
    if name and name not in parts.SHELVES:
        _show(name, json)
        return
    shelves = [name] if name else list(parts.SHELVES)
    listed = [_row(shelf, found) for shelf in shelves for found in parts.parts(shelf).values()]
    if json:
        import json as jsonlib

        print(jsonlib.dumps(listed, indent=1))
        return
    for shelf in shelves:
        print(f"{shelf}")
        for row in listed:
            if row["shelf"] == shelf:
                print(f"  {row['code']:<4} {row['id']:<22} {row['summary']}")


def _row(shelf: str, found: type[Any]) -> dict[str, str]:
    summary = (found.__doc__ or "").strip().split("\n")[0]
    return {"shelf": shelf, "id": found.id, "code": getattr(found, "code", ""), "summary": summary}


def _show(name: str, as_json: bool) -> None:
    import inspect

    from toolkit.core import parts
    from toolkit.core.errors import UsageError, unknown

    known: list[str] = []
    for shelf in parts.SHELVES:
        try:
            found = parts.part(shelf, name)
        except UsageError:
            known += parts.parts(shelf)
            continue
        row = _row(shelf, found)
        options = [{"name": n, "type": t, "default": None if d is ... else d} for n, t, d in parts.options(found)]
        if as_json:
            import json

            print(
                json.dumps(
                    {**row, "documentation": inspect.cleandoc(found.__doc__ or ""), "options": options}, indent=1
                )
            )
            return
        print(f"{row['code']} {row['id']} ({shelf})\n".lstrip())
        print(inspect.cleandoc(found.__doc__ or ""))
        print("\noptions: " + ("" if options else "none"))
        for option in options:
            print(f"  {option['name']:<14} {option['type']:<8} {option['default']!r}")
        return
    raise unknown("part", name, known)
