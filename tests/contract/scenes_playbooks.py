# SPDX-License-Identifier: Apache-2.0
"""scenes_playbooks.py: scenes about playbooks and checklists; see scenes.py."""
from scenes_incidents import NOBODYS, REASON, somebody


def item(checklist, name):
    return next(row for phase in checklist["phases"] for row in phase["items"]
                if row["id"] == name)


def playbooks_and_an_incident_that_follows_one(service):
    names = [row["name"] for row in service.expect(200, "listPlaybooks")["data"]]
    assert len(names) == 10 and "gateway-down" in names, names
    playbook = service.expect(200, "getPlaybook", ["gateway-down"])
    assert len(playbook["phases"]) == 6 and playbook["built_in"] is True
    service.expect(404, "getPlaybook", ["moon"])

    ada = somebody(service, "pbk-ada")
    one = [service.expect(201, "openIncident", body={
        "title": "Down", "scope": {"gateways": ["stripe-a"]}, "cause": "third_party",
        "cause_why": "they say so"})["id"]]
    before = service.expect(200, "getChecklist", one)
    assert before["playbooks"] == [] and before["next"] is None, before
    assert "gateway-down" in [row["name"] for row in before["proposed"]], before["proposed"]
    service.expect(403, "followPlaybook", one, body={"name": "gateway-down"})
    service.expect(422, "followPlaybook", one, body={"name": "moon"}, key=ada)
    followed = service.expect(200, "followPlaybook", one, key=ada,
                              body={"name": "gateway-down", "reason": "it fits"}).json
    assert followed["open"] > 20 and followed["next"] == "gateway-down.acknowledged"
    service.expect(409, "followPlaybook", one, body={"name": "gateway-down"}, key=ada)

    def mark(name, state, status=200, key=ada, **more):
        return service.expect(status, "markChecklist", one, key=key,
                              body={"item": name, "state": state, **more})

    mark("way-there", "done", 403, key=service.role_key("operator"))
    ticked = mark("way-there", "done", reason="every step answers")
    assert item(ticked, "gateway-down.way-there")["by"] == "pbk-ada"
    mark("way-there", "done", 409)
    mark("way-there", "open", 422)
    mark("moon", "done", 404)
    mark("way-there", "moon", 422)
    mark("acknowledged", "done", 409)
    mark("provider", "skipped", 403, **REASON)
    mark("vip-by-hand", "skipped", **REASON)
    service.expect(200, "moveIncident", one, body={"move": "acknowledge", **REASON}, key=ada)
    seen = service.expect(200, "refreshChecklist", one)
    assert item(seen, "gateway-down.acknowledged")["state"] == "done"
    assert item(seen, "gateway-down.success")["verdict"] == "unknown"
    preview = service.expect(200, "previewChecklistItem", one, query="item=turn-away")
    assert preview["target"] == "stripe-a", preview.json
    service.expect(422, "previewChecklistItem", one)
    service.expect(404, "previewChecklistItem", one, query="item=moon")
    service.expect(409, "previewChecklistItem", one, query="item=way-there")
    for name in ("getChecklist", "refreshChecklist"):
        service.expect(404, name, [NOBODYS])
    service.expect(404, "followPlaybook", [NOBODYS], body={"name": "gateway-down"}, key=ada)
    service.expect(200, "moveIncident", one, body={"move": "cancel", **REASON}, key=ada)
    mark("timeouts", "done", 409)
    service.expect(409, "refreshChecklist", one)
