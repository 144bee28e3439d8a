"""Macros are found by one scan and nothing else happens to what an administrator writes."""

import pytest

from otae.delivery.macros import check_template, fill
from otae.delivery.templates import DEFAULTS
from otae.errors import InputRefused

VALUES = {"user.displayname": "${enrollment.pin} <Ben>", "enrollment.pin": "40719362"}
PAYLOADS = [
    "{{ 7 * 7 }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ config }}",
    "{{ 'a' * 500000000 }}",
    "{0.__class__}",
    "{user.password_hash}",
    "%(user)s %1000000000d",
    "$user $$ ${ $} ${{enrollment.pin}}",
    "${user.displayname.__class__}",
    "${enrollment.pin | upper}",
    "${enrollment.pin!r:>500000000}",
    "<%= 7 * 7 %> #{7 * 7} @{7 * 7} [[${7*7}]]",
]


@pytest.mark.parametrize("text", PAYLOADS)
def test_what_is_no_macro_stays_as_it_is_written(text: str) -> None:
    assert fill(text, VALUES) == text


def test_a_value_is_never_looked_at_again_and_is_escaped_for_html() -> None:
    assert fill("Hello ${user.displayname}", VALUES) == "Hello ${enrollment.pin} <Ben>"
    assert fill("Hello ${ user.displayname }", VALUES, escape=True) == "Hello ${enrollment.pin} &lt;Ben&gt;"


@pytest.mark.parametrize("kind", DEFAULTS)
def test_the_default_templates_can_be_saved(kind: str) -> None:
    subject, text, html = DEFAULTS[kind]
    check_template(kind, subject=subject, text=text, html=html)


@pytest.mark.parametrize(
    ("kind", "field", "value", "words"),
    [
        ("url", "text", "Hi ${user.nickname} ${enrollment.url}", "${user.nickname} at character 4 is not known"),
        ("url", "html", "${enrollment.url} ${enrollment.pin}", "${enrollment.pin} at character 19 has no value"),
        ("pin", "subject", "PIN ${enrollment.pin}", "is a secret"),
        ("url", "subject", "one\ntwo", "one line"),
        ("url", "subject", " ", "is missing"),
        ("url", "text", "no link here", "does not say ${enrollment.url}"),
        ("pin", "html", "", "is missing"),
        ("url", "text", "x" * 70_000, "is longer than"),
        ("url", "text", "${enrollment.url} ${user.password_hash}", "not known"),
    ],
)
def test_a_template_that_could_not_be_sent_is_refused_at_its_field(
    kind: str, field: str, value: str, words: str
) -> None:
    subject, text, html = DEFAULTS[kind]
    with pytest.raises(InputRefused) as refused:
        check_template(kind, **({"subject": subject, "text": text, "html": html} | {field: value}))
    assert list(refused.value.fields) == [field]
    assert words in refused.value.fields[field]
