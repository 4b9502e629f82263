"""Templates print data; a hostile one is refused before it runs."""

from __future__ import annotations

import time

import pytest

from toolkit.core.errors import UsageError
from toolkit.core.template import check, render

VALUES = {"rows": 3, "label": "refund", "others": ["a", "b"], "examples": [{"text": "x"}], "shun": []}


def test_it_prints_chooses_and_loops() -> None:
    source = "{% if shun %}no{% else %}{{ label | upper }}{% endif %}: "
    source += '{% for each in examples %}{{ each.text }}{% endfor %} {{ others | join(", ") }}'
    assert render(source, VALUES) == "REFUND: x a, b"


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ label['__class__'] }}",
        "{{ _secret }}",
        "{{ label.upper() }}",
        "{{ range(10**9) }}",
        "{{ label * 10**10 }}",
        "{{ 2 ** 10**9 }}",
        "{% set x = label %}{{ x }}",
        "{% macro x() %}{% endmacro %}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{% extends 'x' %}",
        "{{ cycler }}",
        "{{ lipsum }}",
        "{{ label | attr('__class__') }}",
        "{{ label | center(999999999) }}",
        "{{ label | join(label) }}",
        "{{ label | join('x') | join('y') | join('z') | join('w') }}",
        "{{ label | format(1) }}",
        "{% for a in shun %}{% for b in shun %}{% for c in shun %}x{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in shun recursive %}{{ loop(a) }}{% endfor %}",
        "{% filter upper %}x{% endfilter %}",
        "{{ lable }}",
        "{{ label.nothing }}",
        "{{ label",
        "x" * 20_001,
    ],
)
def test_a_hostile_or_broken_template_is_an_error_of_two_lines_and_quick(source: str) -> None:
    start = time.process_time()
    with pytest.raises(UsageError) as caught:
        render(source, VALUES, "strategy.prompt")
    assert caught.value.what.startswith("strategy.prompt")
    assert caught.value.fix
    assert time.process_time() - start < 1


def test_an_error_names_its_line() -> None:
    with pytest.raises(UsageError, match=r"strategy\.prompt, line 3: a call"):
        check("one\ntwo\n{{ label.upper() }}", "strategy.prompt")
