"""Settings → Notification servers → Carriers: mail addresses of carriers that forward mail as text messages."""

from typing import Final

from starlette.responses import Response

from otae import paths
from otae.delivery.sms import carriers
from otae.delivery.sms.carriers import CarrierRow
from otae.translatable import N_
from otae.web.admin.crud import CrudPages
from otae.web.admin.page_parts import or_not_found, row_id
from otae.web.forms import Form, InputRequired, StringField
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import ngettext

NEEDED: Final = N_("is missing")


class CarrierForm(Form):
    """A carrier."""

    name = StringField(N_("Carrier"), [InputRequired(NEEDED)])
    domain = StringField(N_("Mail domain"), [InputRequired(NEEDED)])
    country_code = StringField(N_("Country code"))
    prefix = StringField(N_("Prefix"))

    def entry(self) -> carriers.CarrierEntry:
        """Return the carrier that was entered."""
        code = (self.country_code.data or "").removeprefix("+")
        return self.entered(carriers.CarrierEntry, country_code=code)


class CarrierPages(CrudPages[CarrierRow, CarrierForm]):
    """The list of carriers with a form for another, and the page of each."""

    form = CarrierForm
    index = paths.CARRIERS

    async def find(self, visit: Console) -> CarrierRow:
        """Return the carrier in the address."""
        return or_not_found(await carriers.carrier_of(row_id(visit.request)))

    async def store(self, visit: Console, form: CarrierForm, row: CarrierRow | None) -> CarrierRow:
        """Add or change a carrier."""
        return await carriers.save_carrier(form.entry(), now=visit.now, actor=visit.actor, carrier=row)

    async def delete(self, visit: Console, row: CarrierRow) -> None:
        """Remove a carrier."""
        await carriers.remove_carrier(row, now=visit.now, actor=visit.actor)

    async def page(self, visit: Console, form: CarrierForm, row: CarrierRow | None, *, status: int = 200) -> Response:
        """Return the page of a carrier, or the list with the form for another."""
        context = {"form": form, "carrier": row, "carriers": [] if row else await carriers.list_carriers()}
        template = "carrier" if row else "carriers"
        return render(visit.request, f"admin/settings/notification-servers/{template}.html", context, status=status)

    async def restore(self, visit: Console) -> Response:
        """Add the usual carriers that are missing."""
        added = await carriers.restore_defaults(now=visit.now, actor=visit.actor)
        words = ngettext("%(num)d carrier was added.", "%(num)d carriers were added.", added) % {"num": added}
        return redirect(paths.CARRIERS, "success", words)


CARRIERS: Final = CarrierPages()
