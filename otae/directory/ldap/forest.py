"""A forest of Active Directory domains: the global catalog finds people of every domain, each with some attributes.

A person found in the catalog is read in full, and their password checked, at the directory configured for their domain.
Without one the catalog itself is used: it accepts a bind of everybody in the forest.
"""

from otae.directory.ldap.connection import Endpoint
from otae.directory.ldap.names import domain_of, is_below
from otae.directory.ldap.pool import endpoint_of
from otae.store.desk import Desk
from otae.store.models import DirectoryServer


class Forest:
    """The forest that one directory belongs to. ``base``: where its catalog is searched, "" for all of it."""

    def __init__(self, desk: Desk, row: DirectoryServer) -> None:
        self._desk, self._row = desk, row
        self.catalog = endpoint_of(desk, row, port=row.global_catalog_port)
        self.base = row.global_catalog_base

    async def endpoint_of(self, dn: str) -> Endpoint:
        """Return the endpoint that holds every attribute of the entry ``dn``; the catalog where none is configured."""
        rows = [row async for row in DirectoryServer.filter(kind=self._row.kind).order_by("domain")]
        near = [row for row in rows if is_below(dn, domain_of(row.user_base))]
        # The most specific domain wins; for the same domain, this directory before another one.
        near.sort(key=lambda row: (len(domain_of(row.user_base)), row.id == self._row.id))
        return endpoint_of(self._desk, near[-1]) if near else self.catalog
