# SPDX-License-Identifier: Apache-2.0
"""scenes_incidents.py: scenes about incidents; see scenes.py."""
NOBODYS = "inc_01JD5R6Q6Y0V3M8X2K4N7T9BCF"
REASON = {"reason": "a scene of the contract"}


def somebody(service, name):
    user = service.expect(201, "createUser", body={
        "name": name, "role": "operator", "password": "a dozen letters"})["id"]
    return service.expect(201, "createKey", body={
        "name": name, "role": "operator", "user_id": user})["key"]


def the_gate_before_resolved(service, one, key, move):
    gate = service.expect(200, "getIncidentGate", one)
    lines = {line["name"]: line for line in gate["verdict"]["conditions"]}
    assert gate["state"] == "mitigated" and len(lines) == 10, gate
    assert not gate["verdict"]["passed"] and lines["signed"]["passed"], gate
    assert not lines["reconciled"]["passed"] and "holdfast " in lines["reconciled"]["command"]
    assert gate["text"].count("[--]") == gate["verdict"]["missing"], gate["text"]
    service.expect(409, "resolveIncident", one, body=REASON, key=key)
    move("reconcile", key=key)
    refused = service.expect(409, "resolveIncident", one, body=REASON, key=key)
    assert "conditions do not hold: " in refused["detail"] and "reconciled" in refused["detail"]
    service.expect(422, "resolveIncident", one, body={**REASON, "override": True}, key=key)
    log = service.expect(200, "getIncidentLog", one)["data"]
    assert log[-1]["kind"] == "check" and log[-1]["text"].startswith("The gate refused: "), log[-1]
    hit = service.expect(200, "getIncidentBlastRadius", one)
    assert hit["payments"] >= hit["affected"], hit
    assert service.expect(200, "exportIncidentOrders", one).body.count(b",") > 5
    service.expect(200, "exportIncidentOrdersWorkbook", one)
    for name in ("getIncidentGate", "getIncidentBlastRadius", "exportIncidentOrders"):
        service.expect(404, name, [NOBODYS])
    service.expect(404, "resolveIncident", [NOBODYS], body=REASON)


def incidents_from_the_first_word_to_the_gate(service):
    zoe, max_ = somebody(service, "inc-zoe"), somebody(service, "inc-max")
    incident = service.expect(201, "openIncident", body={
        "title": "Cards fail", "severity": "P1", "scope": {"gateways": ["stripe-a"]},
        "impact_start": "10m", "cause": "third_party", "cause_why": "they say so"}).json
    one = [incident["id"]]
    assert incident["scope"]["gateways"] == ["stripe-a"] and incident["state"] == "open"
    assert incident["next_update"]["what"] == "first_message", incident
    for body in ({"title": "x", "severity": "P7"}, {"title": ""}, {"title": "x", "cause": "moon"},
                 {"title": "x", "impact_start": "tomorrow"}, {"title": "x", "alerts": ["a"]},
                 {"title": "x", "scope": {"gateways": ["a b"]}}, {"title": "x", "colour": "red"},
                 {"title": "x", "follows": "a"}):
        service.expect(422, "openIncident", body=body)
    service.expect(409, "openIncident", body={"title": "x", "follows": one[0]})

    def move(name, status=200, key=None, **more):
        return service.expect(status, "moveIncident", one, key=key,
                              body={"move": name, **REASON, **more})

    move("contain", 409)
    move("resolve", 422)
    acked = move("acknowledge", key=zoe)
    assert acked["roles"]["commander"]["holder"] == "inc-zoe" and not acked["acknowledge_by"]
    move("contain", 422, at="2099-01-01T00:00:00Z")
    move("contain", key=zoe)
    lower = {"severity": "P2", **REASON}
    service.expect(403, "setIncidentSeverity", one, body=lower, key=max_)
    assert service.expect(200, "setIncidentSeverity", one, body=lower, key=zoe)["severity"] == "P2"
    service.expect(409, "setIncidentSeverity", one, body=lower, key=zoe)
    service.expect(422, "setIncidentSeverity", one, body={"severity": "bad", **REASON})
    recon = {"role": "recon", "user": "inc-max", **REASON}
    assert service.expect(200, "setIncidentRole", one, body=recon)["roles"]["recon"]["holder"] == \
        "inc-max"
    service.expect(422, "setIncidentRole", one, body={"role": "cook", **REASON})
    service.expect(422, "setIncidentRole", one, body={"role": "lead", "user": "nobody", **REASON})
    wider = service.expect(200, "correctIncident", one, body={"scope": {}, **REASON})
    assert wider["scope"]["gateways"] == []
    service.expect(403, "correctIncident", one, key=max_,
                   body={"scope": {"gateways": ["stripe-a"]}, **REASON})
    service.expect(422, "correctIncident", one, body=REASON)
    service.expect(200, "noteIncident", one, key=zoe, body={"kind": "comms", "text": "told\nthem"})
    service.expect(422, "noteIncident", one, body={"kind": "state", "text": "no"})
    move("mitigate", key=zoe)
    service.expect(403, "signIncident", one, body={"role": "recon", **REASON}, key=zoe)
    service.expect(200, "signIncident", one, body={"role": "commander", **REASON}, key=zoe)
    signed = service.expect(200, "signIncident", one, body={"role": "recon", **REASON}, key=max_)
    assert [row["by"] for row in signed["signatures"]] == ["inc-zoe", "inc-max"], signed
    the_gate_before_resolved(service, one, zoe, move)
    assert move("relapse", key=zoe)["signatures"] == []
    log = service.expect(200, "getIncidentLog", one, query="limit=3")
    assert [row["seq"] for row in log["data"]] == [1, 2, 3] and log["next_seq"] == 3, log
    rest = service.expect(200, "getIncidentLog", one, query="after=3")
    assert rest["next_seq"] is None and rest["data"][0]["prev"] == log["data"][2]["hash"]
    assert service.expect(200, "verifyIncident", one)["whole"] is True
    listed = service.expect(200, "listIncidents", query="severity=P2&limit=1")
    assert listed["data"][0]["id"] == one[0], listed
    for query in ("state=green", "severity=P7", "limit=0", "cursor=x"):
        service.expect(422, "listIncidents", query=query)
    for name in ("getIncident", "getIncidentLog", "verifyIncident"):
        service.expect(404, name, [NOBODYS])
    service.expect(404, "noteIncident", [NOBODYS], body={"text": "x"})
    service.expect(403, "noteIncident", one, key=service.role_key("viewer"), internal=False,
                   body={"text": "x"})
    move("cancel")
    assert service.expect(200, "getIncident", one)["state"] == "cancelled"
    move("acknowledge", 409)


def incidents_and_their_alerts(service):
    service.expect(200, "receiveAlertmanager", body={"version": "4", "alerts": [{
        "status": "firing", "fingerprint": "f7", "labels": {
            "alertname": "DiskFull", "severity": "info", "gateway": "stripe-b"},
        "annotations": {"summary": "Full"}}]})
    alert = service.expect(200, "listAlerts", query="rule=DiskFull")["data"][0]["id"]
    one = [service.expect(201, "openIncident", body={
        "title": "Disk", "scope": {"gateways": ["stripe-a"]}, "drill": True})["id"]]
    service.expect(404, "linkIncidentAlert", one,
                   body={"alert_id": "alr_01JD5R6Q6Y0V3M8X2K4N7T9BCF", **REASON})
    service.expect(422, "linkIncidentAlert", one, body={"alert_id": "a", **REASON})
    linked = service.expect(200, "linkIncidentAlert", one, body={"alert_id": alert, **REASON})
    assert linked["scope"]["gateways"] == ["stripe-a", "stripe-b"], linked
    assert linked["alerts"][0]["rule"] == "DiskFull"
    service.expect(409, "linkIncidentAlert", one, body={"alert_id": alert, **REASON})
    service.expect(200, "moveIncident", one, body={"move": "cancel", **REASON})
