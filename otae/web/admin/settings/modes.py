"""Settings → Enrollment modes: what each mode asks for, its values, and by which channels its PINs may be sent."""

from typing import Final

from starlette.responses import Response

from otae import paths
from otae.invitations import channels
from otae.invitations.modes import all_modes
from otae.store import properties
from otae.store.mode_table import MODES
from otae.translatable import N_
from otae.web.admin.manage.waiting_for import factors
from otae.web.forms import Form, SelectField
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

#: PIN policy → its title.
POLICIES: Final = {
    "": N_("Any way, by mail unless chosen otherwise"),
    channels.SMS: N_("Only as a text message"),
    channels.SHOWN: N_("Only shown to the administrator"),
    channels.CARD: N_("Only on a printed card"),
}


class PoliciesForm(Form):
    """A PIN policy for each mode with a PIN; `_form` creates its fields."""


async def index(visit: Console) -> Response:
    """Show the modes."""
    return await _page(visit, _form()(data=await channels.policies()))


async def save(visit: Console) -> Response:
    """Save the policies that changed."""
    form, known = await _form().read(visit.request), await channels.policies()
    if form.validate():
        with form.refusals():
            for field in form:
                if (field.data or "") != known.get(field.name, ""):
                    await channels.set_policy(field.name, field.data or "", now=visit.now, actor=visit.actor)
            return redirect(paths.MODES, "success", _("Saved. It applies to every PIN made from now on."))
    return await _page(visit, form, status=422)


def _form() -> type[PoliciesForm]:
    fields = {
        mode.name: SelectField(_(mode.title), choices=POLICIES, default="", invalid_choice_message=_("choose one"))
        for mode in MODES.values()
        if mode.secret
    }
    return type("Policies", (PoliciesForm,), fields)


async def _page(visit: Console, form: PoliciesForm, *, status: int = 200) -> Response:
    context = {
        "form": form,
        "modes": await all_modes(),
        "factors": {mode.name: factors(mode) for mode in MODES.values()},
        "default": await properties.word("enrollment.default.mode"),
        "lacking": await channels.missing_servers(channels.SMS),
    }
    return render(visit.request, "admin/settings/modes/index.html", context, status=status)
