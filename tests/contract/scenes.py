# SPDX-License-Identifier: Apache-2.0
"""scenes.py: what is asked of the running service so that every operation gives each of its
answers. service.py checks each answer; here and in scenes_money.py stands only what must be true
besides."""
import json
import time

import scenes_alerts as alerts
import scenes_breaks as breaks
import scenes_desk as desk
import scenes_messages as messages
import scenes_money as money
import scenes_repairs as repairs
import scenes_statements as statements
import scenes_status as status
import scenes_incidents as incidents
import scenes_playbooks as playbooks
import scenes_tickets as tickets

# Answers that the fake gateways cannot bring about, and why.
UNREACHED = {
    ("releaseCaseOrder", "200"): "an order that late money holds: test_cases.c",
    ("retryRefund", "202"): "a gateway that loses it loses refundPayment's too, which is seen",
    ("getReadiness", "503"): "only while starting and draining: test_service.c",
    ("reverseRepair", "200"): "a write-off that the fake gateway confirms: test_repair.c",
    ("reverseRepair", "202"): "a payment that a rule completed: test_repair_reverse.c",
    ("approveReversal", "200"): "the same: test_repair_reverse.c",
    ("rejectReversal", "200"): "the same: test_repair_reverse.c",
    ("rotateCredential", "200"): "its credentials come from the environment: test_credentials.c",
    ("rotateMasterKey", "200"): "it has one master key: test_master_key.c",
    ("resolveIncident", "200"): "a gate that lets it through: test_incident_gate.c",
    ("advanceTestClock", "200"): "only with a test clock: test_test_clock.c",
    ("getPayPage", "503"): "only without its database: test_pay_page.c",
    ("choosePayMethod", "503"): "only without its database: test_pay_page.c",
    ("getHealth", "503"): "seen by test_front.c; here it would stop the other scenes",
}


def probes(service, reason):
    """Payments that probe: one is configured, at a gateway that answers."""
    probe = service.expect(200, "listProbes")["data"][0]
    assert (probe["name"], probe["gateway"], probe["way"]) == ("b-card", "stripe-b",
                                                              "authorize_cancel"), probe
    service.expect(200, "disableGateway", ["stripe-b"], body=reason)
    service.expect(409, "runProbe", ["b-card"])
    service.expect(200, "enableGateway", ["stripe-b"], body=reason)
    assert service.expect(202, "runProbe", ["b-card"])["name"] == "b-card"
    service.expect(404, "runProbe", ["nobody"])


def gateways_and_routing(service):
    assert len(service.expect(200, "listGateways")["data"]) == 4
    service.expect(200, "getGateway", ["stripe-a"])
    service.expect(404, "getGateway", ["nobody"])
    reason = {"reason": "a scene of the contract"}
    for name in ("drainGateway", "disableGateway", "enableGateway"):
        service.expect(200, name, ["stripe-b"], body=reason)
    for name in ("stripe-b", "paypal-a", "bank-a"):
        service.expect(200, "disableGateway", [name], body=reason)
    service.expect(409, "disableGateway", ["stripe-a"], body=reason)
    methods = service.expect(200, "listMethods", query="currency=usd&region=DE")
    assert any(method["notice"] for method in methods["data"])
    for name in ("stripe-b", "paypal-a", "bank-a"):
        service.expect(200, "enableGateway", [name], body=reason)
    fees = service.expect(200, "getGatewayFees", ["bank-a"])
    assert [line["name"] for line in fees["lines"]] == ["cards", "other"], fees
    assert fees["lines"][0]["says"] == "1.4 % + 0.25 USD" and fees["example"] is None
    fees = service.expect(200, "getGatewayFees", ["bank-a"],
                          query="amount=1000&currency=usd&method=card&at=2026-07-01T00:00:00Z")
    assert fees["example"]["fee"] == 39 and fees["example"]["line"] == "cards", fees
    fees = service.expect(200, "getGatewayFees", ["bank-a"],
                          query="amount=500&currency=USD&method=card&kind=refund"
                                "&charge_amount=1000")
    assert fees["example"]["fee"] == -20 and fees["example"]["charge_line"] == "cards", fees
    fees = service.expect(200, "getGatewayFees", ["stripe-b"], query="amount=500&currency=USD")
    assert fees["lines"] == [] and fees["example"]["fee"] is None, fees
    for query in ("amount=1", "amount=1&currency=XXY", "amount=1&currency=EUR&method=cash",
                  "amount=1&currency=EUR&kind=fee"):
        service.expect(422, "getGatewayFees", ["bank-a"], query=query)
    service.expect(404, "getGatewayFees", ["nobody"])
    assert service.expect(200, "checkGateway", ["bank-a"])["ok"] is True
    assert service.expect(200, "probeGateway", ["stripe-a"])["ok"] is True
    assert service.expect(200, "probeGateway", ["paypal-a"])["ok"] is False
    service.expect(404, "probeGateway", ["nobody"])
    way = service.expect(200, "checkGateway", ["stripe-a"])
    assert way["ok"] is way["probe"]["ok"] and way["gateway"] == "stripe-a"
    service.expect(404, "checkGateway", ["nobody"])
    probes(service, reason)
    service.expect(200, "switchPrimaryGateway", body={"gateway": "stripe-b", **reason})
    assert service.expect(200, "getRouting")["primary"] == "stripe-b"
    assert service.expect(200, "getRouting")["fallback_by"] is None
    service.expect(200, "switchPrimaryGateway", body=reason)
    service.expect(404, "switchPrimaryGateway", body={"gateway": "nobody", **reason})
    service.expect(200, "setFallbackMode", body={"on": True, **reason})
    routing = service.expect(200, "getRouting")
    assert routing["fallback"] is True and routing["fallback_by"] and routing["fallback_at"]
    service.expect(200, "setFallbackMode", body={"on": False, **reason})
    wanted = {"method": "card", "currency": "USD", "amount": 1}
    assert service.expect(200, "explainRouting", body=wanted)["chosen"] is None
    wanted["tokens"] = {"stripe-a": "pm_good", "stripe-b": "pm_good"}
    assert service.expect(200, "explainRouting", body=wanted)["chosen"] == "stripe-a"
    # A reason that is cut stays text, wherever the cut falls.
    for before in ("", "x"):
        long = {"reason": before + "\u00e9\u4e2d" * 100}
        service.expect(200, "disableGateway", ["stripe-b"], body=long)
        assert "\u00e9" in json.dumps(service.expect(
            200, "explainRouting", body=wanted)["candidates"], ensure_ascii=False)
        service.expect(200, "switchPrimaryGateway", body={"gateway": "stripe-a", **long})
        service.expect(200, "explainRouting", body=wanted)
        service.expect(200, "switchPrimaryGateway", body=reason)
        service.expect(200, "enableGateway", ["stripe-b"], body=reason)


def the_runbooks_own_paths(service):
    body = {"primaryGateway": "stripe-a", "reason": "a scene of the contract"}
    service.expect(200, "runbookSwitchGateway", body=body, once=None)
    service.expect(404, "runbookSwitchGateway", body={**body, "primaryGateway": "nobody"})
    service.expect(200, "switchPrimaryGateway", body={"reason": "over"})
    service.expect(200, "runbookEnableFallback", once=None)
    service.expect(200, "runbookDisableFallback", body={"reason": "over"}, once="runbook-1")
    again = service.expect(200, "runbookDisableFallback", body={"reason": "over"}, once="runbook-1")
    assert again.headers["Idempotent-Replayed"] == "true"
    service.expect(200, "runbookRefreshDbConnections", once=None)


def credentials_and_their_rotation(service):
    listed = service.expect(200, "listCredentials")
    assert [(row["gateway"], row["name"]) for row in listed["data"]][:2] == [
        ("stripe-a", "api_key"), ("stripe-a", "webhook_secret")], listed
    assert all(row["first_seen_at"] and row["state"] == "ok" for row in listed["data"]), listed
    assert "sk_test_of_the_fake" not in listed.body.decode(), listed
    same = service.expect(200, "reloadCredentials", ["stripe-a"], body={"reason": "a scene"})
    assert same["result"] == "unchanged" and "api_key" in same["read_at_start_only"], same
    answers = service.expect(200, "verifyCredentials", ["stripe-a"])
    assert answers["ok"] and answers["sets"][0]["in_force"], answers
    assert service.expect(200, "verifyCredentials", ["paypal-a"])["ok"] is False
    assert service.expect(200, "retireCredentials", ["stripe-a"],
                          body={"reason": "a scene"})["retired"] == 0
    service.expect(409, "rotateCredential", ["stripe-a"], body={
        "credential": "api_key", "value": "sk_test_another", "reason": "a scene"})
    assert listed["master_key"]["state"] == "ok" and not listed["not_kept"], listed
    service.expect(409, "rotateMasterKey", body={"reason": "a scene"})
    service.expect(404, "rotateCredential", ["stripe-a"], body={
        "credential": "client_id", "value": "x", "reason": "a scene"})
    all_of_them = service.expect(200, "runbookReloadApiKeys", once=None)
    assert all_of_them["ok"] and len(all_of_them["gateways"]) > 2, all_of_them


def webhooks_and_their_deliveries(service):
    service.tell("merchant 500")
    made = service.expect(201, "createWebhookEndpoint", once="hook-1", body={
        "url": "http://127.0.0.1:7900/hook", "types": "payment.succeeded", "description": "shop"})
    assert made["secret"].startswith("whsec_")
    again = service.expect(201, "createWebhookEndpoint", once="hook-1", body={
        "url": "http://127.0.0.1:7900/hook", "types": "payment.succeeded", "description": "shop"})
    assert "secret" not in again.json
    endpoint = made["id"]
    service.expect(200, "updateWebhookEndpoint", [endpoint], body={"enabled": True, "types": "*"})
    rotated = service.expect(200, "rotateWebhookSecret", [endpoint], body={"overlap_seconds": 60})
    assert rotated["secret"] != made["secret"] and rotated["old_secret_until"]
    service.expect(200, "listWebhookEndpoints")
    service.pay()
    query = f"endpoint_id={endpoint}&state=waiting&limit=1"
    delivery = service.await_that("a delivery that was tried", lambda: next(
        (row for row in service.expect(200, "listWebhookDeliveries", query=query)["data"]
         if row["tries"] > 0), None))
    assert delivery["last_status"] == 500
    service.tell("merchant 200")
    service.expect(202, "replayWebhookDelivery", [delivery["id"]])
    service.await_that("it is delivered", lambda: service.expect(
        200, "listWebhookDeliveries", query="state=delivered")["data"])
    service.expect(404, "replayWebhookDelivery", ["dlv_nobody"])
    service.expect(200, "deleteWebhookEndpoint", [endpoint])
    service.expect(404, "deleteWebhookEndpoint", [endpoint])
    service.expect(404, "updateWebhookEndpoint", [endpoint], body={})
    service.expect(404, "rotateWebhookSecret", [endpoint])


def the_check_for_fraud(service):
    denied = service.pay(amount=777000)
    assert denied["failure"]["code"] == "declined_by_fraud_rules", denied
    story = service.expect(200, "getPaymentStory", [denied["id"]])
    assert story["risk"][0]["hits"][0]["rule"] == "large" and not story["attempts"], story
    rules = service.expect(200, "getRisk")
    assert rules["on"] is True and rules["velocities"] == [
        {"by": "customer", "over_s": 600, "currency": None}], rules
    wanted = {"order_id": "none", "amount": 777000, "currency": "USD", "method": "card",
              "token": "pm_good", "customer": {"id": "c-9", "ip": "192.0.2.7"}}
    asked = service.expect(200, "checkRisk", body=wanted)
    assert asked["decision"]["action"] == "deny" and len(asked["card"]) == 32, asked
    entry = {"list": "block", "by": "ip", "value": "192.0.2.0/24", "reason": "a scene"}
    listed = service.expect(201, "addRiskEntry", body=entry)
    service.expect(409, "addRiskEntry", body=entry)
    service.expect(422, "addRiskEntry", body={**entry, "value": "192.0.2.7/24"})
    service.expect(422, "addRiskEntry", body={**entry, "expires_at": "2020-01-01T00:00:00Z"})
    hit = service.expect(200, "checkRisk", body={**wanted, "amount": 1})["decision"]["hits"][0]
    assert hit["rule"] == "block-list" and listed["id"] in hit["why"], hit
    allowed = service.expect(201, "addRiskEntry", body={
        "list": "allow", "by": "card", "value": asked["card"], "reason": "known",
        "expires_at": "2099-01-01T00:00:00Z"})
    assert service.expect(200, "getRiskEntry", [listed["id"]])["value"] == "192.0.2.0/24"
    assert service.expect(200, "removeRiskEntry", [listed["id"]],
                          body={"reason": "over"})["state"] == "removed"
    service.expect(409, "removeRiskEntry", [listed["id"]], body={"reason": "over"})
    service.expect(404, "removeRiskEntry", ["rl_nobody"], body={"reason": "over"})
    service.expect(404, "getRiskEntry", ["rl_nobody"])
    assert service.expect(200, "checkRisk", body=wanted)["decision"]["action"] == "allow"
    service.expect(200, "removeRiskEntry", [allowed["id"]], body={"reason": "over"})
    assert not service.expect(200, "listRiskEntries")["data"]
    first = service.expect(200, "listRiskEntries", query="all=1&limit=1")
    assert len(first["data"]) == 1 and first["next_cursor"], first
    last = service.expect(200, "listRiskEntries",
                          query=f"all=1&by=ip&list=block&cursor={first['next_cursor']}")
    assert last["data"][0]["id"] == listed["id"] and last["next_cursor"] is None, last
    service.expect(422, "listRiskEntries", query="by=shoe")
    assert service.expect(200, "switchRisk", body={"on": False, "reason": "a scene"})["on"] is False
    assert service.pay(amount=777000)["state"] == "succeeded"
    assert service.expect(200, "switchRisk", body={"on": True, "reason": "over"})["on"] is True
    assert service.pay(amount=777000)["state"] == "failed"
    tried = service.expect(200, "dryRunRisk", body={"since": "1h", "rules": (
        "risk:\n  rules:\n    - {name: every, says: Every, action: deny, all: [{vip: false}]}\n")})
    assert tried["would"]["deny"] > 2 and tried["rules"][0]["rule"] == "every", tried
    assert service.expect(200, "dryRunRisk", body={})["differ"] == 1  # while it was off
    wrong = service.expect(422, "dryRunRisk", body={"rules": "risk: {rules: [{name: x}]}"})
    assert "says" in wrong["detail"], wrong
    service.expect(422, "dryRunRisk", body={"since": "yesterday"})


def callbacks_and_the_cases_they_open(service):
    service.pay()
    event = json.loads(service.tell("event"))
    service.callback("stripe-a", json.dumps(event).encode())
    # A charge that nobody asked for, as the gateway would tell of it.
    event["id"] = "evt_of_nobody"
    event["data"]["object"]["id"] = "pi_of_nobody"
    event["data"]["object"]["metadata"] = {}
    service.callback("stripe-a", json.dumps(event).encode())
    cases = service.await_that("a case", lambda: service.expect(200, "listCases")["data"])
    done = service.await_that("both are processed", lambda: [
        row for row in service.expect(
            200, "listCallbacks", query="gateway=stripe-a&limit=2")["data"]
        if row["state"] != "stored"])
    service.expect(202, "replayCallback", [done[0]["id"]])
    service.expect(404, "replayCallback", ["cb_01JD5R6Q6Y0V3M8X2K4N7T9BCF"])
    assert service.expect(200, "getCase", [cases[0]["id"]])["posted"] is None
    service.expect(404, "getCase", ["case_nobody"])
    for name in ("acceptCase", "returnCase", "releaseCaseOrder"):
        service.expect(409, name, [cases[0]["id"]], body={"reason": "nothing was posted"})
        service.expect(404, name, ["case_nobody"], body={"reason": "x"})
    closed = service.expect(200, "closeCase", [cases[0]["id"]], body={"resolution": "refunded"})
    assert closed["state"] == "closed" and closed["closed_at"]
    service.expect(409, "closeCase", [cases[0]["id"]], body={"resolution": "again"})
    service.expect(404, "closeCase", ["case_nobody"], body={"resolution": "x"})
    service.expect(200, "listCases", query="all=1&limit=1")
    service.expect(400, "receiveCallback", ["stripe-a"], raw=b"{}")
    service.expect(400, "receiveCallback", ["paypal-a"], raw=b"{}")
    service.expect(404, "receiveCallback", ["nobody"], raw=b"{}")
    # Nobody answers for paypal-a, so the certificate that it names cannot be fetched.
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    service.expect(503, "receiveCallback", ["paypal-a"], raw=b"{}", headers={
        "PAYPAL-TRANSMISSION-ID": "tx-1", "PAYPAL-TRANSMISSION-TIME": moment,
        "PAYPAL-TRANSMISSION-SIG": "c2lnbmF0dXJl", "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        "PAYPAL-CERT-URL": "http://127.0.0.1:7999/v1/notifications/certs/CERT-1"})


def keys_and_people(service):
    made = service.expect(201, "createKey", once="key-1", body={
        "name": "till", "role": "viewer", "scopes": "listPayments",
        "expires_at": "2099-01-01T00:00:00Z"})
    again = service.expect(201, "createKey", once="key-1", body={
        "name": "till", "role": "viewer", "scopes": "listPayments",
        "expires_at": "2099-01-01T00:00:00Z"})
    assert "key" in made.json and "key" not in again.json
    service.expect(200, "listPayments", key=made["key"], internal=False)
    service.expect(403, "listKeys", key=made["key"], internal=False)
    service.expect(200, "listKeys")
    service.expect(200, "revokeKey", [made["id"]])
    service.expect(401, "listPayments", key=made["key"], internal=False)
    service.expect(404, "revokeKey", ["key_01JD5R6Q6Y0V3M8X2K4N7T9BCF"])
    person = {"name": "ada", "password": "a long enough pass phrase", "role": "operator"}
    user = service.expect(201, "createUser", body=person)
    service.expect(409, "createUser", body=person)
    service.expect(200, "listUsers")
    service.expect(401, "logIn", body={"name": "ada", "password": "wrong"})
    opened = service.expect(201, "logIn", body={"name": "ada", "password": person["password"]})
    cookie = {"Cookie": opened.headers["Set-Cookie"].split(";")[0]}
    csrf = {**cookie, "X-CSRF-Token": opened["csrf_token"]}
    assert service.expect(200, "getSession", headers=cookie)["name"] == "ada"
    service.expect(404, "getSession", key=service.role_key("viewer"))
    service.expect(403, "setFallbackMode", body={"reason": "x"}, headers=cookie, internal=False)
    service.expect(200, "setFallbackMode", body={"reason": "x", "on": False}, headers=csrf,
                   internal=False)
    service.expect(403, "logOut", headers=cookie)
    service.expect(200, "logOut", headers=csrf)
    service.expect(401, "getSession", headers=cookie)
    service.expect(200, "disableUser", [user["id"]])
    service.expect(401, "logIn", body={"name": "ada", "password": person["password"]})
    service.expect(200, "setUserPassword", [user["id"]], body={"password": "quite another phrase"})
    service.expect(200, "enableUser", [user["id"]])
    service.expect(401, "logIn", body={"name": "ada", "password": person["password"]})
    service.expect(201, "logIn", body={"name": "ada", "password": "quite another phrase"})
    for verb, body in (("disableUser", None), ("enableUser", None),
                       ("setUserPassword", {"password": "quite another phrase"})):
        service.expect(404, verb, ["usr_01JD5R6Q6Y0V3M8X2K4N7T9BCF"], body=body)


def the_service_itself(service):
    for internal in (True, False):
        assert service.expect(200, "getContract", internal=internal).body.decode() == \
            service.contract.text
        service.expect(200, "getHealth", internal=internal)
        service.expect(200, "getLiveness", internal=internal)
        service.expect(200, "getReadiness", internal=internal)
    service.expect(200, "getLedger")
    service.expect(200, "getDatabase")
    assert service.expect(200, "listSlowStatements", query="over_ms=0&limit=1")["note"] is None
    assert service.expect(200, "listOpenTransactions")["engine"] == "sqlite"
    locks = service.expect(200, "listDatabaseLocks", query="all=1")["data"]
    assert [row["granted"] for row in locks if row["subject"] == "database file"] == [True]
    edges = {edge["name"]: edge for edge in service.expect(200, "listDependencies")["data"]}
    assert edges["sqlite"]["state"] == "ok" and edges["disk"]["kind"] == "disk"
    assert edges["credentials of stripe-a"]["state"] == "ok"
    assert edges["callbacks of stripe-a"]["direction"] == "serves"
    assert "paypal" in edges["paypal-a"]["without"]
    told = service.expect(200, "observe", body={"gateway": "elsewhere", "outcome": "declined"})
    assert (told["accepted"], told["refused"], told["errors"]) == (1, 0, [])
    some = [{"gateway": "elsewhere", "outcome": "ok"}, {"gateway": "elsewhere"}]
    told = service.expect(200, "observe", body={"observations": some})
    assert (told["accepted"], told["refused"]) == (1, 1)
    assert told["errors"][0]["place"] == "/observations/1/outcome"
    service.expect(422, "observe", body={"gateway": "elsewhere"})
    diagnosis = service.expect(200, "diagnose")
    gravest_first = ["critical", "warning", "notice"]
    gravities = [gravest_first.index(found["gravity"]) for found in diagnosis["data"]]
    assert gravities == sorted(gravities) and diagnosis["looked_at"] > 20
    assert all(found["next"] for found in diagnosis["data"])
    service.expect(200, "getBacklog")
    assert service.expect(200, "verifyInvariants")["broken"] == []
    assert service.expect(200, "verifyAuditLog")["whole"] is True
    assert b"holdfast_http_requests_total" in service.expect(200, "getMetrics").body


def the_review_of_a_month(service):
    month = time.strftime("%Y-%m", time.gmtime())
    review = service.expect(200, "getReview", query=f"period={month}")
    figures = {figure["name"]: figure for figure in review["figures"]}
    assert figures["payments"]["rows"][0]["now"]["n"] > 10 and not review["over"], figures
    assert figures["fees"]["kind"] == "money" and figures["time_to_detect"]["kind"] == "span"
    for form in ("markdown", "html", "csv", "xlsx"):
        body = service.expect(200, "getReview", query=f"period={month}&format={form}&lang=zh").body
        assert len(body) > 500, form
    week = time.strftime("%G-W%V", time.gmtime())
    assert service.expect(200, "getReview", query=f"period={week}")["period"] == week
    assert service.expect(200, "getReview")["over"] is True
    for query in ("period=2026", "period=2026-13", "period=2026-W54", "period=2025-W53",
                  f"period={month}&format=pdf", f"period={month}&lang=fr"):
        service.expect(422, "getReview", query=query)


def the_audit_of_a_month(service):
    month = time.strftime("%Y-%m", time.gmtime())
    service.expect(422, "createPayment", body={"order_id": "4242424242424242", "amount": 1,
                                               "currency": "USD", "method": "card"})
    report = service.expect(200, "getAuditReport", query=f"month={month}")
    groups = {group["name"]: group for group in report["groups"]}
    assert report["chain"]["whole"] and report["entries"]["count"] > 10, report
    assert groups["access"]["actions"]["key.create"] >= 1 and groups["settings"]["entries"]
    assert groups["money"]["entries"] == [] and groups["money"]["count"] > 0, groups["money"]
    assert any(user["name"] == "inc-zoe" for user in report["users"]), report["users"]
    assert any(found["name"] == "endless_key" for found in report["findings"])
    assert service.expect(200, "getAuditReport", query="month=2001-01")["entries"]["count"] == 0
    for query in ("", "month=2026", "month=2026-13", "month=2026-1", "month=november"):
        service.expect(422, "getAuditReport", query=query)
    rows = service.expect(200, "exportAuditEntries", query=f"month={month}").body.decode()
    numbers = [int(row.split(",")[0]) for row in rows.splitlines()[1:-1]]
    entries = report["entries"]  # what was done meanwhile comes after them
    assert numbers[:entries["count"]] == list(range(entries["first"], entries["last"] + 1)), rows
    service.expect(200, "exportAuditEntriesWorkbook", query=f"month={month}")


def the_protocol_of_agents(service):
    call = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert service.expect(200, "callAgentTool", body=call)["result"] == {}
    service.expect(202, "callAgentTool", body={
        "jsonrpc": "2.0", "method": "notifications/initialized"})
    tools = service.expect(200, "callAgentTool", body={**call, "method": "tools/list"})
    name = tools["result"]["tools"][0]["name"]
    assert service.expect(200, "callAgentTool", body={
        **call, "method": "tools/call", "params": {"name": name}})["id"] == 1
    service.expect(422, "callAgentTool", body=[call])
    for status, wrong in ((200, {**call, "method": "tools/none"}),
                          (400, {**call, "jsonrpc": "1.0"})):
        assert service.expect(status, "callAgentTool", body=wrong)["error"]["message"], wrong
    assert service.expect(400, "callAgentTool", body=call, headers={
        "MCP-Protocol-Version": "1999-01-01"})["error"]["data"]["supported"]
    modern = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/none"}
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}}
    service.expect(404, "callAgentTool", headers=modern, body={
        **call, "method": "tools/none", "params": {"_meta": meta}})


FORMS = ("choosePayMethod", "subscribeToStatus", "changeStatusSubscription")


def refusals_of_every_operation(service):
    """Without a key, with too low a role, through a proxy, without Idempotency-Key, with a body
    that is none: each answer is one that the contract has for that operation."""
    roles = ["none", "viewer", "support", "operator", "finance", "admin"]
    for operation in service.contract.operations.values():
        if operation.name == "receiveCallback":
            continue
        values = ["nobody"] if "{" in operation.path else []
        public = operation.listener != "internal"
        if public and operation.role != "none":
            service.expect(401, operation.name, values, internal=False)
            lower = roles[roles.index(operation.role) - 1]
            if lower != "none":
                service.expect(403, operation.name, values, key=service.role_key(lower),
                               internal=False)
        if public:
            service.expect(401, operation.name, values, key="hk_wrong", internal=False)
        if operation.listener != "public":
            service.expect(403, operation.name, values, headers={"Via": "1.1 proxy"})
            service.expect(403, operation.name, values, headers={"Host": "rebound.example"})
        admin = None if operation.listener != "public" else service.role_key("admin")
        card = "a=4242424242424242"
        service.expect(422, operation.name, values, query=card, key=admin)
        if operation.method == "GET" or operation.name in FORMS:
            continue  # a form is not JSON: orders_that_are_held, who_wants_to_be_told
        broken = {"raw": b"{", "key": admin}
        csrf = operation.name == "logOut"
        service.expect(400, operation.name, values, **broken)
        service.expect(415, operation.name, values, raw=b"a=b", key=admin,
                       headers={"Content-Type": "application/x-www-form-urlencoded"})
        service.expect(413, operation.name, values, raw=b" " * 65537, key=admin)
        if any(item["name"] == "Idempotency-Key" and item.get("required")
               for item in operation.parameters):
            service.expect(400, operation.name, values, once=None, key=admin)
        assert not csrf or operation.role == "viewer"


def every_documented_success_was_seen(service):
    missing = []
    for operation in service.contract.operations.values():
        for status in operation.node["responses"]:
            pair = (operation.name, status)
            if status[0] in "25" and len(operation.node["responses"][status]) > 1 and \
                    pair not in service.seen and pair not in UNREACHED:
                missing.append(pair)
            assert pair not in service.seen or pair not in UNREACHED, f"{pair} was reached"
    assert not missing, missing


def the_ladder_of_degraded_modes(service):
    steps = [row["step"] for row in service.expect(200, "getMode")["ladder"]]
    assert steps == ["normal", "reroute", "reduced", "deferred", "read_only"], steps
    closed = service.expect(200, "setMode", once="mode-1", body={
        "step": "read_only", "reason": "a scene", "until": "2099-01-01T00:00:00Z"})
    assert closed["step"] == "read_only" and closed["by_hand"]["pinned"] is False, closed
    assert closed["history"][0]["rule"] == "by_hand", closed
    refused = service.pay()
    assert refused.status == 503 and refused.problem() == "read-only", refused
    assert refused.headers["Retry-After"] == "30", refused.headers
    assert service.expect(200, "listMethods")["mode"] == "read_only"
    assert service.expect(200, "getNotices")["taking_payments"] is False
    service.expect(409, "setMode", body={"step": "auto", "reason": "by accident"})
    service.expect(200, "setMode", body={"step": "auto", "end_read_only": True, "reason": "over"})
    held = service.expect(200, "setMode", body={
        "step": "deferred", "pin": True, "reason": "a scene"})
    assert held["step"] == "deferred" and held["by_hand"]["pinned"] is True, held
    assert service.pay()["action"]["type"] == "pay_later"
    assert service.expect(200, "getNotices")["pay_later"] is True
    over = service.expect(200, "setMode", body={"step": "auto", "reason": "over"})
    assert over["by_hand"] is None and over["step"] == over["by_rules"], over
    assert service.pay()["state"] == "succeeded"
    for wrong in ({"step": "lower"}, {"step": "normal"}, {"step": "reduced", "until": "tomorrow"},
                  {"step": "reduced", "until": "2020-01-01T00:00:00Z"}):
        service.expect(422, "setMode", body={**wrong, "reason": "a scene"})


def switches_of_purposes_methods_and_gateways(service):
    def throw(status=200, **more):
        return service.expect(status, "setSwitch", body={"reason": "a scene", **more})

    def row(kind, name):
        return next(one for one in service.expect(200, "listSwitches")["data"]
                    if one["kind"] == kind and one["name"] == name)

    assert row("method", "card")["on"] and row("gateway", "stripe-a")["state"] == "enabled"
    throw(kind="method", name="card", on=False)
    hidden = next(one for one in service.expect(200, "listMethods")["data"]
                  if one["method"] == "card")
    assert hidden["available"] is False and hidden["notice"].startswith("Card is unavailable")
    assert service.pay()["action"]["type"] == "choose_method"
    said = service.expect(200, "getNotices", query="lang=zh", internal=False)
    card = next(one for one in said["methods"] if one["method"] == "card")
    assert card["name"] == "银行卡" and not card["available"] and "银行卡" in card["notice"], said
    assert said.headers["Access-Control-Allow-Origin"] == "*", said.headers
    assert said.headers["Cache-Control"] == "public, max-age=5", said.headers
    script = service.expect(200, "getNoticesScript", query="lang=zh", internal=False)
    assert script.type == "text/javascript" and card["notice"].encode() in script.body, script
    assert b"HOLDFAST_STATE;" not in script.body and b"stripe" not in script.body, script
    service.expect(422, "getNotices", query="lang=de")
    service.expect(422, "getNoticesScript", query="lang=de")
    throw(kind="method", name="card", on=True)
    throw(kind="purpose", name="topup", on=False, until="2099-01-01T00:00:00Z")
    paused = service.pay(purpose="topup")
    assert paused.status == 503 and paused.problem() == "paused", paused
    assert paused.headers["Retry-After"] == "30", paused.headers
    assert row("purpose", "topup")["until"] == "2099-01-01T00:00:00Z"
    throw(kind="purpose", name="topup", on=True)
    assert service.pay(purpose="topup")["state"] == "succeeded"
    throw(422, kind="purpose", name="subscription", on=False, until="2099-01-01T00:00:00Z")
    throw(kind="purpose", name="subscription", on=False)
    assert service.expect(200, "getBilling")["paused"] is True
    assert service.pay(purpose="subscription").problem() == "paused"
    throw(kind="purpose", name="subscription", on=True)
    assert service.expect(200, "getBilling")["paused"] is False
    service.expect(200, "pauseBilling", body={"reason": "a scene"})
    assert row("purpose", "subscription")["on"] is False
    service.expect(200, "resumeBilling", body={})
    throw(kind="gateway", name="stripe-a", on=False)
    assert row("gateway", "stripe-a")["state"] == "disabled"
    assert service.pay()["gateway"] != "stripe-a"
    throw(kind="gateway", name="stripe-a", on=True)
    throw(404, kind="gateway", name="nobody", on=False)
    throw(422, kind="method", name="cash", on=False)
    throw(422, kind="shoe", name="card", on=False)


def the_simplified_flow(service):
    on = service.expect(200, "setSimplifiedFlow", body={"on": True, "reason": "a scene"})
    assert on["simplified"]["on"] is True and on["simplified"]["core"] == ["order"], on
    assert service.expect(200, "getRisk")["on"] is False
    assert service.expect(200, "getBilling")["paused"] is True
    assert service.pay(amount=777000)["gateway"] == "stripe-a"
    assert service.pay(purpose="topup").problem() == "paused"
    off = service.expect(200, "setSimplifiedFlow", body={"on": False, "reason": "over"})
    assert off["simplified"]["on"] is False, off
    assert service.expect(200, "getRisk")["on"] is True
    assert service.expect(200, "getBilling")["paused"] is False
    # Renewals that were paused before stay so.
    service.expect(200, "pauseBilling", body={"reason": "a scene"})
    assert service.expect(200, "runbookEnableSimplifiedFlow", once=None)["simplified"]["on"] is True
    service.expect(200, "runbookEnableSimplifiedFlow", once=None)
    off = "runbookDisableSimplifiedFlow"
    over = service.expect(200, off, body={"reason": "over"}, once="flow")
    again = service.expect(200, off, body={"reason": "over"}, once="flow")
    assert over["simplified"]["on"] is False and again.headers["Idempotent-Replayed"] == "true"
    assert service.expect(200, "getBilling")["paused"] is True
    service.expect(200, "resumeBilling", body={})


SCENES = (
    money.payments_in_every_state, money.a_payment_nobody_takes_asks_for_another_method,
    money.a_payment_that_waits_for_its_customer, money.captures_and_cancellations,
    money.refunds_in_every_state, money.looking_at_payments, money.unresolved_payments,
    gateways_and_routing, the_runbooks_own_paths, credentials_and_their_rotation,
    webhooks_and_their_deliveries, the_check_for_fraud, callbacks_and_the_cases_they_open,
    money.money_in_suspense, money.disputes_and_their_evidence,
    money.disputes_that_a_gateway_tells_of, money.bank_transfers, money.store_credit,
    keys_and_people, the_service_itself, the_ladder_of_degraded_modes,
    switches_of_purposes_methods_and_gateways, the_simplified_flow, money.plans_and_subscriptions,
    money.orders_that_are_held, money.payments_that_are_queued, money.payments_by_hand,
    money.times_that_are_proved,
    statements.statements_that_are_given, statements.statements_that_are_fetched,
    breaks.runs_and_why_a_row_is_where_it_is, breaks.breaks_and_what_people_decide,
    breaks.lists_of_breaks_and_several_at_once,
    repairs.rules_and_what_they_do,
    tickets.tickets_and_their_people, tickets.tickets_and_money_by_hand,
    tickets.many_tickets_at_once, tickets.pages_that_say_how,
    alerts.alerts_from_their_first_word_to_their_last, alerts.silences_and_who_is_on_duty,
    alerts.complaints_and_changes, alerts.whom_a_trouble_has_hit,
    status.an_incident_from_its_draft_to_the_page, status.a_maintenance_and_components,
    status.who_wants_to_be_told,
    desk.pages_found_edited_and_restored, desk.payments_looked_up,
    desk.the_shop_is_told_once_more, desk.refunds_that_take_two,
    messages.texts_and_what_the_linter_says, messages.a_message_from_its_draft_to_everybody,
    alerts.channels_and_what_went_by_them, alerts.rules_that_change_while_it_runs,
    incidents.incidents_from_the_first_word_to_the_gate, incidents.incidents_and_their_alerts,
    incidents.briefs_postmortems_and_what_is_to_be_done,
    incidents.measures_of_an_incident, incidents.deploys_that_are_frozen,
    playbooks.playbooks_and_an_incident_that_follows_one,
    the_review_of_a_month, the_audit_of_a_month, the_protocol_of_agents,
    refusals_of_every_operation,
)
TESTS = [(f"answers: {function.__name__.replace('_', ' ')}", function) for function in SCENES]
LAST_TESTS = [("every documented success was seen", every_documented_success_was_seen)]
