"""DNS records that receivers check about a sender: SPF (RFC 7208), DKIM (RFC 6376) and DMARC (RFC 7489).

The findings are shown to an administrator and decide nothing here.
"""

import asyncio
import re
from dataclasses import asdict, dataclass

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

from otae.delivery.transport import plain

#: Seconds one DNS query may take, over all name servers.
DNS_TIMEOUT = 4
#: Most names at which a DMARC policy is looked up: the domain's own, then its parents'.
MAX_DMARC_LOOKUPS = 3


@dataclass(frozen=True)
class SenderCheck:
    """The result of one check.

    ``name``: "SPF", "DKIM" or "DMARC"; ``state``: "ok", "weak", "missing" or "unknown"; ``words``: for people.
    """

    name: str
    state: str
    words: str


class _DnsFailed(Exception):
    """DNS did not answer."""


async def check_sender_domain(
    domain: str, selector: str, resolver: dns.asyncresolver.Resolver | None = None
) -> list[dict[str, str]]:
    """Look up SPF, DKIM and DMARC of ``domain`` and return the fields of each `SenderCheck`.

    Never raises: when DNS does not answer, the state is "unknown".

    Args:
        selector: The DKIM selector, "" when it is not known.
        resolver: The resolver to use, the system's own when None.
    """
    try:
        resolver = resolver or dns.asyncresolver.Resolver()
    except dns.exception.DNSException:
        return [
            asdict(SenderCheck(name, "unknown", "this server knows no name server"))
            for name in ("SPF", "DKIM", "DMARC")
        ]
    questions = (_spf(domain, resolver), _dkim(domain, selector, resolver), _dmarc(domain, resolver))
    return [asdict(finding) for finding in await asyncio.gather(*questions)]


async def _spf(domain: str, resolver: dns.asyncresolver.Resolver) -> SenderCheck:
    try:
        texts = await _texts(domain, resolver)
    except _DnsFailed as error:
        return SenderCheck("SPF", "unknown", str(error))
    records = [text for text in texts if re.match(r"v=spf1(\s|$)", text, re.IGNORECASE)]
    if not records:
        return SenderCheck(
            "SPF", "missing", f"{domain} does not say which servers may send its mail: add a v=spf1 record"
        )
    if len(records) > 1:
        return SenderCheck("SPF", "weak", f"{domain} has {len(records)} v=spf1 records, so that none counts: keep one")
    if re.search(r"\s\+?all(\s|$)", records[0], re.IGNORECASE):
        return SenderCheck("SPF", "weak", plain(f"everybody may send: {records[0]}"))
    return SenderCheck("SPF", "ok", plain(records[0]))


async def _dkim(domain: str, selector: str, resolver: dns.asyncresolver.Resolver) -> SenderCheck:
    if not selector:
        return SenderCheck("DKIM", "unknown", "not looked up: enter the selector that your mail server signs with")
    name = f"{selector}._domainkey.{domain}"
    try:
        texts = await _texts(name, resolver)
    except _DnsFailed as error:
        return SenderCheck("DKIM", "unknown", str(error))
    keys = [match[1] for text in texts if (match := re.search(r"(?:^|;)\s*p\s*=\s*([^;]*)", text))]
    if not keys:
        return SenderCheck("DKIM", "missing", f"there is no key at {name}")
    if not keys[0].strip():
        return SenderCheck("DKIM", "weak", f"the key at {name} is withdrawn (p= is empty)")
    return SenderCheck("DKIM", "ok", f"there is a key at {name}; your mail server has to sign with it")


async def _dmarc(domain: str, resolver: dns.asyncresolver.Resolver) -> SenderCheck:
    asked = domain
    for _ in range(MAX_DMARC_LOOKUPS):
        try:
            texts = await _texts(f"_dmarc.{asked}", resolver)
        except _DnsFailed as error:
            return SenderCheck("DMARC", "unknown", str(error))
        records = [text for text in texts if re.match(r"v=DMARC1\s*(;|$)", text)]
        if records:
            policy = re.search(r"(?:^|;)\s*p\s*=\s*(\w+)", records[0])
            weak = policy is None or policy[1].lower() == "none"
            record = f"_dmarc.{asked}: {records[0]}"
            return SenderCheck(
                "DMARC", "weak" if weak else "ok", plain(f"asks for nothing: {record}" if weak else record)
            )
        asked = asked.partition(".")[2]
        if "." not in asked:
            break
    return SenderCheck(
        "DMARC", "missing", f"there is no policy at _dmarc.{domain}: many receivers distrust mail without one"
    )


async def _texts(name: str, resolver: dns.asyncresolver.Resolver) -> list[str]:
    """Return the TXT records of ``name``, none when it does not exist."""
    try:
        answer = await resolver.resolve(f"{name}.", dns.rdatatype.TXT, lifetime=DNS_TIMEOUT)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError, ValueError) as error:
        raise _DnsFailed(f"DNS does not answer for {name}") from error
    return [b"".join(record.strings).decode(errors="replace") for record in answer]
