"""A forest of Active Directory domains: its catalog finds people of all of them, each domain knows its own in full.

Somebody found in the catalog is read, and their password checked, where their domain is: by the directory whose catalog
it is, by another one that is set up for that domain, and where there is none by the catalog itself, which signs in
everybody it holds.
"""

from otae.directory.ldap.connection import Dialled
from otae.directory.ldap.names import domain_of, is_below
from otae.directory.ldap.pool import dialled
from otae.store.desk import Desk
from otae.store.models import DirectoryServer


class Forest:
    """The forest around one directory. ``base``: below which its catalog is searched, "" for all of it."""

    def __init__(self, desk: Desk, row: DirectoryServer) -> None:
        self._desk, self._row = desk, row
        self.catalog = dialled(desk, row, port=row.global_catalog_port)
        self.base = row.global_catalog_base

    async def place_of(self, dn: str) -> Dialled:
        """Return where the entry ``dn`` is kept in full."""
        rows = [row async for row in DirectoryServer.filter(kind=self._row.kind).order_by("domain")]
        near = [row for row in rows if is_below(dn, domain_of(row.user_base))]
        # The domain that is named most exactly, this directory before another one for the same domain.
        near.sort(key=lambda row: (len(domain_of(row.user_base)), row.id == self._row.id))
        return dialled(self._desk, near[-1]) if near else self.catalog
