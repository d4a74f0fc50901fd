# SPDX-License-Identifier: Apache-2.0
"""scenes_status.py: the public status page, by the running service."""
import time
import xml.etree.ElementTree

REASON = {"reason": "a scene of the contract"}
NEXT = "2099-01-31T14:30:00Z"
LATER = "2099-01-31T15:30:00Z"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PAGES = {
    "getStatusPage": "text/html", "getStatusHistory": "text/html",
    "getStatusRss": "application/rss+xml", "getStatusAtom": "application/atom+xml",
    "getStatusBanner": "application/json", "getStatusBannerScript": "text/javascript",
    "getStatusSummaryV2": "application/json", "getStatusV2": "application/json",
    "getStatusComponentsV2": "application/json", "getStatusIncidentsV2": "application/json",
    "getStatusUnresolvedV2": "application/json", "getStatusMaintenancesV2": "application/json",
    "getStatusUpcomingV2": "application/json", "getStatusActiveV2": "application/json",
}


def people(service):
    keys = []
    for name in ("status-ann", "status-bo"):
        user = service.expect(201, "createUser", body={
            "name": name, "password": "long enough a password", "role": "operator"})["id"]
        keys.append(service.expect(201, "createKey", body={
            "name": name, "role": "operator", "user_id": user})["key"])
    return keys


def incident(**more):
    return {"title": {"en": "Card payments fail", "zh": "银行卡支付失败"},
            "body": {"en": "Some card payments fail. Next update: {next_update}.",
                     "zh": "部分银行卡支付失败。下次更新:{next_update}。"},
            "status": "investigating", "impact": "major", "fields": {"next_update": NEXT},
            "components": [{"id": "card", "status": "major_outage"}], **REASON, **more}


def approve(service, update, key):
    return service.expect(200, "approveStatusUpdate", [update["id"]],
                          body={"hash": update["hash"], **REASON}, key=key)


def until(service, name, text):
    for _ in range(100):
        seen = service.expect(200, name, query="lang=en")
        if text in seen.body.decode():
            return seen
        time.sleep(0.1)
    raise AssertionError(f"{name} does not say {text}: {seen}")


def an_incident_from_its_draft_to_the_page(service):
    ann, bo = people(service)
    for name, kind in PAGES.items():
        for language in ("en", "zh"):
            seen = service.expect(200, name, query=f"lang={language}")
            assert seen.type == kind, f"{name}: {seen.type}"
        again = service.expect(304, name, query="lang=zh",
                               headers={"If-None-Match": seen.headers["ETag"]})
        assert again.body == b""
        service.expect(422, name, query="lang=fr")
    for wrong in ({"title": {"en": "x"}}, {"body": {"en": "x", "zh": ""}}, {"status": "odd"},
                  {"impact": "odd"}, {"fields": {"odd": "x"}}, {"fields": {}}, {"more": 1},
                  {"components": [{"id": "nothing", "status": "major_outage"}]},
                  {"components": [{"id": "card", "status": "odd"}]}, {"incident_id": "17"},
                  {"title": {"en": "All is resolved", "zh": "失败"}},
                  {"body": {"en": "It goes on. {next_update}", "zh": "已恢复。{next_update}"}}):
        service.expect(422, "draftStatusIncident", body=incident(**wrong), key=ann)
    service.expect(409, "draftStatusIncident", body=incident(status="resolved", components=[]),
                   key=ann)
    made = service.expect(201, "draftStatusIncident", body=incident(), key=ann, once="status-1")
    one = made["status_incident_id"]
    service.expect(404, "getStatusIncidentPage", [one], query="lang=en")
    service.expect(403, "approveStatusUpdate", [made["id"]], key=ann,
                   body={"hash": made["hash"], **REASON})
    service.expect(409, "approveStatusUpdate", [made["id"]], key=bo,
                   body={"hash": "0" * 64, **REASON})
    assert approve(service, made, bo)["stage"] == "published"
    until(service, "getStatusPage", "Card payments fail")
    service.expect(200, "getStatusIncidentPage", [one], query="lang=zh")
    summary = service.expect(200, "getStatusSummaryV2", query="lang=en")
    assert summary["status"]["indicator"] == "critical", summary.json
    assert summary["incidents"][0]["components"][0]["id"] == "card"
    for name in ("getStatusRss", "getStatusAtom"):
        tree = xml.etree.ElementTree.fromstring(service.expect(200, name, query="lang=zh").body)
        assert "银行卡支付失败" in "".join(tree.itertext())
    assert service.expect(200, "getStatusBanner", query="lang=en")["text"] == "Card payments fail"
    over = {"body": {"en": "It is over.", "zh": "结束了。"}, "status": "resolved", **REASON}
    refused = service.expect(409, "draftStatusUpdate", [one], body=over, key=ann)
    more = {"body": {"en": "Fewer fail. {next_update}", "zh": "失败减少。{next_update}"},
            "status": "monitoring", "fields": {"next_update": NEXT}, **REASON}
    update = service.expect(201, "draftStatusUpdate", [one], body=more, key=ann)
    gone = service.expect(200, "withdrawStatusUpdate", [update["id"]], body=REASON, key=bo)
    assert gone["stage"] == "withdrawn" and refused.problem(), refused.json
    service.expect(409, "approveStatusUpdate", [update["id"]], key=bo,
                   body={"hash": update["hash"], **REASON})
    whole = service.expect(200, "getStatusIncident", [one], key=ann)
    assert [row["stage"] for row in whole["updates"]] == ["withdrawn", "published"]
    listed = service.expect(200, "listStatusIncidents", query="kind=incident&limit=1", key=ann)
    assert listed["data"][0]["id"] == one
    service.expect(422, "listStatusIncidents", query="kind=odd", key=ann)
    files = service.expect(200, "exportStatus", key=ann)["files"]
    assert f"zh/incidents/{one}.html" in [row["path"] for row in files]


def a_maintenance_and_components(service):
    ann = service.expect(201, "createKey", body={
        "name": "status-cy", "role": "operator", "user_id": service.expect(
            201, "createUser", body={"name": "status-cy", "password": "long enough a password",
                                     "role": "operator"})["id"]})["key"]
    body = {"title": {"en": "Refunds pause", "zh": "退款暂停"}, "from": NEXT, "until": LATER,
            "body": {"en": "Refunds wait from {started} to {ended}.",
                     "zh": "退款将于 {started} 至 {ended} 暂停。"},
            "components": [{"id": "refunds", "status": "under_maintenance"}], **REASON}
    for wrong in ({"from": LATER}, {"until": "soon"}, {"from": "2020-01-01T00:00:00Z"},
                  {"more": 1}):
        service.expect(422, "draftStatusMaintenance", body={**body, **wrong}, key=ann)
    assert service.expect(201, "draftStatusMaintenance", body=body,
                          key=ann)["status"] == "scheduled"
    for wrong in ({"status": "operational"}, {"status": "odd"}, {"reason": ""}, {"more": 1}):
        service.expect(422, "setStatusComponent", ["card"], key=ann,
                       body={"status": "partial_outage", **REASON, **wrong})
    service.expect(404, "setStatusComponent", ["nothing"], key=ann,
                   body={"status": "partial_outage", **REASON})
    service.expect(200, "setStatusComponent", ["notifications"], key=ann,
                   body={"status": "partial_outage", **REASON})
    whole = service.expect(200, "getStatus", key=ann)
    named = {row["id"]: row for row in whole["components"]}
    assert named["notifications"]["status"] == "partial_outage"
    assert not named["notifications"]["evidence"]["known"]
    service.expect(200, "setStatusComponent", ["notifications"], key=ann,
                   body={"status": "auto", **REASON})


def who_wants_to_be_told(service):
    def ask(status, body, **more):
        return service.expect(status, "subscribeToStatus", query="lang=en", raw=body.encode(),
                              headers=FORM, **more)
    first = ask(200, "webhook=https%3A%2F%2F203.0.113.9%2Fin")
    assert ask(200, "webhook=https%3A%2F%2F203.0.113.9%2Fin").body == first.body
    for wrong in ("", "email=a%40x.example", "webhook=http%3A%2F%2Fx.example", "more=1",
                  "webhook=https%3A%2F%2Fx.example&email=a%40x.example"):
        ask(422, wrong)
    service.expect(415, "subscribeToStatus", query="lang=en", raw=b"{}")
    token = service.tell("subscriber")
    page = service.expect(200, "getStatusSubscription", [token], query="lang=en").body.decode()
    assert "203.0.113.9" in page and "confirm" in page
    service.expect(404, "getStatusSubscription", ["f" * 32], query="lang=en")

    def act(status, what, which):
        service.expect(status, "changeStatusSubscription", [which], query="lang=zh",
                       raw=what.encode(), headers=FORM)
    act(404, "action=confirm", "f" * 32)
    act(422, "action=odd", token)
    act(422, "", token)
    act(200, "action=confirm", token)
    seen = service.expect(200, "listStatusSubscribers")
    assert seen["webhook"] == 1 and seen["data"][0]["address"] == "https://203.0.113.9/***"
    act(200, "action=end", token)
    act(404, "action=end", token)
    assert service.expect(200, "listStatusSubscribers")["data"] == []
