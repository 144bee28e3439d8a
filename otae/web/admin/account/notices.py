"""What the administrator is told by mail: a card of the account page."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from otae import paths
from otae.accounts.notice_choices import choices_of, set_choices
from otae.errors import InputRefused
from otae.store.notices import DAILY, KINDS, NOW, OFF
from otae.text import whole_number
from otae.translatable import N_
from otae.web.pages import redirect
from otae.web.visits import Console
from otae.words import gettext as _

TIMES: Final = ((NOW, N_("At once")), (DAILY, N_("Once a day")), (OFF, N_("Never")))


@dataclass(frozen=True)
class ToldCard:
    """What the card shows. ``kinds``: each kind of notice with its words and when it is told."""

    kinds: list[tuple[str, str, str]]
    hour: int
    email: str
    times: tuple[tuple[str, str], ...] = TIMES


async def card(visit: Console) -> ToldCard:
    """Return the card with the kinds that the administrator's role may be told."""
    choices = await choices_of(visit.administrator.id)
    kinds = [
        (kind, each.words, choices.when(kind)) for kind, each in KINDS.items() if visit.powers.may(each.permission)
    ]
    return ToldCard(kinds, choices.hour, visit.administrator.email or "")


async def change(visit: Console) -> Response:
    """Store what the administrator wants to be told."""
    sent = await visit.request.form()
    chosen = {kind: str(sent[kind]) for kind in KINDS if kind in sent}
    hour = whole_number(str(sent.get("hour", "")))
    try:
        await set_choices(visit.administrator.id, chosen, -1 if hour is None else hour)
    except InputRefused as refusal:
        return redirect(f"{paths.ACCOUNT}#told", "danger", refusal.reasons)
    return redirect(f"{paths.ACCOUNT}#told", "success", _("Your choice was saved."))
