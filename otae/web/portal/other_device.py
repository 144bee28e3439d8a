"""What phones, tablets and other computers get in the place of a form or a profile: how to continue on a Mac.

Browsers say on which system they run, but an iPad says that it is a Mac: the page's script recognises it by its touch
screen. Whoever is taken for the wrong device can say so on the page, and a cookie remembers the answer.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from otae.enrollment import link_cookie
from otae.enrollment.link_cookie import Purpose
from otae.enrollment.link_page import LinkPage
from otae.invitations import go_codes, new_links
from otae.invitations.go_codes import GoCode
from otae.web import cookie_check
from otae.web.client_address import system_of
from otae.web.guards import set_cookie
from otae.web.pages import render
from otae.web.visits import Visit

#: "1" on a browser whose user is on a Mac, "0" where the script found that it is none.
MAC_COOKIE: Final = "__Host-otae-mac"
#: The code that was made for this browser, sealed with the invitation that it opens.
CODE_COOKIE: Final = "__Host-otae-code"


def said(request: Request) -> Response | None:
    """Return a redirect that remembers what the address says of the device (``?mac=1``); None when it says nothing."""
    mac = request.query_params.get("mac")
    if mac not in {"0", "1"}:
        return None
    response = cookie_check.redirect(request, request.url.path)
    set_cookie(response, MAC_COOKIE, mac, seconds=int(link_cookie.LIFETIME.total_seconds()))
    return response


def is_other(request: Request) -> bool:
    """Return whether the browser does not run on a Mac, as far as it or its user says."""
    if mac := request.cookies.get(MAC_COOKIE):
        return mac == "0"
    return system_of(request.headers.get("user-agent", "")[:400]) not in {"macOS", ""}


def may_be_ipad(request: Request) -> bool:
    """Return whether the script should look for a touch screen: nobody has said that this is a Mac."""
    return MAC_COOKIE not in request.cookies


async def render_page(visit: Visit, page: LinkPage | None = None, sealed: str = "") -> Response:
    """Render how to continue on a Mac.

    Args:
        page: The invitation whose link was opened here, None without one.
        sealed: Its token for a form.
    """
    code = await _code_of(visit, page) if page else None
    context = {
        "link": page,
        "sealed": sealed,
        "code": code,
        "offered": page is not None and page.mode is not None and not page.mode.token,
        "mailable": page is not None and await new_links.may_mail_link(page.invitation, now=visit.now),
        "server": visit.desk.settings.public_url,
    }
    return render(visit.request, "portal/other-device.html", context)


async def keep_code(visit: Visit, response: Response, page: LinkPage, code: GoCode) -> Response:
    """Keep the code in the browser that it was made for, until it ends."""
    value = f"{page.invitation.id.hex}{code.clear}"
    sealed = await link_cookie.seal(visit.desk, value, now=visit.now, purpose=Purpose.CODE, until=code.until)
    set_cookie(response, CODE_COOKIE, sealed, seconds=max(1, int((code.until - visit.now).total_seconds())))
    return response


async def _code_of(visit: Visit, page: LinkPage) -> GoCode | None:
    """Return the code that was made in this browser for the invitation, while it works."""
    kept = visit.request.cookies.get(CODE_COOKIE, "")
    value = await link_cookie.open_sealed(visit.desk, kept, now=visit.now, purpose=Purpose.CODE) if kept else None
    invitation = page.invitation
    if value is None or value[:32] != invitation.id.hex or invitation.go_code_until is None:
        return None
    if not await go_codes.works(visit.desk, invitation, value[32:], now=visit.now):
        return None
    return GoCode(value[32:], invitation.go_code_until)
