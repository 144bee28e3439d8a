"""Settings → Notification servers → Carriers: mail addresses of carriers that forward mail as text messages."""

from typing import Final

from starlette.responses import Response

from otae import paths
from otae.delivery.sms import carriers
from otae.errors import InputRefused
from otae.web.admin.page_parts import NamedForm, or_not_found
from otae.web.forms import InputRequired, StringField
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import ngettext

NEEDED: Final = _("is missing")


class CarrierForm(NamedForm):
    """A carrier."""

    name = StringField(_("Carrier"), [InputRequired(NEEDED)])
    domain = StringField(_("Mail domain"), [InputRequired(NEEDED)])
    country_code = StringField(_("Country code"))
    prefix = StringField(_("Prefix"))

    def entry(self) -> carriers.CarrierEntry:
        """Return the carrier that was entered."""
        code = (self.country_code.data or "").removeprefix("+")
        return self.entered(carriers.CarrierEntry, country_code=code)


async def index(visit: Console) -> Response:
    """List the carriers, with a form for another."""
    return await _list(visit, CarrierForm())


async def add(visit: Console) -> Response:
    """Add a carrier."""
    form = await CarrierForm.read(visit.request)
    if form.validate():
        try:
            row = await carriers.save_carrier(form.entry(), now=visit.now, actor=visit.actor)
        except InputRefused as refusal:
            form.refuse(refusal)
        else:
            return redirect(paths.CARRIERS, "success", _("%s was added.") % row.name)
    return await _list(visit, form, status=422)


async def restore(visit: Console) -> Response:
    """Add the usual carriers that are missing."""
    added = await carriers.restore_defaults(now=visit.now, actor=visit.actor)
    words = ngettext("%(num)d carrier was added.", "%(num)d carriers were added.", added) % {"num": added}
    return redirect(paths.CARRIERS, "success", words)


async def show(visit: Console) -> Response:
    """Show a carrier as a form."""
    row = or_not_found(await carriers.carrier_of(visit.request.path_params["id"]))
    return _one(visit, row, CarrierForm.filled(row))


async def change(visit: Console) -> Response:
    """Change a carrier."""
    row = or_not_found(await carriers.carrier_of(visit.request.path_params["id"]))
    form = await CarrierForm.read(visit.request)
    if form.validate():
        try:
            await carriers.save_carrier(form.entry(), now=visit.now, actor=visit.actor, carrier=row)
        except InputRefused as refusal:
            form.refuse(refusal)
        else:
            return redirect(paths.CARRIERS, "success", _("%s was saved.") % form.name.data)
    return _one(visit, or_not_found(await carriers.carrier_of(row.id)), form, status=422)


async def remove(visit: Console) -> Response:
    """Remove a carrier."""
    row = or_not_found(await carriers.carrier_of(visit.request.path_params["id"]))
    await carriers.remove_carrier(row, now=visit.now, actor=visit.actor)
    return redirect(paths.CARRIERS, "success", _("%s was removed.") % row.name)


async def _list(visit: Console, form: CarrierForm, *, status: int = 200) -> Response:
    context = {"carriers": await carriers.list_carriers(), "form": form}
    return render(visit.request, "admin/settings/notification-servers/carriers.html", context, status=status)


def _one(visit: Console, row: carriers.CarrierRow, form: CarrierForm, *, status: int = 200) -> Response:
    context = {"carrier": row, "form": form}
    return render(visit.request, "admin/settings/notification-servers/carrier.html", context, status=status)
