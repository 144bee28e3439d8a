"""LDAP servers and Active Directory: connections, searches, schemas, groups."""
