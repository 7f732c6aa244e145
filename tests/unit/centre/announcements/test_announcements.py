from __future__ import annotations

from typing import Any

import pytest

from markaz.centre.access import ANONYMOUS, CentreRole, Principal
from markaz.centre.announcements.queries import list_announcements
from markaz.centre.announcements.verbs import publish, withdraw
from markaz.centre.centre import Centre
from markaz.centre.errors import CentreError
from tests.people_tools import BOTH, HOUR, People, set_up

TEXTS = {"en": {"title": "Works", "body": "From one to two."}}


@pytest.fixture
def everybody(centre: Centre) -> People:
    return set_up(centre)


@pytest.fixture
def operator(everybody: People) -> Principal:
    return Principal(everybody.operator.id, "user", frozenset({CentreRole.OPERATOR}))


def shown(everybody: People, **given: Any) -> list[str]:
    found = everybody.ask(list_announcements, ANONYMOUS, **given)
    return [one["texts"]["en"]["title"] for one in found["items"]]


def kind_of(action: Any) -> str:
    with pytest.raises(CentreError) as caught:
        action()
    return f"{caught.value.kind} {caught.value.field or ''}".strip()


@BOTH
def test_everybody_reads_what_is_announced_now(everybody: People, operator: Principal) -> None:
    now = everybody.centre.services.clock.now()

    def tell(title: str, **when: int) -> str:
        texts = {"en": {"title": title, "body": ""}}
        made = everybody.do(publish, operator, texts=texts, **when)
        return str(made["announcement"])

    tell("later", starts_at=now + HOUR)
    tell("over soon", ends_at=now + HOUR // 2)
    lasting = tell("lasting")
    assert shown(everybody) == ["lasting", "over soon"]
    everybody.later(2 * HOUR)
    assert shown(everybody) == ["lasting", "later"]
    everybody.do(withdraw, operator, announcement=lasting)
    assert shown(everybody) == ["later"]
    every = everybody.ask(list_announcements, operator, every=True)
    assert len(every["items"]) == 3


@BOTH
def test_pages_of_announcements_follow_each_other(everybody: People, operator: Principal) -> None:
    for number in range(5):
        texts = {"en": {"title": str(number), "body": ""}}
        everybody.do(publish, operator, texts=texts)
        everybody.later(10_000)
    first = everybody.ask(list_announcements, ANONYMOUS, limit=3)
    rest = everybody.ask(list_announcements, ANONYMOUS, limit=3, after=first["next"])
    titles = [one["texts"]["en"]["title"] for one in first["items"] + rest["items"]]
    assert (titles, rest["next"]) == (["4", "3", "2", "1", "0"], None)


@pytest.mark.parametrize("database", ["sqlite"])
def test_only_operators_announce(everybody: People, operator: Principal) -> None:
    ali = everybody.join("ali")
    director = Principal(ali.id, "user", frozenset({CentreRole.DIRECTOR}))
    for who, kind in ((ANONYMOUS, "unauthenticated"), (ali, "forbidden"), (director, "forbidden")):
        assert kind_of(lambda w=who: everybody.do(publish, w, texts=TEXTS)) == kind
        assert kind_of(lambda w=who: everybody.do(withdraw, w, announcement="0" * 20)) == kind
    assert kind_of(lambda: everybody.ask(list_announcements, ali, every=True)) == "forbidden"
    assert kind_of(lambda: everybody.do(withdraw, operator, announcement="0" * 20)) == "not-found"


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"texts": {}}, "texts"), ({"texts": []}, "texts"), ({"texts": {"English": {}}}, "texts"),
     ({"texts": {"en": {"title": "T"}}}, "texts/en"),
     ({"texts": {"en": {"title": "", "body": ""}}}, "texts/en/title"),
     ({"texts": {"en": {"title": "T", "body": "b\x00"}}}, "texts/en/body"),
     ({"texts": {f"a{chr(97 + n)}": {"title": "T", "body": ""} for n in range(9)}}, "texts"),
     ({"kind": "joke"}, "kind"), ({"starts_at": 5, "ends_at": 5}, "ends_at")],
)  # fmt: skip
def test_what_cannot_be_announced(
    everybody: People, operator: Principal, wrong: dict[str, Any], field: str
) -> None:
    given = {"texts": TEXTS} | wrong
    assert kind_of(lambda: everybody.do(publish, operator, **given)) == f"invalid {field}"


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_withdrawn_one_is_not_withdrawn_again(everybody: People, operator: Principal) -> None:
    now = everybody.centre.services.clock.now()
    made = everybody.do(publish, operator, texts=TEXTS, starts_at=now + HOUR)
    everybody.do(withdraw, operator, announcement=made["announcement"])
    again = {"announcement": made["announcement"]}
    assert kind_of(lambda: everybody.do(withdraw, operator, **again)) == "conflict"
    everybody.later(2 * HOUR)
    assert shown(everybody) == []
