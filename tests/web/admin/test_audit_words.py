"""What the audit log's actions are in words."""

import ast
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

import otae
from otae.store import audit
from otae.web.admin.settings.audit_words import WORDS, page_of, words_of
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio


def recorded() -> Iterator[str]:
    """Give every action that the source records under a name written out."""
    for file in Path(otae.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr != "record" or getattr(node.func.value, "id", "") != "audit" or len(node.args) < 2:
                continue
            if isinstance(node.args[1], ast.Constant):
                yield str(node.args[1].value)


def test_every_action_that_is_recorded_has_words() -> None:
    found = set(recorded())
    assert len(found) > 50
    assert found - set(WORDS) == set()


def test_what_has_no_words_is_shown_as_it_is() -> None:
    assert words_of("unheard.of") == "unheard.of"


def test_only_ids_lead_to_a_page() -> None:
    number = str(uuid4())
    assert page_of("invitation.created", number) == (f"/admin/invitations/{number}", "invitation.see")
    assert page_of("group-invitation.started", number) == (
        f"/admin/group-invitations/{number}",
        "group-invitation.see",
    )
    assert page_of("invitation.created", "../../elsewhere") is None
    assert page_of("person.added", number) is None


async def test_the_log_speaks_in_words_and_leads_to_what_was_changed(
    site: Site, console: httpx2.AsyncClient, now: datetime
) -> None:
    number = str(uuid4())
    await audit.record("ada", "invitation.link-copied", now=now, subject=number)
    text = (await console.get("/admin/audit")).text
    assert "Invitation&#39;s link copied" in text
    assert "invitation.link-copied" in text
    assert f'href="/admin/invitations/{number}"' in text
