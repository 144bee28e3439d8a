"""Vonage (formerly Nexmo): its SMS API, which responds 200 with a status for each part of the message."""

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
    form_request,
    is_plain,
    joined,
    json_at,
    parse_json,
    unreadable,
)
from otae.delivery.transport import OutcomeUnknown, PermanentlyRefused, ServerRefused, TemporaryFailure, Unreachable
from otae.translatable import N_

URL: Final = "https://rest.nexmo.com"
#: Statuses of a part: accepted; too many requests or an error of the provider; the sender; the account or the key.
ACCEPTED: Final = "0"
TEMPORARY: Final = frozenset({"1", "5", "10"})
BAD_SENDER: Final = "15"
BAD_ACCOUNT: Final = frozenset({"4", "8", "9", "11", "14"})


def request(values: Values, message: TextMessage) -> HttpRequest:
    """Return the request that sends ``message``; this API takes numbers without a plus sign."""
    form = {
        "api_key": values["api_key"],
        "api_secret": values["api_secret"],
        "from": values["sender"].removeprefix("+"),
        "to": message.to.removeprefix("+"),
        "text": message.text,
        "type": "text" if is_plain(message.text) else "unicode",
    }
    return form_request(f"{api_url(values, URL)}/sms/json", form, ("Accept", "application/json"))


def interpret(_values: Values, response: HttpResponse) -> str:
    """Return the id of the accepted message; raises as `gateway.check_status`."""
    document = parse_json(response)
    check_status(response, joined(json_at(document, "title"), json_at(document, "detail")))
    parts = json_at(document, "messages")
    if not isinstance(parts, list) or not parts:
        raise unreadable(response)
    statuses = [str(json_at(part, "status")) for part in parts]
    if set(statuses) == {ACCEPTED}:
        return joined("accepted", json_at(parts, 0, "message-id"))
    wrong = next(number for number, status in enumerate(statuses) if status != ACCEPTED)
    words = joined("status", statuses[wrong], json_at(parts, wrong, "error-text"))
    if ACCEPTED in statuses:
        raise OutcomeUnknown(f"a part was not taken: {words}")
    if statuses[wrong] in TEMPORARY:
        raise TemporaryFailure(words)
    if statuses[wrong] == BAD_SENDER:
        raise ServerRefused(words)
    raise (Unreachable if statuses[wrong] in BAD_ACCOUNT else PermanentlyRefused)(words)


GATEWAY: Final = Gateway(
    "vonage",
    N_("Vonage (Nexmo)"),
    N_("The SMS API of Vonage, as its dashboard names key and secret."),
    (
        Field("api_key", N_("API key")),
        Field("api_secret", N_("API secret"), secret=True),
        Field("sender", N_("Virtual number"), N_("One of your numbers there, or a name where the country allows one.")),
        base_url_field(URL),
    ),
    request,
    interpret,
    check_sender,
)
