"""An agent put together: spool, driver, children, and the link to the centre."""

from __future__ import annotations

import contextlib
import signal
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from markaz.centre.workers import supervisor
from markaz.centre.workers.agents import DRIVER
from markaz.centre.workers.links import Link
from markaz.centre.workers.messages import Hello
from markaz.centre.workers.pool import Pool
from markaz.centre.workers.slots import WARM, Runner
from markaz.interfaces.agent.drivers import registry
from markaz.interfaces.agent.drivers.base import Driver
from markaz.interfaces.agent.drivers.registry import OptionError
from markaz.interfaces.agent.executing import Pace
from markaz.interfaces.agent.runs import AgentRuns, Place
from markaz.interfaces.agent.spool import Spool
from markaz.interfaces.agent.watching import Watch
from markaz.quantum.devices.model import DeviceModel

PAUSES: Final = (0.5, 30.0)  # seconds between attempts to reach the centre, first and last
_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Plan:
    """An agent to be: ``text`` is that of the device file, ``options`` the driver's table."""

    model: DeviceModel
    text: str
    driver: str
    options: Mapping[str, Any]
    folder: Path
    memory: int
    pauses: tuple[float, float] = PAUSES


@dataclass(slots=True)
class Agent:
    """One that is ready to work; close it."""

    supervisor: supervisor.Supervisor
    runs: AgentRuns
    watch: Watch
    spool: Spool
    driver: Driver
    _closed: threading.Event = field(default_factory=threading.Event)

    def work(self) -> str:
        """Until told to end or refused; then the reason of the refusal, or nothing."""
        self.watch.start()
        return self.supervisor.run()

    def drain(self) -> None:
        """End soon; from any thread or a signal handler. What the device has goes on there."""
        self.supervisor.drain()

    def close(self) -> None:
        """Let spool and device go."""
        self.watch.stop()
        self.spool.close()
        self.driver.close()


def read_options(text: str) -> dict[str, Any]:
    """A driver's options out of TOML. Raises OptionError that says where it is wrong."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise OptionError(f"the driver's options are no TOML: {error}") from None


@contextlib.contextmanager
def opened(
    plan: Plan, connect: Callable[[], Link], children: Pool[Runner] | None = None
) -> Iterator[Agent]:
    """An agent for ``plan``; ``connect`` as for a worker. ``children`` in the place of own ones.

    Raises OptionError, SpoolError.
    """
    options = plan.options
    slots = round(registry.number(options, "slots", 1))
    pace = Pace(
        registry.number(options, "timeout_seconds", 3600.0),
        registry.number(options, "poll_seconds", 0.5),
    )
    patience = registry.number(options, "patience_days", 7.0) * _DAY
    driver = registry.make(plan.driver, plan.model, options)
    spool = Spool(plan.folder, plan.model.name)
    pool = children or Pool("agent", {"memory": plan.memory}, slots * (1 + WARM), Runner)
    place = Place(plan.model.name, plan.text, driver, spool, pool, pace, slots, plan.memory)
    made: list[AgentRuns] = []

    def runs(selector: Any, say: Any) -> AgentRuns:
        made.append(AgentRuns(place, selector, say))
        return made[0]

    boss = supervisor.Supervisor(
        connect, _hello(plan, spool, slots, patience), memory=plan.memory, drain_seconds=0.0,
        runs=runs, pauses=plan.pauses,
    )  # fmt: skip
    seconds = registry.number(options, "status_seconds", 10.0)
    watch = Watch(plan.model.name, driver, spool, made[0], seconds)
    agent = Agent(boss, made[0], watch, spool, driver)
    try:
        yield agent
    finally:
        agent.close()
        if pool is not children:
            pool.close()


def _hello(plan: Plan, spool: Spool, slots: int, patience: float) -> Hello:
    usual = supervisor.hello(slots, (DRIVER,))
    known = {"driver": plan.driver, "device": plan.model.version}
    return replace(
        usual,
        worker=spool.worker,
        devices=[plan.model.name],
        patience=patience,
        versions={**usual.versions, **known},
    )


def work(plan: Plan, connect: Callable[[], Link]) -> str:
    """Be an agent until SIGTERM or SIGINT; the body of a process. Returns why the centre
    refused it, or nothing. Raises OptionError, SpoolError."""
    with opened(plan, connect) as agent:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: agent.drain())
        return agent.work()
