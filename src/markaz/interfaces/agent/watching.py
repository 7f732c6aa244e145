"""How the device is, asked now and then; its calibration sheets, as they are published."""

from __future__ import annotations

import threading
from typing import Final

import structlog

from markaz.interfaces.agent.drivers.base import Driver, DriverError
from markaz.interfaces.agent.runs import AgentRuns
from markaz.interfaces.agent.spool import Spool
from markaz.quantum.devices.errors import DescriptionError
from markaz.quantum.devices.sheet import from_json
from markaz.quantum.devices.status import Status

_log: Final = structlog.get_logger(__name__)


class Watch:
    """Asks every ``seconds`` and tells ``runs`` what is new; start it, stop it."""

    def __init__(
        self, device: str, driver: Driver, spool: Spool, runs: AgentRuns, seconds: float
    ) -> None:
        self._device, self._driver, self._spool, self._runs = device, driver, spool, runs
        self._seconds = seconds
        self._sheet = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="markaz-watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the question that is under way."""
        self._ended.set()

    def _keep(self) -> None:
        while not self._ended.is_set():
            self.look()
            self._ended.wait(self._seconds)

    def look(self) -> None:
        """Ask once. A device that does not answer, or not as it must, is offline."""
        try:
            status = self._driver.status()
            sheet = self._new_sheet()
        except (DriverError, OSError) as error:
            if not self._ended.is_set():
                _log.warning("agent.device_not_reached", error=str(error))
            status, sheet = Status.OFFLINE, None
        if self._ended.is_set():
            return
        if status is not self._runs.status or sheet is not None:
            _log.info("agent.device", device=self._device, status=str(status), sheet=bool(sheet))
            self._runs.note_condition(status, sheet)

    def _new_sheet(self) -> tuple[str, bytes] | None:
        """A sheet that was not seen before, once it is in the spool."""
        text = self._driver.sheet()
        if text is None:
            return None
        try:
            sheet = from_json(text)
        except DescriptionError as error:
            raise DriverError(f"the device's calibration sheet: {error}") from None
        if sheet.device != self._device:
            raise DriverError(f"the device's calibration sheet is of {sheet.device}")
        if sheet.id == self._sheet:
            return None
        self._spool.take_sheet(sheet.id, sheet.to_json())
        self._sheet = sheet.id
        return sheet.id, sheet.to_json().encode()
