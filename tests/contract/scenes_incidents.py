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


def measures_of_an_incident(service):
    ida, jon = somebody(service, "ctm-ida"), somebody(service, "ctm-jon")
    one = [service.expect(201, "openIncident", body={"title": "Cards fail"})["id"]]
    off = {"kind": "gateway_off", "name": "stripe-b", **REASON}
    seen = service.expect(200, "previewMeasure", one, body=off)
    assert seen["before"]["value"] == "enabled" and seen["refused"] is None, seen
    assert seen["concerned"]["methods"] and "stripe-b" in seen["does_zh"], seen
    assert service.expect(200, "listMeasures", one)["data"] == []
    taken = service.expect(201, "takeMeasure", one, body=off, key=ida)
    assert taken["verification"]["as_taken"] and taken["taken"]["by"] == "ctm-ida", taken
    again = service.expect(409, "takeMeasure", one, body=off, key=jon)
    assert "ctm-ida" in again["detail"], again.json
    seen = service.expect(200, "previewMeasure", one, body=off)
    assert "ctm-ida" in seen["refused"]["detail"], seen
    for body in ({"kind": "gateway_off", **REASON}, {"kind": "primary", "name": "x", **REASON},
                 {"kind": "fallback", "name": "x", **REASON},
                 {"kind": "mode", "name": "up", **REASON},
                 {"kind": "fallback", "until": "2099-01-01T00:00:00Z", **REASON}):
        service.expect(422, "takeMeasure", one, body=body)
        service.expect(422, "previewMeasure", one, body=body)
    cancel = {"move": "cancel", **REASON}
    left = service.expect(409, "moveIncident", one, body=cancel)
    assert "holdfast incident undo" in left["hint"], left.json
    mine = [taken["id"]]
    service.expect(404, "undoMeasure", mine, body={"incident_id": NOBODYS, **REASON})
    service.expect(422, "handOverMeasure", mine, body={"to": "nobody", **REASON})
    kept = service.expect(200, "handOverMeasure", mine, key=ida, body={
        "incident_id": one[0], "to": "ctm-jon", **REASON})
    assert kept["state"] == "handed_over" and kept["handed_over"]["to"] == "ctm-jon", kept
    service.expect(200, "moveIncident", one, body=cancel)
    service.expect(200, "disableGateway", ["stripe-b"], body=REASON)
    assert not service.expect(200, "getMeasure", mine)["verification"]["as_taken"]
    service.expect(409, "undoMeasure", mine, body=REASON)
    undone = service.expect(200, "undoMeasure", mine, body={"force": True, **REASON})
    assert undone["state"] == "undone" and not undone["verification"]["on"], undone
    service.expect(409, "undoMeasure", mine, body=REASON)
    service.expect(409, "takeMeasure", one, body=off)
    assert len(service.expect(200, "listMeasures", one)["data"]) == 1
    assert service.expect(200, "verifyIncident", one)["whole"] is True
    service.expect(404, "listMeasures", [NOBODYS])
    viewer = service.role_key("viewer")
    service.expect(403, "takeMeasure", one, key=viewer, internal=False, body=off)
    service.expect(403, "undoMeasure", mine, key=viewer, internal=False, body=REASON)


def deploys_that_are_frozen(service):
    assert service.expect(200, "getDeployGate")["open"] is True
    service.expect(409, "thawDeploys", body=REASON)
    service.expect(422, "freezeDeploys", body={"until": "2020-01-01T00:00:00Z", **REASON})
    frozen = service.expect(200, "freezeDeploys", body={
        "until": "2099-01-01T00:00:00Z", **REASON})
    assert frozen["freezes"][0]["incident"] is None and not frozen["open"], frozen
    service.expect(409, "freezeDeploys", body=REASON)
    one = [service.expect(201, "openIncident", body={"title": "Deploys"})["id"]]
    measure = service.expect(201, "takeMeasure", one, body={"kind": "deploy_freeze", **REASON})
    service.expect(200, "thawDeploys", body=REASON)
    gate = service.expect(200, "getDeployGate", key=service.role_key("viewer"), internal=False)
    assert gate["freezes"][0]["incident"]["id"] == one[0] and not gate["open"], gate
    assert gate["freezes"][0]["measure_id"] == measure["id"], gate
    service.expect(409, "thawDeploys", body=REASON)
    service.expect(200, "undoMeasure", [measure["id"]], body=REASON)
    assert service.expect(200, "getDeployGate")["open"] is True
    service.expect(200, "moveIncident", one, body={"move": "cancel", **REASON})


def briefs_postmortems_and_what_is_to_be_done(service):
    zoe, max_ = somebody(service, "learn-zoe"), somebody(service, "learn-max")
    one = [service.expect(201, "openIncident", body={
        "title": "Cards <fail>", "severity": "P1", "scope": {"gateways": ["stripe-a"]},
        "impact_start": "10m"})["id"]]
    brief = service.expect(200, "getIncidentBrief", one)
    assert [row["name"] for row in brief["immediate_actions"]][0] == "acknowledge", brief
    assert len(brief["checklist"]) == 10 and brief["still_on"] == []
    assert service.expect(200, "getIncidentBrief", one)["version"] == brief["version"]
    for query in ("format=text&lang=zh", "format=markdown", "format=text"):
        text = service.expect(200, "getIncidentBrief", one, query=query).body.decode()
        assert one[0] in text and "holdfast incident ack" in text, text
    for query in ("format=pdf", "lang=fr"):
        for name in ("getIncidentBrief", "getPostmortem"):
            service.expect(422, name, one, query=query)
    for name in ("getIncidentBrief", "getPostmortem"):
        service.expect(404, name, [NOBODYS])

    part = {"part": "root_cause", "text": "A certificate\nhad ended."}
    assert service.expect(200, "editPostmortem", one, key=zoe, body=part)["version"] == 1
    assert service.expect(200, "editPostmortem", one, key=max_, body={
        **part, "text": "Another one."})["by"] == "learn-max"
    service.expect(403, "editPostmortem", one, body=part, key=service.role_key("operator"))
    for wrong in ({"part": "poem"}, {"text": "a\u0001"}, {"more": 1}):
        service.expect(422, "editPostmortem", one, key=zoe, body={**part, **wrong})
    service.expect(404, "editPostmortem", [NOBODYS], key=zoe, body=part)

    item = {"kind": "cause", "what": "Renew 30 days before the end", "owner": "learn-max",
            "proof": {"kind": "check", "name": "CredentialExpiry"}}
    made = service.expect(201, "addActionItem", one, key=zoe, body=item)
    assert made["owner"] == "learn-max" and made["state"] == "open", made.json
    for wrong in ({"what": "Improve it"}, {"owner": "nobody"}, {"kind": "x"}, {"due_at": "soon"},
                  {"due_at": "2099-01-01T00:00:00Z"}, {"proof": {"kind": "hope", "name": "x"}},
                  {"proof": {"kind": "drill", "name": "a b"}}, {"more": 1}):
        service.expect(422, "addActionItem", one, key=zoe, body={**item, **wrong})
    act = [made["id"]]
    note = {"note": "a scene of the contract"}
    assert service.expect(200, "assignActionItem", act, key=zoe, body={
        "owner": "learn-zoe", **REASON})["owner"] == "learn-zoe"
    service.expect(422, "assignActionItem", act, key=zoe, body=REASON)
    service.expect(409, "verifyActionItem", act, key=zoe, body=note)
    assert service.expect(200, "doActionItem", act, key=zoe, body=note)["state"] == "done"
    service.expect(403, "verifyActionItem", act, key=zoe, body=note)
    assert service.expect(200, "verifyActionItem", act, key=max_, body=note)["state"] == "verified"
    assert service.expect(200, "reopenActionItem", act, key=max_, body=note)["reopened_count"] == 1
    assert service.expect(200, "getActionItem", act)["state"] == "reopened"
    listed = service.expect(200, "listActionItems", query=f"incident_id={one[0]}&limit=1")
    assert [row["id"] for row in listed["data"]] == act, listed
    assert service.expect(200, "listActionItems", query="overdue=1&state=all")["data"] == []
    for query in ("state=green", "limit=0", "cursor=x", "incident_id=x", "overdue=2"):
        service.expect(422, "listActionItems", query=query)
    nobodys = ["act_01JD5R6Q6Y0V3M8X2K4N7T9BCF"]
    service.expect(404, "getActionItem", nobodys)
    for name in ("doActionItem", "verifyActionItem", "reopenActionItem"):
        service.expect(404, name, nobodys, key=zoe, body=note)
        service.expect(422, name, act, key=zoe, body={"note": ""})

    learnt = service.expect(200, "getPostmortem", one)
    assert learnt["log"]["whole"] and learnt["actions"][0]["whole"], learnt.json
    assert "went_well" in learnt["missing"]
    page = service.expect(200, "getPostmortem", one, query="format=html")
    assert "Cards &lt;fail&gt;" in page.body.decode() and b"<svg" in page.body
    assert "script" not in page.headers["Content-Security-Policy"]
    assert "\\<fail\\>" in service.expect(
        200, "getPostmortem", one, query="format=markdown&lang=zh").body.decode()
    for query in ("for=regulator", "for=acquirer&format=html", "for=insurer&format=csv&lang=zh"):
        assert b"learn-" not in service.expect(200, "reportIncident", one, query=query).body
    assert b"NOT YET PROVED" in service.expect(
        200, "reportIncident", one, query="for=regulator").body
    for query in ("for=me", "", "for=insurer&format=pdf", "for=insurer&lang=fr"):
        service.expect(422, "reportIncident", one, query=query)
    service.expect(404, "reportIncident", [NOBODYS], query="for=regulator")
    service.expect(409, "moveIncident", one, key=zoe, body={"move": "close", **REASON})
    service.expect(200, "moveIncident", one, key=zoe, body={"move": "cancel", **REASON})
    service.expect(409, "editPostmortem", one, key=zoe, body=part)
    service.expect(409, "addActionItem", one, key=zoe, body=item)
