"""Campaigns: group invitations that follow their group, with their plan, their progress and what they ask."""

import json
from collections.abc import Awaitable, Callable
from datetime import date
from functools import partial
from typing import Final
from uuid import uuid4

from starlette.responses import Response

from otae import paths
from otae.directory import whole_group
from otae.errors import InputRefused, StaleState
from otae.invitations import campaign_moves, campaigns, results
from otae.invitations.campaigns import LONGEST_NAME, LONGEST_TEXT, CampaignRow, Plan
from otae.invitations.modes import default_mode, title_of
from otae.store.states import CampaignStatus
from otae.text import whole_number
from otae.translatable import N_
from otae.web.admin import remedies
from otae.web.admin.manage import burn_down, group_invitations, picker
from otae.web.admin.manage.group_invitations import REASONS, GroupInvitationForm
from otae.web.admin.manage.statuses import OWNERSHIPS
from otae.web.admin.page_parts import id_param, or_not_found, row_id, text_param
from otae.web.forms import (
    BooleanField,
    Form,
    HiddenField,
    InputRequired,
    Length,
    StringField,
    TextAreaField,
    sent_fields,
)
from otae.web.pages import is_fragment_request, redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

PAGE: Final = 50
MOVED: Final = N_("It had moved on meanwhile; here is where it stands.")
#: Status of a campaign → its title.
STATUS_TITLES: Final = {
    "draft": N_("Not started"),
    "running": N_("Running"),
    "asking": N_("Waits for your answer"),
    "paused": N_("Paused"),
    "ended": N_("Ended"),
}


class PlanForm(Form):
    """The plan of a campaign. ``seen``: the plan as it was when the form was shown."""

    seen = HiddenField()
    name = StringField(N_("Name"), [InputRequired(campaigns.NAME), Length(max=LONGEST_NAME)])
    target = StringField(N_("Everybody enrolled by"), [Length(max=10)])
    wave_hours = StringField(N_("Hours of the waves"), [Length(max=80)])
    wave_size = StringField(N_("People in a wave"), [Length(max=9)])
    weekdays_only = BooleanField(N_("No waves on Saturday and Sunday"))
    remind_days = StringField(N_("Remind after days"), [Length(max=9)])
    remind_most = StringField(N_("Reminders at most"), [Length(max=9)])
    tell_manager = BooleanField(N_("Then tell the manager once"))
    former_mdm = TextAreaField(N_("Steps to leave another MDM first"), [Length(max=LONGEST_TEXT)])

    def plan(self) -> Plan:
        """Return the plan that was entered. Raises InputRefused for what is no number, hour or day."""
        given, wrong, numbers = self.values(), dict[str, str](), dict[str, int]()
        for name, default in (("wave_size", 0), ("remind_days", 0), ("remind_most", 3)):
            text = given[name].strip()
            number = whole_number(text) if text else default
            if number is None:
                wrong[name] = N_("use a whole number")
            numbers[name] = number or 0
        hours = [whole_number(each) for each in given["wave_hours"].replace(",", " ").split()]
        if None in hours:
            wrong["wave_hours"] = campaigns.HOURS
        try:
            target = date.fromisoformat(given["target"].strip()) if given["target"].strip() else None
        except ValueError:
            target, wrong["target"] = None, N_("use a day such as 2026-12-24")
        if wrong:
            raise InputRefused(wrong)
        known = tuple(hour for hour in hours if hour is not None)
        return self.entered(Plan, target=target, wave_hours=known, **numbers)


class CampaignForm(PlanForm, GroupInvitationForm):
    """A campaign with the terms of its invitations, which end as their mode says: people join until it ends."""

    valid_until = None


async def index(visit: Console) -> Response:
    """List campaigns, newest first."""
    before = id_param(visit.request, "before")
    rows = await campaigns.list_campaigns(before, PAGE + 1, reach=visit.reach)
    shown = rows[:PAGE]
    context = {
        "rows": shown,
        "days": await campaigns.last_days(shown),
        "status_titles": STATUS_TITLES,
        "first": paths.CAMPAIGNS if before else "",
        "more": paths.CAMPAIGNS(before=shown[-1].id) if len(rows) > PAGE else "",
    }
    return render(visit.request, "admin/manage/campaigns/index.html", context)


async def blank(visit: Console) -> Response:
    """Show an empty form; the address may name the group."""
    chosen = {
        "form_id": str(uuid4()),
        "mode": (await default_mode()).name,
        "group": text_param(visit.request, "group"),
        "remind_days": "3",
        "remind_most": "3",
    }
    return await _ask(visit, await CampaignForm(data=chosen).prepare())


async def add(visit: Console) -> Response:
    """Create the campaign and look its people up; the same form sent twice is one campaign."""
    form = await (await CampaignForm.read(visit.request)).prepare()
    if form.validate():
        try:
            order = form.order(picker.with_domain(form.group.data, form.domain.data))
            row = await campaigns.create(
                visit.desk, order, form.plan(), now=visit.now, actor=visit.actor, reach=visit.reach
            )
        except InputRefused as refusal:
            form.refuse(refusal)
            form.remedies = remedies.of_terms(visit, refusal.fields)
        else:
            return redirect(paths.CAMPAIGN(row.id))
    return await _ask(visit, form, status=422)


async def show(visit: Console) -> Response:
    """Show how a campaign goes; for polling only the block that changes."""
    row = await _row(visit)
    numbers, days, order = await campaigns.count(row), await campaigns.days(row), row.group_invitation
    last = days[-1] if days else None
    counts = (last.people, last.invited, last.enrolled) if last else ()
    facts = (row.status, row.looked_at, row.tried_at, row.trouble, row.joining, row.leaving, row.next_wave_at)
    mark = "-".join(str(each) for each in (*facts, order.status, order.found, sorted(numbers.items()), counts))
    part = is_fragment_request(visit.request)
    if part and visit.request.query_params.get("seen") == mark:
        return Response(status_code=204)
    reason, _space, detail = row.trouble.partition(" ")
    context = {
        "row": row,
        "order": order,
        "numbers": numbers,
        "today": last,
        "plot": burn_down.draw(days, row.target),
        "trouble": whole_group.WORDS.get(reason, ""),
        "detail": detail,
        "days_left": (date.fromisoformat(row.target) - visit.now.date()).days if row.target else None,
        "dry_run": await results.progress(order, now=visit.now) if row.status == CampaignStatus.DRAFT else None,
        "reasons": REASONS,
        "status_titles": STATUS_TITLES,
        "ownerships": OWNERSHIPS,
        "title_of": title_of,
        "again": paths.CAMPAIGN(row.id, seen=mark),
    }
    return render(visit.request, "admin/manage/campaigns/show.html", context, block="news" if part else None)


async def edit(visit: Console) -> Response:
    """Show the form with the plan of a campaign."""
    row = await _row(visit)
    shown = {name: getattr(row, name) or "" for name in ("wave_size", "remind_days")}  # 0 is what an empty field says
    return _edit(visit, row, PlanForm.filled(row, seen=json.dumps(campaigns.plan_columns(row)), **shown))


async def change(visit: Console) -> Response:
    """Change the plan; when somebody else has done so meanwhile, say what is different now and take nothing."""
    row, form = await _row(visit), await PlanForm.read(visit.request)
    if not form.validate():
        return _edit(visit, row, form, status=422)
    seen = _seen(form)
    try:
        await campaigns.change(row, form.plan(), now=visit.now, actor=visit.actor, seen=seen)
    except InputRefused as refusal:
        form.refuse(refusal)
        return _edit(visit, row, form, status=422)
    except StaleState:
        row = await _row(visit)
        if row.status == CampaignStatus.ENDED:
            return redirect(paths.CAMPAIGN(row.id), "warning", _(MOVED))
        present = campaigns.plan_columns(row)
        other = {name: N_("Somebody else has changed this meanwhile; now it is: %(value)s", value=str(value) or "–")
                 for name, value in present.items() if seen.get(name) != value}  # fmt: skip
        form.refuse(InputRefused(other))
        form.seen.data = json.dumps(present)
        return _edit(visit, row, form, status=409)
    return redirect(paths.CAMPAIGN(row.id), "success", _("Saved."))


async def start(visit: Console) -> Response:
    """Start the campaign."""
    return await _do(visit, partial(campaign_moves.start, visit.desk))


async def look(visit: Console) -> Response:
    """Have the group read in the clock's next round."""
    row = await _row(visit)
    await campaign_moves.look_now(row)
    return redirect(paths.CAMPAIGN(row.id), "success", _("The group is read within a minute."))


async def agree(visit: Console) -> Response:
    """Agree to what the campaign asks, as it was shown."""
    sent = await sent_fields(visit.request)
    joining, leaving = (whole_number(str(sent.get(name) or "")) or 0 for name in ("joining", "leaving"))
    return await _do(visit, partial(campaign_moves.agree, joining=joining, leaving=leaving))


async def pause(visit: Console) -> Response:
    """Pause the campaign."""
    return await _do(visit, campaign_moves.pause)


async def resume(visit: Console) -> Response:
    """Go on with the campaign."""
    return await _do(visit, partial(campaign_moves.resume, visit.desk))


async def end(visit: Console) -> Response:
    """End the campaign for good."""
    return await _do(visit, campaign_moves.end)


async def _row(visit: Console) -> CampaignRow:
    return or_not_found(await campaigns.find(row_id(visit.request), visit.reach))


async def _do(visit: Console, move: Callable[..., Awaitable[None]]) -> Response:
    row = await _row(visit)
    try:
        await move(row, now=visit.now, actor=visit.actor)
    except StaleState:
        return redirect(paths.CAMPAIGN(row.id), "warning", _(MOVED))
    return redirect(paths.CAMPAIGN(row.id))


async def _ask(visit: Console, form: CampaignForm, *, status: int = 200) -> Response:
    context = await group_invitations.form_context(visit, form)
    return render(visit.request, "admin/manage/campaigns/add.html", context, status=status)


def _edit(visit: Console, row: CampaignRow, form: PlanForm, *, status: int = 200) -> Response:
    return render(visit.request, "admin/manage/campaigns/edit.html", {"row": row, "form": form}, status=status)


def _seen(form: PlanForm) -> dict[str, object]:
    """Return the columns of the plan that the form was filled from; none of what is not one of them."""
    try:
        sent = json.loads(form.seen.data or "{}")
    except ValueError:
        return {}
    known = sent if isinstance(sent, dict) else {}
    return {name: known[name] for name in campaigns.PLAN if isinstance(known.get(name), str | int)}
