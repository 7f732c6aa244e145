"""Mail, if the centre has a mail server."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from typing import Final

from markaz.centre.services import Mailer
from markaz.centre.settings import Settings

TIMEOUT: Final = 20.0  # seconds


class NoMail:
    """No mail server is set: operators hand out one-time links."""

    available = False

    def send(self, to: str, subject: str, text: str) -> None:
        """Refuse; callers look at ``available`` first."""
        raise OSError("this centre has no mail server")


class SmtpMailer:
    """Sends through the mail server of the settings."""

    available = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def send(self, to: str, subject: str, text: str) -> None:
        """Hand one message over. Raises OSError (smtplib's errors are) if it is not taken."""
        message = EmailMessage()
        message["From"] = self._settings["mail_from"]
        message["To"] = to
        message["Subject"] = subject
        message.set_content(text)
        with self._connect() as server:
            if self._settings["smtp_tls"] == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self._settings["smtp_user"]:
                server.login(self._settings["smtp_user"], self._settings["smtp_password"])
            server.send_message(message)

    def _connect(self) -> smtplib.SMTP:
        host, port = self._settings["smtp_host"], self._settings["smtp_port"]
        if self._settings["smtp_tls"] == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=context)
        return smtplib.SMTP(host, port, timeout=TIMEOUT)


def open_mailer(settings: Settings) -> Mailer:
    """The mailer that the settings name."""
    return SmtpMailer(settings) if settings["smtp_host"] else NoMail()
