"""Which centre a command talks to, with which key, and what refusals become."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from markaz.interfaces.cli import acting, reach, tables
from markaz.interfaces.rest_api.client import ClientError

URL, KEY = "https://centre.example:8050", "mkz_u_kept"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("MARKAZ_URL", "MARKAZ_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_the_environment_comes_before_what_was_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    reach.keep_login(reach.Login(URL, KEY))
    assert reach.find_login() == reach.Login(URL, KEY)
    monkeypatch.setenv("MARKAZ_KEY", "mkz_u_other")
    assert reach.find_login() == reach.Login(URL, "mkz_u_other")
    assert reach.find_login("mkz_u_third") == reach.Login(URL, "mkz_u_third")


def test_a_kept_key_is_sent_to_no_other_centre(monkeypatch: pytest.MonkeyPatch) -> None:
    reach.keep_login(reach.Login(URL, KEY))
    monkeypatch.setenv("MARKAZ_URL", "https://elsewhere.example")
    with pytest.raises(click.UsageError, match="MARKAZ_KEY"):
        reach.find_login()


def test_without_either_it_says_what_to_set() -> None:
    with pytest.raises(click.UsageError, match=r"Set MARKAZ_URL .* or run `markaz login URL`"):
        reach.find_login()
    reach.login_file().parent.mkdir(parents=True)
    reach.login_file().write_text("not JSON")
    with pytest.raises(click.UsageError, match="Set MARKAZ_URL"):
        reach.find_login()


@pytest.mark.parametrize(
    "url", ["centre", "ftp://centre", "http://", "http://u:p@centre", "http://a b"]
)
def test_what_is_no_address_is_bad_usage(url: str) -> None:
    with pytest.raises(click.UsageError, match="is not the address of a centre"):
        reach.login_at(url, KEY)


@pytest.mark.parametrize("key", ["mkz\n", "mkz_é", "two words"])
def test_what_is_no_key_is_bad_usage_and_not_repeated(key: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        reach.login_at(URL, key)
    assert key not in refused.value.message


@pytest.mark.parametrize(
    ("status", "code"),
    [(0, 3), (502, 3), (503, 3), (504, 3), (401, 1), (404, 1), (422, 1), (500, 1)],
)
def test_exit_codes(status: int, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    @reach.speaks_to_centre
    def command() -> None:
        raise ClientError(status, {"detail": "it is so"})

    with pytest.raises(SystemExit) as ended:
        command()
    assert (ended.value.code, capsys.readouterr()) == (code, ("", "markaz: it is so\n"))


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ({"detail": "no"}, "no"),
        ({"detail": "no", "errors": [{"pointer": "#/project", "detail": "no"}]}, "project: no"),
        ({"detail": "no", "errors": [{"parameter": "wait", "detail": "no"}]}, "wait: no"),
        ({"detail": "#/a: no", "errors": [{"pointer": "#/a", "detail": "no"}]}, "#/a: no"),
    ],
)
def test_a_refusal_names_its_field_once(problem: dict[str, object], said: str) -> None:
    assert reach.words(ClientError(422, problem)) == said


# Amounts, times and durations as people write and read them.


@pytest.mark.parametrize(
    ("text", "micro"),
    [("12.5", 12_500_000), ("1,000", 10**9), ("-0.000001", -1), ("+3", 3_000_000), (".5", 500_000)],
)
def test_amounts(text: str, micro: int) -> None:
    assert tables.to_micro(text) == micro
    assert tables.to_micro(tables.credits_text(micro)) == micro


@pytest.mark.parametrize("text", ["", "x", "1.0000001", "1e3", "--1", "٣", "1.-5"])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(click.BadParameter):
        tables.to_micro(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-12-01 14:00", 1_796_133_600),
        ("2026-12-01T14:00+05:00", 1_796_133_600 - 5 * 3600),
        ("2026-12-01", 1_796_133_600 - 14 * 3600),
    ],
)
def test_times(text: str, expected: int) -> None:
    assert acting.moment(text) == expected * tables.MICRO


def test_times_from_now(monkeypatch: pytest.MonkeyPatch) -> None:
    now: Callable[[], int] = lambda: 10**18  # noqa: E731 - a clock that stands
    monkeypatch.setattr(time, "time_ns", now)
    offsets = {"now": 0, "+5m": 300, "+2h": 7200, "+30d": 30 * 86_400}
    found = {text: acting.moment(text) - 10**15 for text in offsets}
    assert found == {text: seconds * tables.MICRO for text, seconds in offsets.items()}


@pytest.mark.parametrize("text", ["soon", "+2w", "-1h", "+", "2026-13-01"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(click.BadParameter, match="a time is like"):
        acting.moment(text)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "—"), (0.0004, "0 ms"), (0.25, "250 ms"), (12, "12.0 s"), (90, "1.5 min"),
     (5400, "1.5 h"), (172_800, "2.0 d")],
)  # fmt: skip
def test_durations(seconds: float | None, said: str) -> None:
    assert tables.seconds_text(seconds) == said


def test_json_keeps_every_letter(capsys: pytest.CaptureFixture[str]) -> None:
    assert tables.show({"name": "Žofia محمد"}, True)
    assert json.loads(capsys.readouterr().out) == {"name": "Žofia محمد"}
    assert not tables.show({}, False)
