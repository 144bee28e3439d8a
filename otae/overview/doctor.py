"""The checks of `otae doctor`: each reports what was found and what to do about it."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx2

from otae import paths
from otae.authority import issuers, push, uploads
from otae.delivery import server_refusals, servers
from otae.delivery.mail.smtp import smtp_transport
from otae.delivery.transport import NotSent
from otae.directory.ldap.connection_test import run_steps
from otae.directory.ldap.servers import list_directories
from otae.errors import NotReady, OtaeError
from otae.invitations.modes import mode_of
from otae.overview.attention import WARNING
from otae.signing.certificates import pem
from otae.store import database, heartbeats, keyring, properties, schema_check, search_index, writable
from otae.store.desk import Desk
from otae.store.models import Certificate, Enrollment, InstallationSecret
from otae.store.states import EnrollmentStatus

TIMEOUT_SECONDS = 8
MAX_SKEW = timedelta(seconds=30)


@dataclass(frozen=True)
class Check:
    """One finding. ``state``: "ok", "warning" or "failed"; ``advice``: what to do, "" for nothing."""

    name: str
    state: str
    words: str
    advice: str = ""


async def examine(desk: Desk, *, now: datetime, redis: Check | None = None) -> list[Check]:
    """Run every check; ``redis`` is the finding of a check that the caller made, and is added at the end.

    They change nothing, apart from one row that is written to see whether writing works.
    """
    tables = await _tables()
    if tables.state == "failed":
        return [tables]  # every other check would only fail for the same reason
    probes = (
        ("master key", _master_key(desk)),
        ("PUBLIC_URL", _public_url(desk)),
        ("trusted hops", _hops(desk)),
        ("clock skew", _clock_skew(now)),
        ("writing", _writing(desk)),
        ("processes", _processes(desk, now)),
        ("mail", _mail(desk, now)),
        ("directories", _directories(desk)),
        ("certificates", _certificates(now)),
        ("push certificate", _push(desk)),
        ("default mode", _mode()),
        ("search", _search()),
    )
    checks = [tables]
    for name, probe in probes:
        try:
            checks += await probe
        except (OtaeError, OSError, httpx2.HTTPError) as error:
            checks.append(Check(name, "failed", str(error) or type(error).__name__))
    return [*checks, redis] if redis else checks


async def _tables() -> Check:
    differences = await schema_check.compare()
    if differences.missing:
        words = f"missing: {', '.join(differences.missing)}"
        return Check("database tables", "failed", words, schema_check.REPAIR_ADVICE)
    if differences.slow:
        advice = "Everything works, and slower the more there is. Make the indexes, or restore the newest backup."
        return Check("database tables", "warning", f"missing: {', '.join(differences.slow)}", advice)
    return Check("database tables", "ok", "as this release needs them")


async def _public_url(desk: Desk) -> list[Check]:
    settings, loop = desk.settings, asyncio.get_running_loop()
    try:
        await loop.getaddrinfo(settings.public_host, settings.public_port, type=socket.SOCK_STREAM)
    except OSError:
        advice = "Make a DNS entry for it, or correct PUBLIC_URL."
        return [Check("PUBLIC_URL", "failed", f"{settings.public_host} does not resolve", advice)]
    roots = pem(*await uploads.trust_anchors()).decode() if settings.port is None else None
    context = ssl.create_default_context(cadata=roots)
    try:
        async with httpx2.AsyncClient(verify=context, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            answer = await client.get(f"{settings.public_url}{paths.ALIVE}")
    except httpx2.HTTPError as error:
        advice = "Start `otae serve`; then check port, firewall and that the certificate chain is ours or the router's."
        words = f"{settings.public_url}{paths.ALIVE}: {str(error) or type(error).__name__}"
        return [Check("PUBLIC_URL", "failed", words, advice)]
    good = answer.status_code == 200
    words = f"{settings.public_url} answers {answer.status_code} with a certificate that verifies"
    return [Check("PUBLIC_URL", "ok" if good else "failed", words, "" if good else "Another program answers there.")]


async def _hops(desk: Desk) -> list[Check]:
    settings = desk.settings
    if settings.port and settings.trusted_hops == 0:
        advice = "Set OTAE_TRUSTED_HOPS to the number of proxies in front, usually 1."
        return [Check("trusted hops", "warning", "behind a router, and its X-Forwarded-For is not read", advice)]
    if settings.port is None and settings.trusted_hops:
        advice = "Unset OTAE_TRUSTED_HOPS: without a proxy anybody can write X-Forwarded-For."
        return [Check("trusted hops", "failed", f"{settings.trusted_hops} trusted without PORT", advice)]
    return [Check("trusted hops", "ok", f"{settings.trusted_hops}")]


async def _clock_skew(now: datetime) -> list[Check]:
    skew = abs(datetime.now(UTC) - now)
    if skew > MAX_SKEW:
        advice = "Run a time service on this machine and on the database's."
        words = f"this machine and the database differ by {int(skew.total_seconds())} s"
        return [Check("clock skew", "failed", words, advice)]
    return [Check("clock skew", "ok", "this machine and the database agree")]


async def _writing(desk: Desk) -> list[Check]:
    await writable.try_to_write()
    free = writable.free_space(desk.settings)
    if free is None:
        return [Check("writing", "ok", "the database takes what is written")]
    words = f"{free // writable.MIB} MiB are left on the disk of {desk.settings.home}"
    if free >= writable.LOW_FREE:
        return [Check("writing", "ok", words)]
    state = "failed" if free < writable.MIN_FREE else "warning"
    return [Check("writing", state, words, "Make room: nothing works on a full disk, and no page is shown.")]


async def _processes(desk: Desk, now: datetime) -> list[Check]:
    problems = await heartbeats.find_problems(now=now)
    checks = [_trouble(each) for each in problems]
    working_roles = [
        role for role in (heartbeats.WORKER, heartbeats.CLOCK) if role not in {each.role for each in problems}
    ]
    checks += [Check(role, "ok", "alive, and does its work") for role in working_roles]
    lacking = await heartbeats.processes_without_key(desk.vault.key_ids[0], now=now)
    if lacking:
        advice = "Restart them with the same OTAE_MASTER_KEYS before `otae keys rotate`."
        checks.append(Check("keys of processes", "warning", f"other master keys: {', '.join(lacking)}", advice))
    return checks


def _trouble(each: heartbeats.Problem) -> Check:
    since = each.since.strftime("%Y-%m-%d %H:%M:%S UTC") if each.since else "its start"
    if each.kind == "none":
        words = f"not heard of for {int(heartbeats.DEAD_AFTER.total_seconds())} s"
        return Check(each.role, "failed", words, f"Start `otae {each.role}`.")
    if each.kind == "dead":
        words = f"{each.process} has not been heard of since {since}, and none was started in its place"
        return Check(each.role, "warning", words, f"Start `otae {each.role}` again, and see in its log why it ended.")
    if each.kind == "stuck":
        words = f"{each.process} has been at {each.what} since {since}"
        return Check(each.role, "failed", words, "End that process and start it again; its log says what it waits for.")
    ending = f", when it ended with {each.what}" if each.what else ""
    words = f"{each.process} has done nothing since {since}{ending}"
    return Check(each.role, "failed", words, f"End {each.process}: it keeps the others from taking their turn.")


async def _mail(desk: Desk, now: datetime) -> list[Check]:
    """Try every active and standby mail server as a worker would, up to the sender's address; no message is sent."""
    in_order = await servers.servers_in_order()
    if not in_order:
        advice = "Add a notification server under Settings; until then the built-in catcher takes all mail."
        return [Check("mail", "warning", "no notification server: mail goes to the catcher", advice)]
    refusals = {each.server.id: each.words for each in await server_refusals.refusing_servers(now)}
    checks = []
    for server in in_order:
        name = "mail" if server.active else f"mail standby {server.name}"
        try:
            await smtp_transport(desk, server, timeout=min(server.timeout, TIMEOUT_SECONDS)).probe()
        except NotSent as error:
            advice = "Check host, port, firewall, sign-in and sender; use Test configuration."
            words = f"{server.name} ({server.host}:{server.port}) takes no mail from us: {error}"
            checks.append(Check(name, "failed", words, advice))
        else:
            words = refusals.get(server.id, "")
            advice = "It refused every message of late: see its page under Settings." if words else ""
            said = f"answers, but refused: {words}" if words else "answers and takes our sender"
            checks.append(Check(name, "warning" if words else "ok", f"{server.name} {said}", advice))
    return checks


async def _directories(desk: Desk) -> list[Check]:
    """Connect to each directory and read its people; no check without a directory."""
    checks = []
    for row in await list_directories():
        name = f"directory {row.domain}"
        failed = [step async for step in run_steps(desk, row) if not step["ok"]]
        if failed:
            advice = f"Mend it, then `otae directory test {row.domain}` or Test connection under Settings, LDAP."
            checks.append(Check(name, "failed", f"{failed[0]['step']}: {failed[0]['words']}", advice))
        else:
            checks.append(Check(name, "ok", "answers, and its people can be read"))
    return checks


async def _certificates(now: datetime) -> list[Check]:
    checks = []
    for row in await Certificate.filter(active=True).order_by("not_after"):
        days = (row.not_after - now).days
        state = "ok" if row.not_after - now > WARNING else ("warning" if row.not_after > now else "failed")
        checks.append(Check(f"certificate {row.purpose}", state, f"{days} days left", _ADVICE[state]))
    return checks


_ADVICE = {"ok": "", "warning": "Renew it before it ends.", "failed": "It has ended: renew it now."}


async def _push(desk: Desk) -> list[Check]:
    try:
        topic = await push.topic(desk)
    except NotReady:
        macs = await Enrollment.filter(status=EnrollmentStatus.ENROLLED, rehearsal=False).count()
        advice = "Import the push certificate: `otae push import FILE --key FILE`."
        return [Check("push certificate", "failed", f"none; {macs} Macs enrolled, nobody can enroll", advice)]
    if await Certificate.filter(purpose="push", active=True).exists():
        return [Check("push certificate", "ok", topic)]
    advice = "Fine for a trial on localhost; import a push certificate before real Macs."
    return [Check("push certificate", "warning", f"none: trial topic {topic}", advice)]


async def _mode() -> list[Check]:
    mode = await mode_of(await properties.word("enrollment.default.mode"))
    return [Check("default mode", "ok", mode.title)]


async def _search() -> list[Check]:
    if not (tables := await search_index.missing()):
        return [Check("search", "ok", "lists are searched through an index")]
    advice = "Rebuild SQLite with FTS5, then run `otae migrate`."
    if database.dialect() == "postgres":
        advice = "Let the database's owner run `CREATE EXTENSION pg_trgm` in it, then run `otae migrate`."
    return [Check("search", "warning", f"no index for {', '.join(tables)}: lists are searched slowly", advice)]


async def _master_key(desk: Desk) -> list[Check]:
    for row in await InstallationSecret.all():
        desk.vault.open(row.value_sealed, row.id, "secret")
    for purpose in ("device-ca", "ra", "profile-signer"):
        await issuers.keyed(desk, purpose)
    return [Check("master key", "ok", f"opens this installation's {len(keyring.SECRETS)} secrets and its keys")]
