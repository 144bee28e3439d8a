"""Macros are found by one scan and nothing else happens to what an administrator writes."""

import html
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otae.delivery.texts.default_texts import default_wording
from otae.delivery.texts.kinds import KINDS
from otae.delivery.texts.macros import MACROS, MAX_BYTES, check_template, fill, properties_in
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${user.phone 'none'}", "none"),
        ("${user.phone}", ""),
        ("${user.mail 'none'}", "ben@example.test"),
        ("${ user.phone  'it''s <secret>' }", "it's <secret>"),
        ("${firstnotnull(user.displayname,user.loginname)}", "ben"),
        ("${firstnotnull( user.phone , user.displayname ) 'nobody'}", "nobody"),
        ("${firstnotnull(user.phone,user.displayname)}", ""),
        ("${firstnotnull(user.phone,user.unheardof)}", "${firstnotnull(user.phone,user.unheardof)}"),
        ("${User.mail}", "${User.mail}"),
    ],
)
def test_an_empty_value_gives_way_to_the_default_and_to_the_next(text: str, said: str) -> None:
    values = {"user.phone": "", "user.displayname": "", "user.loginname": "ben", "user.mail": "ben@example.test"}
    assert fill(text, values) == said
    assert fill(text, values, escape=True) == (said if said == text else html.escape(said))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${user.property.department}", "R&D <2>"),
        ("${ user.property.Department }", "R&D <2>"),
        ("${user.property.cost-center_1.b}", "7"),
        ("${user.property.floor}", ""),
        ("${user.property.floor 'unknown'}", "unknown"),
        ("${firstnotnull(user.property.floor,user.property.department,user.mail) 'x'}", "R&D <2>"),
        ("${firstnotnull(user.property.floor,user.unheardof)}", "${firstnotnull(user.property.floor,user.unheardof)}"),
        ("${user.property.}", "${user.property.}"),
        ("${user.property.a b}", "${user.property.a b}"),
    ],
)
def test_a_property_of_the_person_is_a_macro_and_empty_for_who_has_none(text: str, said: str) -> None:
    values = {"user.property.department": "R&D <2>", "user.property.cost-center_1.b": "7", "user.mail": ""}
    assert fill(text, values) == said
    assert fill(text, values, escape=True) == (said if said == text else html.escape(said))


def test_a_property_that_nobody_has_is_refused_where_it_stands() -> None:
    text = "${enrollment.url}\n ${firstnotnull(user.property.title,user.property.Floor)}"
    assert properties_in(text, "${user.property.title}", "${user.property.b") == {"title", "floor"}
    given = asdict(default_wording("url")) | {"text": text, "subject": "${user.property.title}"}
    check_template("url", **given)
    with pytest.raises(InputRefused) as refused:
        check_template("url", **given, unknown={"floor"})
    words = "${user.property.floor} at line 2, column 2 is not known: nobody has this property"
    assert refused.value.fields == {"text": words}


@given(st.text(alphabet="${}'|(), .\n\\%<abenrollmentpiufs", max_size=300), st.booleans())
def test_any_text_becomes_itself_but_for_known_macros(text: str, escape: bool) -> None:
    assert fill(text, {}, escape=escape) == text
    assert fill(text, dict.fromkeys(MACROS, "?")).count("${") <= text.count("${")


@given(st.sampled_from(sorted(MACROS)), st.text(max_size=100), st.text(max_size=100), st.text(max_size=100))
def test_any_value_arrives_as_it_is_and_once(name: str, value: str, before: str, after: str) -> None:
    before, after = before.replace("$", ""), after.replace("$", "")
    assert fill(f"{before}${{{name}}}{after}", {name: value}) == before + value + after
    assert fill(f"${{{name}}}", {name: value}, escape=True) == html.escape(value)


@given(st.text(alphabet=st.characters(exclude_characters="{}"), max_size=100))
def test_any_default_without_braces_can_be_written(default: str) -> None:
    quoted = default.replace("'", "''")
    assert fill(f"${{user.phone '{quoted}'}}", {"user.phone": ""}) == default


@given(st.sampled_from(sorted(KINDS)), st.text(alphabet="${}'(), .\nuserphonfi", max_size=200))
def test_whatever_is_written_is_taken_or_refused_with_words(kind: str, text: str) -> None:
    subject, page = default_wording(kind).subject, default_wording(kind).html
    refused: dict[str, str] = {}
    try:
        check_template(kind, subject=subject, text=text, html=page)
    except InputRefused as refusal:
        refused = refusal.fields
    assert list(refused) in ([], ["text"])
    assert refused or "${" not in fill(text, dict.fromkeys(MACROS, ""))


@pytest.mark.parametrize("piece", ["${", "${a", "${user.phone ", "${user.phone '", "''", " ", "${firstnotnull(a.b ,"])
def test_the_longest_text_is_read_at_once(piece: str) -> None:
    text = piece * (MAX_BYTES // len(piece))
    assert fill(text, {"user.phone": "1"}) == text
    assert fill("${user.phone " + text, {"user.phone": "1"}) == "${user.phone " + text


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_templates_can_be_saved(kind: str) -> None:
    check_template(kind, **asdict(default_wording(kind)))


@pytest.mark.parametrize(
    ("kind", "field", "value", "words"),
    [
        ("url", "text", "Hi ${user.nickname} ${enrollment.url}", "${user.nickname} at line 1, column 4 is not known"),
        ("url", "html", "${enrollment.url} ${enrollment.pin}", "${enrollment.pin} at line 1, column 19 has no value"),
        ("pin", "subject", "PIN ${enrollment.pin}", "is a secret"),
        ("url", "subject", "one\ntwo", "one line"),
        ("url", "subject", " ", "is missing"),
        ("url", "text", "no link here", "does not say ${enrollment.url}"),
        ("pin", "html", "", "is missing"),
        ("url", "text", "${enrollment.url}" + "ü" * 32_768, "is longer than 64 KiB"),
        ("url", "text", "${enrollment.url}" * 201, "more than 200 macros"),
        (
            "url",
            "text",
            "${enrollment.url}\n ${invitation.notes}",
            "${invitation.notes} at line 2, column 2 is not known",
        ),
        ("url", "text", "${enrollment.url}\nHi ${user.phone", "at line 2, column 4 has no end"),
        ("url", "text", "${enrollment.url ${user.phone}", "at line 1, column 1 has no end"),
        ("url", "text", "${enrollment.url} ${user.phone none}", "at line 1, column 19 cannot be read"),
        ("url", "text", "${enrollment.url} ${User.Phone}", "${User.Phone} at line 1, column 19 is not known"),
        ("url", "text", "${enrollment.url} ${last(user.mail)}", "cannot be read"),
        ("url", "text", "${enrollment.url} ${firstnotnull()}", "cannot be read"),
        ("url", "html", "${enrollment.url} ${firstnotnull(user.phone,user.fax)}", "${user.fax} at line 1, column 19"),
        ("pin", "subject", "${firstnotnull(user.phone,enrollment.pin)}", "is a secret"),
        ("pin", "text", "${firstnotnull(user.phone,enrollment.pin)}", "does not say ${enrollment.pin}"),
        ("url", "text", "${enrollment.url} ${user.password_hash}", "not known"),
        ("url", "sms", "Go to the desk", "does not say ${enrollment.url}"),
        ("reminder", "sms", "Continue", "does not say ${enrollment.url}"),
        ("pin", "sms", "Your PIN", "does not say ${enrollment.pin}"),
        ("pin", "sms", "${enrollment.pin} ${enrollment.url}", "${enrollment.url} at line 1, column 19 has no value"),
        ("confirmation", "sms", "x" * 1001, "is longer than 1000 characters"),
        ("revoked", "text", "It was ${enrollment.url}", "${enrollment.url} at line 1, column 8 has no value"),
        ("expired", "html", "Until ${enrollment.expires}", "${enrollment.expires} at line 1, column 7 has no value"),
        (
            "url",
            "text",
            "${enrollment.url} ${server.logo}",
            "${server.logo} at line 1, column 19 is for the HTML alone",
        ),
        ("url", "subject", "${server.accent}", "is for the HTML alone"),
        ("url", "text", "${enrollment.url} ${failure.reason}", "${failure.reason} at line 1, column 19 has no value"),
    ],
)
def test_a_template_that_could_not_be_sent_is_refused_at_its_field(
    kind: str, field: str, value: str, words: str
) -> None:
    with pytest.raises(InputRefused) as refused:
        check_template(kind, **(asdict(default_wording(kind)) | {field: value}))
    assert list(refused.value.fields) == [field]
    assert words in refused.value.fields[field]
