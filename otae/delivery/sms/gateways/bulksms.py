"""BulkSMS: the messages resource of its JSON API, with an API token."""

from typing import Final

from otae.delivery.http_client import HttpRequest, HttpResponse
from otae.delivery.sms.gateways.gateway import (
    Field,
    Gateway,
    TextMessage,
    Values,
    api_url,
    base_url_field,
    basic_auth,
    check_sender,
    check_status,
    is_plain,
    joined,
    json_at,
    json_request,
    parse_json,
    unreadable,
)
from otae.delivery.transport import PermanentlyRefused
from otae.translatable import N_

URL: Final = "https://api.bulksms.com"


def request(values: Values, message: TextMessage) -> HttpRequest:
    """Return the request that sends ``message``."""
    one = {"to": message.to, "body": message.text, "encoding": "TEXT" if is_plain(message.text) else "UNICODE"}
    if values["sender"]:
        one["from"] = values["sender"]
    return json_request(
        "POST", f"{api_url(values, URL)}/v1/messages", one, basic_auth(values["token_id"], values["token_secret"])
    )


def interpret(_values: Values, response: HttpResponse) -> str:
    """Return state and id of the accepted message; raises as `gateway.check_status`."""
    document = parse_json(response)
    check_status(response, joined(json_at(document, "title"), json_at(document, "detail")))
    one = json_at(document, 0)
    state = json_at(one, "status", "type")
    if not json_at(one, "id") or not state:
        raise unreadable(response)
    if state == "FAILED":
        raise PermanentlyRefused(joined(state, json_at(one, "status", "subtype")))
    return joined(state, json_at(one, "id"))


GATEWAY: Final = Gateway(
    "bulksms",
    N_("BulkSMS"),
    N_("The JSON API of BulkSMS, with a token made in its settings."),
    (
        Field("token_id", N_("Token ID")),
        Field("token_secret", N_("Token secret"), secret=True),
        Field("sender", N_("From"), N_("A sender that is set up there; empty for the account's own."), required=False),
        base_url_field(URL),
    ),
    request,
    interpret,
    check_sender,
    user_field="token_id",
)
