"""The route table: every address, who may use it, and which function answers.

A page is guarded where it is listed: `anyone` for everybody, `portal` for somebody who has signed in to enroll,
`self_service` for somebody who has signed in to their own page, `console` for administrators whose role has the
permission named beside it. This is the one table of permissions. All other routes are machine endpoints, which
authenticate their callers themselves. `otae/web/routing.py` says how to add a page. The module is longer than 450 lines
because it lists every address.
"""

from starlette.routing import BaseRoute, Mount, Route

from otae import paths
from otae.accounts.permissions import ENTER
from otae.web.admin import dashboard, docs, search
from otae.web.admin.account import notices, own_account, second_factor, second_step, sign_in
from otae.web.admin.manage import (
    approvals,
    bulk_actions,
    campaigns,
    csv_invitations,
    deletions,
    dependents,
    desk,
    devices,
    group_invitations,
    groups,
    imports,
    invitation,
    invitation_list,
    invitations,
    person,
    pin_card,
    recipient_changes,
    users,
)
from otae.web.admin.manage.users import USERS
from otae.web.admin.settings import (
    administrators,
    audit,
    branding,
    catcher,
    directories,
    issued_certificates,
    mode,
    modes,
    notification_servers,
    overview,
    own_certificates,
    properties,
    push,
    roles,
    root_key,
    serials,
    sms_servers,
    templates,
)
from otae.web.admin.settings.carriers import CARRIERS
from otae.web.admin.settings.directories import DIRECTORIES
from otae.web.admin.settings.notification_servers import SMTP
from otae.web.admin.settings.roles import ROLES
from otae.web.admin.settings.sms_servers import SMS
from otae.web.admin.settings.uploaded_certificates import SIGNER, TLS, blank_page, remove_page, upload_page
from otae.web.portal import approval, brand, go, install, language, login, me, new_link, objection, password, trust
from otae.web.protocol import certificates, health, mdm, ota, scep
from otae.web.protocol import mail as mail_back
from otae.web.routing import anyone, console, machine, portal, self_service
from otae.web.static_files import FOLDER, CompressedStaticFiles


def routes() -> list[BaseRoute]:
    """Return every route, in the order in which they are tried."""
    return [
        *machine_routes(),
        *portal_routes(),
        *console_routes(),
        *second_factor_routes(),
        *group_routes(),
        *group_invitation_routes(),
        *campaign_routes(),
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
            paths.CONSOLE_ELSEWHERE,
            ENTER,
            within=True,
            GET=sign_in.redirect_to_form_page,
            POST=sign_in.redirect_to_form_page,
        ),
        Mount(paths.STATIC, CompressedStaticFiles(directory=FOLDER), name="static"),
    ]


def machine_routes() -> list[Route]:
    """Return the endpoints of Macs and of monitoring."""
    return [
        machine(paths.OTA, POST=ota.device),
        machine(paths.SCEP, GET=scep.query, POST=scep.message),
        machine(paths.CHECKIN, PUT=mdm.checkin),
        machine(paths.CONNECT, PUT=mdm.connect),
        machine(paths.BOUNCE, POST=mail_back.bounce),
        machine(paths.CRL, GET=certificates.crl),
        machine(paths.ALIVE, GET=health.alive),
        machine(paths.READY, GET=health.ready),
        machine(paths.METRICS, GET=health.metrics),
    ]


def portal_routes() -> list[Route]:
    """Return the pages of the person whose Mac is enrolled."""
    return [
        anyone(paths.START, GET=login.start),
        anyone(paths.INVITATION_LINK, GET=login.redirect_short_link),
        anyone(paths.LOGIN, GET=login.show, POST=login.submit),
        anyone(paths.NOT_YOU, GET=login.not_you),
        anyone(paths.OPENED, POST=login.record_opened),
        anyone(paths.LANGUAGE, POST=language.choose),
        anyone(paths.NEW_LINK, GET=new_link.asked, POST=new_link.ask),
        anyone(paths.OBJECTION, GET=objection.show, POST=objection.send),
        anyone(paths.GO, GET=go.show, POST=go.enter),
        anyone(paths.GO_CODE, POST=go.make),
        anyone(paths.ROOT, GET=trust.root),
        anyone(paths.BRAND_STYLE, GET=brand.style_sheet),
        anyone(paths.LOGO, GET=brand.logo),
        anyone(paths.PASSWORD, GET=password.blank, POST=password.choose),
        anyone(paths.ME_SIGN_IN, GET=me.blank, POST=me.sign_in),
        anyone(paths.ME_SIGN_OUT, POST=me.sign_out),
        self_service(paths.ME, GET=me.show),
        self_service(paths.ME_INVITE, POST=me.invite),
        self_service(paths.ME_START, POST=me.start),
        self_service(paths.ME_RESEND, POST=me.resend),
        self_service(paths.ME_WITHDRAW, POST=me.withdraw),
        anyone(paths.APPROVE, GET=approval.show, POST=approval.decide),
        portal(paths.INSTALL, GET=install.show),
        portal(paths.FORMER_MDM_LEFT, POST=install.confirm_former_mdm_left),
        portal(paths.PROFILE, GET=install.download),
    ]


# A console page names the permission that opens it, and says `within=True` once it keeps to `visit.reach`:
#   console(paths.THINGS, "thing.see", GET=things.index)                                   one permission for all
#   console(paths.THING, "thing.see", changes="thing.edit", GET=…, POST=…)        another for all but GET
# Permissions are listed in otae/accounts/permissions.py; more in otae/web/routing.py, above `def console`.
def console_routes() -> list[Route]:
    """Return the pages of administrators."""
    return [
        anyone(paths.CONSOLE_SETUP, GET=sign_in.show_setup, POST=sign_in.set_up),
        anyone(paths.CONSOLE_SIGN_IN, GET=sign_in.blank, POST=sign_in.submit),
        anyone(paths.CONSOLE_SECOND_STEP, GET=second_step.show, POST=second_step.submit),
        anyone(paths.CONSOLE_PASSKEY, POST=second_step.by_passkey),
        anyone(paths.CONSOLE_SIGN_OUT, POST=sign_in.sign_out),
        console(paths.CONSOLE, ENTER, within=True, GET=dashboard.index),
        console(paths.DOCS, ENTER, within=True, GET=docs.index),
        console(paths.DOC, ENTER, within=True, GET=docs.show),
        console(paths.ACCOUNT, ENTER, within=True, GET=own_account.show, POST=own_account.change),
        console(paths.ACCOUNT_PASSWORD, ENTER, within=True, POST=own_account.change_password),
        console(paths.ACCOUNT_NOTICES, ENTER, within=True, POST=notices.change),
        console(paths.ACCOUNT_BROWSERS_END, ENTER, within=True, POST=own_account.end_others),
        console(paths.ACCOUNT_BROWSER_END, ENTER, within=True, POST=own_account.end_session),
        console(
            paths.CONSOLE_CONFIRM,
            ENTER,
            within=True,
            without_factor=True,
            GET=sign_in.ask_again,
            POST=sign_in.confirm,
        ),
        console(paths.GUESSING_SEEN, "audit.see", POST=dashboard.guessing_seen),
        console(paths.REHEARSAL, "rehearsal.run", POST=dashboard.rehearse),
        console(paths.INVITATIONS, "invitation.see", within=True, GET=invitation_list.index),
        console(paths.INVITATIONS_EXPORT, "invitation.see", within=True, GET=invitation_list.export),
        console(paths.INVITATION_ADD, "invitation.create", within=True, GET=invitations.blank, POST=invitations.add),
        console(paths.INVITATION_PREVIEW, "invitation.create", within=True, POST=invitations.draft),
        console(paths.INVITATION_PREVIEW_MAIL, "invitation.create", within=True, POST=invitations.draft_mail),
        console(paths.INVITATION_PEOPLE, "invitation.create", within=True, GET=invitations.people),
        console(paths.DEPENDENTS_RESEND, "invitation.notify", within=True, POST=dependents.resend),
        console(paths.INVITATIONS_MANY, "invitation.see", within=True, POST=bulk_actions.change),
        console(paths.INVITATIONS_JOB, "invitation.see", within=True, GET=bulk_actions.job),
        console(paths.INVITATION_DELETE, "invitation.revoke", within=True, POST=deletions.delete),
        console(paths.INVITATION_DELETION_UNDO, "invitation.revoke", within=True, POST=deletions.undo),
        console(paths.INVITATION, "invitation.see", within=True, GET=invitation.show),
        console(paths.INVITATION_CHANGES, "invitation.see", within=True, GET=recipient_changes.show),
        console(paths.INVITATION_RESEND, "invitation.notify", within=True, POST=invitation.resend),
        console(
            paths.INVITATION_EXTEND, "invitation.notify", within=True, GET=invitation.ask_extend, POST=invitation.extend
        ),
        console(paths.INVITATION_SHOW_LINK, "invitation.secret", within=True, POST=invitation.link),
        console(paths.INVITATION_CARD, "invitation.secret", within=True, POST=pin_card.show),
        console(paths.APPROVALS, "invitation.approve", within=True, GET=approvals.index),
        console(paths.APPROVAL, "invitation.approve", within=True, POST=approvals.decide),
        console(paths.INVITATION_REVOKE, "invitation.revoke", within=True, POST=invitation.revoke),
    ]


def second_factor_routes() -> list[Route]:
    """Return the pages of an administrator's own second factors."""
    return [
        console(paths.ACCOUNT_FACTORS, ENTER, within=True, without_factor=True, GET=second_factor.show),
        console(
            paths.ACCOUNT_APP,
            ENTER,
            within=True,
            factor=True,
            without_factor=True,
            GET=second_factor.blank_app,
            POST=second_factor.add_app,
        ),
        console(paths.ACCOUNT_APP_REMOVE, ENTER, within=True, factor=True, POST=second_factor.remove_app),
        console(
            paths.ACCOUNT_PASSKEYS,
            ENTER,
            within=True,
            factor=True,
            without_factor=True,
            GET=second_factor.blank_passkey,
            POST=second_factor.add_passkey,
        ),
        console(paths.ACCOUNT_PASSKEY_REMOVE, ENTER, within=True, factor=True, POST=second_factor.remove_passkey),
        console(paths.ACCOUNT_RECOVERY_CODES, ENTER, within=True, factor=True, POST=second_factor.new_codes),
    ]


def group_routes() -> list[Route]:
    """Return the console's pages of groups."""
    return [
        console(paths.GROUPS, "group.see", changes="group.edit", within=True, GET=groups.index, POST=groups.add),
        console(paths.GROUP, "group.see", within=True, GET=groups.show),
        console(paths.GROUP_REMOVE, "group.edit", POST=groups.remove),
        console(
            paths.GROUP_MEMBERS, "group.see", changes="group.edit", within=True, GET=groups.show, POST=groups.add_member
        ),
        console(paths.GROUP_MEMBER_REMOVE, "group.edit", POST=groups.remove_member),
    ]


def group_invitation_routes() -> list[Route]:
    """Return the console's pages of group invitations."""
    return [
        console(paths.GROUP_INVITATIONS, "group-invitation.see", within=True, GET=group_invitations.index),
        console(
            paths.GROUP_INVITATION_ADD,
            "group-invitation.create",
            within=True,
            GET=group_invitations.blank,
            POST=group_invitations.add,
        ),
        console(
            paths.GROUP_INVITATION_GROUPS, "group-invitation.create", within=True, GET=group_invitations.search_groups
        ),
        console(paths.GROUP_INVITATION_PREVIEW, "group-invitation.create", within=True, POST=group_invitations.draft),
        console(
            paths.GROUP_INVITATION_PREVIEW_MAIL,
            "group-invitation.create",
            within=True,
            POST=group_invitations.draft_mail,
        ),
        console(
            paths.GROUP_INVITATION_UPLOAD,
            "group-invitation.create",
            GET=csv_invitations.blank,
            POST=csv_invitations.add,
        ),
        console(
            paths.GROUP_INVITATION_COLUMNS,
            "group-invitation.create",
            GET=csv_invitations.show,
            POST=csv_invitations.match,
        ),
        console(
            paths.GROUP_INVITATION_PERSON, "group-invitation.create", within=True, POST=group_invitations.set_invited
        ),
        console(
            paths.GROUP_INVITATION_SCHEDULE, "group-invitation.create", within=True, POST=group_invitations.schedule
        ),
        console(paths.GROUP_INVITATION, "group-invitation.see", within=True, GET=group_invitations.show),
        console(paths.GROUP_INVITATION_MAIL, "group-invitation.see", within=True, GET=group_invitations.mail),
        console(paths.GROUP_INVITATION_EXPORT, "group-invitation.see", within=True, GET=group_invitations.export),
        console(paths.GROUP_INVITATION_CARDS, "invitation.secret", within=True, POST=pin_card.show_sheet),
        console(paths.GROUP_INVITATION_START, "group-invitation.create", within=True, POST=group_invitations.start),
        console(paths.GROUP_INVITATION_PAUSE, "group-invitation.create", within=True, POST=group_invitations.pause),
        console(paths.GROUP_INVITATION_RESUME, "group-invitation.create", within=True, POST=group_invitations.resume),
        console(paths.GROUP_INVITATION_CANCEL, "group-invitation.create", within=True, POST=group_invitations.cancel),
    ]


def campaign_routes() -> list[Route]:
    """Return the console's pages of campaigns."""
    see, change = "group-invitation.see", "group-invitation.create"
    return [
        console(paths.CAMPAIGNS, see, within=True, GET=campaigns.index),
        console(paths.CAMPAIGN_ADD, change, within=True, GET=campaigns.blank, POST=campaigns.add),
        console(paths.CAMPAIGN, see, within=True, GET=campaigns.show),
        console(paths.CAMPAIGN_EDIT, change, within=True, GET=campaigns.edit, POST=campaigns.change),
        console(paths.CAMPAIGN_START, change, within=True, POST=campaigns.start),
        console(paths.CAMPAIGN_LOOK, change, within=True, POST=campaigns.look),
        console(paths.CAMPAIGN_AGREE, change, within=True, POST=campaigns.agree),
        console(paths.CAMPAIGN_PAUSE, change, within=True, POST=campaigns.pause),
        console(paths.CAMPAIGN_RESUME, change, within=True, POST=campaigns.resume),
        console(paths.CAMPAIGN_END, change, within=True, POST=campaigns.end),
    ]


def manage_routes() -> list[Route]:
    """Return the console's pages of Macs and of the mail catcher."""
    return [
        console(paths.SEARCH, ENTER, within=True, GET=search.show),
        console(paths.DESK, "invitation.desk", within=True, GET=desk.show),
        console(paths.DESK_CONFIRM, "invitation.desk", within=True, POST=desk.confirm),
        console(paths.DEVICES, "device.see", within=True, GET=devices.index),
        console(paths.DEVICES_EXPORT, "device.see", within=True, GET=devices.export),
        console(paths.DEVICE_UNENROLL, "device.unenroll", within=True, POST=devices.unenroll),
        console(paths.DEVICE, "device.see", within=True, GET=devices.show),
        console(paths.DEVICE_INVITE, "invitation.create", within=True, POST=devices.invite_again),
        console(paths.DEVICE_RELEASE, "device.release", within=True, POST=devices.release),
        console(paths.CAUGHT_MAILS, "mail.see", GET=catcher.index),
        console(paths.CAUGHT_MAIL, "mail.see", GET=catcher.show),
        console(paths.CAUGHT_MAIL_HTML, "mail.see", GET=catcher.html),
    ]


def people_routes() -> list[Route]:
    """Return the console's pages of people, and of their import and export."""
    return [
        console(paths.USERS, "person.see", within=True, GET=users.index),
        console(paths.USER_ADD, "person.edit", GET=USERS.blank, POST=USERS.add),
        console(paths.IMPORT_UPLOAD, "person.import", GET=imports.blank, POST=imports.add),
        console(paths.IMPORT, "person.import", GET=imports.show),
        console(paths.IMPORT_START, "person.import", POST=imports.start),
        console(paths.IMPORT_CANCEL, "person.import", POST=imports.cancel),
        console(paths.IMPORT_RESULT, "person.import", GET=imports.result),
        console(paths.USERS_EXPORT, "person.import", GET=imports.export),
        console(paths.USER, "person.see", within=True, GET=person.show),
        console(paths.USER_EDIT, "person.edit", GET=USERS.show, POST=USERS.change),
        console(paths.USER_DISABLE, "person.edit", POST=person.disable),
        console(paths.USER_ENABLE, "person.edit", POST=person.enable),
        console(paths.USER_UNLOCK, "person.edit", POST=person.unlock),
        console(paths.USER_PASSWORD_LINK, "person.edit", POST=person.password_link),
        console(paths.USER_DATA, "person.data", fresh=True, POST=person.export),
        console(paths.USER_REMOVE, "person.data", fresh=True, POST=person.remove),
    ]


def settings_routes() -> list[Route]:
    """Return the console's pages of settings."""
    return [
        console(paths.SETTINGS, "setting.see", GET=overview.index),
        console(paths.PROPERTIES, "setting.see", GET=properties.index),
        console(paths.PROPERTY, "setting.see", changes="setting.edit", GET=properties.show, POST=properties.change),
        console(paths.PROPERTY_RESET, "setting.edit", POST=properties.reset),
        console(paths.SERIALS, "setting.see", GET=serials.index),
        console(paths.SERIALS_UPLOAD, "setting.see", changes="setting.edit", GET=serials.index, POST=serials.add),
        console(paths.SERIALS_EXPORT, "setting.see", GET=serials.export),
        console(paths.SERIALS_REMOVE, "setting.edit", POST=serials.remove),
        console(paths.BRANDING, "setting.see", changes="setting.edit", GET=branding.index, POST=branding.change),
        console(paths.BRANDING_LOGO_UPLOAD, "setting.edit", POST=branding.replace_logo),
        console(paths.BRANDING_LOGO_REMOVE, "setting.edit", POST=branding.remove_logo),
        console(paths.BRANDING_PREVIEW, "setting.see", GET=branding.preview),
        console(
            paths.BRANDING_TEXT,
            "setting.see",
            changes="setting.edit",
            GET=branding.show_text,
            POST=branding.change_text,
        ),
        console(paths.PUSH, "setting.see", GET=push.index),
        console(paths.PUSH_UPLOAD, "setting.see", changes="setting.edit", GET=push.index, POST=push.replace),
        console(paths.AUDIT, "audit.see", GET=audit.index),
        console(paths.AUDIT_EXPORT, "audit.see", GET=audit.export),
    ]


def server_routes() -> list[Route]:
    """Return the console's pages of notification servers."""
    return [
        console(paths.NOTIFICATION_SERVERS, "setting.see", GET=notification_servers.index),
        console(paths.SMTP_SERVER_ADD, "setting.edit", GET=SMTP.blank, POST=SMTP.add),
        console(paths.SMTP_SERVER, "setting.see", changes="setting.edit", GET=SMTP.show, POST=SMTP.change),
        console(paths.SMTP_SERVER_ACTIVATE, "setting.edit", POST=SMTP.activate),
        console(paths.SMTP_SERVER_REMOVE, "setting.edit", POST=SMTP.remove),
        console(paths.SMTP_SERVER_TEST, "setting.edit", POST=SMTP.test),
    ]


def sms_routes() -> list[Route]:
    """Return the console's pages of SMS gateways, carriers and PIN policies."""
    return [
        console(paths.SMS_SERVER_CHOOSE, "setting.edit", GET=sms_servers.choose),
        console(paths.SMS_SERVER_ADD, "setting.edit", GET=SMS.blank, POST=SMS.add),
        console(paths.SMS_SERVER, "setting.see", changes="setting.edit", GET=SMS.show, POST=SMS.change),
        console(paths.SMS_SERVER_ACTIVATE, "setting.edit", POST=SMS.activate),
        console(paths.SMS_SERVER_REMOVE, "setting.edit", POST=SMS.remove),
        console(paths.SMS_SERVER_TEST, "setting.edit", POST=SMS.test),
        console(
            paths.CARRIERS,
            "setting.see",
            changes="setting.edit",
            compressed=True,
            GET=CARRIERS.blank,
            POST=CARRIERS.add,
        ),
        console(paths.CARRIERS_RESTORE, "setting.edit", POST=CARRIERS.restore),
        console(paths.CARRIER, "setting.see", changes="setting.edit", GET=CARRIERS.show, POST=CARRIERS.change),
        console(paths.CARRIER_REMOVE, "setting.edit", POST=CARRIERS.remove),
        console(paths.MODES, "setting.see", changes="setting.edit", compressed=True, GET=modes.index, POST=modes.save),
        console(paths.MODE, "setting.see", changes="setting.edit", GET=mode.show, POST=mode.change),
    ]


def directory_routes() -> list[Route]:
    """Return the console's pages of directories; forms with a file post to …/upload."""
    return [
        console(paths.DIRECTORIES, "directory.see", GET=directories.index),
        console(paths.DIRECTORY_ADD, "directory.edit", GET=DIRECTORIES.blank, POST=DIRECTORIES.add),
        console(paths.DIRECTORY, "directory.see", GET=DIRECTORIES.show),
        console(
            paths.DIRECTORY_CHANGE,
            "directory.see",
            changes="directory.edit",
            GET=DIRECTORIES.show,
            POST=DIRECTORIES.change,
        ),
        console(paths.DIRECTORY_TEST, "directory.edit", POST=DIRECTORIES.test),
        console(paths.DIRECTORY_MAKE_DEFAULT, "directory.edit", POST=DIRECTORIES.make_default),
        console(paths.DIRECTORY_REMOVE, "directory.edit", POST=DIRECTORIES.remove),
    ]


def template_routes() -> list[Route]:
    """Return the console's pages of notification templates."""
    return [
        console(paths.TEMPLATES, "setting.see", GET=templates.index),
        console(paths.TEMPLATE, "setting.see", changes="setting.edit", GET=templates.show, POST=templates.change),
        console(paths.TEMPLATE_PREVIEW, "setting.see", GET=templates.show, POST=templates.preview),
        console(paths.TEMPLATE_PREVIEW_HTML, "setting.see", GET=templates.saved_html, POST=templates.preview_html),
        console(paths.TEMPLATE_SEND, "setting.see", changes="setting.edit", GET=templates.show, POST=templates.send),
        console(
            paths.TEMPLATE_SEND_SMS, "setting.see", changes="setting.edit", GET=templates.show, POST=templates.send_sms
        ),
        console(paths.TEMPLATE_SENT, "setting.see", GET=templates.sent),
        console(paths.TEMPLATE_RESTORE, "setting.edit", POST=templates.restore),
        console(paths.TEMPLATE_CLONE, "setting.edit", POST=templates.clone),
        console(paths.TEMPLATE_TRANSLATE, "setting.edit", POST=templates.translate),
        console(paths.TEMPLATE_TRANSLATION_REMOVE, "setting.edit", POST=templates.drop_translation),
        console(paths.TEMPLATE_RENAME, "setting.edit", POST=templates.rename),
        console(paths.TEMPLATE_REMOVE, "setting.edit", POST=templates.remove),
    ]


def certificate_routes() -> list[Route]:
    """Return the console's pages of certificates."""
    return [
        console(paths.CERTIFICATES, "certificate.see", GET=own_certificates.index),
        console(paths.CERTIFICATES_ROTATE, "certificate.edit", POST=own_certificates.rotate),
        console(paths.ISSUED_CERTIFICATES, "certificate.see", GET=issued_certificates.index),
        console(paths.ISSUED_CERTIFICATE, "certificate.see", GET=issued_certificates.show),
        console(paths.ISSUED_CERTIFICATE_REVOKE, "certificate.revoke", POST=issued_certificates.revoke),
        console(paths.ROOT_KEY, "certificate.edit", fresh=True, GET=root_key.index),
        console(paths.ROOT_KEY_EXPORT, "certificate.edit", fresh=True, POST=root_key.export),
        console(paths.ROOT_KEY_REMOVE, "certificate.edit", fresh=True, GET=root_key.index, POST=root_key.remove),
        console(paths.ROOT_KEY_RETURN, "certificate.edit", fresh=True, GET=root_key.index, POST=root_key.import_key),
        console(paths.SIGNER_UPLOAD, "certificate.edit", fresh=True, GET=blank_page(SIGNER), POST=upload_page(SIGNER)),
        console(paths.SIGNER_REMOVE, "certificate.edit", fresh=True, POST=remove_page(SIGNER)),
        console(paths.TLS_UPLOAD, "certificate.edit", fresh=True, GET=blank_page(TLS), POST=upload_page(TLS)),
        console(paths.TLS_REMOVE, "certificate.edit", fresh=True, POST=remove_page(TLS)),
    ]


def administrator_routes() -> list[Route]:
    """Return the console's pages of administrators."""
    return [
        console(
            paths.ADMINISTRATORS,
            "administrator.see",
            changes="administrator.edit",
            fresh=True,
            GET=administrators.index,
            POST=administrators.invite,
        ),
        console(paths.SETUP_LINK_WITHDRAW, "administrator.edit", fresh=True, POST=administrators.withdraw),
        console(
            paths.ADMINISTRATOR,
            "administrator.see",
            changes="administrator.edit",
            fresh=True,
            GET=administrators.show,
            POST=administrators.change,
        ),
        console(paths.ADMINISTRATOR_DISABLE, "administrator.edit", fresh=True, POST=administrators.disable),
        console(paths.ADMINISTRATOR_ENABLE, "administrator.edit", fresh=True, POST=administrators.enable),
        console(
            paths.ADMINISTRATOR_RESET_FACTORS,
            "administrator.edit",
            factor=True,
            POST=administrators.reset_factors,
        ),
        console(paths.ADMINISTRATOR_REMOVE, "administrator.edit", fresh=True, POST=administrators.remove),
    ]


def role_routes() -> list[Route]:
    """Return the console's pages of roles."""
    return [
        console(paths.ROLES, "administrator.see", GET=roles.index),
        console(
            paths.ROLE_ASSIGNMENTS,
            "administrator.see",
            changes="administrator.edit",
            fresh=True,
            GET=roles.index,
            POST=roles.assign,
        ),
        console(paths.ROLE_ASSIGNMENT_REMOVE, "administrator.edit", fresh=True, POST=roles.unassign),
        console(paths.ROLE_ADD, "administrator.edit", fresh=True, GET=ROLES.blank, POST=ROLES.add),
        console(paths.ROLE_GROUPS, "administrator.edit", GET=roles.find_groups),
        console(paths.BUILT_IN_ROLE, "administrator.see", GET=ROLES.show_built_in),
        console(
            paths.ROLE, "administrator.see", changes="administrator.edit", fresh=True, GET=ROLES.show, POST=ROLES.change
        ),
        console(paths.ROLE_REMOVE, "administrator.edit", fresh=True, POST=ROLES.remove),
    ]
