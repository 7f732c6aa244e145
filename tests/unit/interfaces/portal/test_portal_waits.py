"""Why a job waits, in the reader's language; a job's way into the composer."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from markaz.centre.access import SYSTEM, VERBS, CentreRole, Principal
from markaz.centre.jobs import why
from markaz.centre.jobs.index import QueueIndex
from markaz.interfaces.portal import circuits, words
from markaz.interfaces.portal.languages import LANGUAGES, translations
from tests.portal_tools import Site, parsed


def test_every_block_of_the_centre_has_words() -> None:
    told = re.findall(r'"block": "([^"]+)"', inspect.getsource(why))
    assert set(told) == set(words.BLOCKS)
    for code in ("ur", "zh"):
        say = translations(code).gettext
        assert all(say(text) != text for text in words.BLOCKS.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_blocks_the_device_is_told_in_the_readers_language(
    site: Site, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    centre = site.world.centre
    operator = Principal(site.world.ids["operator"], "user", frozenset({CentreRole.OPERATOR}))
    stopped = {"status": "maintenance", "accepting": False}
    centre.perform(VERBS["devices.change"], operator, device="simulator", **stopped)
    monkeypatch.setattr(centre.services, "queue", QueueIndex(centre.services.settings))
    centre.perform(VERBS["jobs.open_queue"], SYSTEM)
    page = site.visitor("member", language).get(f"/jobs/{site.world.own['job']}").text
    again = {"status": "idle", "accepting": True}
    centre.perform(VERBS["devices.change"], operator, device="simulator", **again)
    say = translations(language).gettext
    assert say(words.BLOCKS["not accepting"]) in page
    assert say(words.BLOCKS["status"]) % {"status": say("maintenance")} in page
    assert not [one for _, one in parsed(page).elements if one.get("class") == "said"]
    assert say("It starts at any moment.") not in page


def test_times_of_a_block_are_written_as_the_language_writes_them(site: Site) -> None:
    class Visit:
        gettext = staticmethod(translations("zh").gettext)
        formats = site.portal.pages.formats(LANGUAGES["zh"])

        @staticmethod
        def word(table: str, value: str) -> str:
            return words.word(translations("zh").gettext, table, value)

    found: dict[str, Any] = {"block": "reserved soon", "in_seconds": 120.0, "limit_seconds": 9000.0}
    said = words.block(Visit, found)  # type: ignore[arg-type]
    assert "2分钟" in said
    assert "2小时" in said or "3小时" in said
    busy = {"block": "workers", "device": "indus", "running": 1, "waiting_seconds": 0.0}
    assert words.block(Visit, busy) == "工作进程正忙于设备 indus 的任务。"  # type: ignore[arg-type]


def test_a_stranger_who_opens_a_job_in_the_composer_logs_in_first(site: Site) -> None:
    job = site.world.own["job"]
    answer = site.visitor().get(f"/composer?job={job}")
    assert answer.headers["location"] == f"/login?next=%2Fcomposer%3Fjob%3D{job}"


@pytest.mark.parametrize("text", ["h q[0];", "cx q[0], q[1]; // <b>"])
def test_a_job_is_opened_in_the_composer_by_who_may_read_it(
    site: Site, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    async def shown(_: bytes) -> circuits.Shown:
        return circuits.Shown(text, None, "", composes="//" not in text)

    monkeypatch.setattr("markaz.interfaces.portal.pages_jobs.shown_circuit", shown)
    job, member = site.world.own["job"], site.visitor("member")
    page = member.get(f"/composer?job={job}")
    linked = f"/composer?job={job}" in parsed(member.get(f"/jobs/{job}").text).links
    if "//" in text:
        assert (page.status_code, linked) == (404, False)
    else:
        found = [t for around, t in parsed(page.text).texts if around[-1][0] == "textarea"]
        assert (found, linked) == ([text], True)
        assert any("data-given" in one for one in parsed(page.text).all("div"))
    for name in (site.world.other["job"], "0" * 20):
        assert member.get(f"/composer?job={name}").status_code == 404
