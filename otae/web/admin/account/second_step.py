"""Signing in to the console with a second factor: after the password, or by a passkey alone."""

from starlette.responses import RedirectResponse, Response

from otae import paths
from otae.accounts import console_sign_in, passkeys, second_factors
from otae.accounts.browsers import AdministratorRow
from otae.accounts.passkeys import Answer
from otae.accounts.second_factors import Proof
from otae.errors import DirectoryUnavailable, SigninFailed, SlowDown
from otae.translatable import N_
from otae.web import guards, refused_forms
from otae.web.admin.account.sign_in import SignInForm, next_page
from otae.web.failures import page_status
from otae.web.forms import Form, HiddenField, Length, StringField
from otae.web.pages import redirect, render
from otae.web.visits import Visit
from otae.words import gettext as _


class PasskeyForm(Form):
    """A passkey's answer, which a script fills in, and the challenge that it belongs to."""

    never_kept = frozenset({"credential", "challenge"})

    credential = HiddenField(N_("Passkey"), [Length(max=passkeys.LONGEST_ANSWER)])
    challenge = HiddenField(N_("Challenge"), [Length(max=1000)])

    @property
    def answer(self) -> Answer:
        """What the browser answered."""
        return Answer(self.credential.data or "", self.challenge.data or "")


class SecondStepForm(PasskeyForm):
    """A one-time code or a recovery code, or a passkey's answer."""

    never_kept = PasskeyForm.never_kept | {"code"}

    code = StringField(N_("Code"), [Length(max=100)])


async def show(visit: Visit) -> Response:
    """Ask for the second factor of whoever entered the password a moment ago; others are sent to sign in."""
    row = await _waiting(visit)
    if row is None:
        return RedirectResponse(_sign_in_page(visit), 303)
    form = await refused_forms.take(visit, SecondStepForm) or SecondStepForm()
    question = await second_factors.ask(visit.desk, row.id, console_sign_in.SECOND, now=visit.now)
    factors = await second_factors.factors_of(row.id)
    context = {"form": form, "factors": factors, "question": question, "name": row.name, "back": _sign_in_page(visit)}
    return render(visit.request, "admin/account/second-step.html", context, status=form.status, headers=form.headers)


async def submit(visit: Visit) -> Response:
    """Sign in, when the second factor is right."""
    row = await _waiting(visit)
    if row is None:
        note = _("That took too long: enter your password again.")
        return redirect(_sign_in_page(visit), "info", note)
    form = await SecondStepForm.read(visit.request)
    proof = Proof((form.code.data or "").strip(), form.answer)
    if form.validate() and not proof.code and not proof.answer.credential:
        form.code.errors = [_("Enter a code.")]
    if form.all_errors:
        return await refused_forms.redirect_back(visit, form)
    browser = guards.browser_of(visit)
    try:
        signed_in = await console_sign_in.take_second_step(visit.desk, row, proof, browser, now=visit.now)
    except SigninFailed:
        form.code.errors = [_("This is not right, or was used already: a code counts once.")]
        return await refused_forms.redirect_back(visit, form)
    except SlowDown as refusal:
        form.form_errors.append(_(refusal.words))
        return await refused_forms.redirect_back(visit, form, status=page_status(refusal), retry_after=refusal.seconds)
    response = guards.set_console_cookie(signed_in, RedirectResponse(next_page(visit), 303))
    guards.drop_cookie(response, guards.SECOND_STEP_COOKIE)
    return response


async def by_passkey(visit: Visit) -> Response:
    """Sign in by a passkey alone."""
    form, shown, where = await PasskeyForm.read(visit.request), SignInForm(), _sign_in_page(visit)
    browser = guards.browser_of(visit)
    try:
        signed_in = await console_sign_in.sign_in_by_passkey(visit.desk, form.answer, browser, now=visit.now)
    except SigninFailed:
        shown.form_errors.append(_("This passkey is not known here, or the page was open for too long: try again."))
        return await refused_forms.redirect_back(visit, shown, where=where)
    except DirectoryUnavailable as refusal:
        shown.form_errors.append(_(refusal.words))
        return await refused_forms.redirect_back(visit, shown, status=503, where=where)
    except SlowDown as refusal:
        shown.form_errors.append(_(refusal.words))
        after, status = refusal.seconds, page_status(refusal)
        return await refused_forms.redirect_back(visit, shown, status=status, retry_after=after, where=where)
    return guards.set_console_cookie(signed_in, RedirectResponse(next_page(visit), 303))


async def _waiting(visit: Visit) -> AdministratorRow | None:
    sealed = visit.request.cookies.get(guards.SECOND_STEP_COOKIE, "")
    return await console_sign_in.find_second_step(visit.desk, sealed, now=visit.now)


def _sign_in_page(visit: Visit) -> str:
    after = next_page(visit)
    return paths.CONSOLE_SIGN_IN(next=after if after != paths.CONSOLE else "")
