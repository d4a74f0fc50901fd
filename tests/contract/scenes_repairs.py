# SPDX-License-Identifier: Apache-2.0
"""scenes_repairs.py: scenes about repair rules and what they did; see scenes.py. The service's one
rule writes off up to a dollar that its gateway confirms."""
import scenes_breaks as breaks

REASON = {"reason": "a scene of the contract"}


def rule_of(rules, name="small"):
    return next(rule for rule in rules["data"] if rule["name"] == name)


def rules_and_what_they_do(service):
    rules = service.expect(200, "listRepairRules")
    rule = rule_of(rules)
    assert rules["stopped"] is False and rule["enabled"] is False, rules
    assert rule["action"] == "write_off" and rule["money"][0]["each_cap"] == 100, rule
    payment, attempt = breaks.paid(service, 1700)
    breaks.take_statement(service, "stripe-a", [("", attempt, 1695)])
    breaks.run(service, "stripe-a")
    one = breaks.breaks_of(service, payment)[0]
    would = service.expect(200, "dryRunRepairRules", query="rule=small&gateway=stripe-a")
    row = next(row for row in would["data"] if row["break_id"] == one["id"])
    assert row["action"] == "write_off" and row["amount"] == 5 and row["enabled"] is False, row
    assert "nobody has enabled" in row["why_not"] and row["case_id"] is None, row
    assert would["not_looked_at"] == 0, would
    assert any(total["rule"] == "small" for total in would["sums"]), would
    service.expect(404, "dryRunRepairRules", query="rule=nobody")
    piece = service.expect(200, "dryRunRepairRulesOn", body={"gateway": "stripe-a", "limit": 1})
    assert piece["looked_at"] == 1 and piece["open"] >= 1, piece
    service.expect(200, "dryRunRepairRulesOn", body={
        "gateway": "stripe-a", "cursor": piece["next_cursor"],
        "sums": [{key: one[key] for key in ("rule", "currency", "count", "amount")}
                 for one in piece["sums"]]})
    service.expect(404, "dryRunRepairRulesOn", body={"rule": "nobody"})
    service.expect(422, "dryRunRepairRulesOn", body={"cursor": "perhaps"})
    service.expect(404, "enableRepairRule", ["nobody"], body=REASON)
    service.expect(422, "enableRepairRule", ["small"], body={"reason": ""})
    assert not service.expect(200, "listRepairs", query=f"break_id={one['id']}")["data"]

    now = service.expect(200, "enableRepairRule", ["small"], body=REASON)
    assert rule_of(now)["enabled"] is True and rule_of(now)["reason"] == REASON["reason"], now
    service.expect(409, "enableRepairRule", ["small"], body=REASON)
    # The gateway itself states what we have: the statement is wrong, and a person gets it. Other
    # scenes have left such breaks as well.
    done = service.await_that("a repair is over", lambda: next(
        (repair for repair in service.expect(200, "listRepairs",
                                             query="rule=small&limit=100")["data"]
         if repair["ended_at"]), None))
    assert done["state"] == "refused" and "itself says" in done["said"], done
    assert service.expect(200, "getRepair", [done["id"]])["rule"] == "small"
    service.expect(404, "getRepair", ["rep_nobody"])
    service.expect(409, "reverseRepair", [done["id"]], body=REASON)
    service.expect(404, "reverseRepair", ["rep_nobody"], body=REASON)
    for decided in ("approveReversal", "rejectReversal"):
        service.expect(409, decided, [done["id"]], body=REASON)
        service.expect(404, decided, ["rep_nobody"], body=REASON)
    service.expect(422, "listRepairs", query="state=perhaps")
    found = service.expect(200, "listRepairs", query=f"q={done['id'][4:].lower()}&since=1h")
    assert [repair["id"] for repair in found["data"]] == [done["id"]], found
    assert not service.expect(200, "listRepairs", query="until=1h")["data"]
    rows = service.expect(200, "exportRepairs", query="rule=small").body.decode().splitlines()
    assert rows[0].startswith("repair,rule,action,") and "total of" in rows[-1], rows
    assert any(row.startswith(done["id"]) for row in rows), rows
    book = service.expect(200, "exportRepairs", query="format=xlsx&state=refused")
    assert book.body.startswith(b"PK"), book.body[:20]
    service.expect(422, "exportRepairs", query="format=pdf")
    service.expect(422, "exportRepairs", query="state=perhaps")
    assert breaks.breaks_of(service, payment)[0]["state"] == "open"

    # One refusal is more than it may have.
    stopped = service.expect(200, "listRepairRules")
    assert stopped["stopped"] is True and stopped["rule"] == "small", stopped
    off = service.expect(200, "disableRepairRule", ["small"], body=REASON)
    assert rule_of(off)["enabled"] is False and off["stopped"] is True, off
    service.expect(409, "disableRepairRule", ["small"], body=REASON)
    # What it had taken on comes to nothing now.
    started = service.expect(200, "startRepairRules", body=REASON)
    assert started["stopped"] is False and started["why"] == REASON["reason"], started
    service.expect(409, "startRepairRules", body=REASON)
