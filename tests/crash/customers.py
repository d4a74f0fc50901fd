# SPDX-License-Identifier: Apache-2.0
"""customers.py: people who buy, capture, cancel and give back, and remember what they were told.

Every request has an Idempotency-Key and is repeated, byte by byte, until it is answered; who is
told nothing draws no conclusion. What each customer does follows from the seed; when it happens
does not. What they were told is a *promise*, and sums.py compares promises with the end.
"""
import json
import random
import threading
import time

from stage import Unanswered, ask

PATIENCE_S = 150
AGAIN_S = 0.15
CURRENCIES = ("EUR", "USD", "GBP", "JPY")
STRIPE_DECLINES = ("pm_card_visa_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds",
                   "pm_card_chargeDeclinedFraudulent", "pm_card_chargeDeclinedProcessingError")
PAYPAL_DECLINES = ("vault_declined_INSTRUMENT_DECLINED", "vault_declined_PAYER_CANNOT_PAY")
FINAL = {"succeeded", "failed", "canceled"}


class Promise:
    """One answer that a client got, and how to ask the same again."""

    def __init__(self, kind, key, status, answer, sent, path="", door=None):
        self.kind, self.key, self.status, self.answer, self.sent = kind, key, status, answer, sent
        self.path, self.door = path, door
        self.at = time.time()

    def line(self):
        return json.dumps({"at": round(self.at, 3), "kind": self.kind, "key": self.key,
                           "status": self.status, "sent": self.sent, "answer": self.answer})


class Shop:
    """What all customers share: where to buy, what was promised, what was wrong at once."""

    def __init__(self, stage, seed, api_key):
        self.stage, self.seed, self.api_key = stage, seed, api_key
        self.lock = threading.Lock()
        self.promises, self.wrong = [], []
        self.open = True
        self.asked = self.unanswered = self.repeats = self.in_hand = 0
        self.longest_s = 0.0

    def keep(self, promise):
        with self.lock:
            self.promises.append(promise)

    def complain(self, text):
        with self.lock:
            self.wrong.append(text)

    def count(self, name, amount=1):
        with self.lock:
            setattr(self, name, getattr(self, name) + amount)


def problem_type(answer):
    return str(answer.get("type", "")).rsplit("/", 1)[-1].rsplit(":", 1)[-1] \
        if isinstance(answer, dict) else ""


def must_repeat(status, answer):
    """Whether an answer says "later", so that the client still knows nothing."""
    return status >= 500 or status == 429 or problem_type(answer) == "idempotency-in-flight"


class Door:
    """The listener through which a customer comes: an Idempotency-Key belongs to an API key, so the
    same one is used for a repeat."""

    def __init__(self, shop, rng):
        self.shop = shop
        self.public = rng.random() < 0.6
        self.turn = rng.randrange(8)

    def ask(self, method, path, key=None, body=None):
        instances = self.shop.stage.instances
        instance = instances[self.turn % len(instances)]
        self.turn += 1
        headers = {"Idempotency-Key": key} if key else {}
        if self.public:
            headers["Authorization"] = "Bearer " + self.shop.api_key
        port = instance.public if self.public else instance.internal
        return ask(port, method, path, body, headers)


class Customer:
    """Buys one thing after another until the shop closes."""

    def __init__(self, shop, number):
        self.shop, self.number = shop, number
        self.rng = random.Random(f"{shop.seed}/customer/{number}")

    def run(self):
        bought = 0
        while self.shop.open:
            order = f"order-{self.number}-{bought}"
            bought += 1
            self.shop.count("in_hand")
            try:
                Purchase(self.shop, order, random.Random(f"{self.shop.seed}/{order}")).run()
            except Exception as error:  # a fault of the test is a failure of the test
                self.shop.complain(f"{order}: the customer could not go on: {error!r}")
                raise
            finally:
                self.shop.count("in_hand", -1)
            time.sleep(self.rng.random() * 0.15)


class Purchase:
    """One order from asking to giving back."""

    def __init__(self, shop, order, rng):
        self.shop, self.order, self.rng = shop, order, rng
        self.door = Door(shop, rng)
        self.keys = 0

    # -- asking --

    def key(self, what):
        self.keys += 1
        return f"{what}-{self.order}-{self.keys}"

    def until_answered(self, kind, path, key, body, rude=None):
        """Repeats until told something; None when patience ended."""
        text = json.dumps(body)
        began = time.monotonic()
        tries = 0
        while time.monotonic() - began < PATIENCE_S:
            tries += 1
            try:
                if tries == 1 and rude:
                    raise rude
                status, headers, answer = self.door.ask("POST", path, key, text)
            except Unanswered:
                status = 0
            if status and not must_repeat(status, answer):
                waited = time.monotonic() - began
                with self.shop.lock:
                    self.shop.asked += 1
                    self.shop.repeats += tries - 1
                    self.shop.longest_s = max(self.shop.longest_s, waited)
                self.shop.keep(Promise(kind, key, status, answer, body, path, self.door))
                if "Request-Id" not in headers:
                    self.shop.complain(f"{key}: an answer without Request-Id")
                return status, answer
            time.sleep(AGAIN_S * (0.5 + self.rng.random()) * min(tries, 5))
        self.shop.count("unanswered")
        self.shop.complain(f"{key}: no answer within {PATIENCE_S} s")
        return None

    def ask_once(self, kind, path, key, body, allowed):
        """Asks and complains about a status that cannot be right."""
        told = self.until_answered(kind, path, key, body)
        if told is not None and told[0] not in allowed:
            self.shop.complain(f"{key}: {kind} was answered {told[0]} {told[1]}")
        return told

    @staticmethod
    def is_about_amount(status, answer):
        return status == 422 and answer.get("type") == "/problems/amount"

    def twins(self, kind, path, key, body, allowed):
        """The same request from two clients at once: the same answer for both."""
        answers = []

        def other():
            twin = Purchase(self.shop, self.order, random.Random(f"{key}/twin"))
            twin.door = Door(self.shop, random.Random(0))
            twin.door.public, twin.door.turn = self.door.public, self.door.turn + 1
            answers.append(twin.ask_once(kind, path, key, body, allowed))

        thread = threading.Thread(target=other)
        thread.start()
        told = self.ask_once(kind, path, key, body, allowed)
        thread.join()
        # A refusal is kept under no key: what another refund had reserved when one of the two asked
        # may be free again when the other does.
        if told and answers[0] and told != answers[0] and told[0] < 300 and \
                not self.is_about_amount(*answers[0]):
            self.shop.complain(f"{key}: two answers to one key: {told} and {answers[0]}")
        return told

    def afterwards(self, kind, path, key, body, told):
        """The same key again: the same answer; with another body: a refusal."""
        chance = self.rng.random()
        if told[0] >= 300 or chance > 0.16:
            return
        if chance < 0.08:
            again = self.ask_once(kind, path, key, body, (told[0],))
            if again and again != told:
                self.shop.complain(f"{key}: a repeat was answered {again}, first {told}")
            return
        other = dict(body, reason="another one") if kind in ("cancel", "refund") else \
            dict(body, method="paypal") if kind == "choose" else \
            dict(body, amount=body.get("amount", 0) + 1)
        refused = self.until_answered("other_body", path, key, other)
        if refused and (refused[0] != 422 or problem_type(refused[1]) != "idempotency-mismatch"):
            self.shop.complain(f"{key}: with another body it was answered {refused}")

    def post(self, kind, path, key, body, allowed):
        ask_it = self.twins if self.rng.random() < 0.12 else self.ask_once
        told = ask_it(kind, path, key, body, allowed)
        if told:
            self.afterwards(kind, path, key, body, told)
        return told

    # -- buying --

    def card(self, kind):
        """A card that nobody else has: one that its bank refuses for good is asked no more."""
        return f"{kind}.{self.rng.randrange(10**9)}"

    def tokens(self):
        stripe, paypal = "pm_card_visa", self.card("vault_visa")
        chance = self.rng.random()
        if chance < 0.06:
            stripe = self.rng.choice(STRIPE_DECLINES)
        elif chance < 0.12:
            paypal = self.rng.choice(PAYPAL_DECLINES)
        elif chance < 0.16:
            stripe, paypal = self.rng.choice(STRIPE_DECLINES), self.rng.choice(PAYPAL_DECLINES)
        stripe = self.card(stripe)
        if 0.16 <= chance < 0.24:
            return {"stripe-eu": stripe}
        if 0.24 <= chance < 0.32:
            return {"paypal-eu": paypal}
        return {"stripe-eu": stripe, "paypal-eu": paypal}

    def body(self):
        chance = self.rng.random()
        body = {
            "order_id": self.order, "amount": self.rng.randrange(200, 20000),
            "currency": self.rng.choice(CURRENCIES), "method": "card",
            "customer": {"id": f"customer-{self.rng.randrange(200)}", "region": "DE"},
        }
        if chance < 0.05:
            body.update(method="paypal", return_url="https://shop.example/back",
                        cancel_url="https://shop.example/away")
        elif chance < 0.08:
            body["tokens"] = {"stripe-eu": "pm_card_authenticationRequired"}
            body["return_url"] = "https://shop.example/back"
        else:
            body["tokens"] = self.tokens()
        if self.rng.random() < 0.22:
            body["capture"] = "manual"
        return body

    def run(self):
        body = self.body()
        key = self.key("pay")
        told = self.post("payment", "/v1/payments", key, body, (201, 202))
        if not told or told[0] >= 300:
            return
        payment = told[1]
        if self.rng.random() < 0.06:
            payment = self.order_again(body, payment)
        payment = self.settle(payment)
        if payment["state"] == "requires_action":
            payment = self.act(payment)
        if payment["state"] == "authorized":
            payment = self.finish(payment)
        if payment["state"] == "succeeded" and self.rng.random() < 0.4:
            self.give_back(payment)

    def order_again(self, body, payment):
        """Another key for the same order: no second payment while the first one holds it."""
        told = self.until_answered("same_order", "/v1/payments", self.key("again"), body)
        if not told:
            return payment
        if told[0] < 300 and payment["state"] in ("succeeded", "authorized", "processing"):
            # Only an order whose payment has ended without money may be paid anew.
            now = self.look(payment)
            if now["state"] not in ("failed", "canceled", "requires_action"):
                self.shop.complain(f"{self.order}: a second payment {told[1]['id']} beside "
                                   f"{payment['id']}, which is {now['state']}")
        elif told[0] >= 300 and problem_type(told[1]) != "order-taken":
            self.shop.complain(f"{self.order}: the same order was answered {told}")
        return told[1] if told[0] < 300 else payment

    def look(self, payment):
        """The payment as it is now; as it was when nobody answers."""
        for _ in range(40):
            try:
                status, _, answer = self.door.ask("GET", "/v1/payments/" + payment["id"])
            except Unanswered:
                status = 0
            if status == 200:
                self.shop.keep(Promise("look", payment["id"], status, answer, None))
                return answer
            if status == 404:
                self.shop.complain(f"{payment['id']}: it was told of and is gone")
                return payment
            time.sleep(AGAIN_S)
        return payment

    def settle(self, payment):
        """Looks a few times until it is final."""
        for _ in range(6):
            if payment["state"] != "processing" or not self.shop.open:
                break
            time.sleep(0.4)
            payment = self.look(payment)
        return payment

    def act(self, payment):
        """What a customer does who must do something: pay, choose another way, or go away."""
        action = (payment.get("action") or {}).get("type")
        chance = self.rng.random()
        if chance < 0.3:
            self.post("cancel", f"/v1/payments/{payment['id']}/cancel", self.key("cancel"),
                      {"reason": "changed my mind"}, (200, 201, 202, 409, 422))
        elif action == "choose_method":
            self.post("choose", f"/v1/payments/{payment['id']}/method", self.key("choose"),
                      {"method": "card", "tokens": {"stripe-eu": self.card("pm_card_visa"),
                                                    "paypal-eu": self.card("vault_visa")}},
                      (200, 201, 202, 409))
        elif chance < 0.9:
            self.approve(payment)
        return self.settle(self.look(payment))

    def approve(self, payment):
        """At the gateway's page, by the sandbox's control port."""
        story = None
        try:
            story = self.door.ask("GET", f"/v1/payments/{payment['id']}/events")
        except Unanswered:
            return
        if story[0] != 200 or not story[2]["attempts"]:
            return
        attempt = story[2]["attempts"][-1]
        if attempt["gateway_id"] is None:
            return
        self.shop.stage.approve(attempt["gateway"], attempt["gateway_id"])
        time.sleep(0.5)

    # -- capturing and giving back --

    def finish(self, payment):
        path = f"/v1/payments/{payment['id']}"
        chance = self.rng.random()
        capture = {"amount": payment["amount"]} if chance < 0.7 else {
            "amount": max(1, payment["amount"] // 3), "final": chance < 0.85}
        allowed = (200, 201, 202, 409, 422)
        if chance < 0.1:  # both at once: one of them must lose
            thread = threading.Thread(target=self.post, args=(
                "cancel", path + "/cancel", self.key("cancel"), {}, allowed))
            thread.start()
            self.post("capture", path + "/capture", self.key("capture"), capture, allowed)
            thread.join()
        elif chance < 0.25:
            self.post("cancel", path + "/cancel", self.key("cancel"), {}, allowed)
        else:
            self.post("capture", path + "/capture", self.key("capture"), capture, allowed)
        if capture.get("final") is False:
            self.post("capture", path + "/capture", self.key("capture"), {}, allowed)
        return self.look(payment)

    def give_back(self, payment):
        path = f"/v1/payments/{payment['id']}/refunds"
        captured = payment["amount_captured"]
        chance = self.rng.random()
        allowed = (201, 202, 409, 422)
        if chance < 0.4:
            self.post("refund", path, self.key("refund"), {}, allowed)
        elif chance < 0.65:
            for part in (captured // 3, captured // 4):
                if part > 0:
                    self.post("refund", path, self.key("refund"), {"amount": part}, allowed)
        elif chance < 0.75:
            self.post("refund", path, self.key("refund"),
                      {"amount": captured, "refundToOriginalMethod": False}, allowed)
        else:  # two at once that are too much together
            part = captured * 2 // 3 + 1
            thread = threading.Thread(target=self.post, args=(
                "refund", path, self.key("refund"), {"amount": part}, allowed))
            thread.start()
            self.post("refund", path, self.key("refund"), {"amount": part}, allowed)
            thread.join()
