"""Which part of the documentation helps with which page of the console."""

from typing import Final

from otae import paths

#: Which section helps with a page and those below it; the longest path that fits counts.
HELP: Final = {
    paths.SETTINGS: "operations",
    paths.NOTIFICATION_SERVERS: "operations#mail",
    paths.SMS_SERVER_CHOOSE: "operations#text-messages",
    paths.CARRIERS: "operations#text-messages",
    paths.CAUGHT_MAILS: "operations#mail",
    paths.TEMPLATES: "operations#what-messages-say",
    paths.DIRECTORIES: "operations#connect-a-directory",
    paths.MODES: "operations#enrollment-modes",
    paths.PROPERTIES: "operations#server-properties",
    paths.BRANDING: "operations#branding",
    paths.PUSH: "operations#certificates",
    paths.CERTIFICATES: "operations#certificates",
    paths.ISSUED_CERTIFICATES: "operations#certificates-of-macs",
    paths.ADMINISTRATORS: "operations#administrators-and-roles",
    paths.ROLES: "operations#administrators-and-roles",
    paths.AUDIT: "operations#audit-log",
    paths.APPROVALS: "operations#approval",
    paths.USERS: "operations#people-and-provisioning-files",
    paths.GROUP_INVITATIONS: "operations#inviting-many-people",
}


def help_for(path: str) -> str:
    """Return the address of the section that helps with the page at ``path``; "" without one."""
    fits = [page for page in HELP if path == page or path.startswith(f"{page}/")]
    return f"{paths.DOCS}/{HELP[max(fits, key=len)]}" if fits else ""
