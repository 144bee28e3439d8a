"""Settings → Certificates → of Macs: the issued certificates, and revoking one."""

from typing import Final, cast

from starlette.responses import Response

from otae import paths
from otae.authority import listing, revocation
from otae.authority.revocation import Reason
from otae.errors import CertificateUnknown, InputRefused
from otae.translatable import N_
from otae.web.admin.page_parts import or_not_found, text_param
from otae.web.failures import NotFound
from otae.web.forms import Form, SelectField
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

PAGE: Final = 50
STATES: Final = {
    "issued": N_("Valid"),
    "ended": N_("Ended"),
    "revoked": N_("Revoked"),
    "reserved": N_("Never fetched"),
}
PURPOSES: Final = {"ota-identity": N_("Over the air, first"), "mdm-identity": N_("Check-in")}
REASONS: Final = {
    "unspecified": N_("No reason given"),
    "keyCompromise": N_("The Mac or its key was lost or stolen"),
    "affiliationChanged": N_("The person left"),
    "superseded": N_("Replaced by another"),
    "cessationOfOperation": N_("The Mac is out of use"),
    "privilegeWithdrawn": N_("No longer allowed"),
}


class RevokeForm(Form):
    """The reason for revoking a certificate."""

    reason = SelectField(N_("Reason"), choices=REASONS, invalid_choice_message=N_("choose one of these reasons"))


async def index(visit: Console) -> Response:
    """List the certificates of Macs, newest first, a page at a time."""
    search, state, after = (text_param(visit.request, name) for name in ("q", "state", "after"))
    rows = await listing.list_issued(search=search, state=state, after=after, limit=PAGE + 1, now=visit.now)
    context = {
        "rows": rows[:PAGE],
        "search": search,
        "state": state if state in STATES else "",
        "states": STATES,
        "purposes": PURPOSES,
        "links": {name: paths.ISSUED_CERTIFICATES(q=search, state=name) for name in ("", *STATES)},
        "newest": paths.ISSUED_CERTIFICATES(q=search, state=state) if after else "",
        "older": paths.ISSUED_CERTIFICATES(q=search, state=state, after=rows[PAGE - 1].id) if len(rows) > PAGE else "",
    }
    return render(visit.request, "admin/settings/certificates/issued.html", context)


async def show(visit: Console) -> Response:
    """Show one certificate and the form to revoke it."""
    return await _page(visit, RevokeForm())


async def revoke(visit: Console) -> Response:
    """Revoke a certificate: the Mac is refused at its next request."""
    form = await RevokeForm.read(visit.request)
    if form.validate():
        try:
            row = await listing.find_issued(visit.request.path_params["id"])
            await revocation.revoke(row, cast("Reason", form.reason.data), now=visit.now, actor=visit.actor)
        except CertificateUnknown:
            raise NotFound from None
        except InputRefused as refusal:
            form.refuse(refusal)
        else:
            where = paths.ISSUED_CERTIFICATE(visit.request.path_params["id"])
            return redirect(where, "success", _("The certificate is revoked: its Mac is refused from now on."))
    return await _page(visit, form, status=422)


async def _page(visit: Console, form: RevokeForm, *, status: int = 200) -> Response:
    row = or_not_found(await listing.show_issued(visit.request.path_params["id"], now=visit.now))
    context = {"row": row, "form": form, "states": STATES, "purposes": PURPOSES, "reasons": REASONS}
    return render(visit.request, "admin/settings/certificates/show.html", context, status=status)
