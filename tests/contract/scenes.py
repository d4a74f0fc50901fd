# SPDX-License-Identifier: Apache-2.0
"""scenes.py: what is asked of the running service so that every operation gives each of its
answers. service.py checks each answer; here stands only what must be true besides."""
import json
import time

# Answers that the fake gateways cannot bring about, and why.
UNREACHED = {
    ("releaseCaseOrder", "200"): "an order that late money holds: test_cases.c",
    ("retryRefund", "202"): "a gateway that loses it loses refundPayment's too, which is seen",
    ("getReadiness", "503"): "only while starting and draining: test_service.c",
    ("getHealth", "503"): "seen by test_front.c; here it would stop the other scenes",
}


def payments_in_every_state(service):
    assert service.pay()["state"] == "succeeded"
    assert service.pay(tokens={"stripe-a": "pm_good", "strip": "pm_good"})["warnings"] == [{
        "code": "unknown_gateway", "place": "/tokens/strip",
        "message": "No gateway of this name is configured; its token is not used."}]
    full = service.pay(
        purpose="subscription", capture="automatic", token="pm_portable", description="Two shirts",
        customer={"id": "c-1", "region": "DE", "email": "a@shop.example", "ip": "203.0.113.7",
                  "vip": True},
        return_url="https://shop.example/back", cancel_url="https://shop.example/no",
        metadata={"basket": "7"}, several_per_order=True)
    assert full["customer"] == {"id": "c-1", "region": "DE", "vip": True}
    assert service.pay(capture="manual")["state"] == "authorized"
    service.tell("say 0 charge 1 decline")
    declined = service.pay()
    assert declined["state"] == "failed" and declined["failure"] is not None
    service.tell("say 0 charge 1 action")
    acting = service.pay(return_url="https://shop.example/back")
    assert acting["state"] == "requires_action" and acting["action"]["type"] == "redirect"
    service.tell("say 0 charge 1 pending")
    assert service.pay()["state"] == "processing"
    service.tell("say 0 * -1 refuse")
    assert service.pay()["gateway"] == "stripe-b"
    service.tell("quiet")
    service.tell("say 0 charge 1 lose after")
    assert service.pay()["was_unknown"] is True
    service.tell("say 0 * -1 lose before")
    unknown = service.pay()
    assert unknown.status == 202 and unknown["state"] == "processing"
    service.tell("quiet")


def a_payment_nobody_takes_asks_for_another_method(service):
    waiting = service.pay(method="paypal", tokens=None)
    assert waiting["action"]["type"] == "choose_method", waiting
    tokens = {"stripe-a": "pm_good"}
    chosen = service.expect(201, "choosePaymentMethod", [waiting["id"]],
                            body={"method": "card", "tokens": tokens})
    assert chosen["state"] == "succeeded"
    waiting = service.pay(method="paypal", tokens=None)
    service.tell("say 0 * -1 lose before")
    service.expect(202, "choosePaymentMethod", [waiting["id"]],
                   body={"method": "card", "tokens": tokens})
    service.tell("quiet")
    service.expect(409, "choosePaymentMethod", [chosen["id"]],
                   body={"method": "card", "tokens": tokens})


def captures_and_cancellations(service):
    held = service.pay(capture="manual")
    service.expect(422, "capturePayment", [held["id"]], body={"amount": 2000})
    service.tell("say 0 capture 1 reject")
    refused = service.expect(422, "capturePayment", [held["id"]], body={"amount": 1000})
    assert refused["operation"]["state"] == "failed", refused
    service.expect(201, "capturePayment", [held["id"]], body={"amount": 1000, "final": True})
    service.expect(409, "capturePayment", [held["id"]])
    held = service.pay(capture="manual")
    service.tell("say 0 * -1 lose before")
    service.expect(202, "capturePayment", [held["id"]])
    service.tell("quiet")
    held = service.pay(capture="manual")
    assert service.expect(201, "cancelPayment", [held["id"]],
                          body={"reason": "abandoned"})["state"] == "canceled"
    service.expect(409, "cancelPayment", [held["id"]])
    held = service.pay(capture="manual")
    service.tell("say 0 cancel 1 reject")
    service.expect(422, "cancelPayment", [held["id"]])
    service.tell("say 0 * -1 lose before")
    service.expect(202, "cancelPayment", [held["id"]])
    service.tell("quiet")


def refunds_in_every_state(service):
    paid = service.pay(customer={"id": "c-2"})
    done = service.expect(201, "refundPayment", [paid["id"]],
                          body={"amount": 100, "reason": "duplicate"})
    assert done["state"] == "succeeded" and done["to_original_method"] is True
    credit = service.expect(201, "refundPayment", [paid["id"]],
                            body={"amount": 100, "to_original_method": False})
    assert credit["gateway"] is None
    service.expect(422, "refundPayment", [paid["id"]], body={"amount": 1900})
    service.tell("say 0 refund 1 reject")
    failed = service.expect(201, "refundPayment", [paid["id"]], body={"amount": 100})
    assert failed["state"] == "failed", failed
    service.expect(201, "retryRefund", [failed["id"]])
    service.expect(409, "retryRefund", [failed["id"]])
    service.tell("say 0 * -1 lose before")
    service.expect(202, "refundPayment", [paid["id"]], body={"amount": 100})
    service.expect(202, "runbookRefund", [paid["id"]], body={"amount": 100})
    service.tell("quiet")
    service.expect(201, "runbookRefund", [paid["id"]], body={
        "amount": 100, "reason": "duplicate", "refundToOriginalMethod": True})
    assert len(service.expect(200, "listRefunds", query="limit=2&since=1h")["data"]) == 2
    assert service.expect(200, "listRefunds", query="state=failed")["data"]
    service.expect(200, "getRefund", [done["id"]])
    service.expect(404, "getRefund", ["re_01JD5R6Q6Y0V3M8X2K4N7T9BCF"])


def looking_at_payments(service):
    paid = service.pay(capture="manual")
    service.expect(201, "capturePayment", [paid["id"]])
    service.expect(201, "refundPayment", [paid["id"]], body={"amount": 1})
    service.callback("stripe-a", service.tell("event").encode())
    service.expect(200, "getPayment", [paid["id"]])
    service.expect(404, "getPayment", ["pay_01JD5R6Q6Y0V3M8X2K4N7T9BCF"])
    story = service.expect(200, "getPaymentStory", [paid["id"]])
    assert story["attempts"] and len(story["operations"]) == 2 and story["postings"]
    assert story["events"] and story["attempts"][0]["decision"]["candidates"]
    service.tell("say 0 * -1 lose before")
    lost = service.expect(202, "refundPayment", [paid["id"]], body={"amount": 1})
    service.expect(200, "checkPayment", [paid["id"]])
    asked = service.expect(200, "getPaymentStory", [paid["id"]])["inquiries"]
    assert lost["id"] in [row["operation_id"] for row in asked if row["source"] == "check"]
    service.tell("quiet")
    service.expect(404, "getPaymentStory", ["pay_01JD5R6Q6Y0V3M8X2K4N7T9BCF"])
    status = service.expect(200, "getOrderStatus", [paid["order_id"]])
    assert status["payments"][0]["may_pay_again"] is False
    service.expect(404, "getOrderStatus", ["unheard-of"])
    page = service.expect(200, "listPayments", query="limit=2")
    assert len(page["data"]) == 2 and page["next_cursor"]
    service.expect(200, "listPayments", query=f"limit=2&cursor={page['next_cursor']}")
    service.expect(200, "listPayments", query="state=failed&method=card&review=0&since=7d"
                                              "&until=2100-01-01T00:00:00Z&gateway=stripe-a")
    assert not service.expect(200, "listPayments", query="customer_id=nobody")["data"]


def unresolved_payments(service):
    service.tell("say 0 * -1 lose before")
    first, second = service.pay(), service.pay()
    service.expect(200, "checkPayment", [first["id"]])
    service.tell("quiet")
    resolved = service.expect(200, "resolvePayment", [second["id"]],
                              body={"status": "failed", "reason": "not on the statement"})
    assert resolved["state"] == "failed"
    service.expect(409, "resolvePayment", [second["id"]],
                   body={"status": "completed", "reason": "it was"})
    assert service.expect(200, "listStuckPayments", query="older_seconds=0&limit=5")["data"]
    assert service.expect(200, "listFailedPayments", query="since=1h&limit=5")["by_code"]
    assert service.expect(200, "getSuccessRates", query="since=1h")["data"]


def gateways_and_routing(service):
    assert len(service.expect(200, "listGateways")["data"]) == 3
    service.expect(200, "getGateway", ["stripe-a"])
    service.expect(404, "getGateway", ["nobody"])
    reason = {"reason": "a scene of the contract"}
    for name in ("drainGateway", "disableGateway", "enableGateway"):
        service.expect(200, name, ["stripe-b"], body=reason)
    service.expect(200, "disableGateway", ["stripe-b"], body=reason)
    service.expect(200, "disableGateway", ["paypal-a"], body=reason)
    service.expect(409, "disableGateway", ["stripe-a"], body=reason)
    methods = service.expect(200, "listMethods", query="currency=usd&region=DE")
    assert any(method["notice"] for method in methods["data"])
    service.expect(200, "enableGateway", ["stripe-b"], body=reason)
    service.expect(200, "enableGateway", ["paypal-a"], body=reason)
    assert service.expect(200, "probeGateway", ["stripe-a"])["ok"] is True
    assert service.expect(200, "probeGateway", ["paypal-a"])["ok"] is False
    service.expect(404, "probeGateway", ["nobody"])
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


def an_orphan(service, amount):
    """The id of the case of a charge that nobody asked for, which is in suspense."""
    service.callback("stripe-a", service.tell(f"orphan {amount}").encode())
    return service.await_that("its case", lambda: next(
        (case["id"] for case in service.expect(200, "listCases")["data"]
         if case["amount"] == amount and case["posted"] == "suspense"), None))


def money_in_suspense(service):
    reason = {"reason": "a scene of the contract"}
    closed = service.expect(200, "acceptCase", [an_orphan(service, 701)], body=reason)
    assert closed["state"] == "closed" and closed["decided_by"]
    returned = service.expect(201, "returnCase", [an_orphan(service, 702)], body=reason)
    assert returned["return"]["state"] == "succeeded" and returned["state"] == "closed"
    lost = an_orphan(service, 703)
    service.tell("say 0 * -1 lose before")
    waiting = service.expect(202, "returnCase", [lost], body=reason)
    assert waiting["return"]["state"] == "unknown"
    operation = waiting["return"]["id"]
    decided = service.expect(200, "resolveOperation", [operation], body={
        "status": "failed", "reason": "never arrived", "evidence": "the dashboard"})
    assert decided["object"] == "return" and decided["payment_id"] == ""
    service.expect(409, "resolveOperation", [operation], body={"status": "failed", "reason": "x"})
    service.expect(404, "resolveOperation", ["re_01JD5R6Q6Y0V3M8X2K4N7T9BCF"],
                   body={"status": "failed", "reason": "x"})
    service.tell("quiet")
    service.expect(409, "releaseCaseOrder", [lost], body=reason)


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
    service.expect(200, "getBacklog")
    assert service.expect(200, "verifyInvariants")["broken"] == []
    assert service.expect(200, "verifyAuditLog")["whole"] is True
    assert b"holdfast_http_requests_total" in service.expect(200, "getMetrics").body


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
        if operation.method == "GET":
            continue
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


SCENES = (
    payments_in_every_state, a_payment_nobody_takes_asks_for_another_method,
    captures_and_cancellations, refunds_in_every_state, looking_at_payments, unresolved_payments,
    gateways_and_routing, the_runbooks_own_paths, webhooks_and_their_deliveries,
    callbacks_and_the_cases_they_open, money_in_suspense, keys_and_people, the_service_itself,
    refusals_of_every_operation,
)
TESTS = [(f"answers: {function.__name__.replace('_', ' ')}", function) for function in SCENES]
LAST_TESTS = [("every documented success was seen", every_documented_success_was_seen)]
