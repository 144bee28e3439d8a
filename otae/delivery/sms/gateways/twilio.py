"""Twilio: the Messages resource of its API 2010-04-01."""

import re
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
    check_status,
    form_request,
    joined,
    json_at,
    parse_json,
    sender_error,
    unreadable,
)
from otae.delivery.transport import PermanentlyRefused, ServerRefused
from otae.translatable import N_

URL: Final = "https://api.twilio.com"
#: Error codes about the sender: not a number of the account, not one for text messages, no such service.
ABOUT_SENDER: Final = frozenset({21212, 21603, 21606, 21611, 21659, 21660, 21703, 21704, 21705})
_ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")


def request(values: Values, message: TextMessage) -> HttpRequest:
    """Return the request that sends ``message``."""
    account, sender = values["account_sid"], values["sender"]
    form = {
        "To": message.to,
        "MessagingServiceSid" if _SERVICE.fullmatch(sender) else "From": sender,
        "Body": message.text,
    }
    url = f"{api_url(values, URL)}/2010-04-01/Accounts/{account}/Messages.json"
    return form_request(url, form, basic_auth(account, values["auth_token"]))


def interpret(_values: Values, response: HttpResponse) -> str:
    """Return status and id of the accepted message; raises as `gateway.check_status`."""
    document = parse_json(response)
    words = joined(json_at(document, "code"), json_at(document, "message"))
    if response.status >= 400 and json_at(document, "code") in ABOUT_SENDER:
        raise ServerRefused(f"{response.status} {words}")
    check_status(response, words)
    if not json_at(document, "sid"):
        raise unreadable(response)
    if json_at(document, "error_code") or json_at(document, "status") in {"failed", "undelivered"}:
        raise PermanentlyRefused(
            joined(json_at(document, "status"), json_at(document, "error_code"), json_at(document, "error_message"))
        )
    return joined(json_at(document, "status"), json_at(document, "sid"))


def check(values: Values) -> dict[str, str]:
    """Return the errors by field."""
    wrong: dict[str, str] = {}
    if not _ACCOUNT.fullmatch(values["account_sid"]):
        wrong["account_sid"] = N_("it begins with AC and has 34 characters")
    if not _SERVICE.fullmatch(values["sender"]) and (words := sender_error(values["sender"])):
        wrong["sender"] = N_("%(words)s, or a messaging service (MG…)", words=words)
    return wrong


GATEWAY: Final = Gateway(
    "twilio",
    N_("Twilio"),
    N_("The Messages API of Twilio, with the account's SID and token."),
    (
        Field("account_sid", N_("Account SID")),
        Field("auth_token", N_("Auth token"), secret=True),
        Field("sender", N_("From"), N_("One of your numbers there, a name, or the SID of a messaging service (MG…).")),
        base_url_field(URL),
    ),
    request,
    interpret,
    check,
    user_field="account_sid",
)
