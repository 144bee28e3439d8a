"""Clickatell: the message call of its platform API, with one message a request."""

from typing import Final

from otae.delivery.http_client import HttpRequest, HttpResponse
from otae.delivery.sms.gateways.gateway import (
    Field,
    Gateway,
    TextMessage,
    Values,
    api_url,
    base_url_field,
    check_sender,
    check_status,
    joined,
    json_at,
    json_request,
    parse_json,
    unreadable,
)
from otae.delivery.transport import PermanentlyRefused
from otae.translatable import N_

URL: Final = "https://platform.clickatell.com"


def request(values: Values, message: TextMessage) -> HttpRequest:
    """Return the request that sends ``message``; this API takes numbers without a plus sign."""
    one = {"channel": "sms", "to": message.to.removeprefix("+"), "content": message.text}
    if values["sender"]:
        one["from"] = values["sender"].removeprefix("+")
    headers = (("Authorization", values["api_key"]), ("Accept", "application/json"))
    return json_request("POST", f"{api_url(values, URL)}/v1/message", {"messages": [one]}, *headers)


def interpret(_values: Values, response: HttpResponse) -> str:
    """Return the id of the accepted message; raises as `gateway.check_status`."""
    document = parse_json(response)
    one = json_at(document, "messages", 0)
    why = json_at(one, "error") or json_at(document, "error")
    words = joined(json_at(why, "code"), json_at(why, "description")) if isinstance(why, dict) else joined(why)
    check_status(response, words)
    if json_at(one, "accepted") is True:
        return joined("accepted", json_at(one, "apiMessageId"))
    if json_at(one, "accepted") is False or why:
        raise PermanentlyRefused(words or "not accepted")
    raise unreadable(response)


GATEWAY: Final = Gateway(
    "clickatell",
    N_("Clickatell"),
    N_("The platform API of Clickatell, with the key of an integration."),
    (
        Field("api_key", N_("API key"), secret=True),
        Field(
            "sender",
            N_("From"),
            N_("One of your two-way numbers there; empty if the integration has none."),
            required=False,
        ),
        base_url_field(URL),
    ),
    request,
    interpret,
    check_sender,
)
