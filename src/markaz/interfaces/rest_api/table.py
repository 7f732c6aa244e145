"""All routes of the REST interface."""

from __future__ import annotations

from typing import Final

from markaz.interfaces.rest_api import (
    routes_account,
    routes_audit,
    routes_calibrations,
    routes_credits,
    routes_devices,
    routes_jobs,
    routes_people,
    routes_projects,
    routes_public,
    routes_usage,
)
from markaz.interfaces.rest_api.routes import Route

# Jobs first: they are asked for most, and addresses are tried in order.
ROUTES: Final[tuple[Route, ...]] = (
    *routes_jobs.ROUTES,
    *routes_devices.ROUTES,
    *routes_calibrations.ROUTES,
    *routes_account.ROUTES,
    *routes_projects.ROUTES,
    *routes_credits.ROUTES,
    *routes_people.ROUTES,
    *routes_public.ROUTES,
    *routes_audit.ROUTES,
    *routes_usage.ROUTES,
)
