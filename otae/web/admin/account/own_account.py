"""The administrator's own account: the address for notices, the password, and the signed-in browsers."""

from typing import Final, Self
from uuid import UUID

from starlette.responses import Response

from otae import paths, time_zones
from otae.accounts import display_names, notice_addresses, own_account, password_strength, preferences, second_factors
from otae.contacts import LONGEST_ADDRESS, shown_address
from otae.delivery.texts.languages import LANGUAGES
from otae.directory.local.person_fields import DOMAIN
from otae.errors import Busy, InputRefused, SigninFailed, SlowDown
from otae.translatable import N_
from otae.web import guards
from otae.web.admin.account.notice_form import NoticeForm, filled_form
from otae.web.admin.page_parts import row_id
from otae.web.forms import Form, InputRequired, Length, PasswordField, SelectField, StringField
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import CONSOLE_LANGUAGES, ngettext
from otae.words import gettext as _

CHOOSE: Final = N_("choose one of the list")


class AccountForm(Form):
    """The name that invited people read, where notices go, and the console's time zone and language."""

    display_name = StringField(N_("Full name"), [Length(max=display_names.LONGEST)])
    email = StringField(N_("Mail address"), [Length(max=LONGEST_ADDRESS)], filters=[shown_address])
    time_zone = SelectField(N_("Time zone"), default="", invalid_choice_message=CHOOSE)
    language = SelectField(N_("Language of the console"), default="", invalid_choice_message=CHOOSE)

    def prepare(self) -> Self:
        """Fill in the time zones and languages to choose from, and return the form."""
        zones = sorted(time_zones.names())
        self.time_zone.choices = [("", N_("as in the browser")), *((zone, zone.replace("_", " ")) for zone in zones)]
        self.language.choices = [("", N_("as in the browser")), *((tag, LANGUAGES[tag]) for tag in CONSOLE_LANGUAGES)]
        return self


class PasswordForm(Form):
    """The current password, and the new one twice."""

    current = PasswordField(
        N_("Your password now"), [InputRequired(N_("is missing")), Length(max=password_strength.LONGEST)]
    )
    password = PasswordField(
        N_("The new one"), [InputRequired(N_("is missing")), Length(max=password_strength.LONGEST)]
    )
    again = PasswordField(N_("The new one again"), [InputRequired(N_("is missing"))])


async def show(visit: Console) -> Response:
    """Show one's own account."""
    return await page(visit)


async def change(visit: Console) -> Response:
    """Change name and address for notices."""
    form = (await AccountForm.read(visit.request)).prepare()
    if form.validate():
        with form.refusals():
            text, shown = form.email.data or "", display_names.checked_display_name(form.display_name.data or "")
            await notice_addresses.set_address(visit.desk, visit.actor, text, now=visit.now, actor=visit.actor)
            if visit.administrator.domain == DOMAIN:
                await display_names.set_display_name(visit.actor, shown, now=visit.now, actor=visit.actor)
            chosen = {"time_zone": form.time_zone.data, "language": form.language.data}
            await preferences.set_preferences(visit.administrator.id, **chosen)
            return redirect(paths.ACCOUNT, "success", _("Your settings were saved."))
    return await page(visit, form, status=422)


async def change_password(visit: Console) -> Response:
    """Change the password and sign every other browser out."""
    form = await PasswordForm.read(visit.request)
    status = 422
    if form.validate() and form.password.data != form.again.data:
        form.again.errors = [_("the two passwords differ")]
    if not form.all_errors:
        given = (form.current.data, form.password.data, guards.browser_of(visit))
        try:
            signed_in = await own_account.change_password(visit.desk, visit.actor, *given, now=visit.now)
        except InputRefused as refusal:
            form.refuse(refusal)
        except SigninFailed:
            form.current.errors = [_("this is not your password")]
        except Busy as refusal:
            form.form_errors, status = [_(refusal.words)], 503
        except SlowDown as refusal:
            form.current.errors, status = [_("too many attempts: try again in %d s") % refusal.seconds], 429
        else:
            done = _("Your password was changed, and every other browser signed out.")
            return guards.set_console_cookie(signed_in, redirect(paths.ACCOUNT, "success", done))
    return await page(visit, password=form, status=status)


async def end_session(visit: Console) -> Response:
    """Sign one other browser out."""
    return await _end(visit, only=row_id(visit.request))


async def end_others(visit: Console) -> Response:
    """Sign every other browser out."""
    return await _end(visit)


async def _end(visit: Console, only: UUID | None = None) -> Response:
    whose, this = visit.administrator.id, guards.secret_of(visit)
    ended = await own_account.end_sessions(whose, this=this, only=only, now=visit.now, actor=visit.actor)
    if not ended:
        return redirect(paths.ACCOUNT, "info", _("No other browser was signed in any more."))
    said = ngettext("%(num)d browser was signed out.", "%(num)d browsers were signed out.", ended)
    return redirect(paths.ACCOUNT, "success", said % {"num": ended})


async def page(
    visit: Console,
    notices: AccountForm | None = None,
    *,
    password: PasswordForm | None = None,
    told: NoticeForm | None = None,
    status: int = 200,
) -> Response:
    """Return the account's page, with the form that was refused."""
    browsers = await own_account.signed_in(visit.administrator.id, this=guards.secret_of(visit), now=visit.now)
    context = {
        "form": notices or AccountForm(data=await _contact(visit)).prepare(),
        "password": password or PasswordForm(),
        "browsers": browsers,
        "told": told or await filled_form(visit),
        "factors": await second_factors.factors_of(visit.administrator.id),
        "elsewhere": len([each for each in browsers if not each.is_this]),
        "own": visit.administrator.domain == DOMAIN,
        "shortest": password_strength.SHORTEST,
    }
    return render(visit.request, "admin/account/account.html", context, status=status)


async def _contact(visit: Console) -> dict[str, str]:
    return {
        "email": await notice_addresses.address_of(visit.actor),
        "display_name": visit.administrator.display_name,
        "time_zone": visit.administrator.time_zone,
        "language": visit.administrator.language,
    }
