"""Logs are set up for a whole process; a test that does so must not do it for the next one."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import structlog
from _pytest.logging import LogCaptureHandler

from markaz.interfaces import logs


@contextlib.contextmanager
def kept_logs() -> Iterator[None]:
    """Handlers, levels and structlog's settings are afterwards what they were."""
    loggers = [logging.getLogger(name) for name in (None, *logs._QUIET)]
    levels = [one.level for one in loggers]
    handlers = [h for h in loggers[0].handlers if not isinstance(h, LogCaptureHandler)]
    configured, settings = structlog.is_configured(), structlog.get_config()
    stream = logs._Lines.stream
    try:
        yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            if one.level != level:
                one.setLevel(level)
        # Those that capture the log of a test come and go with its phases.
        capturing = [h for h in loggers[0].handlers if isinstance(h, LogCaptureHandler)]
        loggers[0].handlers[:] = [*handlers, *capturing]
        logs._Lines.stream = stream
        if configured:
            structlog.configure(**settings)
        else:
            structlog.reset_defaults()
