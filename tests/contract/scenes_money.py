# SPDX-License-Identifier: Apache-2.0
"""scenes_money.py: the scenes in which money moves: payments of every kind, refunds, disputes, bank
transfers, credit and subscriptions. scenes.py says in which order they are played."""


def payments_in_every_state(service):
    assert service.pay()["state"] == "succeeded"
    assert service.pay(tokens={"stripe-a": "pm_good", "strip": "pm_good"})["warnings"] == [{
        "code": "unknown_gateway", "place": "/tokens/strip",
        "message": "No gateway of this name is configured; its token is not used."}]
    full = service.pay(
        purpose="subscription", capture="automatic", token="pm_portable", description="Two shirts",
        customer={"id": "c-1", "region": "DE", "email": "a@shop.example", "ip": "203.0.113.7",
                  "vip": True, "segment": "retail"},
        return_url="https://shop.example/back", cancel_url="https://shop.example/no",
        metadata={"basket": "7"}, several_per_order=True)
    assert full["customer"] == {
        "id": "c-1", "region": "DE", "vip": True, "segment": "retail"}
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


def a_payment_that_waits_for_its_customer(service):
    service.tell("say 0 charge 1 action")
    waiting = service.pay()
    assert waiting["action"]["type"] == "redirect", waiting
    assert waiting["action"]["expires_at"] is not None, waiting
    service.expect(409, "getPaymentCode", [waiting["id"]])
    service.tell("code " + waiting["id"])
    drawn = service.expect(200, "getPaymentCode", [waiting["id"]])
    assert drawn.body.startswith(b"<svg "), drawn
    link = service.expect(200, "getPaymentCodeLink", [waiting["id"]])
    token = link["url"].rsplit("/", 1)[1]
    shown = service.expect(200, "getPayCode", [token])
    assert shown.body == drawn.body, shown
    assert shown.headers["Cross-Origin-Resource-Policy"] == "cross-origin", shown.headers
    service.expect(404, "getPayCode", ["a" + token[1:]])
    service.expect(201, "choosePaymentMethod", [waiting["id"]],
                   body={"method": "card", "tokens": {"stripe-a": "pm_good"}})
    service.expect(409, "getPaymentCodeLink", [waiting["id"]])
    service.expect(410, "getPayCode", [token])


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
    listed = service.expect(200, "listRefunds", query="state=failed")["data"]
    assert [row["id"] for row in listed] == [failed["id"]], listed
    service.expect(201, "retryRefund", [failed["id"]])
    assert service.expect(200, "listRefunds", query="state=failed")["data"] == []
    service.expect(409, "retryRefund", [failed["id"]])
    service.tell("say 0 * -1 lose before")
    service.expect(202, "refundPayment", [paid["id"]], body={"amount": 100})
    service.expect(202, "runbookRefund", [paid["id"]], body={"amount": 100})
    service.tell("quiet")
    service.expect(201, "runbookRefund", [paid["id"]], body={
        "amount": 100, "reason": "duplicate", "refundToOriginalMethod": True})
    assert len(service.expect(200, "listRefunds", query="limit=2&since=1h")["data"]) == 2
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
    figures = service.expect(200, "getFigures")["data"]
    assert len(figures) == 9 and all(len(figure["points"]) == 10 for figure in figures)
    rates = service.expect(200, "getFigures", query="name=gateway_error_rate&by=gateway,method")
    assert any(rate["failed"] > 0 for rate in rates["data"])
    service.expect(200, "getFigures", query="since=1h&by=segment")
    service.expect(422, "getFigures", query="name=speed")
    service.expect(422, "getFigures", query="by=color")
    service.expect(422, "getFigures", query="since=1s")


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


def orders_that_are_held(service):
    held = service.pay(defer=True, customer={"id": "c-9"}, return_url="https://shop.example/back")
    assert held.status == 201 and held["action"]["type"] == "pay_later", held
    token = held["pay_later_url"].rsplit("/", 1)[1]
    assert service.expect(200, "getPayment", [held["id"]])["pay_later_url"] == held["pay_later_url"]
    page = service.expect(200, "getPayPage", [token], query="lang=en&go=1&not_now=1")
    text = page.body.decode()
    assert held["order_id"] in text and "19.99" in text and "c-9" not in text, text
    assert "<script" not in text and "default-src 'none'" in page.headers["Content-Security-Policy"]
    service.expect(200, "getPayPage", [token], query="lang=zh")
    service.expect(404, "getPayPage", ["a" * 48])
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    post = f"method=paypal&page={held['version']}".encode()
    service.expect(404, "choosePayMethod", ["a" * 48], raw=post, headers=form)
    service.expect(403, "choosePayMethod", [token], raw=post,
                   headers={**form, "Origin": "https://evil.example"})
    service.expect(400, "choosePayMethod", [token], raw=b"method", headers=form)
    service.expect(413, "choosePayMethod", [token], raw=b"m=" + b"a" * 5000, headers=form)
    service.expect(415, "choosePayMethod", [token], raw=b"{}")
    service.expect(422, "choosePayMethod", [token], raw=b"method=paypal", headers=form)
    chosen = service.expect(303, "choosePayMethod", [token], raw=post, headers=form)
    assert chosen.headers["Location"].startswith("?lang="), chosen.headers
    # Nobody answers for PayPal: back to the page, and the shop pays it with a card.
    assert service.expect(200, "getPayment", [held["id"]])["action"]["type"] == "pay_later"
    paid = service.expect(201, "choosePaymentMethod", [held["id"]],
                          body={"method": "card", "tokens": {"stripe-a": "pm_good"}})
    assert paid["state"] == "succeeded" and "pay_later_url" not in paid.json, paid
    assert b"Paid" in service.expect(200, "getPayPage", [token], query="lang=en").body
    assert service.pay(defer=True, queue=True).status == 422


def payments_that_are_queued(service):
    queued = service.pay(queue=True, customer={"id": "c-listed"}, amount=500)
    assert queued.status == 202 and queued["queued"] is True, queued
    service.await_that("it is charged", lambda: service.expect(
        200, "getPayment", [queued["id"]])["state"] == "succeeded")
    assert service.pay(queue=True, amount=500).status == 422  # whose customer is not listed
    assert service.pay(queue=True, customer={"id": "c-listed"}).problem() == "amount"


def payments_by_hand(service):
    def by_hand(**more):
        return {"order_id": service.fresh("order"), "amount": 1999, "currency": "USD",
                "paid_by": "bank", "reference": service.fresh("TR"), "reason": "a scene", **more}

    clerk, chief = service.person_key("support"), service.person_key("finance")
    service.expect(403, "createManualPayment", body=by_hand())  # nobody knows who asks
    service.expect(403, "createManualPayment", key=service.role_key("finance"), body=by_hand())
    asked = service.expect(201, "createManualPayment", key=clerk, body=by_hand(
        customer={"id": "c-1", "vip": True}, received_at="2026-11-20T08:00:00Z",
        description="Two shirts"))
    assert asked["payment"]["state"] == "created" and asked["approval"]["state"] == "waiting"
    number, reason = asked["id"], {"reason": "it is on the statement"}
    service.expect(409, "createManualPayment", key=clerk, body=by_hand(
        reference=asked["reference"]))
    service.expect(409, "createManualPayment", key=clerk, body=by_hand(
        order_id=asked["payment"]["order_id"]))
    service.expect(409, "approveManualPayment", [number], key=chief, body=reason)
    service.expect(201, "attachManualEvidence", [number], key=clerk,
                   body={"kind": "receipt", "text": "The slip of Friday"})
    slip = {"kind": "receipt", "file_name": "slip.pdf", "media_type": "application/pdf",
            "content": "JVBERi0xLjcgeA=="}
    shown = service.expect(201, "attachManualEvidence", [number], key=clerk, body=slip)
    kept = service.expect(200, "getEvidence", [shown["evidence"][1]["id"]])
    assert kept["content"] == slip["content"]
    service.expect(422, "attachManualEvidence", [number], key=clerk,
                   body={**slip, "media_type": "image/png"})
    service.expect(403, "approveManualPayment", [number], body=reason)
    done = service.expect(200, "approveManualPayment", [number], key=chief, body=reason)
    assert done["payment"]["state"] == "succeeded" and done["payment"]["method"] == "manual"
    assert done["approval"]["asked_by_name"].startswith("person-"), done["approval"]
    assert done["approval"]["decided_by_name"] != done["approval"]["asked_by_name"]
    story = service.expect(200, "getPaymentStory", [number])
    assert story["postings"][0]["debit"] == "merchant:manual_clearing", story["postings"]
    for name in ("approveManualPayment", "rejectManualPayment"):
        service.expect(409, name, [number], key=chief, body=reason)
    service.expect(409, "attachManualEvidence", [number], key=clerk,
                   body={"kind": "receipt", "text": "late"})
    other = service.expect(201, "createManualPayment", key=clerk, body=by_hand())
    assert len(service.expect(200, "listManualPayments", query="state=waiting")["data"]) == 1
    gone = service.expect(200, "rejectManualPayment", [other["id"]], key=chief, body=reason)
    assert gone["payment"]["state"] == "canceled" and gone["approval"]["state"] == "rejected"
    service.expect(200, "getManualPayment", [number])
    nobody = "pay_01JD5R6Q6Y0V3M8X2K4N7T9BCF"
    service.expect(404, "getManualPayment", [nobody])
    service.expect(404, "approveManualPayment", [nobody], key=chief, body=reason)
    service.expect(404, "rejectManualPayment", [nobody], key=chief, body=reason)
    service.expect(404, "attachManualEvidence", [nobody], key=clerk,
                   body={"kind": "receipt", "text": "x"})


def disputes_and_their_evidence(service):
    paid = service.pay(customer={"id": "c-3"})
    told = {"reference": "CB1", "amount": 100, "reason": "Unauthorized transaction"}
    first = service.expect(201, "recordDispute", [paid["id"]], body=told)
    assert first["state"] == "needs_response" and first["booked"] == "chargebacks"
    assert service.expect(200, "recordDispute", [paid["id"]], body=told)["id"] == first["id"]
    service.expect(409, "recordDispute", [paid["id"]], body={**told, "amount": 99})
    service.expect(422, "recordDispute", [paid["id"]],
                   body={"reference": "CB2", "amount": 1900, "due_at": "2030-01-01T00:00:00Z"})
    book = {"chargebackReference": "CB12345", "amount": 1, "reason": "Unauthorized transaction"}
    service.expect(201, "runbookChargeback", [paid["id"]], body=book, once=None)
    again = service.expect(201, "runbookChargeback", [paid["id"]], body=book, once=None)
    assert again.headers["Idempotent-Replayed"] == "true"
    service.expect(200, "runbookChargeback", [paid["id"]], body=book)
    service.expect(409, "refundPayment", [paid["id"]], body={"amount": 1})
    service.expect(409, "submitEvidence", [first["id"]])
    ended = service.expect(200, "resolveDispute", [first["id"]],
                           body={"status": "won", "reason": "a letter of the bank"})
    assert ended["state"] == "won" and ended["closed_at"] and ended["booked"] is None
    for name, body in (("resolveDispute", {"status": "lost", "reason": "x"}),
                       ("acceptDispute", {"reason": "x"}), ("submitEvidence", None),
                       ("attachEvidence", {"kind": "other", "text": "x"}), ("getDispute", None)):
        service.expect(404, name, ["dsp_01JD5R6Q6Y0V3M8X2K4N7T9BCF"], body=body)
    assert len(service.expect(200, "listDisputes", query=f"payment_id={paid['id']}")["data"]) == 2
    assert service.expect(200, "listDisputes", query="state=won&limit=1")["data"]
    story = service.expect(200, "getPaymentStory", [paid["id"]])
    assert len(story["disputes"]) == 2 and story["payment"]["amount_disputed"] == 1


def disputes_that_a_gateway_tells_of(service):
    def dispute_of(payment):
        service.callback("stripe-a", service.tell(f"dispute {payment['order_id']}").encode())
        return service.await_that("its dispute", lambda: next(iter(service.expect(
            200, "listDisputes", query=f"payment_id={payment['id']}")["data"]), None))

    dispute = dispute_of(service.pay())
    assert dispute["gateway_id"] and dispute["due_at"] and dispute["fee"] == 15
    service.expect(201, "attachEvidence", [dispute["id"]],
                   body={"kind": "other", "text": "The customer signed for it."})
    no_file = service.expect(422, "attachEvidence", [dispute["id"]], body={
        "kind": "receipt", "file_name": "receipt.pdf", "media_type": "application/pdf",
        "content": "JVBERi0xLjcgeA=="})  # Stripe takes texts alone
    assert no_file["place"] == "/content", no_file
    service.expect(404, "getEvidence", ["evd_01JD5R6Q6Y0V3M8X2K4N7T9BCF"])
    assert service.expect(202, "submitEvidence", [dispute["id"]])["answer"]["what"] == "evidence"
    done = service.await_that("it is there", lambda: next((row for row in service.expect(
        200, "listDisputes", query="state=under_review")["data"]
        if row["answer"]["state"] == "done"), None))
    assert done["id"] == dispute["id"]
    service.expect(409, "submitEvidence", [dispute["id"]])
    other = dispute_of(service.pay())
    service.expect(202, "acceptDispute", [other["id"]], body={"reason": "it was never sent"})
    service.await_that("it is lost", lambda: service.expect(
        200, "getDispute", [other["id"]])["state"] == "lost")
    service.expect(409, "resolveDispute", [other["id"]], body={"status": "won", "reason": "x"})


def bank_row(number, amount, text, **more):
    return {"bank_id": f"b-{number}", "account": "DE02120300000000202051", "direction": "credit",
            "booked_on": "2026-11-22", "amount": amount, "currency": "USD", "remittance": text,
            "party_name": "Erika Mustermann", "party_account": "DE89370400440532013000", **more}


def bank_transfers(service):
    def take(*rows):
        return service.expect(201, "takeBankRows", body={"source": "s.csv", "rows": rows})

    def becomes(payment, state):
        service.await_that(f"it is {state}", lambda: service.expect(
            200, "getPayment", [payment["id"]])["state"] == state)

    def row_of(number):
        return service.await_that("it was looked at", lambda: next(
            (row for row in service.expect(200, "listBankRows", query="limit=100")["data"]
             if row["bank_id"] == f"b-{number}" and row["state"] != "new"), None))

    waiting = service.pay(method="bank_transfer", tokens=None, customer={"id": "c-9"})
    assert waiting["action"]["type"] == "bank_transfer", waiting
    reference, amount = (waiting["action"]["bank_transfer"][key] for key in ("reference", "amount"))
    first = bank_row(1, amount - 100, reference)
    assert take(first)["taken"] == 1
    service.await_that("it is shown", lambda: service.expect(
        200, "getPayment", [waiting["id"]])["action"]["bank_transfer"]["missing"] == 100)
    assert take(first, bank_row(2, 150, reference))["known"] == 1
    becomes(waiting, "succeeded")
    service.expect(409, "takeBankRows", body={"source": "s.csv", "rows": [{**first, "amount": 1}]})
    service.expect(422, "takeBankRows", body={
        "source": "s.csv", "rows": [bank_row(3, 1, "", account="DE00")]})
    over = service.await_that("its case", lambda: next(
        (case for case in service.expect(200, "listCases")["data"]
         if case["kind"] == "overpayment" and case["payment_id"] == waiting["id"]), None))
    assert over["amount"] == 50
    reason = {"reason": "a scene of the contract"}
    assert service.expect(200, "creditCase", [over["id"]], body=reason)["state"] == "closed"
    service.expect(409, "creditCase", [over["id"]], body=reason)
    service.expect(404, "creditCase", ["case_nobody"], body=reason)
    other = service.pay(method="bank_transfer", tokens=None)
    take(bank_row(4, amount, "for the blue one"))
    lost = row_of(4)
    assert lost["state"] == "suspense" and lost["party_account"] == "DE89…3000"
    match = {"payment_id": other["id"], **reason}
    found = service.expect(200, "matchBankRow", [lost["id"]], body=match)
    assert found["payment"]["state"] == "succeeded" and found["row"]["state"] == "matched"
    service.expect(409, "matchBankRow", [lost["id"]], body=match)
    service.expect(404, "matchBankRow", ["bkr_01JD5R6Q6Y0V3M8X2K4N7T9BCF"], body=match)
    service.expect(200, "getBankRow", [lost["id"]])
    service.expect(404, "getBankRow", ["bkr_01JD5R6Q6Y0V3M8X2K4N7T9BCF"])
    service.expect(200, "listBankRows", query=f"state=matched&payment_id={other['id']}")
    assert service.expect(200, "listBankAccounts")["data"][0]["gateway"] == "bank-a"
    assert service.expect(202, "refundPayment", [other["id"]], body={"amount": 70})["state"] == \
        "pending"
    payout = service.expect(200, "listBankPayouts")["data"][0]
    assert payout["senders"][0]["account"] == "DE89370400440532013000"
    sent = service.expect(200, "markBankPayoutSent", [payout["operation_id"]], body=reason)
    assert sent["sent_by"] and sent["senders"][0]["account"] == "DE89…3000"
    service.expect(409, "markBankPayoutSent", [payout["operation_id"]], body=reason)
    service.expect(404, "markBankPayoutSent", ["re_01JD5R6Q6Y0V3M8X2K4N7T9BCF"], body=reason)
    take(bank_row(5, 70, payout["reference"], direction="debit"))
    assert row_of(5)["state"] == "paid_out"


def store_credit(service):
    paid = service.pay(customer={"id": "c-4"})
    service.tell("say 0 refund 1 reject")
    failed = service.expect(201, "refundPayment", [paid["id"]], body={"amount": 100})
    assert failed["state"] == "failed" and failed["advice"]
    given = service.expect(201, "giveRefundAsCredit", [failed["id"]])
    assert given["state"] == "succeeded" and given["to_original_method"] is False
    service.expect(409, "retryRefund", [failed["id"]])
    service.expect(404, "giveRefundAsCredit", ["re_01JD5R6Q6Y0V3M8X2K4N7T9BCF"])
    held = service.expect(200, "getStoreCredit", ["c-4"])
    assert held["balances"] == [{"currency": "USD", "balance": 100, "balance_decimal": "1.00"}]
    grant = {"act": "grant", "amount": 50, "currency": "USD", "reason": "a late parcel"}
    assert service.expect(201, "adjustStoreCredit", ["c-4"], body=grant)["balances"][0][
        "balance"] == 150
    service.expect(422, "adjustStoreCredit", ["c-4"], body={**grant, "act": "take", "amount": 151})
    assert service.expect(200, "getStoreCredit", ["nobody"])["balances"] == []


def plans_and_subscriptions(service):
    plan = service.expect(201, "createPlan", body={
        "name": "Coffee", "amount": 900, "currency": "USD", "interval": "month",
        "interval_count": 1, "trial_days": 0, "when_unpaid": "keep_unpaid"})
    yearly = service.expect(201, "createPlan", body={
        "name": "Coffee for a year", "amount": 9000, "currency": "USD", "interval": "year"})
    assert yearly["when_unpaid"] == "cancel" and yearly["interval_count"] == 1
    euros = service.expect(201, "createPlan", body={
        "name": "Kaffee", "amount": 900, "currency": "EUR", "interval": "month"})
    service.expect(422, "createPlan", body={
        "name": "x", "amount": 900, "currency": "USD", "interval": "week", "interval_count": 53})
    service.expect(422, "createPlan", body={
        "name": "x", "amount": 900, "currency": "USD", "interval": "fortnight"})
    assert service.expect(200, "getPlan", [plan["id"]])["name"] == "Coffee"
    service.expect(404, "getPlan", ["pln_01JD5R6Q6Y0V3M8X2K4N7T9BCF"])
    sold_out = service.expect(200, "updatePlan", [euros["id"]],
                              body={"active": False, "name": "Kaffee 2026"})
    assert sold_out["active"] is False
    assert len(service.expect(200, "listPlans")["data"]) == 2
    assert len(service.expect(200, "listPlans", query="all=1")["data"]) == 3

    order = {"plan_id": plan["id"], "customer": {"id": "c-9", "email": "a@shop.example"},
             "method": "card", "tokens": {"stripe-a": "pm_good"}, "time_zone": "Europe/Berlin",
             "metadata": {"shelf": "7"}}
    made = service.expect(201, "createSubscription", body=order)
    assert made["state"] == "starting" and made["latest_invoice"] is None
    service.expect(409, "createSubscription", body={**order, "plan_id": euros["id"]})
    service.expect(422, "createSubscription", body={**order, "time_zone": "Europe/Atlantis"})
    service.expect(422, "createSubscription", body={**order, "tokens": None})
    service.expect(422, "createSubscription", body={**order, "plan_id": "plan"})
    trial = service.expect(201, "createSubscription", body={**order, "trial_days": 14})
    assert trial["state"] == "trialing"
    def stands(subscription, state):
        service.await_that(f"a subscription is {state}", lambda: service.expect(
            200, "getSubscription", [subscription["id"]])["state"] == state)
        return service.expect(200, "getSubscription", [subscription["id"]])

    active = stands(made, "active")
    assert active["latest_invoice"]["state"] == "paid", active
    assert active["latest_invoice"]["payment_id"].startswith("pay_")
    history = service.expect(200, "listInvoices", [made["id"]])["data"][0]["history"]
    assert [one["state"] for one in history] == ["paid"]
    both = service.expect(200, "listSubscriptions", query="customer_id=c-9&limit=1")
    assert both["next_cursor"] is not None and len(both["data"]) == 1
    rest = service.expect(200, "listSubscriptions",
                          query="customer_id=c-9&limit=1&cursor=" + both["next_cursor"])
    assert rest["next_cursor"] is None and rest["data"][0]["id"] == made["id"]
    service.expect(422, "listSubscriptions", query="state=asleep")

    one = [made["id"]]
    changed = service.expect(200, "changeSubscription", one, body={"plan_id": yearly["id"]})
    assert changed["next_plan_id"] == yearly["id"] and changed["plan_id"] == plan["id"]
    service.expect(409, "changeSubscription", one, body={"plan_id": euros["id"]})
    service.expect(409, "retrySubscription", one)
    service.expect(409, "keepSubscription", one)
    ends = service.expect(200, "cancelSubscription", one, body={"reason": "no longer wanted"})
    assert ends["cancel_at_period_end"] is True and ends["state"] == "active"
    assert service.expect(200, "keepSubscription", one)["cancel_at_period_end"] is False
    paused = service.expect(200, "pauseSubscription", one, body={"reason": "on holiday"})
    assert paused["state"] == "paused" and paused["reason"] == "on holiday"
    service.expect(409, "pauseSubscription", one, body={"reason": "again"})
    assert service.expect(200, "resumeSubscription", one)["state"] == "active"
    service.expect(409, "resumeSubscription", one)
    service.expect(200, "setSubscriptionMethod", one, body={"method": "card", "token": "pm_new"})
    service.expect(422, "setSubscriptionMethod", one, body={"method": "card"})

    service.tell("say 0 * -1 decline")
    owing = service.expect(201, "createSubscription",
                           body={**order, "customer": {"id": "c-10"}})
    due = stands(owing, "past_due")
    assert due["latest_invoice"]["advice"] == "try_again_later", due
    service.tell("quiet")
    service.expect(200, "retrySubscription", [owing["id"]])
    stands(owing, "active")
    over = service.expect(200, "cancelSubscription", one,
                          body={"reason": "moved away", "at_period_end": False})
    assert over["state"] == "canceled" and over["ended_at"] is not None
    service.expect(409, "cancelSubscription", one, body={"reason": "again"})

    assert service.expect(200, "getBilling")["paused"] is False
    assert service.expect(200, "pauseBilling", body={"reason": "incident"})["paused"] is True
    assert service.expect(200, "getBilling")["reason"] == "incident"
    assert service.expect(200, "resumeBilling")["paused"] is False
    assert service.expect(200, "getTestClock")["on"] is False
    service.expect(409, "advanceTestClock", body={"seconds": 3600})
    service.expect(422, "advanceTestClock", body={"seconds": 0})


def times_that_are_proved(service):
    paid = service.pay(order_id="in-the-window")
    asked = service.expect(202, "proveWindow",
                           body={"from": "2h", "gateway": "stripe-a"})
    assert asked["state"] == "listing" and asked["report"] is None
    done = service.await_that("the window is done", lambda: next(
        iter([w for w in [service.expect(200, "getWindow", [asked["id"]])]
              if w["state"] == "done"]), None))
    report = done["report"]
    assert report["attempts"]["touched"] == done["attempts"]["asked"] > 0
    assert report["proved"] is False and report["missing"]
    assert report["statements"][0]["gateway"] == "stripe-a"
    page = service.expect(200, "listWindowAttempts", [asked["id"]], query="verdict=agreed&limit=1")
    assert len(page["data"]) == 1 and page["next_cursor"]
    again = f"cursor={page['next_cursor']}&limit=100"
    assert paid["id"] in [a["payment_id"] for a in
                          service.expect(200, "listWindowAttempts", [asked["id"]],
                                         query=again)["data"]]
    assert service.expect(200, "listWindows", query="limit=1")["data"][0]["id"] == asked["id"]
    service.expect(422, "proveWindow", body={"from": "1h", "until": "2h"})
    service.expect(422, "listWindowAttempts", [asked["id"]], query="verdict=perhaps")
    for name in ("getWindow", "listWindowAttempts"):
        service.expect(404, name, ["win_01JD5R6Q6Y0V3M8X2K4N7T9BCF"])
