# SPDX-License-Identifier: Apache-2.0
"""scenes_breaks.py: scenes about runs of the reconciliation and breaks; see scenes.py."""
import base64
import csv
import hashlib
import io
import urllib.parse
import zipfile

REASON = {"reason": "a scene of the contract"}
COLUMNS = ("gateway_id,reference,original_id,original_reference,batch,kind,status,currency,gross,"
           "fee,net,time,method,description")


def take_statement(service, gateway, rows):
    """rows: (gateway id, reference, amount in cents)"""
    lines = [COLUMNS] + [f"{own},{ours},,,,charge,done,USD,{gross},,,2026-11-20T10:00:00Z,card,"
                         for own, ours, gross in rows]
    text = ("\n".join(lines) + "\n").encode()
    upload = service.expect(201, "createStatementUpload", body={
        "gateway": gateway, "name": service.fresh("bill") + ".csv", "byte_count": len(text),
        "sha256": hashlib.sha256(text).hexdigest()})["id"]
    service.expect(200, "addStatementUploadPart", [upload], body={
        "number": 0, "content": base64.b64encode(text).decode()})
    service.expect(202, "completeStatementUpload", [upload])
    done = service.await_that("the statement is taken in", lambda: next(
        (one for one in [service.expect(200, "getStatementUpload", [upload]).json]
         if one["state"] in ("taken", "refused")), None))
    assert done["state"] == "taken", done
    return done["files"][0]["statement_id"]


def run(service, gateway):
    asked = service.expect(202, "runReconciliation", body={"gateway": gateway})
    return service.await_that("the run is over", lambda: next(
        (one for one in service.expect(200, "listReconciliations",
                                       query=f"gateway={gateway}&limit=100")["data"]
         if one["begun_at"] >= asked["asked_at"] and one["state"] == "done"), None))


def paid(service, amount):
    payment = service.pay(amount=amount).json
    story = service.expect(200, "getPaymentStory", [payment["id"]])
    return payment, story["attempts"][-1]["id"]


def breaks_of(service, payment):
    return service.expect(200, "listBreaks", query=f"payment_id={payment['id']}")["data"]


def runs_and_why_a_row_is_where_it_is(service):
    first, first_attempt = paid(service, 1999)
    statement = take_statement(service, "stripe-a", [("", first_attempt, 1990),
                                                     ("ch_nobody", "", 500)])
    done = run(service, "stripe-a")
    one = service.expect(200, "getReconciliation", [done["id"]])
    assert one["proof"]["every_row_in_one_class"] is True and one["proof"]["ties_out"] is True
    book = one["figures"]["books"][0]
    assert book["opening"] + book["movements"] == book["closing"], book
    assert sum(bucket["their_rows"] for bucket in one["figures"]["buckets"]) == \
        one["figures"]["their_rows"] == one["proof"]["their_rows"]
    rows, cursor = [], ""
    while cursor is not None:
        page = service.expect(200, "listReconciliationRows", [done["id"]],
                              query=f"limit=2&cursor={urllib.parse.quote(cursor)}")
        rows, cursor = rows + page["data"], page["next_cursor"]
    for side in ("our", "their"):
        assert len([row for row in rows if row[f"{side}_amount"] is not None]) == \
            one["figures"][f"{side}_rows"], rows
        for currency in {row["currency"] for row in rows}:
            assert sum(row[f"{side}_amount"] or 0 for row in rows if row["currency"] == currency) \
                == sum(bucket[f"{side}_amount"] for bucket in one["figures"]["buckets"]
                       if bucket["currency"] == currency), one
    table = list(csv.reader(io.StringIO(service.expect(
        200, "exportReconciliationRows", [done["id"]]).body.decode(), newline="")))
    assert [row[1] for row in table[1:len(rows) + 1]] == [row["movement_id"] for row in rows]
    service.expect(422, "exportReconciliationRows", [done["id"]], query="format=pdf")
    service.expect(422, "listReconciliationRows", [done["id"]], query="cursor=perhaps")
    for name in ("listReconciliationRows", "exportReconciliationRows"):
        service.expect(404, name, ["rec_01JD5R6Q6Y0V3M8X2K4N7T9BCF"])
    html = service.expect(200, "reportReconciliation", [done["id"]], query="lang=zh").body.decode()
    assert "<html lang=\"zh\">" in html and done["id"] in html and "<script" not in html, html
    assert ("全部相符" in html) == (one["figures"]["breaks_open"] == 0), html[:2000]
    service.expect(422, "reportReconciliation", [done["id"]], query="lang=fr")
    service.expect(404, "reportReconciliation", ["rec_01JD5R6Q6Y0V3M8X2K4N7T9BCF"])
    page = service.expect(200, "listReconciliations", query="limit=1")
    assert page["data"][0]["id"] == done["id"]
    why = service.expect(200, "explainMovement", [urllib.parse.quote(f"{statement}#2", safe="")])
    assert (why["class"], why["side"], why["same_today"]) == ("missing_here", "theirs", True), why
    assert any("reference" in line for line in why["explanation"]), why
    ours = breaks_of(service, first)[0]
    why = service.expect(200, "explainMovement", [ours["movement_id"]])
    assert why["class"] == "amount_under" and why["break_id"] == ours["id"], why
    service.expect(404, "explainMovement", ["pst_nothing"])
    service.expect(404, "getReconciliation", ["rec_01JD5R6Q6Y0V3M8X2K4N7T9BCF"])
    service.expect(422, "runReconciliation", body={"gateway": "nobody"})
    service.expect(422, "runReconciliation", body={"gateway": "stripe-a",
                                                   "until": "2999-01-01T00:00:00Z"})
    service.expect(409, "runReconciliation", body={"gateway": "stripe-a",
                                                   "until": "2026-01-01T00:00:00Z"})
    service.expect(422, "listReconciliations", query="cursor=perhaps")
    for query in ("gateway=stripe-a&currency=USD&state=done&since=1h", "since=1h&open_breaks=1"):
        assert service.expect(200, "listReconciliations", query=query)["data"], query
    for query in ("until=1h", "currency=JPY&gateway=stripe-a", "state=given_up"):
        assert not service.expect(200, "listReconciliations", query=query)["data"], query
    service.expect(422, "listReconciliations", query="state=perhaps")
    service.expect(422, "listReconciliations", query="currency=perhaps")
    rules = service.expect(200, "listReconciliationRules", query="gateway=stripe-a")["data"]
    assert [rule["by"] for rule in rules[0]["rules"]] == [
        "gateway_id", "reference", "original", "amount_time"], rules
    service.expect(404, "listReconciliationRules", query="gateway=nobody")


def breaks_and_what_people_decide(service):
    ann, bob = service.person_key("finance"), service.person_key("finance")
    small, small_attempt = paid(service, 1500)
    large, large_attempt = paid(service, 1600)
    take_statement(service, "stripe-a", [("", small_attempt, 1495), ("", large_attempt, 1000)])
    run(service, "stripe-a")
    one, other = breaks_of(service, small)[0], breaks_of(service, large)[0]
    assert one["difference"] == -5 and one["may_write_off"] is True and one["age"] == "0-1", one
    whole = service.expect(200, "getBreak", [one["id"]])
    assert [member["side"] for member in whole["members"]] == ["ours", "theirs"], whole
    assert whole["members"][1]["payment_id"] == small["id"]
    assert whole["history"][0]["what"] == "opened"
    done = service.expect(200, "writeOffBreak", [one["id"]], body=REASON, key=ann)
    assert done["state"] == "written_off" and done["written_off"] == -5
    service.expect(409, "writeOffBreak", [one["id"]], body=REASON, key=ann)
    back = service.expect(200, "reopenBreak", [one["id"]], body=REASON, key=ann)
    assert back["state"] == "open" and back["written_off"] == 0
    waits = service.expect(202, "writeOffBreak", [other["id"]], body=REASON, key=ann)
    assert waits["approval"]["state"] == "waiting" and waits["state"] == "open"
    service.expect(403, "approveWriteOff", [other["id"]], body=REASON, key=ann)
    assert service.expect(200, "rejectWriteOff", [other["id"]], body=REASON,
                          key=bob)["approval"] is None
    service.expect(409, "rejectWriteOff", [other["id"]], body=REASON, key=bob)
    service.expect(202, "writeOffBreak", [other["id"]], body=REASON, key=ann)
    agreed = service.expect(200, "approveWriteOff", [other["id"]], body=REASON, key=bob)
    assert agreed["state"] == "written_off" and agreed["written_off"] == -600
    service.expect(409, "approveWriteOff", [other["id"]], body=REASON, key=bob)
    assert service.expect(200, "assignBreak", [one["id"]], body={"owner": "me"},
                          key=ann)["state"] == "assigned"
    assert service.expect(200, "assignBreak", [one["id"]], body={"owner": ""})["state"] == "open"
    service.expect(422, "assignBreak", [one["id"]], body={"owner": "nobody-of-that-name"})
    assert service.expect(200, "resolveBreak", [one["id"]], body=REASON)["state"] == "resolved"
    service.expect(409, "resolveBreak", [one["id"]], body=REASON)
    assert service.expect(200, "reopenBreak", [one["id"]], body=REASON)["state"] == "open"
    service.expect(409, "reopenBreak", [one["id"]], body=REASON)
    for name in ("getBreak", "writeOffBreak", "approveWriteOff", "rejectWriteOff", "resolveBreak",
                 "reopenBreak"):
        service.expect(404, name, ["brk_01JD5R6Q6Y0V3M8X2K4N7T9BCF"],
                       body=None if name == "getBreak" else REASON)
    service.expect(404, "assignBreak", ["brk_01JD5R6Q6Y0V3M8X2K4N7T9BCF"], body={"owner": "me"},
                   key=ann)


def lists_of_breaks_and_several_at_once(service):
    ann = service.person_key("finance")
    support = service.role_key("support")
    rows = [paid(service, 3000 + i) for i in range(3)]
    take_statement(service, "stripe-a", [("", attempt, 2900 - i)
                                         for i, (_, attempt) in enumerate(rows)])
    run(service, "stripe-a")
    page = service.expect(200, "listBreaks", query="gateway=stripe-a&limit=2&sort=amount")
    assert len(page["data"]) == 2 and page["totals"]["count"] == \
        sum(row["count"] for row in page["totals"]["classes"]) == \
        sum(page["totals"]["ages"].values())
    assert page["data"][0]["at_stake"] >= page["data"][1]["at_stake"]
    after = service.expect(200, "listBreaks", query="gateway=stripe-a&limit=2&sort=amount&cursor="
                           + page["next_cursor"])
    assert "totals" not in after.json
    assert not {row["id"] for row in after["data"]} & {row["id"] for row in page["data"]}
    for query in ("class=nothing", "risk=none", "state=over", "age=1-2", "sort=name", "cursor=x",
                  "owner=nobody-of-that-name"):
        service.expect(422, "listBreaks", query=query)
    ids = [breaks_of(service, payment)[0]["id"] for payment, _ in rows]
    assert service.expect(200, "listBreaks", query=f"q={ids[0].lower()}")["data"][0]["id"] == ids[0]
    given = service.expect(200, "decideBreaks", key=support, body={
        "action": "assign", "ids": ids, "owner": "team:finance"})
    assert given["done"] == 3 and {row["owner"] for row in given["data"]} == {"team:finance"}
    service.expect(403, "decideBreaks", key=support, body={
        "action": "resolve", "ids": ids, **REASON})
    service.expect(409, "decideBreaks", key=ann, body={
        "action": "resolve", "filter": {"owner": "team:finance"}, "expect": 4, **REASON})
    waits = service.expect(202, "decideBreaks", key=ann, body={
        "action": "write_off", "ids": ids[:2], **REASON})
    assert (waits["done"], waits["waiting"]) == (0, 2), waits
    service.expect(404, "decideBreaks", key=ann, body={
        "action": "resolve", "ids": [ids[2], "brk_01JD5R6Q6Y0V3M8X2K4N7T9BCF"], **REASON})
    assert service.expect(200, "getBreak", [ids[2]])["state"] == "assigned"
    closed = service.expect(200, "decideBreaks", key=ann, body={
        "action": "resolve", "filter": {"owner": "team:finance"}, "expect": 3, **REASON})
    assert closed["done"] == 3
    for body in ({"action": "resolve", **REASON}, {"action": "explode", "ids": ids},
                 {"action": "resolve", "ids": ids, "expect": 3, **REASON},
                 {"action": "resolve", "ids": [ids[0], ids[0]], **REASON}):
        service.expect(422, "decideBreaks", key=ann, body=body)
    table = list(csv.reader(io.StringIO(service.expect(
        200, "exportBreaks", query="state=all&gateway=stripe-a").body.decode(), newline="")))
    head, totals = table[0], [row for row in table if row[0].startswith("total of")]
    sums = [row for row in table[1:] if not row[0].startswith("total of")]
    column, currency = head.index("difference"), head.index("currency")
    for total in totals:
        mine = [row for row in sums if row[currency] == total[currency]]
        assert total[0] == f"total of {len(mine)}"
        assert round(sum(float(row[column]) for row in mine) - float(total[column]), 2) == 0, total
    book = service.expect(200, "exportBreaks", query="format=xlsx&state=all")
    with zipfile.ZipFile(io.BytesIO(book.body)) as packed:
        assert packed.testzip() is None and "xl/workbook.xml" in packed.namelist()
    service.expect(422, "exportBreaks", query="format=pdf")
