"""Clickatell: the message call of its platform, which carries one message here."""

from typing import Final

from otae.delivery.http_client import HttpAnswer, HttpRequest
from otae.delivery.sms.gateways.gateway import (
    Field,
    Gateway,
    TextMessage,
    Values,
    as_json,
    at,
    base_url,
    based,
    check_sender,
    parsed,
    settled,
    shortly,
    unclear,
)
from otae.delivery.transport import RefusedForGood
from otae.words import N_

URL: Final = "https://platform.clickatell.com"


def request(values: Values, message: TextMessage) -> HttpRequest:
    """Return the request that sends ``message``; numbers go without their plus sign."""
    one = {"channel": "sms", "to": message.to.removeprefix("+"), "content": message.text}
    if values["sender"]:
        one["from"] = values["sender"].removeprefix("+")
    headers = (("Authorization", values["api_key"]), ("Accept", "application/json"))
    return as_json("POST", f"{based(values, URL)}/v1/message", {"messages": [one]}, *headers)


def judge(_values: Values, answer: HttpAnswer) -> str:
    """Return the message's id."""
    said = parsed(answer)
    one = at(said, "messages", 0)
    why = at(one, "error") or at(said, "error")
    words = shortly(at(why, "code"), at(why, "description")) if isinstance(why, dict) else shortly(why)
    settled(answer, words)
    if at(one, "accepted") is True:
        return shortly("accepted", at(one, "apiMessageId"))
    if at(one, "accepted") is False or why:
        raise RefusedForGood(words or "not accepted")
    raise unclear(answer)


GATEWAY: Final = Gateway(
    "clickatell",
    N_("Clickatell"),
    N_("The platform API of Clickatell, with the key of an integration."),
    (
        Field("api_key", N_("API key"), secret=True),
        Field(
            "sender",
            N_("From"),
            N_("A two-way number of yours there; empty when the integration has none."),
            required=False,
        ),
        base_url(URL),
    ),
    request,
    judge,
    check_sender,
)
