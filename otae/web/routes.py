"""The route table: every address, who may use it, and which function answers.

A page is guarded where it is listed: `anyone` for everybody, `portal` for somebody who has signed in to enroll,
`console` for administrators whose role has the permission named beside it. This is the one table of permissions. All
other routes are machine endpoints, which authenticate their callers themselves. `otae/web/routing.py` says how to add a
page. The module may be longer than 450 lines because every address stands here.
"""

from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from otae.accounts.permissions import ENTER
from otae.web.admin import dashboard
from otae.web.admin.account import own_account, sign_in
from otae.web.admin.manage import (
    bulk_actions,
    devices,
    group_invitations,
    groups,
    imports,
    invitation,
    invitations,
    person,
    recipient_changes,
    users,
)
from otae.web.admin.settings import (
    administrators,
    audit,
    carriers,
    catcher,
    directories,
    issued_certificates,
    mode,
    modes,
    notification_servers,
    own_certificates,
    properties,
    push,
    roles,
    root_key,
    sms_servers,
    templates,
)
from otae.web.admin.settings.uploaded_certificates import SIGNER, TLS, blank_page, remove_page, upload_page
from otae.web.pages import STATIC_FOLDER
from otae.web.paths import (
    BOUNCE,
    CHECKIN,
    CONNECT,
    CONSOLE_CONFIRM,
    CONSOLE_ELSEWHERE,
    DEVICE,
    INSTALL,
    INVITATION_LINK,
    LOGIN,
    NEW_LINK,
    OPENED,
    PASSWORD,
    PROFILE,
    ROOT,
    SCEP,
    STATIC,
)
from otae.web.portal import install, login, new_link, password, trust
from otae.web.protocol import certificates, health, mdm, ota, scep
from otae.web.protocol import mail as mail_back
from otae.web.routing import anyone, console, machine, portal


def routes() -> list[BaseRoute]:
    """Return every route, in the order in which they are tried."""
    return [
        *machine_routes(),
        *portal_routes(),
        *console_routes(),
        *group_routes(),
        *group_invitation_routes(),
        *manage_routes(),
        *people_routes(),
        *settings_routes(),
        *server_routes(),
        *sms_routes(),
        *directory_routes(),
        *template_routes(),
        *certificate_routes(),
        *administrator_routes(),
        *role_routes(),
        console(
            CONSOLE_ELSEWHERE, ENTER, within=True, GET=sign_in.redirect_to_form_page, POST=sign_in.redirect_to_form_page
        ),
        Mount(STATIC, StaticFiles(directory=STATIC_FOLDER), name="static"),
    ]


def machine_routes() -> list[Route]:
    """Return the endpoints of Macs and of monitoring."""
    return [
        machine(DEVICE, POST=ota.device),
        machine(SCEP, GET=scep.query, POST=scep.message),
        machine(CHECKIN, PUT=mdm.checkin),
        machine(CONNECT, PUT=mdm.connect),
        machine(BOUNCE, POST=mail_back.bounce),
        machine("/crl/{issuer}.crl", GET=certificates.crl),
        machine("/healthz", GET=health.alive),
        machine("/readyz", GET=health.ready),
        machine("/metrics", GET=health.metrics),
    ]


def portal_routes() -> list[Route]:
    """Return the pages of the person whose Mac is enrolled."""
    return [
        anyone("/", GET=login.start),
        anyone(INVITATION_LINK, GET=login.redirect_short_link),
        anyone(LOGIN, GET=login.show, POST=login.submit),
        anyone(OPENED, POST=login.record_opened),
        anyone(NEW_LINK, GET=new_link.asked, POST=new_link.ask),
        anyone(ROOT, GET=trust.root),
        anyone(PASSWORD, GET=password.blank, POST=password.choose),
        portal(INSTALL, GET=install.show),
        portal(PROFILE, GET=install.download),
    ]


# A console page names the permission that opens it, and says `within=True` once it keeps to `visit.reach`:
#   console("/admin/things", "thing.see", GET=things.index)                               one permission for all
#   console("/admin/things/{id:uuid}", "thing.see", changes="thing.edit", GET=…, POST=…)   another for all but GET
# Permissions are listed in otae/accounts/permissions.py; more in otae/web/routing.py, above `def console`.
def console_routes() -> list[Route]:
    """Return the pages of administrators."""
    return [
        anyone("/admin/setup", GET=sign_in.show_setup, POST=sign_in.set_up),
        anyone("/admin/sign-in", GET=sign_in.blank, POST=sign_in.submit),
        anyone("/admin/sign-out", POST=sign_in.sign_out),
        console("/admin", ENTER, within=True, GET=dashboard.index),
        console("/admin/account", ENTER, within=True, GET=own_account.show, POST=own_account.change),
        console("/admin/account/password", ENTER, within=True, POST=own_account.change_password),
        console("/admin/account/browsers/end", ENTER, within=True, POST=own_account.end_others),
        console("/admin/account/browsers/{id:uuid}/end", ENTER, within=True, POST=own_account.end_session),
        console(CONSOLE_CONFIRM, ENTER, within=True, GET=sign_in.ask_again, POST=sign_in.confirm),
        console("/admin/rehearsal", "rehearsal.run", POST=dashboard.rehearse),
        console("/admin/invitations", "invitation.see", within=True, GET=invitations.index),
        console(
            "/admin/invitations/add", "invitation.create", within=True, GET=invitations.blank, POST=invitations.add
        ),
        console("/admin/invitations/people", "invitation.create", within=True, GET=invitations.people),
        console("/admin/invitations/many", "invitation.see", within=True, POST=bulk_actions.change),
        console("/admin/invitations/{id:uuid}", "invitation.see", within=True, GET=invitation.show),
        console("/admin/invitations/{id:uuid}/changes", "invitation.see", within=True, GET=recipient_changes.show),
        console("/admin/invitations/{id:uuid}/resend", "invitation.notify", within=True, POST=invitation.resend),
        console(
            "/admin/invitations/{id:uuid}/extend",
            "invitation.notify",
            within=True,
            GET=invitation.ask_extend,
            POST=invitation.extend,
        ),
        console("/admin/invitations/{id:uuid}/link", "invitation.secret", within=True, POST=invitation.link),
        console("/admin/invitations/{id:uuid}/revoke", "invitation.revoke", within=True, POST=invitation.revoke),
    ]


def group_routes() -> list[Route]:
    """Return the console's pages of groups."""
    return [
        console("/admin/groups", "group.see", changes="group.edit", within=True, GET=groups.index, POST=groups.add),
        console("/admin/groups/{id:uuid}", "group.see", within=True, GET=groups.show),
        console("/admin/groups/{id:uuid}/remove", "group.edit", POST=groups.remove),
        console(
            "/admin/groups/{id:uuid}/members",
            "group.see",
            changes="group.edit",
            within=True,
            GET=groups.show,
            POST=groups.add_member,
        ),
        console("/admin/groups/{id:uuid}/members/{person:uuid}/remove", "group.edit", POST=groups.remove_member),
    ]


def group_invitation_routes() -> list[Route]:
    """Return the console's pages of group invitations."""
    where = group_invitations.WHERE
    one = f"{where}/{{id:uuid}}"
    return [
        console(where, "group-invitation.see", within=True, GET=group_invitations.index),
        console(
            f"{where}/add",
            "group-invitation.create",
            within=True,
            GET=group_invitations.blank,
            POST=group_invitations.add,
        ),
        console(f"{where}/groups", "group-invitation.create", within=True, GET=group_invitations.search_groups),
        console(
            group_invitations.CSV,
            "group-invitation.create",
            GET=group_invitations.blank_csv,
            POST=group_invitations.add_csv,
        ),
        console(one, "group-invitation.see", within=True, GET=group_invitations.show),
        console(f"{one}/mail/{{number:int}}", "group-invitation.see", within=True, GET=group_invitations.mail),
        console(f"{one}/export", "group-invitation.see", within=True, GET=group_invitations.export),
        *(
            console(f"{one}/{what}", "group-invitation.create", within=True, POST=page)
            for what, page in group_invitations.STEPS.items()
        ),
    ]


def manage_routes() -> list[Route]:
    """Return the console's pages of Macs and of the mail catcher."""
    return [
        console("/admin/devices", "device.see", within=True, GET=devices.index),
        console("/admin/devices/{udid}", "device.see", within=True, GET=devices.show),
        console("/admin/devices/{udid}/release", "device.release", within=True, POST=devices.release),
        console("/admin/mail", "mail.see", GET=catcher.index),
        console("/admin/mail/{id:uuid}", "mail.see", GET=catcher.show),
        console("/admin/mail/{id:uuid}/html", "mail.see", GET=catcher.html),
    ]


def people_routes() -> list[Route]:
    """Return the console's pages of people, and of their import and export."""
    return [
        console("/admin/users", "person.see", within=True, GET=users.index),
        console("/admin/users/add", "person.edit", GET=users.blank, POST=users.add),
        console(imports.UPLOAD, "person.import", GET=imports.blank, POST=imports.add),
        console("/admin/users/imports/{id:uuid}", "person.import", GET=imports.show),
        console("/admin/users/imports/{id:uuid}/start", "person.import", POST=imports.start),
        console("/admin/users/imports/{id:uuid}/cancel", "person.import", POST=imports.cancel),
        console("/admin/users/imports/{id:uuid}/result", "person.import", GET=imports.result),
        console("/admin/users/export/{kind}", "person.import", GET=imports.export),
        console("/admin/users/{id:uuid}", "person.see", within=True, GET=person.show),
        console("/admin/users/{id:uuid}/edit", "person.edit", GET=person.blank, POST=person.change),
        console("/admin/users/{id:uuid}/disable", "person.edit", POST=person.disable),
        console("/admin/users/{id:uuid}/enable", "person.edit", POST=person.enable),
        console("/admin/users/{id:uuid}/unlock", "person.edit", POST=person.unlock),
        console("/admin/users/{id:uuid}/password-link", "person.edit", POST=person.password_link),
        console("/admin/users/{id:uuid}/remove", "person.edit", POST=person.remove),
    ]


def settings_routes() -> list[Route]:
    """Return the console's pages of settings."""
    return [
        console("/admin/properties", "setting.see", GET=properties.index),
        console(
            "/admin/properties/{name}",
            "setting.see",
            changes="setting.edit",
            GET=properties.show,
            POST=properties.change,
        ),
        console("/admin/properties/{name}/reset", "setting.edit", POST=properties.reset),
        console("/admin/push", "setting.see", GET=push.index),
        console("/admin/push/upload", "setting.see", changes="setting.edit", GET=push.index, POST=push.replace),
        console("/admin/audit", "audit.see", GET=audit.index),
    ]


def server_routes() -> list[Route]:
    """Return the console's pages of notification servers."""
    return [
        console("/admin/notification-servers", "setting.see", GET=notification_servers.index),
        console(
            "/admin/notification-servers/add",
            "setting.edit",
            GET=notification_servers.blank,
            POST=notification_servers.add,
        ),
        console(
            "/admin/notification-servers/{id:uuid}",
            "setting.see",
            changes="setting.edit",
            GET=notification_servers.show,
            POST=notification_servers.change,
        ),
        console("/admin/notification-servers/{id:uuid}/activate", "setting.edit", POST=notification_servers.activate),
        console("/admin/notification-servers/{id:uuid}/remove", "setting.edit", POST=notification_servers.remove),
        console("/admin/notification-servers/{id:uuid}/test", "setting.edit", POST=notification_servers.test),
    ]


def sms_routes() -> list[Route]:
    """Return the console's pages of SMS gateways, carriers and PIN policies."""
    sms, carrier = "/admin/notification-servers/sms", "/admin/notification-servers/carriers"
    return [
        console(f"{sms}/add", "setting.edit", GET=sms_servers.choose),
        console(f"{sms}/add/{{gateway}}", "setting.edit", GET=sms_servers.blank, POST=sms_servers.add),
        console(
            f"{sms}/{{id:uuid}}",
            "setting.see",
            changes="setting.edit",
            GET=sms_servers.show,
            POST=sms_servers.change,
        ),
        console(f"{sms}/{{id:uuid}}/activate", "setting.edit", POST=sms_servers.activate),
        console(f"{sms}/{{id:uuid}}/remove", "setting.edit", POST=sms_servers.remove),
        console(f"{sms}/{{id:uuid}}/test", "setting.edit", POST=sms_servers.test),
        console(carrier, "setting.see", changes="setting.edit", GET=carriers.index, POST=carriers.add),
        console(f"{carrier}/restore", "setting.edit", POST=carriers.restore),
        console(
            f"{carrier}/{{id:uuid}}", "setting.see", changes="setting.edit", GET=carriers.show, POST=carriers.change
        ),
        console(f"{carrier}/{{id:uuid}}/remove", "setting.edit", POST=carriers.remove),
        console("/admin/enrollment-modes", "setting.see", changes="setting.edit", GET=modes.index, POST=modes.save),
        console(
            "/admin/enrollment-modes/{name}", "setting.see", changes="setting.edit", GET=mode.show, POST=mode.change
        ),
    ]


def directory_routes() -> list[Route]:
    """Return the console's pages of directories; forms with a file post to …/upload."""
    return [
        console("/admin/directories", "directory.see", GET=directories.index),
        console("/admin/directories/add/upload", "directory.edit", GET=directories.blank, POST=directories.add),
        console("/admin/directories/{id:uuid}", "directory.see", GET=directories.show),
        console(
            "/admin/directories/{id:uuid}/upload",
            "directory.see",
            changes="directory.edit",
            GET=directories.show,
            POST=directories.change,
        ),
        console("/admin/directories/{id:uuid}/test", "directory.edit", POST=directories.test),
        console("/admin/directories/{id:uuid}/default", "directory.edit", POST=directories.make_default),
        console("/admin/directories/{id:uuid}/remove", "directory.edit", POST=directories.remove),
    ]


def template_routes() -> list[Route]:
    """Return the console's pages of notification templates."""
    return [
        console("/admin/templates", "setting.see", GET=templates.index),
        console(
            "/admin/templates/{id:uuid}",
            "setting.see",
            changes="setting.edit",
            GET=templates.show,
            POST=templates.change,
        ),
        console("/admin/templates/{id:uuid}/preview", "setting.see", GET=templates.show, POST=templates.preview),
        console(
            "/admin/templates/{id:uuid}/preview/html",
            "setting.see",
            GET=templates.saved_html,
            POST=templates.preview_html,
        ),
        console(
            "/admin/templates/{id:uuid}/send",
            "setting.see",
            changes="setting.edit",
            GET=templates.show,
            POST=templates.send,
        ),
        console(
            "/admin/templates/{id:uuid}/send/sms",
            "setting.see",
            changes="setting.edit",
            GET=templates.show,
            POST=templates.send_sms,
        ),
        console("/admin/templates/{id:uuid}/sent/{job:uuid}", "setting.see", GET=templates.sent),
        console("/admin/templates/{id:uuid}/restore", "setting.edit", POST=templates.restore),
        console("/admin/templates/{id:uuid}/clone", "setting.edit", POST=templates.clone),
        console("/admin/templates/{id:uuid}/languages", "setting.edit", POST=templates.translate),
        console("/admin/templates/{id:uuid}/languages/remove", "setting.edit", POST=templates.drop_translation),
        console("/admin/templates/{id:uuid}/rename", "setting.edit", POST=templates.rename),
        console("/admin/templates/{id:uuid}/remove", "setting.edit", POST=templates.remove),
    ]


def certificate_routes() -> list[Route]:
    """Return the console's pages of certificates."""
    return [
        console("/admin/certificates", "certificate.see", GET=own_certificates.index),
        console("/admin/certificates/rotate", "certificate.edit", POST=own_certificates.rotate),
        console("/admin/certificates/issued", "certificate.see", GET=issued_certificates.index),
        console("/admin/certificates/issued/{id:uuid}", "certificate.see", GET=issued_certificates.show),
        console("/admin/certificates/issued/{id:uuid}/revoke", "certificate.revoke", POST=issued_certificates.revoke),
        console("/admin/certificates/root-key", "certificate.edit", fresh=True, GET=root_key.index),
        console("/admin/certificates/root-key/export", "certificate.edit", fresh=True, POST=root_key.export),
        console(
            "/admin/certificates/root-key/remove/upload",
            "certificate.edit",
            fresh=True,
            GET=root_key.index,
            POST=root_key.remove,
        ),
        console(
            "/admin/certificates/root-key/return/upload",
            "certificate.edit",
            fresh=True,
            GET=root_key.index,
            POST=root_key.import_key,
        ),
        console(
            "/admin/certificates/signer/upload",
            "certificate.edit",
            fresh=True,
            GET=blank_page(SIGNER),
            POST=upload_page(SIGNER),
        ),
        console("/admin/certificates/signer/remove", "certificate.edit", fresh=True, POST=remove_page(SIGNER)),
        console(
            "/admin/certificates/tls/upload", "certificate.edit", fresh=True, GET=blank_page(TLS), POST=upload_page(TLS)
        ),
        console("/admin/certificates/tls/remove", "certificate.edit", fresh=True, POST=remove_page(TLS)),
    ]


def administrator_routes() -> list[Route]:
    """Return the console's pages of administrators."""
    return [
        console(
            "/admin/administrators",
            "administrator.see",
            changes="administrator.edit",
            fresh=True,
            GET=administrators.index,
            POST=administrators.invite,
        ),
        console(
            "/admin/administrators/links/{id:uuid}/withdraw",
            "administrator.edit",
            fresh=True,
            POST=administrators.withdraw,
        ),
        console(
            "/admin/administrators/{id:uuid}",
            "administrator.see",
            changes="administrator.edit",
            fresh=True,
            GET=administrators.show,
            POST=administrators.change,
        ),
        console(
            "/admin/administrators/{id:uuid}/disable", "administrator.edit", fresh=True, POST=administrators.disable
        ),
        console("/admin/administrators/{id:uuid}/enable", "administrator.edit", fresh=True, POST=administrators.enable),
        console("/admin/administrators/{id:uuid}/remove", "administrator.edit", fresh=True, POST=administrators.remove),
    ]


def role_routes() -> list[Route]:
    """Return the console's pages of roles."""
    return [
        console("/admin/roles", "administrator.see", GET=roles.index),
        console(
            "/admin/roles/assignments",
            "administrator.see",
            changes="administrator.edit",
            fresh=True,
            GET=roles.index,
            POST=roles.assign,
        ),
        console("/admin/roles/assignments/{id:uuid}/remove", "administrator.edit", fresh=True, POST=roles.unassign),
        console("/admin/roles/add", "administrator.edit", fresh=True, GET=roles.blank, POST=roles.add),
        console("/admin/roles/groups", "administrator.edit", GET=roles.find_groups),
        console("/admin/roles/built-in/{name}", "administrator.see", GET=roles.show_built_in),
        console(
            "/admin/roles/{id:uuid}",
            "administrator.see",
            changes="administrator.edit",
            fresh=True,
            GET=roles.show,
            POST=roles.change,
        ),
        console("/admin/roles/{id:uuid}/remove", "administrator.edit", fresh=True, POST=roles.remove),
    ]
