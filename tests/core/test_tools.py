"""Tools and calls as JSON lines."""

from __future__ import annotations

import json

from toolkit.core.tools import calls, declared, functions


def test_a_line_separator_inside_a_string_ends_no_line() -> None:
    told = [{"name": name, "description": "one\u2028two\x85three", "parameters": {}} for name in "fg"]
    text = "\r\n".join(json.dumps(each, ensure_ascii=False) for each in told)
    assert list(declared(text) or ()) == ["f", "g"]
    assert functions(text) == told
    made = calls('{"name": "f", "arguments": {"q": "a\u2028b"}}\n{"name": "g", "arguments": {}}')
    assert [(each.name, each.arguments) for each in made] == [("f", {"q": "a\u2028b"}), ("g", {})]
