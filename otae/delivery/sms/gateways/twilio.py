"""Twilio: the Messages resource of its API of 2010-04-01."""

import re
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
    basic,
    parsed,
    sender_wrong,
    settled,
    shortly,
    unclear,
)
from otae.delivery.transport import RefusedForGood, ServerRefused
from otae.words import N_

URL: Final = "https://api.twilio.com"
#: Codes that speak of the sender: not a number of the account's, not one for text messages, no such service.
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
    url = f"{based(values, URL)}/2010-04-01/Accounts/{account}/Messages.json"
    return as_form(url, form, basic(account, values["auth_token"]))


def judge(_values: Values, answer: HttpAnswer) -> str:
    """Return the message's status and id."""
    said = parsed(answer)
    words = shortly(at(said, "code"), at(said, "message"))
    if answer.status >= 400 and at(said, "code") in ABOUT_SENDER:
        raise ServerRefused(f"{answer.status} {words}")
    settled(answer, words)
    if not at(said, "sid"):
        raise unclear(answer)
    if at(said, "error_code") or at(said, "status") in {"failed", "undelivered"}:
        raise RefusedForGood(shortly(at(said, "status"), at(said, "error_code"), at(said, "error_message")))
    return shortly(at(said, "status"), at(said, "sid"))


def check(values: Values) -> dict[str, str]:
    """Return what is wrong, by field."""
    wrong = {}
    if not _ACCOUNT.fullmatch(values["account_sid"]):
        wrong["account_sid"] = "it begins with AC and has 34 characters"
    if not _SERVICE.fullmatch(values["sender"]) and (words := sender_wrong(values["sender"])):
        wrong["sender"] = f"{words}, or a messaging service (MG…)"
    return wrong


GATEWAY: Final = Gateway(
    "twilio",
    N_("Twilio"),
    N_("The Messages API of Twilio, with the account's SID and token."),
    (
        Field("account_sid", N_("Account SID")),
        Field("auth_token", N_("Auth token"), secret=True),
        Field("sender", N_("From"), N_("A number of yours there, a name, or the SID of a messaging service (MG…).")),
        base_url(URL),
    ),
    request,
    judge,
    check,
)
