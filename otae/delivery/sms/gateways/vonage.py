"""Vonage, once Nexmo: its SMS API. It answers 200 to everything and says per part of the message what came of it."""

from typing import Final

from otae.delivery.http_client import HttpAnswer, HttpRequest
from otae.delivery.sms.gateways.gateway import (
    Field,
    Gateway,
    TextMessage,
    Values,
    as_form,
    at,
    base_url,
    based,
    check_sender,
    is_plain,
    parsed,
    settled,
    shortly,
    unclear,
)
from otae.delivery.transport import NotYet, OutcomeUnknown, RefusedForGood, ServerRefused, Unreachable
from otae.words import N_

URL: Final = "https://rest.nexmo.com"
#: Statuses of a part: taken; too fast, or the provider's own trouble; the account or the key; the sender.
TAKEN: Final = "0"
LATER: Final = frozenset({"1", "5", "10"})
SENDER: Final = "15"
ACCOUNT: Final = frozenset({"4", "8", "9", "11", "14"})


def request(values: Values, message: TextMessage) -> HttpRequest:
    """Return the request that sends ``message``; numbers go without their plus sign."""
    form = {
        "api_key": values["api_key"],
        "api_secret": values["api_secret"],
        "from": values["sender"].removeprefix("+"),
        "to": message.to.removeprefix("+"),
        "text": message.text,
        "type": "text" if is_plain(message.text) else "unicode",
    }
    return as_form(f"{based(values, URL)}/sms/json", form, ("Accept", "application/json"))


def judge(_values: Values, answer: HttpAnswer) -> str:
    """Return the message's id."""
    said = parsed(answer)
    settled(answer, shortly(at(said, "title"), at(said, "detail")))
    parts = at(said, "messages")
    if not isinstance(parts, list) or not parts:
        raise unclear(answer)
    statuses = [str(at(part, "status")) for part in parts]
    if set(statuses) == {TAKEN}:
        return shortly("accepted", at(parts, 0, "message-id"))
    wrong = next(number for number, status in enumerate(statuses) if status != TAKEN)
    words = shortly("status", statuses[wrong], at(parts, wrong, "error-text"))
    if TAKEN in statuses:
        raise OutcomeUnknown(f"a part was not taken: {words}")
    if statuses[wrong] in LATER:
        raise NotYet(words)
    if statuses[wrong] == SENDER:
        raise ServerRefused(words)
    raise (Unreachable if statuses[wrong] in ACCOUNT else RefusedForGood)(words)


GATEWAY: Final = Gateway(
    "vonage",
    N_("Vonage (Nexmo)"),
    N_("The SMS API of Vonage, as its dashboard names key and secret."),
    (
        Field("api_key", N_("API key")),
        Field("api_secret", N_("API secret"), secret=True),
        Field("sender", N_("Virtual number"), N_("A number of yours there, or a name where the country allows one.")),
        base_url(URL),
    ),
    request,
    judge,
    check_sender,
)
