"""Shows a refused form again to somebody who is not signed in, by a redirect, so that a reload sends nothing.

What was typed (but no password, PIN or file) and what was wrong travel in a sealed cookie. It is valid for a minute and
shown once, on the page it is for. (In the console, `refused_pages` does this.) A page uses it so:

    async def blank(visit):
        return _page(visit, await refused_forms.take(visit, ThingForm) or ThingForm())

    async def save(visit):
        form = await ThingForm.read(visit.request)
        if not form.validate():
            return await refused_forms.redirect_back(visit, form)

with ``status=form.status, headers=form.headers`` where ``_page`` renders, so that the page has the status of the
refusal. When the form does not fit a cookie, only what was wrong is kept.
"""

import json
import zlib
from datetime import timedelta
from typing import Any, Final, TypeVar

from starlette.datastructures import FormData
from starlette.responses import Response

from otae.store import browser_seals
from otae.store.passwords import hash_token
from otae.web import cookie_check
from otae.web.forms import Form
from otae.web.guards import set_cookie
from otae.web.pages import REFUSED_COOKIE, address_of
from otae.web.visits import Visit
from otae.words import translated

PURPOSE: Final = "otae refused form"
GOOD_FOR: Final = timedelta(minutes=1)
#: Browsers keep cookies of 4096 bytes, name and attributes included.
LONGEST: Final = 3800

Kind = TypeVar("Kind", bound=Form)


async def redirect_back(
    visit: Visit, form: Form, *, status: int = 422, code: str = "", retry_after: int = 0, where: str = ""
) -> Response:
    """Return 303 to the page that shows the refused ``form`` again.

    Args:
        status: The status of that page.
        code: The support code that it shows.
        retry_after: Seconds until the form may be sent again.
        where: Path and query of that page; by default the address the form was sent to.
    """
    form.status, form.support_code, form.headers = status, code, _headers(retry_after)
    where = where or address_of(visit.request)
    secret = {field.name for field in form if form.is_secret(field)}
    names = {field.name for field in form} - secret
    sent = form.sent.multi_items()
    payload = {
        "form": [hash_token(where), type(form).__qualname__],
        "sent": [[name, value] for name, value in sent if name in names],
        "errors": {
            name: [translated(text) for text in field.errors] for name, field in form._fields.items() if field.errors
        },
        "above": [translated(text) for text in form.form_errors],
        "again": [name for name, value in sent if name in secret and value],
        "answer": [status, code, retry_after],
    }
    sealed = await _seal(visit, payload)
    if len(sealed) > LONGEST:
        sealed = await _seal(visit, payload | {"sent": []})
    response = cookie_check.redirect(visit.request, where)
    set_cookie(response, REFUSED_COOKIE, sealed, seconds=int(GOOD_FOR.total_seconds()))
    return response


async def take(visit: Visit, kind: type[Kind], **choices: object) -> Kind | None:
    """Return the form that was just refused on this page, with what was typed and what was wrong; None without one.

    The page that renders it deletes the cookie.

    Args:
        choices: Arguments of the form's constructor.
    """
    payload = await _open(visit)
    if payload is None or payload["form"] != [hash_token(address_of(visit.request)), kind.__qualname__]:
        return None
    form = kind(FormData([(name, value) for name, value in payload["sent"]]), **choices)
    for name, texts in payload["errors"].items():
        if name in form._fields:
            form._fields[name].errors = texts
    form.form_errors.extend(payload["above"])
    form.enter_again = [field.label.text for field in form if field.name in payload["again"]]
    form.status, form.support_code, retry_after = payload["answer"]
    form.headers = _headers(retry_after)
    visit.request.state.refused_form_shown = True
    return form


async def _seal(visit: Visit, payload: dict[str, Any]) -> str:
    packed = zlib.compress(json.dumps(payload).encode())
    return await browser_seals.seal(visit.desk, PURPOSE, packed, until=visit.now + GOOD_FOR)


async def _open(visit: Visit) -> dict[str, Any] | None:
    value = visit.request.cookies.get(REFUSED_COOKIE)
    packed = await browser_seals.open_sealed(visit.desk, PURPOSE, value, now=visit.now) if value else None
    if packed is None:
        return None
    payload: dict[str, Any] = json.loads(zlib.decompress(packed))
    return payload


def _headers(retry_after: int) -> dict[str, str]:
    return {"Retry-After": str(retry_after)} if retry_after else {}
