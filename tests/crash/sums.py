# SPDX-License-Identifier: Apache-2.0
"""sums.py: what must be true when all is quiet again: the invariants, the books, every promise.

Each check gives sentences that say what is wrong; none means that all is well. The truth is the
sandbox's own book; what clients were told is compared with what the service says now.
"""
import collections
import concurrent.futures
import json
import random

from stage import GATEWAYS, Broken, Unanswered

ENDED = {"failed", "canceled"}
ABOUT_THE_SERVICE = ("mode.changed", "methods.changed")  # and about no payment
FINAL = ENDED | {"succeeded"}
REPEATED_KEYS = 300
OPEN_OPERATION = {"sending", "pending", "unknown"}
# A gateway's callback may name another amount (a fault); that must leave a case, and nothing else.
EXPECTED_CASES = {"callback_mismatch", "refund_mismatch"}


def pages(read, path):
    """All rows of a list, page by page."""
    cursor, rows = "", []
    while True:
        page = read(path + (f"&cursor={cursor}" if cursor else ""))
        rows += page["data"]
        cursor = page["next_cursor"]
        if not cursor:
            return rows


def again(promise):
    """The same request with the same key; a connection may have been kept for too long."""
    for _ in range(10):
        try:
            return promise.door.ask("POST", promise.path, promise.key, json.dumps(promise.sent))
        except Unanswered:
            continue
    raise Broken(f"nobody answers {promise.path}")


def all_payments(stage):
    return {row["id"]: row for row in pages(stage.ours, "/v1/payments?limit=100")}


def all_charges(stage):
    rows = []
    for simulated, name in GATEWAYS.items():
        for row in pages(stage.truth, f"/book/charges?gateway={simulated}&limit=1000"):
            rows.append(dict(row, gateway=name))
    return rows


class Sums:
    """The end of a run, read once."""

    def __init__(self, stage, shop, merchant):
        self.stage, self.shop, self.merchant = stage, shop, merchant
        self.payments = all_payments(stage)
        self.charges = all_charges(stage)
        self.book = stage.truth("/book")
        self.cases = stage.ours("/v1/cases?limit=100")["data"]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            self.stories = dict(zip(self.payments, pool.map(self.story, self.payments)))

    def story(self, payment_id):
        return self.stage.ours(f"/v1/payments/{payment_id}/events")

    def operations(self):
        for story in self.stories.values():
            yield from story["operations"]

    def wrong(self):
        checks = (self.invariants, self.unresolved, self.books, self.charged_twice,
                  self.charges_explained, self.one_payment_an_order, self.payment_promises,
                  self.refund_promises, self.same_answer_again, self.webhooks,
                  self.only_expected_cases, self.forgeries)
        return [f"{check.__name__}: {text}" for check in checks for text in check()]

    def moved(self):
        """Whether a payment went on while all this was read: then nothing here can be compared."""
        return all_payments(self.stage) != self.payments

    # -- the service alone --

    def invariants(self):
        for broken in self.stage.ours("/internal/api/payments/verify")["broken"]:
            yield f"{broken['rule']}: {broken['what']}: {broken['id']}"
        audit = self.stage.ours("/internal/api/audit/verify")
        if audit.get("ok") is False or audit.get("broken"):
            yield f"the audit log: {audit}"

    def unresolved(self):
        for payment in self.payments.values():
            if payment["state"] in ("created", "processing"):
                yield f"{payment['id']} ({payment['order_id']}) is still {payment['state']}"
        for operation in self.operations():
            if operation["state"] in OPEN_OPERATION:
                yield f"{operation['object']} {operation['id']} is still {operation['state']}"
        backlog = self.stage.ours("/internal/api/system/backlog")
        for name in ("unknown_payments", "processing_payments", "callbacks_waiting",
                     "callbacks_parked", "webhooks_waiting", "webhooks_parked"):
            if backlog[name]:
                yield f"{name} is {backlog[name]}"

    def one_payment_an_order(self):
        holders = collections.Counter(
            payment["order_id"] for payment in self.payments.values()
            if payment["state"] in ("succeeded", "authorized", "processing"))
        for order, count in holders.items():
            if count > 1:
                yield f"order {order} has {count} payments that took or hold money"

    def only_expected_cases(self):
        for case in self.cases:
            if case["kind"] not in EXPECTED_CASES:
                yield f"case {case['kind']} of {case.get('payment_id')}: {case.get('detail')}"

    # -- against the sandbox's book --

    def books(self):
        ours = {}
        for row in self.stage.ours("/v1/ledger")["books"]:
            if row["taken"] or row["returned"]:
                ours[row["gateway"], row["currency"]] = (row["taken"], row["returned"])
        theirs = {}
        for simulated, name in GATEWAYS.items():
            for currency, row in self.book["gateways"][simulated]["currencies"].items():
                if row["charged_minor"] or row["refunded_minor"]:
                    theirs[name, currency] = (row["charged_minor"], row["refunded_minor"])
        for place in sorted(ours.keys() | theirs.keys()):
            if ours.get(place) != theirs.get(place):
                yield f"{' '.join(place)}: taken and returned are {ours.get(place)} with us, " \
                      f"{theirs.get(place)} there"
        if not theirs:
            yield "no money moved at all: this run proves nothing"

    def charged_twice(self):
        twice = self.book["charged_twice"]
        if twice["orders"] or twice["references"]:
            yield f"charged twice: {twice}"

    def charges_explained(self):
        """Per order and gateway: what was taken, given back and is held there is what we say."""
        theirs = collections.defaultdict(lambda: [0, 0, 0])
        for row in self.charges:
            sums = theirs[row["order_id"], row["gateway"], row["currency"]]
            sums[0] += row["charged_minor"]
            sums[1] += row["refunded_minor"]
            sums[2] += row["held_minor"]
        # After a capture that was not final the rest is held for as long as nothing else is done.
        in_parts = {promise.answer.get("order_id") for promise in self.shop.promises
                    if promise.kind == "capture" and promise.sent.get("final") is False}
        ours = collections.defaultdict(lambda: [0, 0, 0])
        for payment in self.payments.values():
            if not payment["gateway"]:
                continue
            sums = ours[payment["order_id"], payment["gateway"], payment["currency"]]
            sums[0] += payment["amount_captured"]
            if payment["state"] == "authorized":
                sums[2] += payment["amount_authorized"]
            for operation in self.stories.get(payment["id"], {"operations": []})["operations"]:
                if operation["object"] == "refund" and operation["state"] == "succeeded" and \
                        operation["to_original_method"]:
                    sums[1] += operation["amount"]
        for place in sorted(ours.keys() | theirs.keys()):
            here, there = ours[place], theirs[place]
            if here[:2] != there[:2] or (here[2] != there[2] and place[0] not in in_parts):
                yield f"{' '.join(place)}: taken, returned, held are {here} with us, {there} there"

    def forgeries(self):
        for gateway, counts in self.stage.truth("/callbacks").items():
            if gateway in GATEWAYS and counts["forged_accepted"]:
                yield f"{gateway}: {counts['forged_accepted']} forged callbacks were accepted"

    # -- against what clients were told --

    def payment_promises(self):
        for promise in self.shop.promises:
            told = promise.answer
            if promise.status >= 300 or not isinstance(told, dict) or \
                    told.get("object") != "payment":
                continue
            now = self.payments.get(told["id"])
            if now is None:
                yield f"{told['id']} was told of ({promise.key}) and is not there"
                continue
            yield from self.payment_kept(promise, told, now)

    @staticmethod
    def payment_kept(promise, told, now):
        for name in ("amount", "currency", "order_id", "capture"):
            if told[name] != now[name]:
                yield f"{now['id']}: {name} was told as {told[name]}, is {now[name]}"
        later = {
            "succeeded": {"succeeded"}, "failed": {"failed"}, "canceled": {"canceled"},
            "authorized": {"authorized", "succeeded", "canceled"},
        }.get(told["state"])
        if later is not None and now["state"] not in later:
            yield f"{now['id']}: told {told['state']} ({promise.key}), now {now['state']}"
        if told["state"] in ENDED and now["amount_captured"]:
            yield f"{now['id']}: told {told['state']}, and {now['amount_captured']} were taken"
        for name in ("amount_captured", "amount_refunded"):
            if now[name] < told[name]:
                yield f"{now['id']}: {name} was told as {told[name]}, is {now[name]}"

    def refund_promises(self):
        found = {operation["id"]: operation for operation in self.operations()
                 if operation["object"] == "refund"}
        for promise in self.shop.promises:
            told = promise.answer
            if promise.status >= 300 or not isinstance(told, dict) or \
                    told.get("object") != "refund":
                continue
            now = found.get(told["id"])
            if now is None:
                yield f"refund {told['id']} was told of ({promise.key}) and is not there"
            elif now["amount"] != told["amount"] or now["currency"] != told["currency"]:
                yield f"refund {told['id']}: told {told['amount']}, is {now['amount']}"
            elif told["state"] in ("succeeded", "failed") and now["state"] != told["state"]:
                yield f"refund {told['id']}: told {told['state']}, now {now['state']}"

    def same_answer_again(self):
        """Some of the keys once more, long after: what was told then is told now."""
        done = [promise for promise in self.shop.promises
                if promise.status < 300 and promise.kind not in ("look", "other_body")]
        random.Random(self.stage.seed).shuffle(done)
        for promise in done[:REPEATED_KEYS]:
            status, fields, answer = again(promise)
            if (status, answer) != (promise.status, promise.answer):
                yield f"{promise.key}: told {promise.status} {promise.answer}, " \
                      f"and again {status} {answer}"
            elif fields.get("Idempotent-Replayed") != "true":
                yield f"{promise.key}: the repeat does not say that it is one"

    def webhooks(self):
        """The merchant was told of every event, and nothing that is not so."""
        yield from self.merchant.wrong
        for payment_id, story in self.stories.items():
            for event in story["events"]:
                if event["id"] not in self.merchant.told:
                    yield f"{payment_id}: {event['type']} ({event['id']}) was never delivered"
        operations = {operation["id"]: operation for operation in self.operations()}
        for said in self.merchant.told.values():
            if said["type"] in ABOUT_THE_SERVICE:
                continue
            told = said["data"]
            now = self.payments.get(told["id"]) or operations.get(told["id"])
            if now is None and told["id"].startswith("tkt_"):
                # Tickets go on: that it is there is all that its event promises.
                now = dict(self.stage.ours(f"/v1/tickets/{told['id']}"), state=told.get("state"))
            if now is None:
                yield f"the merchant was told of {told['id']}, which is not there"
            elif told["state"] in FINAL and now["state"] != told["state"]:
                yield f"the merchant was told {said['type']} of {told['id']}, which is now " \
                      f"{now['state']}"

    def counts(self):
        states = collections.Counter(payment["state"] for payment in self.payments.values())
        return {
            "payments": len(self.payments), **dict(sorted(states.items())),
            "was_unknown": sum(payment["was_unknown"] for payment in self.payments.values()),
            "several_attempts": sum(payment["attempts"] > 1 for payment in self.payments.values()),
            "operations": sum(1 for _ in self.operations()),
            "charges": sum(row["charged_minor"] > 0 for row in self.charges),
            "cases": len(self.cases), "webhooks": len(self.merchant.told),
        }
