"""Settings → Server properties: settings that can be changed while the server runs."""

from typing import Final

from starlette.responses import Response

from otae import paths
from otae.apple import access_rights
from otae.errors import InputRefused
from otae.store import old_algorithms, properties, property_changes
from otae.translatable import N_
from otae.web.admin.page_parts import or_not_found
from otae.web.forms import Form, InputRequired, SelectField, SelectMultipleField, StringField
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

ROWS: Final = {row.name: row for row in properties.PROPERTIES}
RIGHTS: Final = {str(right): words for right, words in access_rights.MEANINGS.items()}


class ValueForm(Form):
    """The value of a property."""

    @property
    def text(self) -> str:
        """What was entered, as the property's text."""
        return str(self.value.data)


class TextForm(ValueForm):
    """The value of a text property."""

    value = StringField(N_("Value"), [InputRequired(N_("enter a value"))])


class SwitchForm(ValueForm):
    """The value of a property that is true or false."""

    value = SelectField(N_("Value"), choices=["true", "false"], invalid_choice_message=N_("use true or false"))


class RightsForm(ValueForm):
    """The value of a property that is a sum of access rights."""

    value = SelectMultipleField(N_("Rights"), choices=list(RIGHTS))

    @property
    def text(self) -> str:
        """What was ticked of the rights that there are, as the property's text."""
        return str(sum(int(right) for right in RIGHTS if right in (self.value.data or [])))


async def index(visit: Console) -> Response:
    """List every property with its current value."""
    values = await properties.read_all()
    context = {
        "rows": properties.PROPERTIES,
        "values": {name: _display(value) for name, value in values.items()},
        "defaults": {row.name: _display(row.default) for row in properties.PROPERTIES},
        "uses": await old_algorithms.usage(),
    }
    return render(visit.request, "admin/settings/properties/index.html", context)


async def show(visit: Console) -> Response:
    """Show one property as a form."""
    row = _row(visit)
    value = await properties.read(row.name)
    entered = _rights_in(int(value)) if _kind(row) is RightsForm else _display(value)
    return await _ask(visit, _kind(row)(data={"value": entered}))


async def change(visit: Console) -> Response:
    """Set one property."""
    row = _row(visit)
    form = await _kind(row).read(visit.request)
    if form.text == _display(await properties.read(row.name)):
        return redirect(paths.PROPERTIES, "info", _("%s has this value already.") % row.name)
    if form.validate():
        try:
            value = await property_changes.change(row.name, form.text, now=visit.now, actor=visit.actor)
        except InputRefused as refusal:
            # The page is about this property alone, so its name in front would be redundant.
            errors = {field: words.removeprefix(f"{row.name}: ") for field, words in refusal.fields.items()}
            form.refuse(InputRefused(errors))
        else:
            return redirect(paths.PROPERTIES, "success", f"{row.name}: {_display(value)}")
    return await _ask(visit, form, status=422)


async def reset(visit: Console) -> Response:
    """Reset one property to its default."""
    row = _row(visit)
    value = await property_changes.reset(row.name, now=visit.now, actor=visit.actor)
    return redirect(
        paths.PROPERTIES,
        "success",
        _("%(name)s: %(value)s, the default") % {"name": row.name, "value": _display(value)},
    )


async def _ask(visit: Console, form: Form, *, status: int = 200) -> Response:
    row = _row(visit)
    context = {
        "form": form,
        "row": row,
        "default": _display(row.default),
        "rights": RIGHTS,
        "needed": _rights_in(access_rights.NECESSARY),
        "changed": row.name in await property_changes.stored_names(),
    }
    return render(visit.request, "admin/settings/properties/edit.html", context, status=status)


def _row(visit: Console) -> properties.PropertyDefinition:
    return or_not_found(ROWS.get(visit.request.path_params["name"]))


def _kind(row: properties.PropertyDefinition) -> type[ValueForm]:
    if row.name.startswith("mdm.rights."):
        return RightsForm
    return SwitchForm if isinstance(row.default, bool) else TextForm


def _display(value: properties.Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rights_in(value: int) -> list[str]:
    return [right for right in RIGHTS if value & int(right)]
