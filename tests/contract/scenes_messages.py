# SPDX-License-Identifier: Apache-2.0
"""scenes_messages.py: messages to those whom it concerns, by the running service."""
import time

REASON = {"reason": "a scene of the contract"}
NOBODYS = "msg_01JD5R6Q6Y0V3M8X2K4N7T9BCF"
NEXT = "2099-01-31T14:30:00Z"


def draft(**more):
    return {"template": "customer/being-processed", "channels": ["webhook"],
            "fields": {"next_update": NEXT, "shop": "Blue Shop", "contact": "help@blue.example"},
            "recipients": {"list": [{"email": "a@x.example", "order": "A-1",
                                     "reference": "ref-1"}]},
            **REASON, **more}


def people(service):
    keys = []
    for name in ("message-ann", "message-bo"):
        user = service.expect(201, "createUser", body={
            "name": name, "password": "long enough a password", "role": "operator"})["id"]
        keys.append(service.expect(201, "createKey", body={
            "name": name, "role": "operator", "user_id": user})["key"])
    return keys


def until(service, message, *states):
    for _ in range(600):
        seen = service.expect(200, "getMessage", [message])
        if seen["state"] in states:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"{seen} is not {states}")


def texts_and_what_the_linter_says(service):
    texts = {(row["name"], row["language"]): row
             for row in service.expect(200, "listTemplates")["data"]}
    assert texts["customer/resolved", "zh"]["needs_proof"]
    assert "next_update" in texts["customer/update", "en"]["fields"]
    found = service.expect(200, "lintText", body={"text": "It is r e s o l v e d."})
    assert [row["rule"] for row in found["findings"]] == ["recovery"], found.json
    assert service.expect(200, "lintText", body={"text": "It is not resolved yet."})["count"] == 0
    for wrong in ({"audience": "nobody"}, {"language": "fr"}, {"text": ""}, {"more": 1}):
        service.expect(422, "lintText", body={"text": "x", **wrong})
    body = {"customer_id": "cus_words", "email": "a@x.example", "phone": "+4915112345678",
            "language": "zh"}
    assert service.expect(200, "setCustomerContact", body=body)["phone"] == "+4915112345678"
    for wrong in ({"email": "nobody"}, {"phone": "0151"}, {"language": "fr"}, {"more": 1}):
        service.expect(422, "setCustomerContact", body={**body, **wrong})


def a_message_from_its_draft_to_everybody(service):
    ann, bo = people(service)
    for wrong in ({"template": "customer/nothing"}, {"channels": []}, {"channels": ["email"]},
                  {"channels": ["webhook", "webhook"]}, {"fields": {"nothing": "x"}},
                  {"fields": {}}, {"recipients": {}}, {"reason": ""}, {"language": "fr"},
                  {"incident_id": "17"}, {"more": 1},
                  {"recipients": {"payments_of": {"since": "soon", "until": NEXT}}}):
        service.expect(422, "draftMessage", body=draft(**wrong), key=ann)
    service.expect(404, "draftMessage", key=ann, body=draft(
        recipients={"payments": ["pay_01JD5R6Q6Y0V3M8X2K4N7T9BCF"]}))
    # Nobody who comes in by the API says that it is over.
    over = draft(template="customer/resolved", fields={
        "started": NEXT, "ended": NEXT, "report_by": NEXT, "affected": "cards", "checked": "1",
        "completed": "1", "refunded": "0", "open": "0", "shop": "S", "contact": "c"})
    service.expect(409, "draftMessage", key=ann, body=over)
    incident = service.expect(201, "openIncident", body={"title": "Cards fail"})["id"]
    refused = service.expect(409, "draftMessage", key=ann, body={**over, "incident_id": incident})
    assert f"incident {incident} is open" in refused["detail"], refused
    service.expect(404, "draftMessage", key=ann, body=draft(
        incident_id="inc_01JD5R6Q6Y0V3M8X2K4N7T9BCF"))
    made = service.expect(201, "draftMessage", body=draft(), key=ann, once="message-1")
    assert service.expect(201, "draftMessage", body=draft(), key=ann,
                          once="message-1").json == made.json
    one = made["id"]
    seen = until(service, one, "previewed")
    assert seen["samples"][0]["text"].count("ref-1") == 1, seen.json
    approve = {"hash": seen["hash"], **REASON}
    service.expect(403, "approveMessage", [one], body=approve, key=ann)
    service.expect(403, "approveMessage", [one], body=approve)  # nobody knows who
    service.expect(409, "approveMessage", [one], body={**approve, "hash": "0" * 64}, key=bo)
    service.expect(409, "sendMessage", [one], body={}, key=ann)
    assert service.expect(200, "approveMessage", [one], body=approve, key=bo)["state"] == "approved"
    assert service.expect(200, "sendMessage", [one], body={}, key=ann)["state"] == "sending"
    rows = service.expect(200, "listMailings", [one], query="limit=1")["data"]
    assert rows[0]["person"] == "email:a@x.example"
    service.expect(422, "listMailings", [one], query="state=odd")
    stopped = service.expect(201, "draftMessage", body=draft(recipients={"list": [
        {"email": "b@x.example", "order": "A-1"}]}), key=ann)["id"]
    refused = until(service, stopped, "refused")
    assert refused["problems"][0]["person"] == "email:b@x.example", refused.json
    assert refused["problems"][0]["findings"][0]["rule"] == "reference"
    service.expect(409, "approveMessage", [stopped], body={"hash": refused["hash"], **REASON},
                   key=bo)
    assert service.expect(200, "stopMessage", [stopped], body=REASON)["state"] == "stopped"
    service.expect(409, "stopMessage", [stopped], body=REASON)
    assert one in [row["id"] for row in service.expect(200, "listMessages")["data"]]
    for name, body in (("getMessage", None), ("listMailings", None), ("sendMessage", {}),
                       ("stopMessage", REASON), ("approveMessage", approve)):
        service.expect(404, name, [NOBODYS], body=body)
