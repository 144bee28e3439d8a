"""Asks for the password or a second factor again before critical actions, and keeps the submitted form meanwhile.

The form is kept, sealed, in a row of the browser's session, and the address of the page that asks names that row: a
reload asks again and does nothing else. That page sends the form to its original address, with what was asked for.
Passwords and files of the form are not kept; the page that takes the form asks for them.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from starlette.datastructures import FormData
from starlette.responses import Response

from otae import paths
from otae.accounts import console_sign_in, kept_texts
from otae.accounts.passkeys import Answer
from otae.accounts.second_factors import Proof
from otae.errors import Busy, DirectoryUnavailable, SigninFailed, SlowDown
from otae.web.callers import UPLOAD_CAP
from otae.web.pages import redirect
from otae.web.visits import Console
from otae.words import gettext as _

PURPOSE: Final = "otae kept form"
KEPT_FOR: Final = timedelta(minutes=10)
#: The fields that are added to a kept form: a password, a one-time code, or a passkey's answer and challenge.
FIELD, CODE, PASSKEY, CHALLENGE = ADDED = ("password_again", "code_again", "passkey_again", "challenge_again")
#: Names of fields that are not kept: those that hold passwords.
SECRETS: Final = frozenset({*ADDED, "password", "again", "current", "passphrase", "new_passphrase"})


@dataclass(frozen=True)
class KeptForm:
    """A form that waits for the password. ``to`` is its address; ``lost`` says whether it had passwords or files."""

    to: str
    sent: list[tuple[str, str]]
    lost: bool


async def confirm(
    visit: Console, back: str, browser: console_sign_in.Browser, *, factor: bool
) -> console_sign_in.SignInResult | Response:
    """Sign in again with what the form has: the password, or a second factor.

    Without any of it, or with a wrong one, return a redirect to the page that asks for it.

    Args:
        back: The path of the page with the form.
        factor: Only a second factor will do.
    """
    sent = await visit.request.form(max_files=10, max_part_size=UPLOAD_CAP)
    entered, words = entered_in(sent, factor=factor), ""
    if entered:
        result, words = await sign_in(visit, entered, browser)
        if result is not None:
            return result
    payload, until = _serialized(visit, sent), visit.now + KEPT_FOR
    kept = await kept_texts.keep(visit.desk, browser.secret or "", PURPOSE, payload, until=until)
    asked = "1" if factor else ""
    return redirect(paths.CONSOLE_CONFIRM(next=back, factor=asked, kept=kept), "danger" if words else "", words)


def entered_in(sent: FormData, *, factor: bool) -> str | Proof | None:
    """Return what a form has been entered with: the password, or a second factor; None for nothing.

    ``factor``: only a second factor counts.
    """
    password, code, passkey, challenge = (value if isinstance(value := sent.get(name), str) else "" for name in ADDED)
    if passkey or code.strip():
        return Proof(code.strip()[:100], Answer(passkey, challenge))
    return password if password and not factor else None


async def sign_in(
    visit: Console, entered: str | Proof, browser: console_sign_in.Browser
) -> tuple[console_sign_in.SignInResult | None, str]:
    """Sign the browser in again; return the result and "", or None and why it was refused."""
    try:
        return await console_sign_in.confirm(visit.desk, visit.administrator, entered, browser, now=visit.now), ""
    except (Busy, DirectoryUnavailable) as refusal:
        return None, _(refusal.words)
    except (SigninFailed, SlowDown):
        return None, _("This did not match. Wait a moment, then try again.")


async def kept(visit: Console, secret: str) -> KeptForm | None:
    """Return the form that this page's address names, if it is the browser's of ``secret`` and has not expired."""
    text_id = visit.request.query_params.get("kept", "")
    text = await kept_texts.find(visit.desk, secret, PURPOSE, text_id, now=visit.now) if text_id else None
    if text is None:
        return None
    payload = json.loads(text)
    return KeptForm(payload["to"], [(name, value) for name, value in payload["sent"]], lost=payload["lost"])


def _serialized(visit: Console, sent: FormData) -> str:
    items = sent.multi_items()
    payload = {
        "to": visit.request.url.path,
        "sent": [[name, value] for name, value in items if isinstance(value, str) and name not in SECRETS],
        "lost": any(
            value if name in SECRETS else not isinstance(value, str) for name, value in items if name not in ADDED
        ),
    }
    return json.dumps(payload)
