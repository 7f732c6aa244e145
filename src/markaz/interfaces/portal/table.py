"""All pages of the portal."""

from __future__ import annotations

from typing import Final

from markaz.interfaces.portal import (
    pages_account,
    pages_composer,
    pages_device_calibration,
    pages_devices,
    pages_director,
    pages_elsewhere,
    pages_jobs,
    pages_login,
    pages_operator,
    pages_operator_devices,
    pages_operator_measurements,
    pages_operator_news,
    pages_operator_people,
    pages_operator_projects,
    pages_operator_queue,
    pages_projects,
    pages_public,
    pages_sessions,
    pages_submit,
)
from markaz.interfaces.portal.page import Page

PAGES: Final[tuple[Page, ...]] = (
    *pages_public.PAGES,
    *pages_jobs.PAGES,
    *pages_submit.PAGES,
    *pages_composer.PAGES,
    *pages_sessions.PAGES,
    *pages_projects.PAGES,
    *pages_devices.PAGES,
    *pages_device_calibration.PAGES,
    *pages_account.PAGES,
    *pages_elsewhere.PAGES,
    *pages_login.PAGES,
    *pages_operator.PAGES,
    *pages_operator_queue.PAGES,
    *pages_operator_devices.PAGES,
    *pages_operator_measurements.PAGES,
    *pages_operator_people.PAGES,
    *pages_operator_projects.PAGES,
    *pages_operator_news.PAGES,
    *pages_director.PAGES,
)
