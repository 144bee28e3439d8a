"""Notification servers, carrier gateways, templates, and messages of the built-in catcher."""

from uuid import UUID

from tortoise import fields

from otae.store.models.base import Row


class NotificationServer(Row):
    """A mail server or SMS gateway that sends messages. `password_sealed`: purpose "notification-server.password".

    `kind`: "smtp" or "sms"; at most one of each is active. `gateway`: the kind of SMS gateway, "" for SMTP; `options`
    are that gateway's settings and `secrets_sealed` (JSON, purpose "notification-server.secrets") the secret ones;
    host, port, security and sender are unused there.

    `connections`: the most that one worker process opens; `rate`: messages a minute, 0 for no limit, kept by
    `next_slot_at`; `standby`: position among the servers that replace the active one when it fails, 0 for none.
    `ntlm`: sign in by NTLM; `clear_sign_in`: sign in even without TLS. `oauth`: "", or the provider whose tokens are
    used instead of a password; `password_sealed` is then the client's secret or key. `told_at`: when an administrator
    was last notified that it refuses everything. `ca_pem`: the authorities that the server's certificate must lead to,
    "" for those of this system.
    """

    kind = fields.CharField(max_length=10, default="smtp")
    name = fields.CharField(max_length=100, unique=True)
    description = fields.CharField(max_length=200, default="", db_default="")
    host = fields.CharField(max_length=253)
    port = fields.IntField(default=25)
    security = fields.CharField(max_length=10, default="none")
    username = fields.CharField(max_length=200, null=True)
    password_sealed = fields.BinaryField(null=True)
    ntlm = fields.BooleanField(default=False, db_default=False)
    clear_sign_in = fields.BooleanField(default=False, db_default=False)
    oauth = fields.CharField(max_length=20, default="", db_default="")
    oauth_token_url = fields.CharField(max_length=500, default="", db_default="")
    oauth_client_id = fields.CharField(max_length=200, default="", db_default="")
    oauth_scope = fields.CharField(max_length=500, default="", db_default="")
    ca_pem = fields.TextField(default="", db_default="")
    from_name = fields.CharField(max_length=200)
    from_email = fields.CharField(max_length=254)
    timeout = fields.IntField(default=30)
    retries = fields.IntField(default=5)
    connections = fields.IntField(default=4)
    rate = fields.IntField(default=0)
    next_slot_at = fields.DatetimeField(null=True)
    standby = fields.IntField(default=0)
    dkim_selector = fields.CharField(max_length=63, default="")
    gateway = fields.CharField(max_length=20, default="")
    options: "fields.JSONField[dict[str, object]]" = fields.JSONField(default=dict)
    secrets_sealed = fields.BinaryField(null=True)
    told_at = fields.DatetimeField(null=True)
    active = fields.BooleanField(default=False)
    created_at = fields.DatetimeField()

    class Meta:
        table = "notification_server"


class ServerRefusal(Row):
    """A refusal by a mail server that is not, or perhaps not, caused by the message.

    `domain`: of the recipient, "" when the server refuses everything, such as because of the sender; `likeness`: code
    and status of the answer. The row is deleted when the server accepts a message for that domain.
    """

    server_id: UUID
    server: "fields.ForeignKeyRelation[NotificationServer]" = fields.ForeignKeyField(
        "otae.NotificationServer", related_name="refusals", on_delete=fields.CASCADE
    )
    domain = fields.CharField(max_length=253)
    likeness = fields.CharField(max_length=20)
    words = fields.CharField(max_length=500)
    since = fields.DatetimeField()
    at = fields.DatetimeField()

    class Meta:
        table = "server_refusal"
        unique_together = (("server", "domain", "likeness"),)


class CarrierGateway(Row):
    """A mobile carrier that forwards a mail to NUMBER@`domain` as a text message.

    `country_code`: digits to leave out of the number, such as "1"; `prefix`: text to put before the number.
    """

    name = fields.CharField(max_length=100, unique=True)
    domain = fields.CharField(max_length=253)
    country_code = fields.CharField(max_length=4, default="")
    prefix = fields.CharField(max_length=10, default="")

    class Meta:
        table = "carrier_gateway"


class NotificationTemplate(Row):
    """The text of a message, for people without a translation in their language; with ${…} macros, never Jinja.

    `kind`: "url", "pin", "confirmation", "reminder", "revoked" or "expired". `sms`: the text of the text message.
    """

    kind = fields.CharField(max_length=20)
    name = fields.CharField(max_length=100, unique=True)
    subject = fields.CharField(max_length=300)
    text = fields.TextField()
    html = fields.TextField()
    sms = fields.TextField(default="")
    system = fields.BooleanField(default=False)

    class Meta:
        table = "notification_template"


class TemplateTranslation(Row):
    """A template's text in another language. `language`: a BCP 47 tag, "de" or "pt-BR"."""

    template_id: UUID
    template: "fields.ForeignKeyRelation[NotificationTemplate]" = fields.ForeignKeyField(
        "otae.NotificationTemplate", related_name="translations", on_delete=fields.CASCADE
    )
    language = fields.CharField(max_length=20)
    subject = fields.CharField(max_length=300)
    text = fields.TextField()
    html = fields.TextField()
    sms = fields.TextField(default="")

    class Meta:
        table = "template_translation"
        unique_together = (("template", "language"),)


class CaughtMail(Row):
    """A message that the built-in catcher kept instead of sending it. `channel`: "mail" or "sms".

    `message_sealed` (purpose "caught-mail.message") is the whole mail, or the text of the text message in UTF-8.
    """

    channel = fields.CharField(max_length=10, default="mail")
    recipient = fields.CharField(max_length=254)
    subject = fields.CharField(max_length=300)
    message_sealed = fields.BinaryField()
    rehearsal = fields.BooleanField(default=False)
    caught_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "caught_mail"
