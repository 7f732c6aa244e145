"""Logging in, finding instances, and keys that went astray."""

from __future__ import annotations

from typing import Any

import pytest

from markaz.centre.access import QUERIES, Principal
from markaz.centre.people import tokens as keys
from markaz.centre.people.key_verbs import create, issue, revoke
from markaz.interfaces.runtime_api.crn import GRANT, crn_of
from markaz.interfaces.runtime_api.identity import PLAN
from tests.rest_fakes import Browser
from tests.runtime_world import BASE, RuntimeWorld


def log_in(world: RuntimeWorld, key: str, **more: str) -> Any:
    return Browser(world.app).post(
        "/identity/token", data={"grant_type": GRANT, "apikey": key, **more}
    )


def bare(world: RuntimeWorld, key: str) -> Any:
    """As from a client whose login failed or went elsewhere."""
    return Browser(world.app).get(f"{BASE}/backends", headers={"Authorization": f"apikey {key}"})


def new_key(world: RuntimeWorld, role: str = "member") -> tuple[str, str]:
    """A fresh key and its id."""
    actor = Principal(world.world.ids[role], "user")
    made = world.centre.perform(create, actor, label="fresh")
    return made["secret"], made["id"]


# Logging in.


def test_a_key_is_changed_for_a_token(world: RuntimeWorld) -> None:
    answer = log_in(world, world.world.keys["member"], response_type="cloud_iam")
    found = answer.json()
    assert answer.status_code == 200
    assert found["token_type"] == "Bearer"
    assert found["expires_in"] == 3600
    assert isinstance(found["expiration"], int)
    assert set(found) == {"access_token", "refresh_token", "token_type", "expires_in",
                          "expiration", "scope"}  # fmt: skip


@pytest.mark.parametrize("which", ["suspended", "expired", "pending", "worker"])
def test_keys_that_open_nothing_are_refused_in_the_services_words(
    world: RuntimeWorld, which: str
) -> None:
    answer = log_in(world, world.world.keys[which])
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "BXNIM0415E"
    assert answer.json()["errorMessage"].startswith("Provided API key could not be found: this ")


@pytest.mark.parametrize("key", ["", "x", "mkz_u_" + "0" * 49, "mkz_u_é", "a" * 5000])
def test_what_is_no_key_is_refused(world: RuntimeWorld, key: str) -> None:
    assert log_in(world, key).json()["errorCode"] == "BXNIM0415E"


def test_other_grants_and_bodies_are_refused(world: RuntimeWorld) -> None:
    browser = Browser(world.app)
    other = browser.post("/identity/token", data={"grant_type": "password", "apikey": "x"})
    assert (other.status_code, other.json()["errorCode"]) == (400, "BXNIM0109E")
    for data in (b"\xff\xfe", b"&&&&", b"a" * 20_000):
        answer = browser.post("/identity/token", content=data)
        assert answer.status_code in (400, 413)
        assert answer.json()["errors"][0]["code"] in (1211, 8022)


def test_a_login_of_a_revoked_key_ends_at_once(world: RuntimeWorld) -> None:
    key, id_ = new_key(world)
    token = log_in(world, key).json()["access_token"]
    asking = Browser(world.app, token)
    instance = {"Service-CRN": crn_of(world.world.own["project"])}
    assert asking.get(f"{BASE}/jobs", headers=instance).status_code == 200
    world.centre.perform(revoke, Principal(world.world.ids["member"], "user"), key=id_)
    answer = asking.get(f"{BASE}/jobs", headers=instance)
    assert answer.status_code == 401
    assert "unknown, revoked or expired" in answer.json()["errors"][0]["message"]


def test_a_login_may_do_what_its_key_may(world: RuntimeWorld) -> None:
    narrow = world.client("narrow")
    assert narrow.get(f"{BASE}/backends/simulator/status").status_code == 200
    refused = narrow.get(f"{BASE}/jobs")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, 1201)
    assert "jobs:read" in refused.json()["errors"][0]["message"]


def test_a_key_itself_is_a_login_too(world: RuntimeWorld) -> None:
    asking = Browser(world.app, world.world.keys["member"])
    assert asking.get(f"{BASE}/backends/simulator/status").json()["state"] is True


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "Bearer x.y.z", "Bearer mkz_u_x", ""])
def test_other_ways_of_saying_who_one_is_are_refused(world: RuntimeWorld, header: str) -> None:
    answer = Browser(world.app).get(f"{BASE}/jobs", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="markaz"'
    assert answer.json()["error"]["code"] == 1200


def test_without_a_login_only_the_login_opens(world: RuntimeWorld) -> None:
    answer = Browser(world.app).get(f"{BASE}/backends")
    assert answer.status_code == 401
    assert "without a login" in answer.json()["errors"][0]["message"]


# Keys that went to a third party.


def test_a_key_that_comes_bare_was_given_away_and_is_revoked(world: RuntimeWorld) -> None:
    key, id_ = new_key(world)
    first = bare(world, key)
    said = first.json()["errors"][0]
    assert first.status_code == 401
    assert "IAM_URL is not set" in said["message"]
    assert "third party" in said["message"]
    assert "must be rotated. It has been revoked." in said["message"]
    assert "IAM_URL=http://centre" in said["solution"]
    assert said["message"] in first.json()["error"]["message"]
    again = bare(world, key).json()["errors"][0]["message"]
    assert again == said["message"].replace("It has been", "It was")
    member = Principal(world.world.ids["member"], "user")
    warned = world.centre.ask(QUERIES["keys.warnings"], member)["items"]
    assert (warned[0]["key"], warned[0]["revoked"]) == (id_, True)
    assert "IAM_URL was not set" in warned[0]["words"]


def test_whoever_sets_iam_url_then_reads_why_the_key_is_gone(world: RuntimeWorld) -> None:
    key, _ = new_key(world)
    bare(world, key)
    answer = log_in(world, key)
    assert answer.status_code == 400
    assert "IAM_URL was not set" in answer.json()["errorMessage"]
    after = bare(world, key).json()["errors"][0]["message"]
    assert "It is revoked: make a new one." in after
    assert "IAM_URL is not set" not in after


def test_a_key_with_which_somebody_logged_in_lately_is_only_marked(world: RuntimeWorld) -> None:
    key, id_ = new_key(world)
    assert log_in(world, key).status_code == 200
    world.centre.writer.submit(lambda _: None).result()
    answer = bare(world, key)
    assert answer.status_code == 401
    message = answer.json()["errors"][0]["message"]
    assert "If that is not set" in message
    assert "rotated" in message
    assert log_in(world, key).status_code == 200
    member = Principal(world.world.ids["member"], "user")
    warned = world.centre.ask(QUERIES["keys.warnings"], member)["items"]
    assert [w["revoked"] for w in warned if w["key"] == id_] == [False]


def test_a_bare_key_that_is_none_learns_of_the_variable_but_nothing_else(
    world: RuntimeWorld,
) -> None:
    unknown, (revoked, id_) = keys.new("u").text, new_key(world)
    world.centre.perform(revoke, Principal(world.world.ids["member"], "user"), key=id_)
    for key in (unknown, revoked, "mkz_u_typo"):
        answer = bare(world, key)
        assert answer.status_code == 401
        assert "If that is not set" in answer.json()["errors"][0]["message"]
    log_in(world, unknown)
    refused = bare(world, unknown).json()["errors"][0]["message"]
    assert refused.startswith("this key is not valid here")


def test_a_revoked_key_is_not_said_to_be_given_away(world: RuntimeWorld) -> None:
    key, id_ = new_key(world)
    world.centre.perform(revoke, Principal(world.world.ids["member"], "user"), key=id_)
    assert "unknown, revoked or expired" in log_in(world, key).json()["errorMessage"]


# Finding instances.


def test_every_project_of_the_person_is_an_instance(world: RuntimeWorld) -> None:
    answer = world.client("member").post("/v3/resources/search?limit=100", json={"query": "x"})
    items = {one["name"]: one for one in answer.json()["items"]}
    own = world.world.own
    assert set(items) == {"own-project", "own-stopped"}  # not the one that is only requested
    assert items["own-project"]["crn"] == crn_of(own["project"])
    assert {one["service_plan_unique_id"] for one in items.values()} == {PLAN}
    assert all(one["doc"]["extensions"] for one in items.values())


def test_pages_of_instances_go_on(world: RuntimeWorld) -> None:
    client = world.client("member")
    found, cursor = [], None
    for _ in range(5):
        body = {"search_cursor": cursor} if cursor else {}
        page = client.post("/v3/resources/search?limit=1", json=body).json()
        found += [one["name"] for one in page["items"]]
        cursor = page["search_cursor"]
        if cursor is None:
            break
    assert sorted(found) == ["own-project", "own-stopped"]


def test_a_key_of_one_project_finds_that_one(world: RuntimeWorld) -> None:
    ids, own = world.world.ids, world.world.own
    made = world.world.do(
        lambda work: issue(work, "u", user_id=ids["member"], label="one", project_id=own["project"])
    )
    token = log_in(world, made["secret"]).json()["access_token"]
    answer = Browser(world.app, token).post("/v3/resources/search", json={})
    assert [one["name"] for one in answer.json()["items"]] == ["own-project"]


def test_the_catalogue_has_one_plan(world: RuntimeWorld) -> None:
    found = Browser(world.app).get(f"/api/v1/{PLAN}").json()
    assert found["overview_ui"]["en"]["display_name"] == "Project"
    assert found["metadata"]["pricing"]["type"] == "subscription"
    assert Browser(world.app).get("/api/v1/other").status_code == 404
