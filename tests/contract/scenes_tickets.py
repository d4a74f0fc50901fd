# SPDX-License-Identifier: Apache-2.0
"""scenes_tickets.py: scenes about tickets; see scenes.py."""
import csv
import io
import zipfile

NOBODYS = "tkt_01JD5R6Q6Y0V3M8X2K4N7T9BCF"
REASON = {"reason": "a scene of the contract"}


def open_one(service, **more):
    return service.expect(201, "createTicket", body={
        "title": service.fresh("ticket"), "risk": "high", "amount": 2500, "currency": "USD",
        **more}).json


def tickets_and_their_people(service):
    desk = service.expect(200, "listTicketTeams")["data"][0]
    assert (desk["name"], desk["members"][0]["works"]) == ("desk", False), desk
    ann = service.expect(201, "createUser", body={
        "name": "desk-ann", "role": "support", "password": "a dozen letters"})["id"]
    ann_key = service.expect(201, "createKey", body={
        "name": "desk-ann", "role": "support", "user_id": ann})["key"]
    assert service.expect(200, "listTicketTeams")["data"][0]["members"][0]["works"] is True
    ticket = open_one(service, **{"class": "payout", "gateway": "stripe-a", "detail": "of Friday"})
    one = [ticket["id"]]
    assert ticket["state"] == "open" and ticket["assignee"] is None and not ticket["overdue"]
    assert ticket["sop"]["page"] == "payouts-and-bank" and ticket["facts"]["detail"] == "of Friday"
    service.expect(403, "assignTicket", one, body={"user": "me"})  # nobody knows who
    mine = service.expect(200, "assignTicket", one, body={"user": "me"}, key=ann_key)
    assert mine["assignee"] == {"id": ann, "name": "desk-ann"} and mine["team"] == "desk"
    service.expect(409, "assignTicket", one, body={"user": "desk-ann"})
    service.expect(422, "transferTicket", one, body={"user": "nobody", **REASON})
    service.expect(422, "transferTicket", one, body={"team": "nobody", **REASON})
    service.expect(409, "transferTicket", one, body={"user": "desk-ann", **REASON})
    for query, found in (("queue=mine", True), ("queue=team", True), ("queue=unassigned", False),
                         ("queue=overdue", False), ("assignee=desk-ann", True),
                         ("team=desk&class=payout&risk=high&gateway=stripe-a", True),
                         (f"q={ticket['title'].upper()}", True), ("q=%25", False),
                         ("risk=medium", True),
                         ("risk=critical", False),
                         ("overdue=1", False), ("state=closed", False)):
        listed = service.expect(200, "listTickets", query=query, key=ann_key)
        assert (ticket["id"] in [row["id"] for row in listed["data"]]) is found, (query, listed)
    service.expect(403, "listTickets", query="queue=mine")
    service.expect(422, "listTickets", query="queue=somebodys", key=ann_key)
    assert service.expect(200, "startTicket", one, key=ann_key)["state"] == "in_progress"
    assert service.expect(200, "waitTicket", one, body=REASON)["state"] == "waiting"
    service.expect(200, "commentTicket", one, body={"text": "asked\nthe gateway"}, key=ann_key)
    assert service.expect(200, "closeTicket", one, body=REASON)["closed_at"]
    service.expect(409, "startTicket", one)
    assert service.expect(200, "reopenTicket", one, body=REASON)["opened"] == 2
    service.expect(201, "createUser", body={
        "name": "desk-lee", "role": "finance", "password": "a dozen letters"})
    told = service.expect(200, "transferTicket", one, body={"user": "desk-lee", **REASON})
    assert told["assignee"]["name"] == "desk-lee" and told["team"] == "desk"
    service.expect(409, "reopenTicket", one, body=REASON)
    assert [entry["what"] for entry in told["history"]] == [
        "opened", "assigned", "started", "waits", "commented", "closed", "reopened",
        "transferred"], told["history"]
    assert told["history"][1]["by"] == "desk-ann"
    first = service.expect(200, "listTickets", query="limit=1&state=all")
    assert first["total"] >= 1
    if first["next_cursor"]:
        service.expect(200, "listTickets", query=f"state=all&cursor={first['next_cursor']}")
    service.expect(422, "listTickets", query="cursor=1_x")
    service.expect(404, "getTicket", [NOBODYS])
    assert service.expect(200, "getTicket", one)["id"] == ticket["id"]


def tickets_and_money_by_hand(service):
    ann, bob = service.person_key("finance"), service.person_key("finance")
    clerk = service.person_key("support")
    done = {"resolution": "refunded_by_hand", **REASON}
    small = [open_one(service)["id"]]
    service.expect(403, "resolveTicket", small, body=done)  # nobody knows who
    settled = service.expect(200, "resolveTicket", small, body=done, key=ann)
    assert (settled["state"], settled["moved_amount"]) == ("resolved", 2500)
    service.expect(409, "resolveTicket", small, body=done, key=ann)
    large = [open_one(service, amount=5001)["id"]]
    asked = service.expect(202, "resolveTicket", large, body={**done, "amount": 1,
                                                              "currency": "USD"}, key=ann)
    assert asked["state"] == "approval" and asked["approvals"][0]["state"] == "waiting"
    service.expect(403, "approveTicket", large, body=REASON, key=ann)
    service.expect(403, "approveTicket", large, body=REASON)  # nobody knows who
    service.expect(409, "closeTicket", large, body=REASON, key=bob)
    assert service.expect(200, "rejectTicket", large, body=REASON, key=bob)["state"] == \
        "in_progress"
    service.expect(202, "resolveTicket", large, body=done, key=ann)
    agreed = service.expect(200, "approveTicket", large, body=REASON, key=bob)
    assert agreed["state"] == "resolved" and agreed["moved_amount"] == 5001
    service.expect(409, "approveTicket", large, body=REASON, key=bob)
    service.expect(409, "rejectTicket", large, body=REASON, key=bob)
    # Who does not decide about money asks at any amount.
    other = [open_one(service, amount=1)["id"]]
    service.expect(202, "resolveTicket", other, body=done, key=clerk)
    service.expect(422, "resolveTicket", other, body={"resolution": "fixed", "amount": 1,
                                                      "currency": "USD", **REASON}, key=ann)


def many_tickets_at_once(service):
    gateway = {"gateway": "bank-a"}
    ids = [open_one(service, **gateway, title="=1+1")["id"] for _ in range(3)]
    rows = list(csv.DictReader(io.StringIO(service.expect(
        200, "exportTickets", query="gateway=bank-a").body.decode())))
    assert rows.pop()["id"] == f"total of {len(ids)}", rows
    assert sorted(row["id"] for row in rows) == sorted(ids)
    assert {row["title"] for row in rows} == {"'=1+1"} and rows[0]["amount"] == "25.00", rows
    book = service.expect(200, "exportTicketsWorkbook", query="gateway=bank-a")
    with zipfile.ZipFile(io.BytesIO(book.body)) as packed:
        sheet = packed.read("xl/worksheets/sheet1.xml").decode()
        assert packed.testzip() is None and all(one in sheet for one in ids), sheet[:400]
    refused = service.expect(422, "listTickets", query="class=nonsense")
    assert "missing_here" in refused["detail"], refused
    many = {"filter": gateway, **REASON}
    service.expect(409, "bulkTickets", body={"action": "close", "expected": 2, **many})
    service.expect(422, "bulkTickets", body={"action": "close", **many})
    service.expect(422, "bulkTickets", body={"action": "close", **REASON})
    service.expect(422, "bulkTickets", body={"action": "close", "ids": ids, **many})
    service.expect(404, "bulkTickets", body={"action": "close", "ids": ids + [NOBODYS], **REASON})
    assert service.expect(200, "listTickets", query="gateway=bank-a")["total"] == 3
    assert service.expect(200, "bulkTickets", body={
        "action": "assign", "user": "desk-ann", "ids": ids + ids, **REASON})["count"] == 3
    closed = service.expect(200, "bulkTickets", body={"action": "close", "expected": 3, **many})
    assert sorted(closed["ids"]) == sorted(ids)
    assert service.expect(200, "listTickets", query="gateway=bank-a")["total"] == 0


def pages_that_say_how(service):
    english = service.expect(200, "getSop", ["charged-twice"])
    chinese = service.expect(200, "getSop", ["charged-twice"], query="lang=zh")
    assert english["text"].startswith("# ") and chinese["text"] != english["text"]
    unknown = service.expect(404, "getSop", ["nothing-of-the-kind"])
    assert "holdfast kb list" in unknown["hint"], unknown
