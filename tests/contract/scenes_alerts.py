# SPDX-License-Identifier: Apache-2.0
"""scenes_alerts.py: scenes about alerts, silences, rotas and channels; see scenes.py."""
import datetime

REASON = {"reason": "a scene of the contract"}
NOBODYS = "01JD5R6Q6Y0V3M8X2K4N7T9BCF"
FOREVER = "2099-01-01T00:00:00Z"


def from_alertmanager(service, name, status="firing", severity="critical"):
    return service.expect(200, "receiveAlertmanager", body={"version": "4", "alerts": [{
        "status": status, "fingerprint": "f1", "labels": {
            "alertname": name, "severity": severity, "instance": "db-1"},
        "annotations": {"summary": "No space is left"}}]})["taken"]


def live(service, rule):
    return service.expect(200, "listAlerts", query=f"rule={rule}")["data"]


def soon(days=0):
    """A time that comes; the service's clock is the machine's."""
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days, hours=1)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def alerts_from_their_first_word_to_their_last(service):
    service.tell("merchant 200")
    assert from_alertmanager(service, "NoSpace") == 1
    alert = live(service, "NoSpace")[0]
    assert (alert["severity"], alert["state"], alert["team"]) == ("P1", "firing", "operations")
    assert alert["labels"] == {"instance": "db-1"} and alert["title"] == "No space is left"
    one = [alert["id"]]
    service.await_that("it is told", lambda: service.expect(200, "getAlert", one)["told"])
    done = service.expect(200, "acknowledgeAlert", one, body=REASON, once="ack-1")
    again = service.expect(200, "acknowledgeAlert", one, body=REASON, once="ack-1")
    assert done["state"] == "acknowledged" and again.headers["Idempotent-Replayed"] == "true"
    service.expect(409, "acknowledgeAlert", one, body={})
    service.expect(404, "acknowledgeAlert", [f"alr_{NOBODYS}"], body={})
    service.expect(404, "getAlert", [f"alr_{NOBODYS}"])
    service.expect(403, "acknowledgeAlert", one, body={}, key=service.role_key("support"),
                   internal=False)
    service.expect(200, "getAlert", one, key=service.role_key("viewer"), internal=False)
    from_alertmanager(service, "NoSpace", "resolved")
    service.await_that("it is over", lambda: not live(service, "NoSpace"))
    told = service.expect(200, "getAlert", one)
    assert told["state"] == "resolved", told
    history = service.expect(200, "listAlerts",
                             query="state=all&severity=P1&team=operations&limit=1")
    assert len(history["data"]) == 1
    if history["next_cursor"]:
        service.expect(200, "listAlerts", query=f"state=all&cursor={history['next_cursor']}")
    for query in ("state=green", "severity=P7", "team=marketing", "limit=0"):
        service.expect(422, "listAlerts", query=query)
    for body in ({"version": "3", "alerts": []}, {"version": "4", "alerts": []},
                 {"version": "4", "alerts": [{"status": "odd"}]}, {"version": "4"}, {"alerts": []}):
        service.expect(422, "receiveAlertmanager", body=body)
    rules = {row["name"]: row for row in service.expect(200, "listAlertRules")["data"]}
    for name in ("PaymentServiceHighErrorRate", "PaymentServiceGatewayFailure",
                 "PaymentServiceHighLatency", "PaymentServiceDatabaseIssues"):
        assert rules[name]["guide"].startswith("/guides/"), rules[name]
    for rule in rules.values():  # anybody may read them, on both listeners
        for internal in (True, False):
            page = service.expect(200, "getGuide", [rule["guide"].split("/")[-1]],
                                  internal=internal)
            assert page.body.startswith(b"<!doctype html>"), rule
    chinese = service.expect(200, "getGuide", ["gateway-failure"], query="lang=zh").body
    assert "支付网关故障" in chinese.decode() and b"<script" not in chinese
    service.expect(404, "getGuide", ["nowhere"])
    service.expect(422, "getGuide", ["volume"], query="lang=fr")


def complaints_and_changes(service):
    body = {"order_id": "nobody-knows-it", "channel": "chat", "kind": "cannot_pay",
            "text": "call me at 0171 2345678 or li@shop.example", "reference": "desk-17"}
    made = service.expect(201, "recordComplaint", body=body, once="complaint-1")
    assert service.expect(201, "recordComplaint", body=body, once="complaint-1").json == made.json
    assert made["text"] == "call me at **** ***5678 or **@shop.example", made.json
    assert service.expect(200, "recordComplaint", body=body)["id"] == made["id"]
    for wrong in ({"order_id": None}, {"kind": "odd"}, {"channel": "Chat Room"}, {"more": 1},
                  {"payment_id": f"pay_{NOBODYS}"}, {"at": "soon"}, {"at": FOREVER},
                  {"text": "x" * 2001}, {"order_id": "two\nlines"}):
        service.expect(422, "recordComplaint", body={**body, **wrong})
    assert made["id"] in [row["id"] for row in service.expect(200, "listComplaints")["data"]]
    body = {"kind": "deploy", "what": "shop 4.7", "by": "li", "reference": "commit 3f2a1b"}
    made = service.expect(201, "recordChange", body=body, once="change-1")
    assert service.expect(201, "recordChange", body=body, once="change-1").json == made.json
    assert (made["what"], made["by"]) == ("shop 4.7", "li"), made.json
    for wrong in ({"kind": "odd"}, {"what": ""}, {"at": "2020-01-01T00:00:00Z"}, {"more": 1}):
        service.expect(422, "recordChange", body={**body, **wrong})
    assert made["id"] in [row["id"] for row in service.expect(200, "listChanges")["data"]]
    assert service.expect(200, "listChanges", query=f"since={soon()}")["data"] == []


def whom_a_trouble_has_hit(service):
    blast = service.expect(200, "getBlastRadius", query="since=30d")
    assert blast["payments"] >= blast["affected"] >= blast["orders"] > 0, blast.json
    assert sum(fate["count"] for fate in blast["fates"]) == blast["payments"]
    assert sum(row["payments"] for row in blast["gateways"]) == blast["payments"]
    one = service.expect(200, "getBlastRadius", query="since=30d&gateway=stripe-a&method=card")
    assert 0 < one["payments"] <= blast["payments"]
    assert one["scope"]["gateways"] == ["stripe-a"]
    rows = service.expect(200, "exportAffectedOrders", query="since=30d").body.decode()
    assert rows.startswith("payment_id,order_id,customer_id,created_at,"), rows[:100]
    assert service.expect(200, "exportAffectedOrdersWorkbook",
                          query="since=30d").body.startswith(b"PK")
    for query in ("", "since=soon", "since=1h&until=2h", "since=1h&method=cash",
                  "since=1h&gateway=two%20words", "since=40d"):
        for name in ("getBlastRadius", "exportAffectedOrders", "exportAffectedOrdersWorkbook"):
            service.expect(422, name, query=query)


def silences_and_who_is_on_duty(service):
    body = {"matchers": ["gateway=stripe-a", "method~card*"], "until": soon(), **REASON}
    made = service.expect(201, "createSilence", body=body, once="silence-1")
    assert service.expect(201, "createSilence", body=body, once="silence-1").json == made.json
    assert made["state"] == "active" and made["reason"] == REASON["reason"]
    one = [made["id"]]
    later = service.expect(201, "createSilence", body={**body, "from": soon(1),
                                                       "until": soon(2)})
    assert later["state"] == "to_come"
    for wrong in ({"matchers": []}, {"matchers": ["gateway"]}, {"matchers": ["gateway!=a"]},
                  {"until": "2020-01-01T00:00:00Z"}, {"until": FOREVER}, {"until": "soon"},
                  {"reason": ""}, {"more": 1}):
        service.expect(422, "createSilence", body={**body, **wrong})
    listed = service.expect(200, "listSilences")["data"]
    assert one[0] in [row["id"] for row in listed]
    assert service.expect(200, "endSilence", one)["state"] == "ended"
    service.expect(409, "endSilence", one)
    service.expect(404, "endSilence", [f"sil_{NOBODYS}"])
    assert one[0] not in [row["id"] for row in service.expect(200, "listSilences")["data"]]
    ended = service.expect(200, "listSilences", query="all=1")["data"]
    assert one[0] in [row["id"] for row in ended]
    rota = service.expect(200, "listRotas")["data"][0]
    assert (rota["name"], rota["on_duty"], rota["overrides"]) == ("ops", "wang", []), rota
    stand_in = {"person": "lead", "until": soon(), **REASON}
    service.expect(201, "overrideRota", ["ops"], body=stand_in)
    assert service.expect(200, "listRotas")["data"][0]["on_duty"] == "lead"
    service.expect(404, "overrideRota", ["none"], body=stand_in)
    service.expect(422, "overrideRota", ["ops"], body={**stand_in, "person": "nobody"})
    service.expect(422, "overrideRota", ["ops"], body={**stand_in, "until": FOREVER})


def channels_and_what_went_by_them(service):
    service.tell("merchant 410")
    refused = service.expect(200, "testAlertChannel", ["hook"])
    assert refused["sent"] is False and refused["code"] == "http 410", refused
    from_alertmanager(service, "GoneWrong")
    failed = service.await_that("a message fails", lambda: service.expect(
        200, "listAlertDeliveries", query="state=failed&channel=hook&limit=1")["data"])[0]
    service.tell("merchant 200")
    assert service.expect(200, "testAlertChannel", ["hook"])["sent"] is True
    service.expect(404, "testAlertChannel", ["nobody"])
    once = [failed["id"]]
    service.expect(202, "sendAlertDeliveryAgain", once)
    service.expect(409, "sendAlertDeliveryAgain", once)
    service.expect(404, "sendAlertDeliveryAgain", [f"dlv_{NOBODYS}"])
    service.await_that("it is sent", lambda: once[0] in [row["id"] for row in service.expect(
        200, "listAlertDeliveries", query="state=sent&limit=100")["data"]])
    service.expect(422, "listAlertDeliveries", query="state=lost")
    channel = service.expect(200, "listAlertChannels")["data"][0]
    assert (channel["name"], channel["kind"], channel["state"]) == ("hook", "webhook", "works")
    from_alertmanager(service, "GoneWrong", "resolved")


def counted(service):
    """Counts, shares, volume, the budget and targets change while it runs as figures do."""
    for rule, wanted, of in (
            ("QueueLag", {"jobs_late.least": 3, "jobs_late.grave_after_s": 1200},
             "QueueLag.counts"),
            ("RefundRate", {"share.times": 2.5, "share.window": "hour"}, "RefundRate.share"),
            ("VolumeDrop", {"volume.drop": 50}, "volume"),
            ("VolumeSurge", {"alarms_per_day": 0.05}, "budget"),
            ("SlowFraudCheck", {"target": 0.25}, "fraud_detection_latency")):
        begun = service.expect(202, "backtestAlertRule", [rule],
                               body={"set": wanted, "since": "1h"})
        service.await_that("it is done", lambda one=begun["id"]: service.expect(
            200, "getBacktest", [one])["state"] == "done")
        made = service.expect(200, "setAlertRule", [rule], body={"set": wanted, **REASON})
        assert {row["key"]: row["is"] for row in made["changes"]} == wanted
        assert {row["of"] for row in made["changes"]} == {of}
        assert made["backtest"] == begun["id"]
    figure = service.expect(200, "getFigures", query="name=fraud_detection_latency")["data"][0]
    assert figure["target"] == 0.25
    for rule, bad in (("QueueLag", {"jobs_late.least": 0}),
                      ("RefundRate", {"share.window": "week"}),
                      ("VolumeDrop", {"volume.drop": 99}), ("QueueLag", {"alarms_per_day": 1})):
        service.expect(422, "setAlertRule", [rule],
                       body={"set": bad, "untested": "a scene", **REASON})


def rules_that_change_while_it_runs(service):
    rule = service.expect(200, "getAlertRule", ["SlowFraudCheck"])
    before = {row["key"]: row for row in rule["settings"]}
    assert rule["raised_by"] == ["fraud_detection_latency"] and rule["can_be_backtested"]
    assert before["critical"]["value"] == before["critical"]["file_value"] == 3
    body = {"set": {"critical": 4.5, "for_s": 90}, **REASON}
    untried = service.expect(409, "setAlertRule", ["SlowFraudCheck"], body=body)
    assert "backtest" in untried["hint"], untried.json
    begun = service.expect(202, "backtestAlertRule", ["SlowFraudCheck"],
                           body={"set": body["set"], "since": "1h"})
    one = [begun["id"]]
    service.await_that("it is done", lambda: service.expect(
        200, "getBacktest", one)["state"] == "done")
    tried = service.expect(200, "getBacktest", one)
    assert {row["key"]: row["is"] for row in tried["changes"]} == body["set"]
    assert tried["result"]["proposed"]["count"] == 0
    made = service.expect(200, "setAlertRule", ["SlowFraudCheck"], body=body, once="tune-1")
    assert made["backtest"] == begun["id"] and "untested" not in made.json
    again = service.expect(200, "setAlertRule", ["SlowFraudCheck"], body=body, once="tune-1")
    assert again.json == made.json
    rows = {row["key"]: row
            for row in service.expect(200, "getAlertRule", ["SlowFraudCheck"])["settings"]}
    assert rows["critical"]["value"] == 4.5 and rows["critical"]["changed"]["in_force"]
    figure = service.expect(200, "getFigures", query="name=fraud_detection_latency")["data"][0]
    assert figure["critical"] == 4.5
    rules = {row["name"]: row for row in service.expect(200, "listAlertRules")["data"]}
    assert rules["SlowFraudCheck"]["for_seconds"] == 90
    back = service.expect(200, "setAlertRule", ["SlowFraudCheck"], body={
        "set": {"critical": None, "for_s": None}, "untested": "as it was", **REASON})
    assert {row["key"]: row["is"] for row in back["changes"]} == {"critical": 3, "for_s": 60}
    listed = service.expect(200, "listAlertRuleChanges", query="rule=SlowFraudCheck&limit=1")
    assert listed["data"][0]["untested"] == "as it was"
    service.expect(200, "listAlertRuleChanges", query=f"cursor={listed['next_cursor']}")
    for bad in ({"critical": 0.5}, {"for_s": "soon"}, {"for_s": [1]}, {"alarms_per_day": 1}, {},
                {"window_minutes": 11}, {"severity": "P9"}, {"for_s": 1.5}):
        service.expect(422, "setAlertRule", ["SlowFraudCheck"],
                       body={"set": bad, "untested": "a scene", **REASON})
    service.expect(422, "backtestAlertRule", ["SlowFraudCheck"], body={"since": "400d"})
    service.expect(422, "backtestAlertRule", ["SlowFraudCheck"], body={"since": "soon"})
    service.expect(409, "backtestAlertRule", ["CredentialExpiry"], body={"since": "1h"})
    counted(service)
    service.expect(404, "backtestAlertRule", ["Nobody"], body={"since": "1h"})
    service.expect(404, "setAlertRule", ["Nobody"], body=body)
    service.expect(404, "getAlertRule", ["Nobody"])
    service.expect(404, "getBacktest", [f"bkt_{NOBODYS}"])
    service.expect(422, "listAlertRuleChanges", query="rule=Nobody")
    for operation, parameters, wanted in (
            ("setAlertRule", ["SlowFraudCheck"], body),
            ("backtestAlertRule", ["SlowFraudCheck"], {"since": "1h"})):
        service.expect(403, operation, parameters, body=wanted, key=service.role_key("support"),
                       internal=False)
    service.expect(200, "getAlertRule", ["SlowFraudCheck"], key=service.role_key("viewer"),
                   internal=False)
