"""Each SMS gateway against a stand-in that checks the provider's documented fields, and what its answers mean."""

import json
from collections.abc import Callable

import pytest

from otae.delivery.http_client import HttpResponse
from otae.delivery.mail.transcript import REDACTED, Transcript, redact
from otae.delivery.sms.gateways import GATEWAYS, TextMessage, Values, generic
from otae.delivery.sms.sender import GatewayTransport
from otae.delivery.transport import NotSent, OutcomeUnknown, PermanentlyRefused, Receipt, TemporaryFailure, Unreachable
from tests.servers import sms
from tests.servers.sms import ACCOUNT, DROP, HANG, Answer, Asked, Provider, StartProvider

pytestmark = pytest.mark.anyio

BEN = "+4915112345678"
SAID = "Your PIN: 40719362"
#: Everything that ends a JSON string, a form's value, an XML text or a line somewhere, and what needs 16 bits.
HOSTILE = 'a"b\\c\r\nBcc: x&to=+1999&<!-- ]]> ${sms.secret} %0d%0a \u2028 ünï \U0001f600 \x00' + "x" * 1200

PRESETS: dict[str, tuple[Answer, dict[str, str]]] = {
    "vonage": (sms.vonage, {"api_key": "abcd1234", "api_secret": "s3cr3t", "sender": "+4915799999999"}),
    "twilio": (sms.twilio, {"account_sid": ACCOUNT, "auth_token": "t0k3n", "sender": "+4915799999999"}),
    "clickatell": (sms.clickatell, {"api_key": "k3y==", "sender": "27999000001"}),
    "bulksms": (sms.bulksms, {"token_id": "tok-1", "token_secret": "s3cr3t", "sender": ""}),
}
#: Where each provider is told number and text.
TOLD: dict[str, Callable[[Asked], tuple[str, str]]] = {
    "vonage": lambda asked: (asked.form["to"], asked.form["text"]),
    "twilio": lambda asked: (asked.form["To"], asked.form["Body"]),
    "clickatell": lambda asked: (asked.json["messages"][0]["to"], asked.json["messages"][0]["content"]),
    "bulksms": lambda asked: (asked.json["to"], asked.json["body"]),
}


def way(name: str, values: Values, *, private: bool = True, timeout: float = 10) -> GatewayTransport:
    whole = {each.name: each.default for each in GATEWAYS[name].fields} | dict(values)
    return GatewayTransport("Texts", GATEWAYS[name], whole, private, timeout)


async def nothing() -> None:
    """Nobody has to know."""


async def hand_over(transport: GatewayTransport, text: str = SAID) -> Receipt:
    return await transport.send(text, BEN, nothing)


@pytest.fixture
def preset(request: pytest.FixtureRequest, start_provider: StartProvider) -> tuple[str, Provider, dict[str, str]]:
    name: str = request.param
    answer, values = PRESETS[name]
    provider = start_provider(answer)
    return name, provider, values | {"base_url": provider.base_url}


every_preset = pytest.mark.parametrize("preset", PRESETS, indirect=True)


@every_preset
async def test_a_provider_gets_what_it_documents_and_its_yes_is_a_receipt(
    preset: tuple[str, Provider, dict[str, str]],
) -> None:
    name, provider, values = preset
    receipt = await hand_over(way(name, values))
    [asked] = provider.asked
    number, text = TOLD[name](asked)
    assert (number.removeprefix("+"), text) == (BEN.removeprefix("+"), SAID)
    assert asked.headers["host"] == f"localhost:{provider.port}"
    assert receipt.words


@every_preset
async def test_hostile_text_arrives_as_it_is_and_as_one_field(preset: tuple[str, Provider, dict[str, str]]) -> None:
    name, provider, values = preset
    await hand_over(way(name, values), HOSTILE)
    number, text = TOLD[name](provider.asked[0])
    assert (number.removeprefix("+"), text) == (BEN.removeprefix("+"), HOSTILE)


@every_preset
async def test_ten_thousand_characters_are_cut_before_they_cost(preset: tuple[str, Provider, dict[str, str]]) -> None:
    name, provider, values = preset
    await hand_over(way(name, values), "x" * 10_000)
    assert len(TOLD[name](provider.asked[0])[1]) <= 1530


@every_preset
async def test_a_wrong_key_waits_for_the_administrator_and_never_shows(
    preset: tuple[str, Provider, dict[str, str]],
) -> None:
    name, provider, values = preset
    [secret] = GATEWAYS[name].secrets
    transcript = Transcript(way(name, values | {secret: "wr0ng/key="}).secret_forms())
    with pytest.raises(Unreachable) as refused:
        await way(name, values | {secret: "wr0ng/key="}).send(SAID, BEN, nothing, transcript)
    told = str(refused.value) + "\n".join(transcript.lines)
    assert "wr0ng" not in told
    assert REDACTED in told
    assert len(provider.asked) == 1


@pytest.mark.parametrize("name", GATEWAYS)
def test_every_gateway_declares_what_its_requests_hold_secrets_in(name: str) -> None:
    gateway, secret = GATEWAYS[name], 'wr0ng"/ k&y='
    values = {each.name: secret if each.secret else each.default or f"the-{each.name}" for each in gateway.fields}
    asked = gateway.request(values | {"body": '["${sms.secret}"]'}, TextMessage(BEN, SAID))
    sent = "\n".join([asked.url, *(value for _, value in asked.headers), asked.content.decode()])
    shown = redact(sent, GatewayTransport("Texts", gateway, values, private=False, timeout=1).secret_forms())
    assert REDACTED in shown
    assert "wr0ng" not in shown
    assert shown.count("Basic ") == shown.count(f"Basic {REDACTED}") == bool(gateway.user_field)


async def test_a_provider_that_quotes_the_sign_in_does_not_show_it(start_provider: StartProvider) -> None:
    provider = start_provider(lambda asked: (401, asked.headers["authorization"]))
    values = {"url": f"{provider.base_url}/x", "body": GENERIC["body"], "username": "otae", "secret": "sesame"}
    with pytest.raises(Unreachable) as refused:
        await hand_over(way("generic", values))
    assert str(refused.value) == f"401 Basic {REDACTED}"


@every_preset
async def test_a_refused_number_is_failed_for_good_with_the_providers_words(
    preset: tuple[str, Provider, dict[str, str]],
) -> None:
    name, _, values = preset
    with pytest.raises(PermanentlyRefused) as refused:
        await way(name, values).send(SAID, "12-34", nothing)
    words = {"vonage": "Invalid", "twilio": "21211", "clickatell": "Invalid destination", "bulksms": "invalid"}
    assert words[name] in str(refused.value)


@every_preset
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ((429, {"title": "slow down"}), TemporaryFailure),
        ((500, "oops"), TemporaryFailure),
        ((503, ""), TemporaryFailure),
        ((504, "upstream"), OutcomeUnknown),
        ((302, ""), Unreachable),
        ((200, "<html>a captive portal</html>"), OutcomeUnknown),
        ((200, "[" * 5000), OutcomeUnknown),
        ((200, "x" * 200_000), OutcomeUnknown),
        (DROP, OutcomeUnknown),
    ],
)
async def test_what_an_answer_means(
    preset: tuple[str, Provider, dict[str, str]], fault: str | tuple[int, object], kind: type[NotSent]
) -> None:
    name, provider, values = preset
    provider.faults.append(fault)
    with pytest.raises(NotSent) as raised:
        await hand_over(way(name, values))
    assert type(raised.value) is kind
    assert len(provider.asked) == 1, "a redirect was followed, or something asked twice"


async def test_silence_after_the_request_leaves_the_outcome_unknown(start_provider: StartProvider) -> None:
    provider = start_provider(sms.vonage)
    provider.faults.append(HANG)
    with pytest.raises(OutcomeUnknown):
        await hand_over(way("vonage", PRESETS["vonage"][1] | {"base_url": provider.base_url}, timeout=0.5))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("1", TemporaryFailure),
        ("5", TemporaryFailure),
        ("9", Unreachable),
        ("6", PermanentlyRefused),
        ("7", PermanentlyRefused),
    ],
)
def test_vonages_states_are_told_apart(status: str, kind: type[NotSent]) -> None:
    said = {"messages": [{"status": status, "error-text": "why"}]}
    with pytest.raises(kind, match="why"):
        GATEWAYS["vonage"].interpret({}, HttpResponse(200, json.dumps(said)))


def test_a_message_of_which_a_part_was_taken_is_not_simply_sent_again() -> None:
    said = {"messages": [{"status": "0"}, {"status": "1", "error-text": "Throttled"}]}
    with pytest.raises(OutcomeUnknown):
        GATEWAYS["vonage"].interpret({}, HttpResponse(200, json.dumps(said)))


def test_a_messaging_service_of_twilio_is_named_as_one() -> None:
    service = "MG" + "a" * 32
    values = {"account_sid": ACCOUNT, "auth_token": "t", "sender": service, "base_url": ""}
    asked = GATEWAYS["twilio"].request(values, TextMessage(BEN, SAID))
    assert f"MessagingServiceSid={service}".encode() in asked.content
    assert asked.url.startswith("https://api.twilio.com/2010-04-01/")


GENERIC = {"url": "https://sms.example.test/send", "body": '{"to": "${sms.to}", "text": "${sms.text}"}'}


def built(**values: str) -> tuple[str, bytes, dict[str, str]]:
    whole = {each.name: each.default for each in generic.GATEWAY.fields} | GENERIC | values
    assert generic.check(whole) == {}
    asked = generic.request(whole, TextMessage(BEN, HOSTILE))
    return asked.url, asked.content, dict(asked.headers)


def test_hostile_text_stays_inside_a_json_string() -> None:
    template = '{"a": ["${sms.text}"], "to": "${sms.digits}", "n": 1, "key": "${sms.secret}", "m": "x ${sms.from} y"}'
    _, content, headers = built(body=template, secret='s"x', sender="IT")
    said = json.loads(content)
    assert said == {"a": [HOSTILE], "to": BEN[1:], "n": 1, "key": 's"x', "m": "x IT y"}
    assert headers == {"Content-Type": "application/json"}


def test_hostile_text_stays_inside_a_forms_value() -> None:
    _, content, _ = built(body_type="form", body="to=${sms.to}\ntext=${sms.text}&empty=")
    asked = Asked("POST", "/", {}, content, encrypted=False)
    assert asked.form == {"to": BEN, "text": HOSTILE, "empty": ""}


def test_hostile_text_stays_inside_an_xml_text() -> None:
    _, content, headers = built(body_type="xml", body='<m to="${sms.to}">${sms.text}</m>')
    text = content.decode()
    assert text.count("<") == 2
    assert "\x00" not in text
    assert text.count('"') == 2
    assert headers["Content-Type"].startswith("application/xml")


def test_hostile_text_reaches_no_other_place_of_an_address() -> None:
    url, content, _ = built(method="GET", url="https://sms.example.test/${sms.text}?to=${sms.to}&t=${sms.text}&k=1")
    asked = Asked("GET", url, {}, content, encrypted=False)
    assert asked.query == {"to": BEN, "t": HOSTILE, "k": "1"}
    assert asked.path.count("/") == 1
    assert url.startswith("https://sms.example.test/")
    assert "\n" not in url


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("url", "https://${sms.to}.example.test/", "written out"),
        ("url", "https://user:pass@example.test/", "user name"),
        ("url", "file:///etc/passwd", "https"),
        ("url", "https://example.test/\nX", "https"),
        ("url", "https://[::1", "no address"),
        ("url", "https://example.test/?x=${user.password}", "there is no ${user.password}"),
        ("headers", "X-Text: ${sms.text}", "there is no ${sms.text} here"),
        ("headers", "Host: other.example.test", "cannot be set"),
        ("headers", "Transfer-Encoding: chunked", "cannot be set"),
        ("headers", "no colon", "line 1"),
        ("headers", "X: 1\nX-Ünicode: 1", "line 2"),
        ("body", '{"to": ${sms.to}}', "inside quotes"),
        ("body", '{"to": "${sms.pin}"}', "there is no ${sms.pin}"),
        ("body", '{"to": "${sms.to}"}', "${sms.text}"),
        ("body", '{"text": "${sms.text}"}', "${sms.to}"),
        ("body", "[" * 100_000, "no JSON"),
        ("ok_status", "2xx", "a status or a range"),
        ("sender", "a name that is far too long", "11 letters"),
    ],
)
def test_a_gateway_that_cannot_work_is_refused_before_it_is_used(field: str, value: str, words: str) -> None:
    whole = {each.name: each.default for each in generic.GATEWAY.fields} | GENERIC | {field: value}
    assert words in generic.check(whole)[field]


@pytest.mark.parametrize(
    ("rule", "answer", "kind"),
    [
        ({}, HttpResponse(204, ""), None),
        ({"ok_status": "200"}, HttpResponse(202, ""), PermanentlyRefused),
        ({"ok_field": "r.0.ok", "ok_value": "true"}, HttpResponse(200, '{"r": [{"ok": true}]}'), None),
        ({"ok_field": "r.0.ok", "ok_value": "true"}, HttpResponse(200, '{"r": [{"ok": false}]}'), PermanentlyRefused),
        ({"ok_field": "r.0.ok", "ok_value": "true"}, HttpResponse(200, '{"r": []}'), PermanentlyRefused),
        ({"ok_field": "status", "ok_value": "0"}, HttpResponse(200, '{"status": 0}'), None),
        ({"ok_field": "status", "ok_value": "0"}, HttpResponse(200, "no JSON"), OutcomeUnknown),
        ({"ok_field": "r\u00b2.\u00b2", "ok_value": "0"}, HttpResponse(200, '{"r\u00b2": {"\u00b2": 0}}'), None),
        ({"ok_value": "OK"}, HttpResponse(200, "OK 17"), None),
        ({"ok_value": "OK"}, HttpResponse(200, "ERR 17"), PermanentlyRefused),
        ({"ok_status": "200-599"}, HttpResponse(500, ""), None),
        ({}, HttpResponse(401, "key"), Unreachable),
        ({}, HttpResponse(404, "gone"), PermanentlyRefused),
    ],
)
def test_a_success_rule_says_what_a_yes_is(rule: Values, answer: HttpResponse, kind: type[NotSent] | None) -> None:
    whole = {each.name: each.default for each in generic.GATEWAY.fields} | GENERIC | dict(rule)
    if kind is None:
        generic.interpret(whole, answer)
        return
    with pytest.raises(NotSent) as raised:
        generic.interpret(whole, answer)
    assert type(raised.value) is kind


async def test_a_generic_gateway_goes_over_tls_that_is_proven(
    start_provider: StartProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = start_provider(lambda _asked: (200, "OK"), tls=True)
    values = {"url": f"{provider.base_url}/x", "body": GENERIC["body"], "username": "otae", "secret": "sesame"}
    with pytest.raises(Unreachable, match="not trusted"):
        await hand_over(way("generic", values))
    assert provider.asked == []
    monkeypatch.setenv("SSL_CERT_FILE", str(provider.ca_file))
    receipt = await hand_over(way("generic", values))
    assert receipt.tls.startswith("TLSv1.3")
    [asked] = provider.asked
    assert (asked.basic, asked.encrypted) == (("otae", "sesame"), True)
    elsewhere = values | {"url": f"https://127.0.0.2:{provider.port}/x"}
    with pytest.raises(Unreachable, match=r"not trusted|cannot be reached"):
        await hand_over(way("generic", elsewhere))
    assert len(provider.asked) == 1


async def test_the_line_stands_and_nothing_is_said_before_it_is_noted(start_provider: StartProvider) -> None:
    provider = start_provider(lambda _asked: (200, "OK"))
    seen: list[int] = []

    async def note() -> None:
        seen.append(len(provider.asked))
        raise TemporaryFailure("taken over")

    transport = way("generic", {"url": f"{provider.base_url}/x", "body": GENERIC["body"]})
    with pytest.raises(TemporaryFailure, match="taken over"):
        await transport.send(SAID, BEN, note)
    assert (seen, provider.asked) == ([0], [])
