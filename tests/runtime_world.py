"""The runtime interface around the centre of ``rest_world``, and what its clients send."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from markaz.centre.access import SYSTEM
from markaz.centre.jobs import verbs
from markaz.centre.people.keys import Authenticator
from markaz.interfaces.rest_api.app import make_app
from markaz.interfaces.runtime_api.app import RuntimeApi, make_runtime
from markaz.interfaces.runtime_api.calls import Runtime
from markaz.interfaces.runtime_api.crn import GRANT, crn_of
from tests.rest_fakes import Browser, api_of
from tests.rest_world import Canned, World

BASE = "/experimental/api/v1"
PARAMS = {"pubs": [["circuit", None, 100]], "version": 2}
USED = 0.0005  # seconds that a job ran, as its worker says: less than the server sees
PAYLOAD = b'{"__type__":"PrimitiveResult","__value__":{}}'


class CannedRuntime(Canned):
    """Opens every body of a runtime client as the same bundle."""

    def _open(self, program: Any) -> Any:
        self.asked = program
        known = {k: v for k, v in program.options.items() if k != "device_kind"}
        opened = super()._open(replace(program, options=known))
        return replace(opened, kind=program.fmt) if program.fmt and program.data else opened


class RuntimeWorld:
    """``world`` with the runtime interface, in front of the same centre."""

    def __init__(self, world: World) -> None:
        self.world, self.centre = world, world.centre
        self.opener = CannedRuntime(world.centre)
        self.api = api_of(world.centre, self.opener)
        self.runtime: Runtime = make_runtime(self.api, Authenticator(world.centre))
        self.app = make_app(self.api, first=RuntimeApi(self.runtime))

    def client(self, role: str, project: str | None = None) -> RuntimeClient:
        """Somebody who has logged in; ``project``: the own one unless named."""
        instance = crn_of(project or self.world.own["project"])
        return RuntimeClient(self.app, self.world.keys[role], instance)

    def finish(self, state: str = "completed", **outcome: Any) -> str:
        """Claim the next job and end it; its id."""
        return self.end(self.claim(), state, **outcome)

    def claim(self) -> dict[str, Any]:
        """The next job, now a worker's."""
        found = self.centre.perform(verbs.claim, SYSTEM, worker="w9", devices=["simulator"])
        return dict(found[0])

    def end(self, claimed: dict[str, Any], state: str, **outcome: Any) -> str:
        """End what was claimed; its id."""
        if state == "completed":
            outcome["result"] = b'{"kind":"sampler"}\n' + PAYLOAD
        self.centre.perform(
            verbs.finish, SYSTEM, job=claimed["job"], attempt=claimed["attempt"], worker="w9",
            outcome={"state": state, "seconds": USED, **outcome},
        )  # fmt: skip
        return str(claimed["job"])


class RuntimeClient(Browser):
    """What a runtime client sends after it has logged in."""

    def __init__(self, app: Any, key: str, instance: str) -> None:
        super().__init__(app)
        form = {"grant_type": GRANT, "apikey": key, "response_type": "cloud_iam"}
        answer = self.post("/identity/token", data=form)
        assert answer.status_code == 200, answer.text
        token = answer.json()["access_token"]
        self.headers.update({"Authorization": f"Bearer {token}", "Service-CRN": instance})

    def submit(self, **more: Any) -> Any:
        """Submit a job, as text: the order of its fields is the same each time."""
        body = {"program_id": "sampler", "backend": "simulator", "params": PARAMS} | more
        return self.post(f"{BASE}/jobs", content=json.dumps(body))

    def job(self, **more: Any) -> str:
        """Submit a job; its id."""
        answer = self.submit(**more)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])
