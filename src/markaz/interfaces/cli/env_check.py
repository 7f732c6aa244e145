"""``markaz env --check``: what a runtime client does when it starts, step by step.

Every step says which variable it uses, what came of it, and how to mend it. The key is sent
only to an address that has shown that it is a Markaz.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any, Final
from urllib.parse import urlsplit

import click
import httpx

from markaz.centre.people import tokens
from markaz.interfaces.cli.finding import FAILURE, OK, WARNING, Finding
from markaz.interfaces.runtime_api import crn
from markaz.interfaces.runtime_api.crn import GRANT, SIGN

ALL: Final = 'eval "$(markaz env)"'
OLDEST: Final = (0, 49)
CHANNELS: Final = ("", "ibm_quantum_platform", "ibm_cloud")
TIMEOUT: Final = 15.0
WORD: Final = "experimental"  # clients take an address with it as it is


class Failed(Exception):
    """A step after which no other can go."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.found)
        self.finding = finding


@dataclass
class Handshake:
    """The variables of one environment, and what was learned with them."""

    given: Mapping[str, str]
    http: httpx.Client
    token: str = ""
    instance: str = ""
    devices: list[str] = field(default_factory=list)

    def value(self, name: str, why: str) -> str:
        """A variable that must be set. Raises Failed."""
        found = self.given.get(name, "").strip()
        if not found:
            raise Failed(Finding(name, FAILURE, f"not set: {why}", f"Set it with {ALL}."))
        return found

    def address(self, name: str, why: str) -> str:
        """A variable that must be an address. Raises Failed."""
        found = self.value(name, why).rstrip("/")
        if not re.fullmatch(r"https?://[^/\s?#@]+(/[^\s?#]*)?", found):
            raise Failed(Finding(name, FAILURE, f"{found!r} is no address", f"Set it with {ALL}."))
        return found

    def ask(self, name: str, method: str, url: str, **more: Any) -> httpx.Response:
        """One request; ``name`` is the variable that its address comes from. Raises Failed."""
        try:
            return self.http.request(method, url, **more)
        except httpx.HTTPError as error:
            raise Failed(_unreachable(name, url, error)) from None

    def call(self, name: str, path: str) -> Any:
        """What a runtime address answers. Raises Failed."""
        base = self.address(name, "the client would ask another host")
        headers = {"Authorization": f"Bearer {self.token}", crn.HEADER: self.instance}
        answer = self.ask(name, "GET", f"{base}/{path}", headers=headers)
        if answer.status_code != 200:
            wrong = "QISKIT_IBM_INSTANCE" if answer.status_code in (400, 404) else name
            raise Failed(Finding(wrong, FAILURE, _said(answer), f"Set it with {ALL}."))
        return answer.json()


def run(given: Mapping[str, str], *, as_json: bool) -> int:
    """Print all findings for this environment; the exit code."""
    failed = False
    authority = given.get("REQUESTS_CA_BUNDLE") or None
    try:
        verify = True if authority is None else ssl.create_default_context(cafile=authority)
        http = httpx.Client(timeout=TIMEOUT, verify=verify, follow_redirects=False)
    except OSError as error:
        text = f"{authority} cannot be read: {error.strerror or error}"
        _show(Finding("REQUESTS_CA_BUNDLE", FAILURE, text, "Name a PEM file."), as_json)
        return 1
    with http:
        for finding in findings(Handshake(given, http)):
            failed |= finding.state == FAILURE
            _show(finding, as_json)
    return int(failed)


def _show(finding: Finding, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(finding)))
        return
    click.echo(f"{finding.state:<8} {finding.name}: {finding.found}")
    if finding.mend:
        click.echo(f"         mend: {finding.mend}")


def findings(shake: Handshake) -> Iterator[Finding]:
    """Every step in the order in which a client takes it; ends where it could not go on."""
    yield _client()
    yield from _channel(shake)
    for step in STEPS:
        try:
            yield step(shake)
        except Failed as failure:
            yield failure.finding
            return


def _client() -> Finding:
    name = "qiskit-ibm-runtime"
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(name, OK, "not installed beside this command; 0.49 or newer is needed", "")
    parts = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if parts < OLDEST:
        text = f"{version} sends keys to its maker's login service whatever IAM_URL says"
        return Finding(name, FAILURE, text, "pip install 'qiskit-ibm-runtime>=0.49'")
    return Finding(name, OK, version, "")


def _channel(shake: Handshake) -> Iterator[Finding]:
    channel = shake.given.get("QISKIT_IBM_CHANNEL", "")
    if channel not in CHANNELS:
        text = f"{channel!r} leads nowhere near a centre"
        yield Finding("QISKIT_IBM_CHANNEL", FAILURE, text, "unset QISKIT_IBM_CHANNEL")


def _key(shake: Handshake) -> Finding:
    key = shake.value("QISKIT_IBM_TOKEN", "the client has no key")
    if not tokens.is_whole(key, "us"):
        text = "mistyped or cut off (its checksum does not match), or no key of a Markaz"
        raise Failed(Finding("QISKIT_IBM_TOKEN", FAILURE, text, "Make one: markaz keys create."))
    return Finding("QISKIT_IBM_TOKEN", OK, f"{key[: tokens.SHOWN]}… has the form of a key", "")


def _address(shake: Handshake) -> Finding:
    url = shake.address("QISKIT_IBM_URL", "the client would go to its maker's service")
    if WORD not in url:
        text = f"{url} has no {WORD!r} in it, so the client derives another host from it"
        mend = f"export QISKIT_IBM_URL={_root(url)}/experimental/api/v1"
        raise Failed(Finding("QISKIT_IBM_URL", FAILURE, text, mend))
    return Finding("QISKIT_IBM_URL", OK, url, "")


def _is_markaz(shake: Handshake) -> Finding:
    """The key may go to IAM_URL only if a Markaz answers there."""
    url = shake.address("IAM_URL", "the client would send your key to iam.cloud.ibm.com")
    form = {"grant_type": "none"}
    answer = shake.ask("IAM_URL", "POST", f"{url}/identity/token", data=form)
    if answer.status_code != 400 or SIGN not in answer.text:
        text = (
            f"no Markaz answers at {url} (HTTP {answer.status_code}): your key was not sent there"
        )
        mend = f"export IAM_URL={_root(shake.given['QISKIT_IBM_URL'])}"
        raise Failed(Finding("IAM_URL", FAILURE, text, mend))
    return Finding("IAM_URL", OK, url, "")


def _log_in(shake: Handshake) -> Finding:
    url = shake.given["IAM_URL"].rstrip("/")
    form = {"grant_type": GRANT, "apikey": shake.given["QISKIT_IBM_TOKEN"].strip()}
    answer = shake.ask("IAM_URL", "POST", f"{url}/identity/token", data=form)
    if answer.status_code != 200:
        mend = "Make a new key (markaz keys create) and put it in QISKIT_IBM_TOKEN."
        raise Failed(Finding("QISKIT_IBM_TOKEN", FAILURE, _said(answer), mend))
    shake.token = str(answer.json()["access_token"])
    return Finding("login", OK, "the key opens the centre", "")


def _instances(shake: Handshake) -> Finding:
    """Discovery; the instance that is meant."""
    wanted = shake.given.get("QISKIT_IBM_INSTANCE", "").strip()
    if shake.given.get("QISKIT_FUNCTIONS_EXPERIMENTAL"):
        if not wanted.startswith("crn:"):
            text = "without discovery (QISKIT_FUNCTIONS_EXPERIMENTAL) it must be a CRN"
            raise Failed(Finding("QISKIT_IBM_INSTANCE", FAILURE, text, f"Set it with {ALL}."))
        shake.instance = wanted
        return Finding("QISKIT_IBM_INSTANCE", OK, wanted, "")
    found = _found(shake)
    named = {one["name"]: one["crn"] for one in found}
    if not wanted and found:
        shake.instance = found[0]["crn"]
        state = OK if len(found) == 1 else WARNING
        mend = "" if len(found) == 1 else "Choose one: markaz env --project NAME."
        text = f"not set: the client chooses among {', '.join(named)}"
        return Finding("QISKIT_IBM_INSTANCE", state, text, mend)
    shake.instance = named.get(wanted, wanted)
    if shake.instance not in named.values():
        text = f"{wanted or 'nothing'!r} is none of yours: {', '.join(named) or 'you have none'}"
        mend = "Choose one: markaz env --project NAME."
        raise Failed(Finding("QISKIT_IBM_INSTANCE", FAILURE, text, mend))
    return Finding("QISKIT_IBM_INSTANCE", OK, shake.instance, "")


def _found(shake: Handshake) -> list[dict[str, Any]]:
    url = shake.address("GLOBAL_SEARCH_URL", "the client would look for instances elsewhere")
    headers = {"Authorization": f"Bearer {shake.token}"}
    query = {"query": "service_name:quantum-computing"}
    answer = shake.ask(
        "GLOBAL_SEARCH_URL", "POST", f"{url}/v3/resources/search", headers=headers, json=query
    )
    if answer.status_code != 200 or "items" not in _json(answer):
        text = f"no Markaz answers at {url}: {_said(answer)}"
        raise Failed(Finding("GLOBAL_SEARCH_URL", FAILURE, text, f"Set it with {ALL}."))
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def _catalogue(shake: Handshake) -> Finding:
    if shake.given.get("QISKIT_FUNCTIONS_EXPERIMENTAL"):
        return Finding("GLOBAL_CATALOG_URL", OK, "not used without discovery", "")
    url = shake.address("GLOBAL_CATALOG_URL", "the client would ask another host for plans")
    answer = shake.ask("GLOBAL_CATALOG_URL", "GET", f"{url}/markaz-project")
    if answer.status_code != 200 or "metadata" not in _json(answer):
        text = f"no catalogue answers at {url}: {_said(answer)}"
        mend = f"export GLOBAL_CATALOG_URL={_root(url)}/api/v1"
        raise Failed(Finding("GLOBAL_CATALOG_URL", FAILURE, text, mend))
    return Finding("GLOBAL_CATALOG_URL", OK, url, "")


def _devices(shake: Handshake) -> Finding:
    found = shake.call("QISKIT_IBM_URL", "backends")["devices"]
    shake.devices = [one["name"] for one in found]
    if not shake.devices:
        text = "the project may use no device now, or is not active"
        raise Failed(Finding("devices", FAILURE, text, "Ask the lead of the project."))
    return Finding("devices", OK, ", ".join(shake.devices), "")


def _configuration(shake: Handshake) -> Finding:
    name = shake.devices[0]
    about = shake.call("QISKIT_IBM_URL", f"backends/{name}/configuration")
    status = shake.call("QISKIT_IBM_URL", f"backends/{name}/status")
    text = f"{name} has {about['n_qubits']} qubits and is {status['status']}"
    return Finding("device", OK if status["state"] else WARNING, text, "")


STEPS: Final[tuple[Callable[[Handshake], Finding], ...]] = (
    _key,
    _address,
    _is_markaz,
    _log_in,
    _instances,
    _catalogue,
    _devices,
    _configuration,
)


def _root(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _said(answer: httpx.Response) -> str:
    """What a refusal says, short."""
    document = _json(answer)
    error = document.get("error")
    text = error.get("message") if isinstance(error, dict) else document.get("errorMessage")
    return str(text or f"HTTP {answer.status_code}")[:500]


def _unreachable(name: str, url: str, error: httpx.HTTPError) -> Finding:
    text = f"{_root(url)} cannot be reached: {error}"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        mend = "export REQUESTS_CA_BUNDLE=FILE with the certificate of the centre's authority"
        return Finding("REQUESTS_CA_BUNDLE", FAILURE, text, mend)
    return Finding(name, FAILURE, text, f"Set it with {ALL}; is the centre up?")
