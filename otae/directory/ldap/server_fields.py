"""The rules for a directory's settings, field by field."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final

from otae.directory.ldap.names import is_dn, without_spaces
from otae.directory.local.person_fields import DOMAIN
from otae.outgoing import ascii_host_or_text, is_host
from otae.text import why_refused
from otae.translatable import N_

KINDS: Final = ("ldap", "active-directory")
SECURITIES: Final = ("none", "starttls", "ldaps")
#: The attributes that may hold the user name, by kind of directory; the first is the default.
SEARCH_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "ldap": ("uid", "mail", "cn"),
    "active-directory": ("sAMAccountName", "userPrincipalName", "mail"),
}

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,59}")
_PASSWORD = re.compile(r"password|pwd|secret|krbPrincipalKey", re.IGNORECASE)
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,98}[a-z0-9])?")
_WORDS: Final = {
    "host": N_("use a host name such as ldap.example.org, without a port"),
    "port": N_("use a number from 1 to 65535"),
    "dn": N_("use a distinguished name such as ou=people,dc=example,dc=org"),
}


def normalized(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields as they are stored: stripped, domains and hosts in lower case, hosts in A-labels."""
    values = {name: value.strip() if isinstance(value, str) else value for name, value in fields.items()}
    for name in ("domain", "alias"):
        values[name] = values[name].lower()
    for name in ("primary_host", "secondary_host"):
        values[name] = ascii_host_or_text(values[name]).lower()
    for name in ("user_base", "group_base", "global_catalog_base", "bind_name"):
        values[name] = without_spaces(values[name])
    values["attributes"] = " ".join(dict.fromkeys(re.split(r"[\s,]+", values["attributes"].strip(" ,"))))
    values["password"] = fields["password"]
    return values


def wrong_fields(values: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with each refused field; empty when all are accepted."""
    rules = (
        (
            "domain",
            _is_domain(values["domain"]),
            N_("use letters, digits, dots and hyphens, such as corp or example.org"),
        ),
        ("domain", values["domain"] != DOMAIN, N_("our own people have this name")),
        ("alias", not values["alias"] or _is_domain(values["alias"]), N_("use letters, digits, dots and hyphens")),
        ("alias", values["alias"] not in {DOMAIN, values["domain"]}, N_("use another name than the domain's")),
        ("kind", values["kind"] in KINDS, N_("choose ldap or active-directory")),
        ("primary_host", is_host(values["primary_host"]), _WORDS["host"]),
        ("secondary_host", not values["secondary_host"] or is_host(values["secondary_host"]), _WORDS["host"]),
        ("port", 1 <= values["port"] <= 65535, _WORDS["port"]),
        ("security", values["security"] in SECURITIES, N_("choose none, starttls or ldaps")),
        (
            "security",
            _protects_passwords(values),
            N_("passwords are only ever sent over StartTLS or LDAPS: choose one of them"),
        ),
        (
            "bind_name",
            _is_bind_name(values),
            N_("use a distinguished name, or for an Active Directory name@example.org"),
        ),
        ("password", _is_secret(values["password"]), N_("use at most 500 printable characters")),
        ("user_base", _is_base(values["user_base"]), _WORDS["dn"]),
        ("group_base", _is_base(values["group_base"]), _WORDS["dn"]),
        (
            "attributes",
            _are_attributes(values["attributes"]),
            N_("use at most 20 attributes, such as department, title"),
        ),
        ("attributes", not _PASSWORD.search(values["attributes"]), N_("no passwords: properties are shown and mailed")),
        ("lockout_limit", 0 <= values["lockout_limit"] <= 999, N_("use a number from 0 to 999; 0 is never")),
        ("lockout_minutes", 1 <= values["lockout_minutes"] <= 1440, N_("use a number of minutes from 1 to 1440")),
        ("global_catalog_port", 0 <= values["global_catalog_port"] <= 65535, N_("use a port, or 0 for none")),
        (
            "global_catalog_base",
            not values["global_catalog_base"] or _is_base(values["global_catalog_base"]),
            _WORDS["dn"],
        ),
        ("timeout", 1 <= values["timeout"] <= 15, "use 1 to 15 seconds"),
    )
    wrong = {field: words for field, right, words in reversed(rules) if not right}
    offered = SEARCH_BY.get(values["kind"])
    if offered and values["search_by"] not in offered:
        wrong["search_by"] = N_("choose %(others)s or %(last)s", others=", ".join(offered[:-1]), last=offered[-1])
    return wrong


def _is_domain(text: str) -> bool:
    return _DOMAIN.fullmatch(text) is not None


def _protects_passwords(values: Mapping[str, Any]) -> bool:
    """Return whether passwords cannot be read on the network: there is TLS, or the server is this machine."""
    hosts = {values["primary_host"], values["secondary_host"] or values["primary_host"]}
    return values["security"] != "none" or all(_is_this_machine(host) for host in hosts)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_bind_name(values: Mapping[str, Any]) -> bool:
    name = values["bind_name"]
    if len(name) > 500 or why_refused(name):
        return False
    return not name or is_dn(name) or (values["kind"] == "active-directory" and ("@" in name or "\\" in name))


def _is_base(text: str) -> bool:
    return 0 < len(text) <= 500 and is_dn(text)


def _are_attributes(text: str) -> bool:
    names = text.split()
    return len(text) <= 500 and len(names) <= 20 and all(_ATTRIBUTE.fullmatch(name) for name in names)


def _is_secret(text: str | None) -> bool:
    return text is None or (len(text) <= 500 and not why_refused(text))
