"""The password once more before what cannot be undone: a form that was sent meanwhile is kept, and goes on with it.

What was sent is kept, sealed, in a row of the browser's session, and the page that asks names it in its address: a
reload asks again and nothing else. It sends the form to where it was going, with the password beside it. Passwords and
files of the form are not kept; the page that takes the form asks for them.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.responses import Response

from otae.accounts import console_sign_in, kept_texts
from otae.errors import Busy, DirectoryUnavailable, SigninFailed, SlowDown
from otae.web.pages import go
from otae.web.paths import CONSOLE_CONFIRM, UPLOAD_CAP
from otae.words import gettext as _

if TYPE_CHECKING:
    from otae.web.guards import Console

PURPOSE: Final = "otae kept form"
KEPT_FOR: Final = timedelta(minutes=10)
#: The field beside the fields of a form that was kept.
FIELD: Final = "password_again"
#: Names of fields that are not kept: those that hold passwords.
SECRETS: Final = frozenset({FIELD, "password", "again", "current", "passphrase", "new_passphrase"})


@dataclass(frozen=True)
class KeptForm:
    """A form that waits for the password. ``to``: where it goes; ``lost``: whether it had passwords or files."""

    to: str
    sent: list[tuple[str, str]]
    lost: bool


async def confirm(
    visit: "Console", back: str, browser: console_sign_in.Browser
) -> console_sign_in.SignInResult | Response:
    """Take the password that came with a form; without one, or with a wrong one, lead to the page that asks for it.

    ``back``: the page of the form.
    """
    sent = await visit.request.form(max_files=10, max_part_size=UPLOAD_CAP)
    given = sent.get(FIELD)
    words = ""
    if isinstance(given, str) and given:
        arrival, words = await sign_in(visit, given, browser)
        if arrival is not None:
            return arrival
    query = {"next": back}
    told, until = _told(visit, sent), visit.now + KEPT_FOR
    if kept := await kept_texts.keep(visit.desk, browser.secret or "", PURPOSE, told, until=until):
        query["kept"] = kept
    return go(f"{CONSOLE_CONFIRM}?{urlencode(query)}", "danger" if words else "", words)


async def sign_in(
    visit: "Console", password: str, browser: console_sign_in.Browser
) -> tuple[console_sign_in.SignInResult | None, str]:
    """Sign the browser in again; return who arrived and "", or None and why not."""
    try:
        return await console_sign_in.sign_in(visit.desk, visit.administrator.name, password, browser, now=visit.now), ""
    except (Busy, DirectoryUnavailable) as refusal:
        return None, _(refusal.words)
    except (SigninFailed, SlowDown):
        return None, _("This did not match. Wait a moment, then try again.")


async def kept(visit: "Console", secret: str) -> KeptForm | None:
    """Return the form that the address of this page names, when it is of the browser of ``secret`` and not too old."""
    text_id = visit.request.query_params.get("kept", "")
    text = await kept_texts.find(visit.desk, secret, PURPOSE, text_id, now=visit.now) if text_id else None
    if text is None:
        return None
    told = json.loads(text)
    return KeptForm(told["to"], [(name, value) for name, value in told["sent"]], lost=told["lost"])


def _told(visit: "Console", sent: FormData) -> str:
    items = sent.multi_items()
    told = {
        "to": visit.request.url.path,
        "sent": [[name, value] for name, value in items if isinstance(value, str) and name not in SECRETS],
        "lost": any(value if name in SECRETS else not isinstance(value, str) for name, value in items if name != FIELD),
    }
    return json.dumps(told)
