"""BulkSMS: the messages of its JSON API, with an API token."""

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
    basic,
    check_sender,
    is_plain,
    parsed,
    settled,
    shortly,
    unclear,
)
from otae.delivery.transport import RefusedForGood
from otae.words import N_

URL: Final = "https://api.bulksms.com"


def request(values: Values, message: TextMessage) -> HttpRequest:
    """Return the request that sends ``message``."""
    one = {"to": message.to, "body": message.text, "encoding": "TEXT" if is_plain(message.text) else "UNICODE"}
    if values["sender"]:
        one["from"] = values["sender"]
    return as_json("POST", f"{based(values, URL)}/v1/messages", one, basic(values["token_id"], values["token_secret"]))


def judge(_values: Values, answer: HttpAnswer) -> str:
    """Return the message's state and id."""
    said = parsed(answer)
    settled(answer, shortly(at(said, "title"), at(said, "detail")))
    one = at(said, 0)
    state = at(one, "status", "type")
    if not at(one, "id") or not state:
        raise unclear(answer)
    if state == "FAILED":
        raise RefusedForGood(shortly(state, at(one, "status", "subtype")))
    return shortly(state, at(one, "id"))


GATEWAY: Final = Gateway(
    "bulksms",
    N_("BulkSMS"),
    N_("The JSON API of BulkSMS, with a token made in its settings."),
    (
        Field("token_id", N_("Token ID")),
        Field("token_secret", N_("Token secret"), secret=True),
        Field("sender", N_("From"), N_("A sender that is set up there; empty for the account's own."), required=False),
        base_url(URL),
    ),
    request,
    judge,
    check_sender,
)
