# SPDX-License-Identifier: Apache-2.0
"""scenes_desk.py: the support desk and the knowledge base, by the running service."""

REASON = {"reason": "a scene of the contract"}
NOBODYS = "apr_01JD5R6Q6Y0V3M8X2K4N7T9BCF"
PAGE = ("---\ntitle: Quokkas\nkind: faq\ntags: marsupial\nversion: 1\nreviewed: 2026-11-23\n"
        "---\n\n# Quokkas\n\n<script>alert(1)</script> see [charged twice](charged-twice).\n")


def pay(service, **more):
    return service.pay(amount=9000, **more)["id"]


def pages_found_edited_and_restored(service):
    best = service.expect(200, "searchKnowledgeBase", query="q=charged%20twice&lang=en")["data"][0]
    assert best["page"] == "faq-charged-twice" and best["score"] > 0, best
    chinese = service.expect(200, "searchKnowledgeBase",
                             query="q=%E9%80%80%E6%AC%BE%E5%A4%B1%E8%B4%A5")["data"][0]
    assert (chinese["page"], chinese["language"]) == ("faq-refund-failed", "zh"), chinese
    linked = service.expect(200, "searchKnowledgeBase",
                            query="for=break:double_charge&kind=sop&limit=1")
    assert linked["data"][0]["page"] == "charged-twice", linked.json
    for query in ("lang=fr", "limit=0", "nothing=1"):
        service.expect(422, "searchKnowledgeBase", query=query)
    assert service.expect(200, "getKnowledgePage", ["charged-twice"])["version"] == 1
    service.expect(404, "getKnowledgePage", ["nowhere"])
    service.expect(404, "getKnowledgePage", ["charged-twice"], query="version=9")
    body = {"text": PAGE, "if_version": 0, **REASON}
    made = service.expect(201, "editKnowledgePage", ["quokkas"], body=body, once="kb-1")
    again = service.expect(201, "editKnowledgePage", ["quokkas"], body=body, once="kb-1")
    assert made["version"] == 1 and again.headers["Idempotent-Replayed"] == "true"
    service.expect(409, "editKnowledgePage", ["quokkas"], body=body)
    better = {**body, "text": PAGE.replace("alert", "better"), "if_version": 1}
    assert service.expect(200, "editKnowledgePage", ["quokkas"], body=better)["version"] == 2
    back = {"restore": 1, "if_version": 2, **REASON}
    assert service.expect(200, "editKnowledgePage", ["quokkas"], body=back)["version"] == 3
    assert service.expect(200, "getKnowledgePage", ["quokkas"])["text"] == PAGE
    assert "better" in service.expect(200, "getKnowledgePage", ["quokkas"],
                                      query="version=2")["text"]
    versions = service.expect(200, "listKnowledgeVersions", ["quokkas"])["data"]
    assert [row["version"] for row in versions] == [3, 2, 1], versions
    service.expect(404, "listKnowledgeVersions", ["nowhere"])
    html = service.expect(200, "readKnowledgePage", ["quokkas"]).body.decode()
    assert "&lt;script&gt;" in html and "<script" not in html, html
    assert 'href="/kb/charged-twice?lang=en"' in html, html
    service.expect(404, "readKnowledgePage", ["nowhere"])
    for wrong in ({"text": "no front matter"}, {"text": None, "restore": None}, {"reason": ""},
                  {"restore": 1}, {"text": PAGE + "4111 1111 1111 1111"}, {"more": 1}):
        service.expect(422, "editKnowledgePage", ["quokkas"],
                       body={**body, "if_version": 3, **wrong})
    service.expect(409, "editKnowledgePage", ["gateway-failure"],
                   body={"text": PAGE, "if_version": 1, **REASON})


def payments_looked_up(service):
    payment = pay(service, order_id="desk-1",
                  customer={"id": "cus_desk", "email": "desk@x.example"})
    for query, by in (("desk-1", "order"), (payment, "payment"), ("cus_desk", "customer"),
                      ("desk%40x.example", "email")):
        found = service.expect(200, "lookUpForCustomer", query=f"q={query}")
        assert (found["by"], found["data"][0]["payment_id"]) == (by, payment), found.json
    one = found["data"][0]
    assert one["situation"] in ("paid", "not_told") and not one["may_pay_again"], one
    assert payment in one["script"]["en"] and payment in one["script"]["zh"], one
    assert [act["act"] for act in one["acts"] if act["allowed"]] == ["refund", "resend", "ticket"]
    assert [page["page"] for page in one["pages"]["zh"]], one
    nothing = service.expect(200, "lookUpForCustomer", query="q=nothing&limit=3")
    assert nothing["data"] == [] and "does not say" in nothing["note"]["en"], nothing.json
    service.expect(422, "lookUpForCustomer", query="limit=1")
    service.expect(422, "lookUpForCustomer", query="q=x&limit=21")
    service.expect(403, "lookUpForCustomer", query="q=x", key=service.role_key("viewer"))


def the_shop_is_told_once_more(service):
    silent = pay(service)
    service.expect(409, "resendPayment", [silent], body=REASON)
    endpoint = service.expect(201, "createWebhookEndpoint", body={
        "url": "http://127.0.0.1:7900/hook", "types": "*"})["id"]
    payment = [pay(service)]
    again = service.await_that("what was told can be told once more", lambda: next(
        (answer for answer in [service.ask("resendPayment", payment, body=REASON)]
         if answer.status == 202), None))
    assert again["payment_id"] == payment[0] and len(again["resent"]) == 1, again.json
    service.expect(404, "resendPayment", ["pay_01JD5R6Q6Y0V3M8X2K4N7T9BCF"], body=REASON)
    service.expect(422, "resendPayment", payment, body={})
    service.expect(200, "deleteWebhookEndpoint", [endpoint])


def refunds_that_take_two(service):
    ann, bob = service.person_key("support"), service.person_key("finance")
    payment = pay(service)
    body = {"payment_id": payment, "amount": 8000, **REASON}
    service.expect(403, "askForRefund", body=body)  # nobody knows who
    asked = service.expect(201, "askForRefund", body=body, key=ann)
    assert asked["approval"]["kind"] == "refund" and asked["state"] == "waiting", asked.json
    service.expect(409, "askForRefund", body=body, key=ann)
    one = [asked["id"]]
    service.expect(403, "approveRefund", one, body=REASON, key=ann)
    service.expect(202, "approveRefund", one, body=REASON, key=bob)
    service.expect(409, "rejectRefund", one, body=REASON, key=bob)
    seen = service.await_that("it is refunded", lambda: next(
        (answer for answer in [service.expect(200, "getRefundRequest", one)]
         if answer["state"] == "done"), None))
    assert service.expect(200, "getRefund", [seen["refund_id"]])["amount"] == 8000
    again = service.expect(201, "askForRefund", body={**body, "amount": 500}, key=ann)["id"]
    assert service.expect(200, "rejectRefund", [again], body=REASON, key=ann)["state"] == "rejected"
    rows = service.expect(200, "listRefundRequests", query=f"payment_id={payment}&limit=5")["data"]
    assert [row["state"] for row in rows] == ["rejected", "done"], rows
    service.expect(422, "listRefundRequests", query="state=odd")
    for wrong in ({"payment_id": "x"}, {"amount": 0}, {"reason": ""}, {"more": 1}):
        service.expect(422, "askForRefund", body={**body, **wrong}, key=ann)
    service.expect(422, "askForRefund", body={**body, "amount": 9001}, key=ann)
    for name in ("getRefundRequest", "approveRefund", "rejectRefund"):
        service.expect(404, name, [NOBODYS], body=None if name.startswith("get") else REASON)
