"""Settings → Server properties: settings that can be changed while the server runs."""

from typing import Final

from starlette.datastructures import FormData
from starlette.responses import Response

from otae import paths, time_zones
from otae.apple import access_rights
from otae.errors import InputRefused
from otae.store import old_algorithms, properties, property_changes
from otae.translatable import N_
from otae.web.admin.page_parts import or_not_found, text_param
from otae.web.forms import (
    BooleanField,
    Form,
    HiddenField,
    InputRequired,
    SelectField,
    SelectMultipleField,
    StringField,
    sent_fields,
)
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import translated

ROWS: Final = {row.name: row for row in properties.PROPERTIES}
RIGHTS: Final = {str(right): words for right, words in access_rights.MEANINGS.items()}
#: The groups of the page, and what the names of their properties begin with; the last takes the rest.
GROUPS: Final = (
    (N_("Enrollment"), ("enrollment.", "invitation.", "macos.", "selfservice.")),
    (N_("Messages"), ("notification.", "campaign.", "reminder.", "mail.", "phone.")),
    (N_("Macs and their certificates"), ("mdm.", "identity.", "rescue.", "scep.", "mac.")),
    (N_("What people see"), ("organization.", "support.", "branding.")),
    (N_("Administrators"), ("console.",)),
    (N_("Server"), ("",)),
)


class ValueForm(Form):
    """The value of a property. ``before``: its text when the form was shown."""

    before = HiddenField()

    @property
    def text(self) -> str:
        """What was entered, as the property's text."""
        return str(self.value.data)


class TextForm(ValueForm):
    """The value of a text property."""

    value = StringField(N_("Value"), [InputRequired(N_("enter a value"))])


class SwitchForm(ValueForm):
    """The value of a property that is on or off."""

    value = BooleanField(N_("On"))

    @property
    def text(self) -> str:
        """What was ticked, as the property's text."""
        return _text(self.value.data)


class ChoiceForm(ValueForm):
    """The value of a property that is one of some choices."""

    value = SelectField(N_("Value"), validate_choice=False)


class RightsForm(ValueForm):
    """The value of a property that is a sum of access rights."""

    value = SelectMultipleField(N_("Rights"), choices=list(RIGHTS))

    @property
    def text(self) -> str:
        """What was ticked of the rights that there are, as the property's text."""
        return str(sum(int(right) for right in RIGHTS if right in (self.value.data or [])))


async def index(visit: Console) -> Response:
    """List the properties by group, with their values; ``q`` narrows the list."""
    search = text_param(visit.request, "q")
    values = await properties.read_all()
    groups = []
    left = [row for row in properties.PROPERTIES if _fits(row, search.casefold())]
    for title, beginnings in GROUPS:
        inside = [row for row in left if row.name.startswith(beginnings)]
        left = [row for row in left if row not in inside]
        if inside:
            groups.append((title, inside))
    context = {
        "groups": groups,
        "search": search,
        "values": {row.name: _shown(row, values[row.name]) for row in properties.PROPERTIES},
        "defaults": {row.name: _shown(row, row.default) for row in properties.PROPERTIES},
        "stored": await property_changes.stored_rows(),
        "uses": await old_algorithms.usage(),
    }
    return render(visit.request, "admin/settings/properties/index.html", context)


async def show(visit: Console) -> Response:
    """Show one property as a form."""
    row = _row(visit)
    value = await properties.read(row.name)
    entered = _rights_in(int(value)) if _kind(row) is RightsForm else value
    return await _ask(visit, _form(row, data={"value": entered, "before": _text(value)}))


async def change(visit: Console) -> Response:
    """Set one property."""
    row = _row(visit)
    form = _form(row, await sent_fields(visit.request))
    present = await properties.read(row.name)
    if form.text == _text(present):
        return redirect(paths.PROPERTIES, "info", _("%s has this value already.") % row.name)
    with form.refusals():
        if form.before.data and form.before.data != _text(present):
            form.before.data = _text(present)
            words = N_("somebody changed it meanwhile, to: %(value)s", value=_text(present))
            raise InputRefused({"value": words})
        if form.validate():
            try:
                value = await property_changes.change(row.name, form.text, now=visit.now, actor=visit.actor)
            except InputRefused as refusal:
                # The page is about this property alone, so its name in front would be redundant.
                errors = {field: words.removeprefix(f"{row.name}: ") for field, words in refusal.fields.items()}
                raise InputRefused(errors) from None
            return redirect(paths.PROPERTIES, "success", f"{row.name}: {_shown(row, value)}")
    return await _ask(visit, form, status=422)


async def reset(visit: Console) -> Response:
    """Reset one property to its default."""
    row = _row(visit)
    value = await property_changes.reset(row.name, now=visit.now, actor=visit.actor)
    return redirect(
        paths.PROPERTIES,
        "success",
        _("%(name)s: %(value)s, the default") % {"name": row.name, "value": _shown(row, value)},
    )


async def _ask(visit: Console, form: Form, *, status: int = 200) -> Response:
    row = _row(visit)
    context = {
        "form": form,
        "row": row,
        "number": row.parse if isinstance(row.parse, properties.Number) else None,
        "value": _shown(row, await properties.read(row.name)),
        "default": _shown(row, row.default),
        "rights": RIGHTS,
        "needed": _rights_in(access_rights.NECESSARY),
        "stored": (await property_changes.stored_rows()).get(row.name),
        "zones": sorted(time_zones.names()) if row.name == "organization.timezone" else [],
    }
    return render(visit.request, "admin/settings/properties/edit.html", context, status=status)


def _row(visit: Console) -> properties.PropertyDefinition:
    return or_not_found(ROWS.get(visit.request.path_params["name"]))


def _fits(row: properties.PropertyDefinition, search: str) -> bool:
    return all(word in f"{row.name} {translated(row.help)}".casefold() for word in search.split())


def _kind(row: properties.PropertyDefinition) -> type[ValueForm]:
    if row.name.startswith("mdm.rights."):
        return RightsForm
    if isinstance(row.default, bool):
        return SwitchForm
    return ChoiceForm if isinstance(row.parse, properties.OneOf) else TextForm


def _form(row: properties.PropertyDefinition, sent: FormData | None = None, **filled: object) -> ValueForm:
    form = _kind(row)(sent, **filled)
    if isinstance(row.parse, properties.OneOf):
        form.value.choices = list(row.parse.choices.items())
    return form


def _text(value: properties.Value) -> str:
    """Return a value as it is stored."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(row: properties.PropertyDefinition, value: properties.Value) -> str:
    """Return a value as a page shows it."""
    if isinstance(value, bool):
        return _("On") if value else _("Off")
    if row.name.startswith("mdm.rights."):
        return _("%(given)d of %(all)d rights") % {"given": len(_rights_in(int(value))), "all": len(RIGHTS)}
    if isinstance(row.parse, properties.OneOf):
        return translated(row.parse.choices[str(value)])
    if isinstance(row.parse, properties.Number) and row.parse.unit:
        return f"{value} {translated(row.parse.unit)}"
    return str(value) or "–"


def _rights_in(value: int) -> list[str]:
    return [right for right in RIGHTS if value & int(right)]
