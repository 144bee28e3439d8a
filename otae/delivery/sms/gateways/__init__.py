"""The SMS gateways that can be set up: providers with a documented API, and a generic HTTP gateway."""

from collections.abc import Mapping
from typing import Final

from otae.delivery.sms.gateways import bulksms, clickatell, generic, twilio, vonage
from otae.delivery.sms.gateways.gateway import Field, Gateway, TextMessage, Values

__all__ = ["GATEWAYS", "Field", "Gateway", "TextMessage", "Values"]

#: The gateways by name, in the order in which they are offered.
GATEWAYS: Final[Mapping[str, Gateway]] = {
    each.name: each for each in (vonage.GATEWAY, twilio.GATEWAY, clickatell.GATEWAY, bulksms.GATEWAY, generic.GATEWAY)
}
