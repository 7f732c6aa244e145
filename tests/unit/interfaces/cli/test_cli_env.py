"""`markaz env`: what it prints, and what its check says of each variable."""

from __future__ import annotations

import json
import shlex
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from markaz.interfaces.cli import env_check
from markaz.interfaces.cli.main import cli
from tests.running_centre import RunningCentre, free_port

Markaz = Callable[..., Result]
SHELL = {"XDG_CONFIG_HOME": "/nonexistent"}


def lines(text: str) -> dict[str, str]:
    """What a shell would set."""
    words = [shlex.split(line) for line in text.splitlines() if line.startswith("export ")]
    return dict(word[1].split("=", 1) for word in words)


@pytest.fixture(scope="module")
def printed(running: RunningCentre) -> dict[str, str]:
    found = CliRunner().invoke(cli, ["env", "-p", "default"], env=running.environment | SHELL)
    assert found.exit_code == 0, found.output
    return lines(found.output)


def test_all_that_a_client_needs_is_printed(running: RunningCentre, printed: Any) -> None:
    url = running.url
    assert printed == {
        "MARKAZ_URL": url, "MARKAZ_KEY": running.key, "MARKAZ_PROJECT": "default",
        "IAM_URL": url, "GLOBAL_SEARCH_URL": url, "GLOBAL_CATALOG_URL": f"{url}/api/v1",
        "QISKIT_IBM_CHANNEL": "ibm_quantum_platform",
        "QISKIT_IBM_URL": f"{url}/experimental/api/v1", "QISKIT_IBM_TOKEN": running.key,
        "QISKIT_IBM_INSTANCE": running.document["crn"],
    }  # fmt: skip


def test_another_key_another_address_and_an_authority(
    running: RunningCentre, markaz: Markaz, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("x")
    plain = lines(markaz("env", "-p", "default", "--ca", str(authority)).output)
    assert "REQUESTS_CA_BUNDLE" not in plain
    monkeypatch.setenv("MARKAZ_PUBLIC_URL", "https://centre.example/")
    found = lines(markaz("env", "-p", "default", "--ca", str(authority)).output)
    assert found["IAM_URL"] == "https://centre.example"
    assert found["REQUESTS_CA_BUNDLE"] == found["SSL_CERT_FILE"] == str(authority)
    with running.client() as client:
        key = client.post("/keys", {"label": "env"})["secret"]
    assert lines(markaz("env", "-p", "default", "--key", key).output)["QISKIT_IBM_TOKEN"] == key


def test_with_several_projects_it_says_how_to_choose(
    running: RunningCentre, markaz: Markaz
) -> None:
    demo = next(iter(running.secrets["people"].values()))
    with running.client() as client:
        mine = [one["slug"] for one in client.items("/projects")]
    text = markaz("env").output
    if len(mine) == 1:
        assert lines(text)["QISKIT_IBM_INSTANCE"] == running.document["crn"]
        return
    assert "QISKIT_IBM_INSTANCE" not in lines(text)
    assert f"choose with --project ({', '.join(mine)})" in text
    assert demo


def test_a_project_that_is_not_ones_own_is_refused(markaz: Markaz) -> None:
    assert "no such project" in markaz("env", "-p", "nobodys", code=1).output


def test_qrmi_has_its_variables_for_a_device(running: RunningCentre, markaz: Markaz) -> None:
    found = lines(markaz("env", "-p", "default", "--qrmi", "simulator").output)
    of_qrmi = {
        k.removeprefix("simulator_QRMI_IBM_QCS_"): v for k, v in found.items() if "QRMI" in k
    }
    assert of_qrmi == {
        "ENDPOINT": f"{running.url}/api/v1", "IAM_ENDPOINT": running.url,
        "IAM_APIKEY": running.key, "SERVICE_CRN": running.document["crn"],
    }  # fmt: skip
    entry = json.loads(markaz("env", "-p", "default", "--qrmi", "qpu-1", "--json").output)
    (resource,) = entry["resources"]
    assert (resource["name"], resource["type"]) == ("qpu-1", "ibm-quantum-compute-service")
    assert resource["environment"] == {f"QRMI_IBM_QCS_{k}": v for k, v in of_qrmi.items()}
    refused = markaz("env", "-p", "default", "--qrmi", "qpu-1", code=2).output
    assert "no shell takes a variable with 'qpu-1'" in refused


def test_the_lines_as_json(markaz: Markaz, printed: dict[str, str]) -> None:
    assert json.loads(markaz("env", "-p", "default", "--json").output) == printed


# The check.


def check(given: dict[str, str], capsys: pytest.CaptureFixture[str]) -> tuple[int, list[Any]]:
    """Exit code and findings in an environment that has only ``given``."""
    code = env_check.run(given, as_json=True)
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_what_was_printed_is_well(
    printed: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = check(printed, capsys)
    assert code == 0
    assert [one["state"] for one in found] == ["ok"] * len(found)
    assert [one["name"] for one in found][1:] == [
        "QISKIT_IBM_TOKEN", "QISKIT_IBM_URL", "IAM_URL", "login", "QISKIT_IBM_INSTANCE",
        "GLOBAL_CATALOG_URL", "devices", "device",
    ]  # fmt: skip


def test_without_discovery_the_instance_is_taken_as_it_is(
    printed: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    direct = {k: v for k, v in printed.items() if not k.startswith("GLOBAL_")}
    code, _ = check(direct | {"QISKIT_FUNCTIONS_EXPERIMENTAL": "1"}, capsys)
    assert code == 0
    code, found = check(
        direct | {"QISKIT_FUNCTIONS_EXPERIMENTAL": "1", "QISKIT_IBM_INSTANCE": "default"}, capsys
    )
    assert (code, found[-1]["name"]) == (1, "QISKIT_IBM_INSTANCE")


WRONG = {
    "QISKIT_IBM_TOKEN": [None, "mkz_u_typo", "some IBM key", "KEY-OF-NOBODY"],
    "QISKIT_IBM_URL": [None, "ftp://x", "URL", "http://127.0.0.1:DEAD/experimental/api/v1"],
    "IAM_URL": [None, "not an address", "http://127.0.0.1:DEAD", "STRANGER"],
    "GLOBAL_SEARCH_URL": [None, "http://127.0.0.1:DEAD", "STRANGER"],
    "GLOBAL_CATALOG_URL": [None, "URL", "STRANGER"],
    "QISKIT_IBM_INSTANCE": ["nobodys", "crn:v1:bluemix:public:quantum-computing:us-east:a/m:x::"],
}


class Stranger(BaseHTTPRequestHandler):
    """Another organisation's service; what it is sent."""

    got: list[bytes] = []  # noqa: RUF012 - one list for all requests

    def do_POST(self) -> None:
        size = int(self.headers.get("content-length", 0))
        self.got.append(self.rfile.read(size))
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        data = b'{"errorCode":"BXNIM0109E","errorMessage":"Property grant_type is wrong."}'
        self.send_response(400)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def stranger() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_the_wrong_variable_is_named_with_what_to_do(
    running: RunningCentre, printed: dict[str, str], stranger: str,
    capsys: pytest.CaptureFixture[str], name: str, value: str | None,
) -> None:  # fmt: skip
    from markaz.centre.people import tokens

    given = dict(printed)
    if value is None:
        del given[name]
    else:
        given[name] = (
            value.replace("DEAD", str(free_port())).replace("STRANGER", stranger)
            .replace("KEY-OF-NOBODY", tokens.new("u").text).replace("URL", running.url)
        )  # fmt: skip
    code, found = check(given, capsys)
    assert code == 1
    assert found[-1]["name"] == name
    assert found[-1]["state"] == "failure"
    assert found[-1]["mend"]
    assert [one["state"] for one in found[:-1]] == ["ok"] * (len(found) - 1)


def test_no_key_is_sent_to_a_stranger(
    printed: dict[str, str], stranger: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Stranger.got.clear()
    _, found = check(printed | {"IAM_URL": stranger}, capsys)
    assert "your key was not sent there" in found[-1]["found"]
    assert len(Stranger.got) == 1
    assert printed["QISKIT_IBM_TOKEN"].encode() not in Stranger.got[0]


def test_other_channels_and_authorities_are_found_out(
    printed: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = check(printed | {"QISKIT_IBM_CHANNEL": "local"}, capsys)
    failed = [one["name"] for one in found if one["state"] == "failure"]
    assert (code, failed) == (1, ["QISKIT_IBM_CHANNEL"])
    code, found = check(printed | {"REQUESTS_CA_BUNDLE": "/nonexistent.pem"}, capsys)
    assert (code, [one["name"] for one in found]) == (1, ["REQUESTS_CA_BUNDLE"])


@pytest.mark.parametrize(("version", "code"), [("0.48.0", 1), ("0.49.0", 0), ("1.0.0", 0)])
def test_a_client_that_cannot_be_redirected_is_found_out(
    printed: dict[str, str], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, version: str, code: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(env_check.metadata, "version", lambda _: version)
    got, found = check(printed, capsys)
    assert (got, found[0]["state"]) == (code, "failure" if code else "ok")


def test_people_read_findings_as_lines(markaz: Markaz) -> None:
    said = markaz("env", "--check", code=1).output
    assert "failure  QISKIT_IBM_TOKEN: not set: the client has no key" in said
    assert 'mend: Set it with eval "$(markaz env)".' in said
