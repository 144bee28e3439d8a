"""What is translated where it is shown is marked where it is written: an extractor of messages finds it there."""

import ast

from otae.delivery.sms.gateways import GATEWAYS
from otae.delivery.sms.servers import CARRIER_FIELDS
from otae.invitations.channels import CHANNEL_PHRASES
from otae.invitations.results import WHY
from otae.store.mode_table import MODES
from tests.house.tree import parsed, sources


def marked() -> set[str]:
    """Return every text that stands in a call of `N_`."""
    calls = (node for name in sources("otae") for node in ast.walk(parsed(name)) if isinstance(node, ast.Call))
    named = (call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "N_")
    given = (arg.value for call in named for arg in call.args if isinstance(arg, ast.Constant))
    return {text for text in given if isinstance(text, str)}


def shown() -> list[str]:
    """Return what pages hand to gettext as a variable."""
    fields = [each for gateway in GATEWAYS.values() for each in gateway.fields] + list(CARRIER_FIELDS)
    words = [text for each in fields for text in (each.label, each.hint)]
    words += [text for each in fields for value, text in each.choices.items() if text != value]
    words += [text for gateway in GATEWAYS.values() for text in (gateway.title, gateway.about)]
    return sorted({*words, *(mode.title for mode in MODES.values()), *CHANNEL_PHRASES.values(), *WHY.values()} - {""})


def test_a_text_that_is_translated_later_is_marked() -> None:
    assert shown()
    assert not set(shown()) - marked()
