"""Every address, who may go there, and who answers.

A page route is guarded where it is listed: `anyone` for everybody, `portal` for somebody who has signed in to enroll,
`console` for administrators of the named roles. What stands in neither is a machine's door, which proves its caller
itself.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from otae.web import guards
from otae.web.addresses import (
    CHECKIN,
    CONNECT,
    DEVICE,
    INSTALL,
    INVITATION_LINK,
    LOGIN,
    OPENED,
    PROFILE,
    ROOT,
    SCEP,
    STATIC,
)
from otae.web.admin import (
    audit,
    dashboard,
    devices,
    entrance,
    group_invitations,
    groups,
    invitation,
    invitations,
    issued,
    mail,
    many,
    notification_servers,
    properties,
    push,
    root_key,
    templates,
    tree,
    users,
)
from otae.web.admin.brought import SIGNER, TLS, blank, remove, take
from otae.web.guards import ADMIN, Console, Endpoint, Portal, Visit
from otae.web.pages import STATIC_FOLDER
from otae.web.portal import install, login, trust
from otae.web.protocol import certificates, health, mdm, ota, scep


def routes() -> list[BaseRoute]:
    """Return every route, in the order in which they are tried."""
    return [
        *machine_routes(),
        *portal_routes(),
        *console_routes(),
        *group_routes(),
        *manage_routes(),
        *settings_routes(),
        Mount(STATIC, StaticFiles(directory=STATIC_FOLDER), name="static"),
    ]


def machine_routes() -> list[Route]:
    """Return the doors of Macs and of whoever watches the installation."""
    return [
        door(DEVICE, POST=ota.device),
        door(SCEP, GET=scep.query, POST=scep.message),
        door(CHECKIN, PUT=mdm.checkin),
        door(CONNECT, PUT=mdm.connect),
        door("/crl/{issuer}.crl", GET=certificates.crl),
        door("/healthz", GET=health.alive),
        door("/readyz", GET=health.ready),
        door("/metrics", GET=health.metrics),
    ]


def portal_routes() -> list[Route]:
    """Return the pages of the person whose Mac is enrolled."""
    return [
        anyone("/", GET=login.start),
        anyone(INVITATION_LINK, GET=login.follow),
        anyone(LOGIN, GET=login.show, POST=login.enter),
        anyone(OPENED, POST=login.opened),
        anyone(ROOT, GET=trust.root),
        portal(INSTALL, GET=install.show),
        portal(PROFILE, GET=install.download),
    ]


def console_routes() -> list[Route]:
    """Return the pages of administrators."""
    return [
        anyone("/admin/setup", GET=entrance.welcome, POST=entrance.set_up),
        anyone("/admin/sign-in", GET=entrance.blank, POST=entrance.enter),
        anyone("/admin/sign-out", POST=entrance.leave),
        console("/admin", GET=dashboard.index),
        anyone("/admin/", GET=entrance.home),
        console("/admin/rehearsal", POST=dashboard.rehearse),
        console("/admin/invitations", GET=invitations.index),
        console("/admin/invitations/add", GET=invitations.blank, POST=invitations.add),
        console("/admin/invitations/people", GET=invitations.people),
        console("/admin/invitations/many", POST=many.change),
        console("/admin/invitations/{id:uuid}", GET=invitation.show),
        console("/admin/invitations/{id:uuid}/resend", POST=invitation.resend),
        console("/admin/invitations/{id:uuid}/extend", POST=invitation.extend),
        console("/admin/invitations/{id:uuid}/link", POST=invitation.link),
        console("/admin/invitations/{id:uuid}/revoke", POST=invitation.revoke),
    ]


def group_routes() -> list[Route]:
    """Return the console's pages of groups, and of inviting them."""
    return [
        console("/admin/groups", GET=groups.index, POST=groups.add),
        console("/admin/groups/{id:uuid}", GET=groups.show),
        console("/admin/groups/{id:uuid}/remove", POST=groups.remove),
        console("/admin/groups/{id:uuid}/members", GET=groups.show, POST=groups.join),
        console("/admin/groups/{id:uuid}/members/{person:uuid}/remove", POST=groups.leave),
        console("/admin/group-invitations", GET=group_invitations.index),
        console("/admin/group-invitations/add", GET=group_invitations.blank, POST=group_invitations.add),
        console(group_invitations.CSV, GET=group_invitations.blank_csv, POST=group_invitations.take_csv),
        console("/admin/group-invitations/{id:uuid}", GET=group_invitations.show),
        console("/admin/group-invitations/{id:uuid}/mail/{number:int}", GET=group_invitations.mail),
        console("/admin/group-invitations/{id:uuid}/export", GET=group_invitations.export),
        console("/admin/group-invitations/{id:uuid}/start", POST=group_invitations.start),
        console("/admin/group-invitations/{id:uuid}/pause", POST=group_invitations.pause),
        console("/admin/group-invitations/{id:uuid}/resume", POST=group_invitations.resume),
        console("/admin/group-invitations/{id:uuid}/cancel", POST=group_invitations.cancel),
    ]


def manage_routes() -> list[Route]:
    """Return the console's pages of people and Macs, and of what the mail catcher took."""
    return [
        console("/admin/users", GET=users.index),
        console("/admin/users/add", GET=users.blank, POST=users.add),
        console("/admin/users/{id:uuid}", GET=users.show, POST=users.change),
        console("/admin/devices", GET=devices.index),
        console("/admin/devices/{udid}", GET=devices.show),
        console("/admin/devices/{udid}/release", POST=devices.release),
        console("/admin/mail", GET=mail.index),
        console("/admin/mail/{id:uuid}", GET=mail.show),
        console("/admin/mail/{id:uuid}/html", GET=mail.html),
    ]


def settings_routes() -> list[Route]:
    """Return the console's pages of settings."""
    return [
        console("/admin/notification-servers", GET=notification_servers.index),
        console("/admin/notification-servers/add", GET=notification_servers.blank, POST=notification_servers.add),
        console(
            "/admin/notification-servers/{id:uuid}", GET=notification_servers.show, POST=notification_servers.change
        ),
        console("/admin/notification-servers/{id:uuid}/activate", POST=notification_servers.activate),
        console("/admin/notification-servers/{id:uuid}/remove", POST=notification_servers.remove),
        console("/admin/notification-servers/{id:uuid}/test", POST=notification_servers.test),
        console("/admin/properties", GET=properties.index),
        console("/admin/properties/{name}", GET=properties.show, POST=properties.change),
        console("/admin/properties/{name}/reset", POST=properties.reset),
        console("/admin/push", GET=push.index),
        console("/admin/push/upload", GET=push.index, POST=push.take),
        console("/admin/templates", GET=templates.index),
        console("/admin/templates/{id:uuid}", GET=templates.show, POST=templates.change),
        console("/admin/templates/{id:uuid}/preview", GET=templates.show, POST=templates.preview),
        console("/admin/templates/{id:uuid}/preview/html", GET=templates.saved_html, POST=templates.preview_html),
        console("/admin/templates/{id:uuid}/send", GET=templates.show, POST=templates.send),
        console("/admin/templates/{id:uuid}/sent/{job:uuid}", GET=templates.sent),
        console("/admin/templates/{id:uuid}/restore", POST=templates.restore),
        console("/admin/templates/{id:uuid}/clone", POST=templates.clone),
        console("/admin/templates/{id:uuid}/rename", POST=templates.rename),
        console("/admin/templates/{id:uuid}/remove", POST=templates.remove),
        console("/admin/audit", GET=audit.index),
        console("/admin/certificates", GET=tree.index),
        console("/admin/certificates/rotate", POST=tree.rotate),
        console("/admin/certificates/issued", GET=issued.index),
        console("/admin/certificates/issued/{id:uuid}", GET=issued.show),
        console("/admin/certificates/issued/{id:uuid}/revoke", POST=issued.revoke),
        console("/admin/certificates/root-key", GET=root_key.index),
        console("/admin/certificates/root-key/export", POST=root_key.export),
        console("/admin/certificates/root-key/remove/upload", GET=root_key.index, POST=root_key.remove),
        console("/admin/certificates/root-key/return/upload", GET=root_key.index, POST=root_key.bring_back),
        console("/admin/certificates/signer/upload", GET=blank(SIGNER), POST=take(SIGNER)),
        console("/admin/certificates/signer/remove", POST=remove(SIGNER)),
        console("/admin/certificates/tls/upload", GET=blank(TLS), POST=take(TLS)),
        console("/admin/certificates/tls/remove", POST=remove(TLS)),
    ]


Answer = Callable[[Request], Awaitable[Response]]


def door(path: str, **answers: Answer) -> Route:
    """Route a machine's address; ``answers`` by method."""
    return Route(path, by_method(answers), methods=list(answers))


def anyone(path: str, **pages: Callable[[Visit], Awaitable[Response]]) -> Route:
    """Route a page that everybody may see; ``pages`` by method."""
    return Route(path, by_method({method: guards.anybody(page) for method, page in pages.items()}), methods=list(pages))


def portal(path: str, **pages: Callable[[Portal], Awaitable[Response]]) -> Route:
    """Route a page for somebody who has signed in to enroll; ``pages`` by method."""
    guarded = {method: guards.enrolling(page) for method, page in pages.items()}
    return Route(path, by_method(guarded), methods=list(pages))


def console(
    path: str, roles: frozenset[str] = frozenset({ADMIN}), **pages: Callable[[Console], Awaitable[Response]]
) -> Route:
    """Route a page for administrators of ``roles``; ``pages`` by method."""
    guarded = {method: guards.administrators(page, roles) for method, page in pages.items()}
    return Route(path, by_method(guarded), methods=list(pages))


def by_method(answers: dict[str, Endpoint]) -> Endpoint:
    """Return the endpoint that asks the answer of the request's method; HEAD is answered as GET."""

    async def endpoint(request: Request) -> Response:
        return await answers["GET" if request.method == "HEAD" else request.method](request)

    return endpoint
