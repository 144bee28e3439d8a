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


def calls(node: ast.AST) -> list[ast.Call]:
    """Return the calls below ``node`` that translate a text."""
    found = (each for each in ast.walk(node) if isinstance(each, ast.Call) and isinstance(each.func, ast.Name))
    return [each for each in found if isinstance(each.func, ast.Name) and each.func.id in {"_", "gettext", "ngettext"}]


def test_no_text_is_translated_inside_an_f_string() -> None:
    # an extractor of messages does not look there
    inside = {
        f"{name}:{call.lineno}"
        for name in sources("otae")
        for node in ast.walk(parsed(name))
        if isinstance(node, ast.JoinedStr)
        for call in calls(node)
        if any(isinstance(arg, ast.Constant) for arg in call.args)
    }
    assert not inside


def test_no_text_is_translated_when_its_module_is_imported() -> None:
    # nobody has a language yet: such a text is marked with N_ and translated where it is shown
    early: list[str] = []
    for name in sources("otae"):
        tree = parsed(name)
        later = {
            id(call)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for call in calls(node)
        }
        early += [f"{name}:{call.lineno}" for call in calls(tree) if id(call) not in later]
    assert not early
