"""Templates escape whatever is filled in, nothing steps around that, a missing name is an error."""

from __future__ import annotations

import re
from importlib import resources

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from falcon_svc.report.rendering import _environment, render
from tests.architecture.sources import ROOT, within

TEMPLATES = {
    path.name: path.read_text("utf-8")
    for path in resources.files("falcon_svc.report").joinpath("templates").iterdir()
}
ATTACK = "<i a='b\">&"


def filled(template: str, **given: object) -> str:
    return _environment().from_string(template).render(given)


def test_words_are_escaped_in_text_and_in_attributes():
    assert filled("<p>{{ x }}</p>", x=ATTACK) == "<p>&lt;i a=&#39;b&#34;&gt;&amp;</p>"
    assert filled('<p title="{{ x }}">', x=ATTACK).count('"') == 2


def test_filters_hand_on_what_is_still_to_be_escaped():
    assert filled("{{ x | shortened(3) }}", x="<b>") == "&lt;b&gt;"
    assert filled('{{ ["<", ">"] | join(", ") }}') == "&lt;, &gt;"
    assert filled('{{ "%s <" | format(x) }}', x="<") == "&lt; &lt;"


def test_parts_of_the_page_are_not_escaped_again():
    made = "{% macro bold(x) %}<b>{{ x }}</b>{% endmacro %}<p>{{ bold(x) }}</p>"
    assert filled(made, x="<") == "<p><b>&lt;</b></p>"


def test_what_html_cannot_hold_is_replaced():
    assert filled("{{ x }}", x="caf\udce9\x01") == "caf\ufffd\ufffd"
    assert filled("{{ x }}", x=Markup("<b>")) == "<b>"


def test_a_name_that_was_not_given_is_an_error():
    with pytest.raises(UndefinedError, match="policy"):
        render("page.html")


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_no_template_steps_around_escaping(name):
    words = re.findall(r"\bsafe\b|autoescape|\bxmlattr\b|tojson", TEMPLATES[name])
    assert not words
    unquoted = r"""=\{\{|='[^']*\{\{"""
    assert not re.search(unquoted, TEMPLATES[name]), "double quotes go around attributes"


def test_markup_is_written_in_templates_only():
    for module in within("falcon_svc.report"):
        names = {name.rpartition(".")[2] for name in module.imports()}
        known = module.name == "falcon_svc.report.rendering"  # which recognises it
        assert known or "Markup" not in names, module.name
        assert not re.search(r"</?(div|p|span|td|table|section)\b", module.text), module.name


def test_every_template_is_used_and_packaged():
    used = "".join(TEMPLATES.values()) + "".join(m.text for m in within("falcon_svc.report"))
    assert all(f'"{name}"' in used for name in TEMPLATES)
    assert "report/templates/*" in (ROOT / "pyproject.toml").read_text("utf-8")
