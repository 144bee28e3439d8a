"""The page of one enrollment mode: its validity, tries, PIN, templates, and whether it is enabled."""

from typing import Final

from starlette.responses import Response

from otae import paths
from otae.delivery.texts import templates
from otae.errors import InputRefused, ModeOff
from otae.invitations import mode_values
from otae.invitations.mode_values import KINDS, PIN_LENGTHS, TRIES, ModeValues
from otae.invitations.modes import default_values, known_mode
from otae.overview import dependents
from otae.store import properties
from otae.store.mode_table import BY_ADMINISTRATOR, BY_MANAGER, NO_APPROVAL, Mode
from otae.text import whole_number
from otae.translatable import N_
from otae.web.admin.manage.waiting_for import factors
from otae.web.failures import NotFound
from otae.web.forms import BooleanField, Form, SelectField, StringField
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

#: Unit of a validity → its title; "never" only for a mode without link and PIN.
UNITS: Final = {"h": N_("hours"), "d": N_("days"), mode_values.NEVER: N_("no limit")}
#: Who approves → words of the choice.
APPROVALS: Final = {
    NO_APPROVAL: N_("nobody"),
    BY_ADMINISTRATOR: N_("an administrator"),
    BY_MANAGER: N_("the person's manager"),
}
CHOOSE: Final = N_("choose one of these")


class ModeForm(Form):
    """The values of a mode."""

    enabled = BooleanField(N_("On: invitations may be made in this mode"))
    self_service = BooleanField(N_("People may invite themselves in this mode"))
    default = BooleanField(N_("Offered first when somebody is invited"))
    valid_for = StringField(N_("Valid for"))
    unit = SelectField(N_("Unit"), choices=UNITS, invalid_choice_message=CHOOSE)
    max_tries = StringField(N_("Tries"))
    pin_length = StringField(N_("Length of the PIN"))
    pin_letters = SelectField(
        N_("PIN of"), choices={"": N_("digits"), "yes": N_("letters and digits")}, invalid_choice_message=CHOOSE
    )
    approval = SelectField(N_("Approved by"), choices=APPROVALS, invalid_choice_message=CHOOSE)
    url_template = SelectField(N_("Invitation mail"), invalid_choice_message=CHOOSE)
    pin_template = SelectField(N_("PIN mail"), invalid_choice_message=CHOOSE)
    confirmation_template = SelectField(N_("Confirmation mail"), invalid_choice_message=CHOOSE)

    async def fit(self, mode: Mode) -> "ModeForm":
        """Remove the fields that this mode does not have, fill in the choices, and return the form."""
        if mode.token or mode.secret:
            self.unit.choices = {key: words for key, words in UNITS.items() if key != mode_values.NEVER}
        if not mode.secret:
            for name in ("max_tries", "pin_length", "pin_letters", "pin_template"):
                del self[name]
        if not mode.defaultable:
            del self.default
        for kind in KINDS:
            if f"{kind}_template" in self:
                rows = await templates.list_templates(kind)
                own = {str(row.id): row.name for row in rows if not row.system}
                self[f"{kind}_template"].choices = {"": next(row.name for row in rows if row.system)} | own
        return self

    def chosen(self) -> ModeValues:
        """Return the values that were entered; InputRefused for what is no number."""
        wrong: dict[str, str] = {}
        unit, number = self.unit.data, (self.valid_for.data or "").strip()
        chosen = ModeValues(
            enabled=self.enabled.data,
            self_service=self.self_service.data,
            valid_for=mode_values.NEVER if unit == mode_values.NEVER else f"{number}{unit}",
            max_tries=self._number("max_tries", TRIES, wrong),
            pin_length=self._number("pin_length", PIN_LENGTHS, wrong),
            pin_letters=bool(self.pin_letters.data) if "pin_letters" in self else None,
            approval=self.approval.data,
            templates={kind: self[f"{kind}_template"].data or "" for kind in KINDS if f"{kind}_template" in self},
            default=bool("default" in self and self.default.data),
        )
        if wrong:
            raise InputRefused(wrong)
        return chosen

    def _number(self, name: str, bounds: range, wrong: dict[str, str]) -> int | None:
        if name not in self:
            return None
        number = whole_number((self[name].data or "").strip())
        if number is None:
            wrong[name] = _("use a whole number from %(low)d to %(high)d") % {"low": bounds[0], "high": bounds[-1]}
            return None
        return number


async def show(visit: Console) -> Response:
    """Show the mode's current values."""
    mode = await _mode(visit)
    return await _page(visit, mode, await _filled(mode).fit(mode))


async def change(visit: Console) -> Response:
    """Save the values."""
    mode = await _mode(visit)
    form = await (await ModeForm.read(visit.request)).fit(mode)
    if form.validate():
        with form.refusals():
            await mode_values.set_values(mode.name, form.chosen(), now=visit.now, actor=visit.actor)
            return redirect(paths.MODES, "success", _("%s was saved.") % _(mode.title))
    return await _page(visit, mode, form, status=422)


def _filled(mode: Mode) -> ModeForm:
    span = mode_values.format_duration(mode.valid_for)
    never = span == mode_values.NEVER
    return ModeForm.filled(
        mode,
        valid_for="" if never else span[:-1],
        unit=span if never else span[-1],
        pin_letters="yes" if mode.pin_letters else "",
        default=False,
        **{f"{kind}_template": mode.templates.get(kind, "") for kind in KINDS},
    )


async def _mode(visit: Console) -> Mode:
    try:
        return await known_mode(visit.request.path_params["name"])
    except ModeOff:
        raise NotFound from None


async def _page(visit: Console, mode: Mode, form: ModeForm, *, status: int = 200) -> Response:
    first = default_values(mode.name)
    context = {
        "form": form,
        "mode": mode,
        "factors": factors(mode),
        "first": first,
        "is_default": await properties.word("enrollment.default.mode") == mode.name,
        "out": await mode_values.count_pending(mode.name, now=visit.now),
        "tries": TRIES,
        "dependents": await dependents.of_mode(mode.name),
        "lengths": PIN_LENGTHS,
    }
    return render(visit.request, "admin/settings/modes/edit.html", context, status=status)
