"""DNS records that receivers check about a sender: SPF (RFC 7208), DKIM (RFC 6376) and DMARC (RFC 7489).

The findings are shown to an administrator and decide nothing here.
"""

import asyncio
import re

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

from otae.delivery.transport import plain

#: Seconds one DNS query may take, over all name servers.
DNS_TIMEOUT = 4
#: Most names at which a DMARC policy is looked up: the domain's own, then its parents'.
MAX_DMARC_LOOKUPS = 3


class _DnsFailed(Exception):
    """DNS did not answer."""


async def check_sender_domain(
    domain: str, selector: str, resolver: dns.asyncresolver.Resolver | None = None
) -> list[dict[str, str]]:
    """Look up SPF, DKIM and DMARC of ``domain`` and return what was found of each.

    Never raises: when DNS does not answer, the state is "unknown".

    Args:
        selector: The DKIM selector, "" when it is not known.
        resolver: The resolver to use, the system's own when None.

    Returns:
        ``name``: "SPF", "DKIM" or "DMARC"; ``state``: "ok", "weak", "missing" or "unknown"; ``words``: for people.
    """
    try:
        resolver = resolver or dns.asyncresolver.Resolver()
    except dns.exception.DNSException:
        return [_check(name, "unknown", "this server knows no name server") for name in ("SPF", "DKIM", "DMARC")]
    questions = (_spf(domain, resolver), _dkim(domain, selector, resolver), _dmarc(domain, resolver))
    return list(await asyncio.gather(*questions))


def _check(name: str, state: str, words: str) -> dict[str, str]:
    return {"name": name, "state": state, "words": words}


async def _spf(domain: str, resolver: dns.asyncresolver.Resolver) -> dict[str, str]:
    try:
        texts = await _texts(domain, resolver)
    except _DnsFailed as error:
        return _check("SPF", "unknown", str(error))
    records = [text for text in texts if re.match(r"v=spf1(\s|$)", text, re.IGNORECASE)]
    if not records:
        return _check("SPF", "missing", f"{domain} does not say which servers may send its mail: add a v=spf1 record")
    if len(records) > 1:
        return _check("SPF", "weak", f"{domain} has {len(records)} v=spf1 records, so that none counts: keep one")
    if re.search(r"\s\+?all(\s|$)", records[0], re.IGNORECASE):
        return _check("SPF", "weak", plain(f"everybody may send: {records[0]}"))
    return _check("SPF", "ok", plain(records[0]))


async def _dkim(domain: str, selector: str, resolver: dns.asyncresolver.Resolver) -> dict[str, str]:
    if not selector:
        return _check("DKIM", "unknown", "not looked up: enter the selector that your mail server signs with")
    name = f"{selector}._domainkey.{domain}"
    try:
        texts = await _texts(name, resolver)
    except _DnsFailed as error:
        return _check("DKIM", "unknown", str(error))
    keys = [match[1] for text in texts if (match := re.search(r"(?:^|;)\s*p\s*=\s*([^;]*)", text))]
    if not keys:
        return _check("DKIM", "missing", f"there is no key at {name}")
    if not keys[0].strip():
        return _check("DKIM", "weak", f"the key at {name} is withdrawn (p= is empty)")
    return _check("DKIM", "ok", f"there is a key at {name}; your mail server has to sign with it")


async def _dmarc(domain: str, resolver: dns.asyncresolver.Resolver) -> dict[str, str]:
    asked = domain
    for _ in range(MAX_DMARC_LOOKUPS):
        try:
            texts = await _texts(f"_dmarc.{asked}", resolver)
        except _DnsFailed as error:
            return _check("DMARC", "unknown", str(error))
        records = [text for text in texts if re.match(r"v=DMARC1\s*(;|$)", text)]
        if records:
            policy = re.search(r"(?:^|;)\s*p\s*=\s*(\w+)", records[0])
            weak = policy is None or policy[1].lower() == "none"
            record = f"_dmarc.{asked}: {records[0]}"
            return _check("DMARC", "weak" if weak else "ok", plain(f"asks for nothing: {record}" if weak else record))
        asked = asked.partition(".")[2]
        if "." not in asked:
            break
    return _check(
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
