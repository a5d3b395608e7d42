"""Silences over HTTP: what is refused, how they are listed, and how alerts show them."""

from collections.abc import Callable
from typing import Any

from kernel.clock import DAY_US, HOUR_US, to_rfc3339
from store import alert_ledger
from store.alert_rows import Alert, AlertDetails
from store.pages import encode_cursor

NOW_US = 1_700_000_000_000_000


def at(hours: float) -> str:
    return to_rfc3339(NOW_US + round(hours * HOUR_US))


ASKED = {"matchers": {"model": "m"}, "until": at(2), "reason": "an upgrade", "by": "ada"}


def made(api: Any, **change: Any) -> dict[str, Any]:
    answer = api.http.post("/v1/silences", json=ASKED | change)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def listed(api: Any, **query: Any) -> list[str]:
    return [item["silence"] for item in api.get("/v1/silences", **query).json()["items"]]


def test_one_begins_now_unless_it_says_when(api: Any) -> None:
    found = made(api)
    assert {name: value for name, value in found.items() if name != "silence"} == {
        "state": "active", "matchers": {"model": "m"}, "from": at(0), "until": at(2), "ended": None,
        "reason": "an upgrade", "by": "ada", "created": at(0),
    }  # fmt: skip
    assert api.get(f"/v1/silences/{found['silence']}").json() == found
    assert made(api, **{"from": at(1)})["state"] == "pending"
    assert made(api, **{"from": at(-1)})["from"] == at(0)
    assert made(api, matchers={}, all=True)["matchers"] == {}
    assert made(api, matchers={"column": "", "version": None})["matchers"] == {"column": ""}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"matchers": {}}, "matchers: name at least one of model, rule, tier, metric, column, version, segment, or"),
    ({"matchers": {"version": None}}, "matchers: name at least one of"),
    ({"matchers": {"modle": "m"}}, "matchers.modle: is not known here; check its spelling"),
    ({"matchers": {"tier": "P9"}}, "matchers.tier: "),
    ({"matchers": {"model": ""}}, "matchers.model: "),
    ({"matchers": {"metric": "psy"}}, "matchers.metric: is 'psy': no metric has this name"),
    ({"all": True}, "all: is for every alert there is"),
    ({"until": at(0)}, "until: must be in the future"),
    ({"from": at(3)}, "until: must be later than from"),
    ({"until": at(24 * 90 + 1)}, "until: must be within 90 days of from"),
    ({"until": "tomorrow"}, "until: "),
    ({"from": "now"}, "from: "),
    ({"reason": "  "}, "reason: "),
    ({"reason": ""}, "reason: "),
    ({"by": ""}, "by: "),
    ({"untill": at(2)}, "untill: is not known here"),
]


def test_a_wrong_one_names_the_field(api: Any) -> None:
    for change, said in WRONG:
        sentence = api.refused(422, api.http.post("/v1/silences", json=ASKED | change))
        assert sentence.startswith(said), sentence
    assert listed(api) == []


def test_ninety_days_from_its_beginning_are_allowed(api: Any) -> None:
    assert made(api, **{"from": at(24), "until": at(24 * 91)})["state"] == "pending"


def test_active_ones_come_first_then_pending_then_expired(api: Any) -> None:
    over = made(api, until=at(0.5))["silence"]
    pending = made(api, **{"from": at(1.5)})["silence"]
    older = made(api)["silence"]
    api.clock.advance(HOUR_US)
    newer = made(api)["silence"]
    assert listed(api) == [newer, older, pending, over]
    assert [listed(api, state=state) for state in ("active", "pending", "expired")] == [
        [newer, older],
        [pending],
        [over],
    ]
    assert "'expired'" in api.refused(422, api.get("/v1/silences", state="gone"))


def test_one_is_ended_once_and_stays_listed_for_ninety_days(api: Any) -> None:
    name = made(api)["silence"]
    api.clock.advance(HOUR_US)
    ended = api.http.delete(f"/v1/silences/{name}").json()
    assert (ended["state"], ended["until"], ended["ended"]) == ("expired", at(2), at(1))
    api.clock.advance(HOUR_US // 2)
    assert api.http.delete(f"/v1/silences/{name}").json() == ended
    api.clock.advance(90 * DAY_US - HOUR_US // 2)
    later = {"until": to_rfc3339(api.clock.now_us() + HOUR_US)}
    made(api, **later)
    assert name in listed(api)
    api.clock.advance(1)
    made(api, **later)
    assert name not in listed(api)
    assert "none" in api.refused(404, api.http.delete("/v1/silences/none"))
    assert "none" in api.refused(404, api.get("/v1/silences/none"))


def test_they_are_walked_page_by_page_each_once_though_some_end_and_more_come_meanwhile(api: Any) -> None:
    given = [made(api, until=at(2 if n % 2 else 1))["silence"] for n in range(5)]
    api.clock.advance(HOUR_US // 2)
    walked, cursor = [], ""
    while cursor is not None:
        page = api.get("/v1/silences", limit=2, **({"cursor": cursor} if cursor else {})).json()
        walked += [item["silence"] for item in page["items"]]
        cursor = page["next"]
        api.clock.advance(HOUR_US)
        made(api, until=at(9))
        api.http.delete(f"/v1/silences/{walked[0]}")
    assert sorted(walked) == sorted(given)
    for wrong in ("nonsense", encode_cursor([NOW_US, 9, NOW_US, "a"]), encode_cursor([2**80, 0, 0, "a"])):
        assert "take `next` of the page before" in api.refused(422, api.get("/v1/silences", cursor=wrong))


def test_alerts_say_what_silences_them_now(api: Any) -> None:
    alert = Alert(
        alert="a1", fingerprint="f", rule="drift", tier="P1", state="firing", model="m", version="1", segment="", size="1d",
        metric="psi", column="delay", value=0.5, expected=0.01, summary="", details=AlertDetails(), first_window_us=0,
        last_window_us=0, seen_window_us=0, calm_windows=0, opened_us=0, fired_us=0, withheld=True,
    )  # fmt: skip
    with api.db.write() as tx:
        alert_ledger.save(tx, "default", [alert])
    names = {made(api)["silence"], made(api, matchers={"rule": "drift"})["silence"]}
    made(api, matchers={"rule": "errors"})
    (found,) = api.get("/v1/alerts").json()["items"]
    assert (set(found["silenced_by"]), found["withheld"]) == (names, True)
    assert api.get("/v1/alerts/a1").json() == found
    ended = api.http.post("/v1/alerts/a1/resolve", json={"by": "ada"}).json()
    assert (ended["silenced_by"], ended["withheld"]) == ([], True)
    api.clock.advance(2 * HOUR_US)
    assert api.get("/v1/alerts/a1").json()["silenced_by"] == []


def test_only_admins_silence_and_only_their_own_workspace(serve: Callable[..., Any]) -> None:
    keys = [
        {"key": role * 16, "workspace": workspace, "role": name}
        for role, workspace, name in (("v", "red", "viewer"), ("a", "red", "admin"), ("b", "blue", "admin"))
    ]
    api = serve(keys=keys)

    def asked(method: str, path: str, key: str, **more: Any) -> Any:
        return api.http.request(method, f"/v1/silences{path}", headers={"X-Api-Key": key * 16}, **more)

    name = asked("POST", "", "a", json=ASKED).json()["silence"]
    assert asked("GET", f"/{name}", "v").status_code == 200
    assert "viewer" in api.refused(403, asked("POST", "", "v", json=ASKED))
    assert "viewer" in api.refused(403, asked("DELETE", f"/{name}", "v"))
    assert name in api.refused(404, asked("DELETE", f"/{name}", "b"))
    assert asked("GET", "", "b").json() == {"items": [], "next": None}
