# SPDX-License-Identifier: Apache-2.0
"""place.py: where runbooks are rehearsed: PostgreSQL, simulated gateways and instances of the
service as tests/crash has them, with the gateways' names that the runbook uses, and shops that buy
while somebody works on it.

A shop does as docs/scaling.md tells every client: it knows several addresses, repeats a request
that got no answer, or 503, with the same Idempotency-Key at the next one, and believes only what it
was told.
"""
import itertools
import os
import pathlib
import shutil
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "crash"))
sys.dont_write_bytecode = True

from stage import CONFIG, Stage, Unanswered, ask  # noqa: E402

PROGRAM = os.environ.get("HOLDFAST_BIN") or str(ROOT / "build" / "holdfast")
PATIENCE_S = 60
PAUSE_S = 0.02


COUNTER = itertools.count(1)


def fresh(prefix):
    """A key of its own; a clock's digits could be taken for a card number."""
    return f"{prefix}-{next(COUNTER)}"


class Place(Stage):
    gateways = {"stripe": "stripe", "paypal": "paypal"}
    template = CONFIG.replace("stripe-eu", "stripe").replace("paypal-eu", "paypal")

    def __init__(self, engine, folder):
        super().__init__(PROGRAM, engine, folder, 11)

    def holdfast(self, instance, *words):
        return self.command(*words, "--url", f"http://127.0.0.1:{instance.internal}")

    def key(self, role="admin"):
        status, _, answer = ask(self.instances[0].internal, "POST", "/v1/keys",
                                {"name": f"rehearsal {role}", "role": role},
                                {"Idempotency-Key": f"key-{role}"})
        assert status == 201, answer
        return answer["key"]


class Shop:
    """Buys in a few threads until it is closed; remembers what it was told."""

    def __init__(self, ports, key, threads=4):
        self.ports, self.key = ports, key
        self.lock = threading.Lock()
        self.open = True
        self.told = {}      # order: what the last answer to it said
        self.failures = []  # what no repeat has helped with
        self.repeats = self.orders = 0
        self.threads = [threading.Thread(target=self.buy_on, args=(number,), daemon=True)
                        for number in range(threads)]
        for thread in self.threads:
            thread.start()

    def buy_on(self, number):
        turn = 0
        while self.open:
            turn += 1
            order = f"order-{number}-{turn}"
            token = {"stripe": "pm_card_visa", "paypal": f"vault_{number}_{turn}"}
            answer = self.post("/v1/payments", order, {
                "order_id": order, "amount": 1000 + turn, "currency": "EUR", "method": "card",
                "tokens": token})
            with self.lock:
                self.orders += 1
                if answer is not None:
                    self.told[order] = answer
            time.sleep(PAUSE_S)

    def post(self, path, order, body):
        """Repeated at the next address until it is answered, or for as long as one is patient."""
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": order}
        deadline, turn, said = time.monotonic() + PATIENCE_S, next(COUNTER), None
        while time.monotonic() < deadline:
            port = self.ports[turn % len(self.ports)]
            turn += 1
            try:
                status, _, answer = ask(port, "POST", path, body, headers, seconds=15)
            except Unanswered as error:
                said = str(error)
            else:
                if status in (201, 202):
                    return answer
                said = f"{status} {answer}"
                # The first try is still at work there; its answer comes with a repeat.
                at_work = status == 409 and answer["type"].endswith("/idempotency-in-flight")
                if status != 503 and not at_work:
                    break
            with self.lock:
                self.repeats += 1
            time.sleep(PAUSE_S)
        with self.lock:
            self.failures.append(f"{order}: {said}")
        return None

    def count(self):
        with self.lock:
            return len(self.told)

    def await_more(self, orders, what):
        """Until so many more are told: time for something to have happened under load."""
        wanted, deadline = self.count() + orders, time.monotonic() + PATIENCE_S
        while self.count() < wanted:
            assert time.monotonic() < deadline, f"the shop sells nothing: {what}"
            time.sleep(PAUSE_S)

    def close(self):
        self.open = False
        for thread in self.threads:
            thread.join(PATIENCE_S * 2)
            assert not thread.is_alive(), "a shop still waits for an answer"


def come_to_rest(place, instance):
    """Until nothing is under way any more."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        backlog = ask(instance.internal, "GET", "/internal/api/system/backlog")[2]
        open_work = {name: backlog[name] for name in (
            "unknown_payments", "processing_payments", "callbacks_waiting") if backlog[name]}
        if not open_work:
            return
        assert time.monotonic() < deadline, f"still open: {open_work}"
        for state in ("processing", "created"):
            rows = ask(instance.internal, "GET", f"/v1/payments?limit=100&state={state}")[2]
            for row in rows["data"]:
                ask(instance.internal, "POST", f"/v1/payments/{row['id']}/check", {},
                    {"Idempotency-Key": fresh("rest")})
        time.sleep(0.1)


def nothing_lost_nothing_doubled(place, instance, shop):
    """Sentences that say what is wrong with what the shop was told, by our books and the
    gateways'."""
    wrong = list(shop.failures)
    twice = place.truth("/book")["charged_twice"]
    if twice["orders"] or twice["references"]:
        wrong.append(f"charged twice: {twice}")
    for order, told in shop.told.items():
        status, _, now = ask(instance.internal, "GET", f"/v1/payments/{told['id']}")
        if status != 200:
            wrong.append(f"{order} was told of {told['id']}, which is not there: {now}")
        elif told["state"] == "succeeded" and now["state"] != "succeeded":
            wrong.append(f"{order} was told succeeded, and is {now['state']}")
        elif now["state"] not in ("succeeded", "failed"):
            wrong.append(f"{order} is {now['state']}")
    broken = ask(instance.internal, "GET", "/internal/api/payments/verify")[2]["broken"]
    return wrong + [f"{row['rule']}: {row['what']}: {row['id']}" for row in broken]


class Steps:
    """Prints one line a test, as script/test reads it."""

    def __init__(self):
        self.began = time.monotonic()
        self.failed = 0

    def note(self, text):
        print(f"# {time.monotonic() - self.began:5.1f} s  {text}", flush=True)

    def say(self, good, name, why=""):
        print(f"{'ok' if good else 'not ok'} - {name}", flush=True)
        if not good:
            self.failed += 1
            for line in str(why).splitlines()[:30]:
                print(f"  # {line[:300]}")


def play(name, place_in, rehearse):
    """Makes a place in a new folder, rehearses there, and keeps the folder if something was wrong.
    Gives the exit status."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"holdfast-{name}-"))
    steps = Steps()
    place = place_in(folder)
    try:
        place.open()
        rehearse(place, steps)
    finally:
        place.close()
    if steps.failed == 0:
        shutil.rmtree(folder)
    else:
        steps.note(f"kept: {folder}")
    return 1 if steps.failed else 0
