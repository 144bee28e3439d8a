"""SMS gateways for tests: what is entered for one at a stand-in."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from otae.delivery.sms.servers import SmsEntry
from otae.store.models import NotificationServer
from tests.servers.sms import Provider

BEN = "+4915112345678"
BODY = '{"to": "${sms.to}", "text": "${sms.text}"}'
KEYS = {"api_key": "abcd1234", "api_secret": "s3cr3t", "sender": "Example"}
UseGateway = Callable[..., Awaitable[NotificationServer]]


def entry(
    provider: Provider | None = None,
    *,
    name: str = "Texts",
    gateway: str = "vonage",
    values: Mapping[str, str] = KEYS,
    **more: Any,  # noqa: ANN401 - as SmsEntry takes them
) -> SmsEntry:
    """Return what is entered for a gateway, by default for Vonage; ``provider``: the stand-in that answers."""
    there = {"base_url": provider.base_url} if provider else {}
    return SmsEntry(name=name, gateway=gateway, values={**there, **values}, **({"timeout": 5} | more))
