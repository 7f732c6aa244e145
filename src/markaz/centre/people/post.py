"""Sends mail after a change is durable, in a thread of its own: a mail server may be slow."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import structlog

from markaz.centre.services import Services
from markaz.centre.work import Work

_log = structlog.get_logger(__name__)
_sender: Final = ThreadPoolExecutor(1, thread_name_prefix="markaz-post")


def send_after(work: Work, to: str, subject: str, text: str) -> None:
    """Send a message once this change is durable, and not if it is undone.

    A mail server that refuses is logged and counted (``mail_failed``); nobody waits for it.
    """
    services = work.services
    body = f"{text}\n\n{services.settings['site_name']}\n{services.settings['public_url']}\n"
    work.after(partial(_post, services, to, subject, body))


def _post(services: Services, to: str, subject: str, text: str) -> None:
    _sender.submit(_send, services, to, subject, text)


def flush() -> None:
    """Wait until every message so far has been handed over or refused."""
    _sender.submit(lambda: None).result()


def _send(services: Services, to: str, subject: str, text: str) -> None:
    try:
        services.mailer.send(to, subject, text)
    except OSError as error:
        services.count("mail_failed")
        _log.warning("mail was not taken", error=type(error).__name__)
    else:
        services.count("mail_sent")
