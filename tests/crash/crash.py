#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""crash.py: SIGKILL at random moments, under load, with faults on; then: was any promise broken?

usage: crash.py --engine sqlite|postgres|postgres-failover [--kills N] [--seed S] [--keep]
                [--customers N] [--unreplicated]

Customers buy, capture, cancel and give back through a service whose simulated gateways
misbehave, and which is killed and started again N times, at times while it starts. On PostgreSQL
two instances share one database, are killed in turn, and connections and the server as well; with
postgres-failover there are three of them, the server has a replica, commits are cut while they wait
for it, and again and again the primary is killed for good and the replica promoted. Then all faults
are healed, everything must come to rest within a bounded time, and sums.py compares the invariants,
our books with the sandbox's own, and every answer that a client ever got.

What goes wrong and when follows from the seed; how threads and processes interleave does not, so a
failing seed is a good place to look, not a certain replay. With --unreplicated commits do not wait
for the replica, so that what was acknowledged gets lost: that run must fail. The program is
HOLDFAST_BIN, or build/holdfast. The folder with logs, promises and database is kept when something
was wrong.
Exit status: 0 all promises held, 1 one was broken, 2 the test could not run.
"""
import argparse
import itertools
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

from customers import Customer, Shop
from merchant import Merchant
from stage import GATEWAYS, INSTANCES, ROOT, Broken, Stage, Unanswered, ask
from sums import OPEN_OPERATION, Sums, pages

QUIET_SECONDS_MAX = 300
READINGS_MAX = 5
LATE_SECONDS = 15
MONEY = ["charge", "capture", "refund", "cancel"]

# What a gateway may do between two kills; each list stands for one state of it.
GATEWAY_MOODS = [
    [],
    [],
    [],
    [],
    [],
    [{"kind": "down"}],
    [{"kind": "refuse"}],
    [{"kind": "intermittent"}],
    [{"kind": "reset", "probability": 0.4}],
    [{"kind": "slow", "median_ms": 250, "p99_ms": 1800}],
    [{"kind": "timeout_before", "probability": 0.25, "operation": MONEY}],
    [{"kind": "timeout_after", "probability": 0.3, "operation": MONEY}],
    [{"kind": "timeout_after", "probability": 0.2}, {"kind": "reset", "probability": 0.2}],
    [{"kind": "error", "status": 500, "probability": 0.4}],
    [{"kind": "error", "status": 500, "probability": 0.4, "executed": True, "operation": MONEY}],
    [{"kind": "error", "status": 429, "probability": 0.5}],
    [{"kind": "decline", "probability": 0.3}],
]
CALLBACK_MOODS = [
    [],
    [{"kind": "callback_lost", "probability": 0.4}],
    [{"kind": "callback_late", "probability": 0.5, "seconds": 4}],
    [{"kind": "callback_duplicate", "probability": 0.6, "copies": 2},
     {"kind": "callback_reorder", "probability": 0.6}],
    [{"kind": "callback_forged", "probability": 0.5}],
    [{"kind": "callback_amount", "probability": 0.2}],
]
# How a service that is just starting ends when it finds no database, or loses it.
DATABASE_AWAY = ("opening the database", "Whether the database kept the change is not known yet")
HANDS = ("primary", "disable", "drain", "enable", "fallback_on", "fallback_off", "refresh")
# What happens to a database with a replica: each of them once in as many kills, in any order.
# "frozen": its replica gets nothing more, so that each COMMIT waits and what is cut there is gone
# once the replica is promoted.
REPLICATED = ("cut", "cut_frozen", "cut_frozen", "failover", "failover", "failover_frozen",
              "failover_frozen", "restart")


class Plan:
    """What happens between two kills: all of it from the seed."""

    def __init__(self, seed, number, engine, instances):
        rng = random.Random(f"{seed}/plan/{number}")
        self.rng = rng
        self.victim = rng.randrange(instances)
        self.faults = {gateway: rng.choice(GATEWAY_MOODS) + rng.choice(CALLBACK_MOODS)
                       for gateway in GATEWAYS}
        # Most kills hit a service at work, some hit one that only just starts to recover.
        self.pause_s = rng.random() * 0.15 if rng.random() < 0.2 else 0.3 + rng.random() * 1.1
        self.down_s = rng.random() * 0.4 if rng.random() < 0.3 else 0.0
        # A gateway that was taken out is back soon, or little would be left to break.
        self.hand = rng.choice(HANDS) if rng.random() < 0.25 else "enable"
        self.gateway = rng.choice(sorted(GATEWAYS.values()))
        self.gently = rng.random() < 0.05  # SIGTERM first: a deployment in the middle of it all
        self.database = rng.choice(("terminate", "terminate", "kill_one", "restart")) \
            if rng.random() < 0.25 else None
        self.way = rng.choice(("pg_terminate_backend", "pg_terminate_backend", "pg_cancel_backend"))
        self.share = rng.choice((0.3, 1.0))
        self.seen_s = rng.random() * 0.5  # how long what was cut is there for all to see
        if engine == "postgres-failover":
            turn = list(REPLICATED)
            random.Random(f"{seed}/database/{number // len(turn)}").shuffle(turn)
            self.database = turn[number % len(turn)]


class Run:
    def __init__(self, options):
        self.options = options
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"holdfast-crash-{options.engine}-"))
        self.stage = Stage(options.program, options.engine, self.folder, options.seed)
        if options.unreplicated:
            self.stage.database += ["--setting", "synchronous_standby_names="]
        self.shop = self.merchant = None
        self.threads = []
        self.wrong = []
        self.kills = self.false_starts = self.failovers = self.cut = 0
        self.database_hurt = -1000.0  # when
        self.asked, self.doubtful, self.finished = set(), set(), set()
        self.posts = itertools.count(1)
        self.began = time.monotonic()

    def say(self, text):
        print(f"# {time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    # -- up and down --

    def open(self):
        self.stage.open()
        self.merchant = Merchant(self.options.seed)
        status, answer = self.post("/v1/webhooks", {"url": self.merchant.url})
        if status != 201:
            raise Broken(f"no webhook: {status} {answer}")
        self.merchant.trust(answer["secret"])
        status, answer = self.post("/v1/keys", {"name": "crash test", "role": "admin"})
        if status != 201:
            raise Broken(f"no API key: {status} {answer}")
        self.shop = Shop(self.stage, self.options.seed, answer["key"])
        for number in range(self.options.customers):
            thread = threading.Thread(target=Customer(self.shop, number).run, daemon=True)
            thread.start()
            self.threads.append(thread)

    def watch(self):
        """Anything that ended without being killed is a bug."""
        for instance in self.stage.instances:
            if not instance.died():
                continue
            # Without its database a service does not start; whoever supervises it tries again.
            if instance.process.returncode == 1 and time.monotonic() < self.database_hurt + 15 \
                    and any(words in instance.tail(3) for words in DATABASE_AWAY):
                self.false_starts += 1
            else:
                self.wrong.append(f"instance {instance.number} ended by itself "
                                  f"({instance.process.returncode}):\n{instance.tail()}")
            instance.start()
        if self.stage.sandbox.poll() is not None:
            raise Broken(f"the sandbox ended by itself ({self.stage.sandbox.returncode})")

    # -- chaos --

    def switch_by_hand(self, plan):
        name = plan.gateway
        reason = {"reason": "crash test"}
        path, body = {
            "primary": ("/v1/routing/primary", dict(reason, gateway=name)),
            "disable": (f"/v1/gateways/{name}/disable", dict(reason, force=True)),
            "drain": (f"/v1/gateways/{name}/drain", dict(reason, force=True)),
            "enable": (f"/v1/gateways/{name}/enable", reason),
            "fallback_on": ("/v1/routing/fallback", dict(reason, on=True)),
            "fallback_off": ("/v1/routing/fallback", dict(reason, on=False)),
            "refresh": ("/internal/api/system/refresh-db-connections", {}),
        }[plan.hand]
        key = f"hand-{self.kills}-{plan.hand}"
        for instance in self.stage.instances:
            try:
                status, _, answer = ask(instance.internal, "POST", path, body,
                                        {"Idempotency-Key": key}, seconds=10)
            except Unanswered:
                continue
            if status not in (200, 409, 422, 503):
                self.shop.complain(f"{path} was answered {status} {answer}")
            return

    def hurt_database(self, plan):
        postgres = self.stage.postgres
        if postgres is None or plan.database is None:
            return
        postgres.whole()
        if plan.database == "restart":
            postgres.restart()
        elif plan.database.startswith(("cut", "failover")):
            self.hurt_replicated(plan)
        elif plan.database == "kill_one":
            postgres.hit(plan.rng, signal.SIGKILL, 0.05)
        else:
            postgres.hit(plan.rng, signal.SIGTERM, 0.5)
        self.database_hurt = time.monotonic()

    def hurt_replicated(self, plan):
        postgres = self.stage.postgres
        frozen = plan.database.endswith("_frozen")
        if frozen:
            postgres.tell("freeze")
        if not self.options.unreplicated and plan.database != "failover":
            self.cut += postgres.cut_commits(plan.way, plan.share)
        if frozen:
            time.sleep(plan.seen_s)
        if plan.database.startswith("failover"):
            postgres.failover()
            self.failovers += 1
        elif frozen:
            postgres.tell("thaw")

    def kill_once(self, plan):
        for gateway, faults in plan.faults.items():
            self.stage.faults(gateway, faults)
        if plan.hand is not None:
            self.switch_by_hand(plan)
        self.hurt_database(plan)
        victim = self.stage.instances[plan.victim]
        time.sleep(plan.pause_s)
        self.watch()
        if plan.gently:
            self.make_ready(victim)  # a program that has not begun yet cannot end itself
            self.stop(victim)
            victim.start()
            self.make_ready(victim)
        victim.kill()
        self.kills += 1
        time.sleep(plan.down_s)
        victim.start()
        if plan.pause_s > 0.2:
            self.make_ready(victim)

    def stop(self, instance):
        status = instance.stop()
        if status != 0:
            self.wrong.append(f"SIGTERM ended instance {instance.number} with {status}:\n"
                              f"{instance.tail()}")

    def make_ready(self, instance):
        for _ in range(10):
            if instance.wait_ready():
                return
            self.watch()
            time.sleep(0.1)
        self.wrong.append(f"instance {instance.number} did not become ready:\n{instance.tail()}")

    def chaos(self):
        for number in range(self.options.kills):
            self.kill_once(Plan(self.options.seed, number, self.options.engine,
                                len(self.stage.instances)))
            if (number + 1) % 10 == 0:
                self.say(f"{self.kills} kills; {self.shop.asked} answers, "
                         f"{self.shop.repeats} repeats")
                self.help_stuck()

    # -- coming to rest --

    def post(self, path, body):
        # Not by a clock: so many digits may be a card number, and one is refused.
        key = f"rest-{next(self.posts)}"
        for instance in self.stage.instances:
            try:
                status, _, answer = ask(instance.internal, "POST", path, body,
                                        {"Idempotency-Key": key})
                return status, answer
            except Unanswered:
                continue
        return 0, None

    def help_stuck(self):
        """What a person does: asks the gateway about payments that nobody has answered for."""
        stuck = self.stage.ours("/internal/api/payments/stuck?older_seconds=20&limit=50")["data"]
        for attempt in stuck[:20]:
            self.post(f"/v1/payments/{attempt['payment_id']}/check", {})

    def heal(self):
        for gateway, name in GATEWAYS.items():
            self.stage.faults(gateway, [])
        if self.stage.postgres is not None:
            self.stage.postgres.whole()
        for instance in self.stage.instances:
            self.make_ready(instance)
        deadline = time.monotonic() + 30
        while not all(map(self.all_enabled, self.stage.instances)):
            if time.monotonic() > deadline:
                raise Broken("a gateway could not be enabled again")
            for name in GATEWAYS.values():
                self.post(f"/v1/gateways/{name}/enable", {"reason": "crash test is over"})
            time.sleep(0.2)
        self.post("/v1/routing/fallback", {"on": False, "reason": "crash test is over"})

    @staticmethod
    def all_enabled(instance):
        """Each instance must have heard of it."""
        try:
            status, _, answer = ask(instance.internal, "GET", "/v1/gateways")
        except Unanswered:
            return False
        return status == 200 and all(each["state"] == "enabled" for each in answer["data"])

    def close_shop(self):
        self.shop.open = False
        deadline = time.monotonic() + QUIET_SECONDS_MAX
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self.threads):
            self.wrong.append(f"{self.shop.in_hand} customers still wait for an answer")

    def open_work(self):
        """What is not at rest yet, in words."""
        left = []
        for state in ("processing", "created"):
            for payment in pages(self.stage.ours, f"/v1/payments?limit=100&state={state}"):
                left.append(f"{payment['id']} is {state}")
                self.post(f"/v1/payments/{payment['id']}/check", {})
        for state in sorted(OPEN_OPERATION):
            for refund in self.stage.ours(f"/v1/refunds?state={state}&limit=100")["data"]:
                left.append(f"{refund['id']} is {state}")
                self.post(f"/v1/payments/{refund['payment_id']}/check", {})
        for payment_id in sorted(self.unfinished_captures()):
            left.append(f"{payment_id} has an open operation")
            self.post(f"/v1/payments/{payment_id}/check", {})
        left += self.ask_about_absent_customers()
        backlog = self.stage.ours("/internal/api/system/backlog")
        for name in ("callbacks_waiting", "webhooks_waiting"):
            if backlog[name]:
                left.append(f"{backlog[name]} {name}")
        return left

    def unfinished_captures(self):
        """Payments with a capture or a cancellation that nobody has answered for."""
        for promise in self.shop.promises:
            if promise.kind in ("capture", "cancel") and promise.status == 202 and \
                    promise.answer["id"] not in self.finished:
                self.doubtful.add(promise.answer["id"])
        for payment_id in sorted(self.doubtful):
            story = self.stage.ours(f"/v1/payments/{payment_id}/events")
            if not any(each["state"] in OPEN_OPERATION for each in story["operations"]):
                self.doubtful.discard(payment_id)
                self.finished.add(payment_id)
        return self.doubtful

    def ask_about_absent_customers(self):
        """Who was sent to the gateway's page may have paid there, and the callback may be lost."""
        left = []
        for payment in pages(self.stage.ours, "/v1/payments?limit=100&state=requires_action"):
            if (payment["action"] or {}).get("type") != "redirect" or payment["id"] in self.asked:
                continue
            status, answer = self.post(f"/v1/payments/{payment['id']}/check", {})
            if status == 200 and answer["gateway_says"]["http_status"] == 200:
                self.asked.add(payment["id"])
            else:
                left.append(f"{payment['id']}: its gateway was not asked yet")
        return left

    def send_late(self):
        """What a person does about webhooks whose next try is minutes away. One that has lost its
        job would be helped as well, so the rules are asked first."""
        for broken in self.stage.ours("/internal/api/payments/verify")["broken"]:
            self.wrong.append(f"{broken['rule']}: {broken['what']}: {broken['id']}")
        late = self.stage.ours("/v1/webhook-deliveries?state=waiting&limit=100")["data"]
        for delivery in late:
            self.post(f"/v1/webhook-deliveries/{delivery['id']}/replay", {})

    def come_to_rest(self):
        deadline = time.monotonic() + QUIET_SECONDS_MAX
        late = time.monotonic() + LATE_SECONDS
        said = 0.0
        while True:
            left = self.open_work()
            if not left:
                return
            if time.monotonic() > deadline:
                self.wrong.append("not at rest in time: " + "; ".join(left[:20]))
                return
            if time.monotonic() > late and all("webhooks_waiting" in each for each in left):
                self.send_late()
                late = time.monotonic() + LATE_SECONDS
            if time.monotonic() - said > 15:
                self.say(f"waiting for {len(left)}: {'; '.join(left[:3])}")
                said = time.monotonic()
            time.sleep(0.5)

    # -- the end --

    def check_offline(self):
        """After a graceful end: its status, and what the commands say about the database alone."""
        for instance in self.stage.instances:
            self.stop(instance)
        config = str(self.stage.instances[0].config)
        for words in (("db", "check"), ("audit", "verify")):
            status, output = self.stage.command(*words, "--config", config)
            if status != 0:
                self.wrong.append(f"holdfast {' '.join(words)} ended with {status}:\n{output}")

    def write_promises(self):
        with open(self.folder / "promises.jsonl", "w", encoding="utf-8") as out:
            for promise in list(self.shop.promises):
                out.write(promise.line() + "\n")

    def verdict(self):
        for _ in range(READINGS_MAX):
            sums = Sums(self.stage, self.shop, self.merchant)
            wrong = sums.wrong()
            if not sums.moved():
                break
            self.say("a payment went on while the books were compared: once more")
            self.come_to_rest()
        self.wrong += wrong
        counts = sums.counts()
        self.say("; ".join(f"{name} {count}" for name, count in counts.items()))
        slowest_s = max(each.slowest_start for each in self.stage.instances)
        self.say(f"{self.kills} kills; {self.shop.asked} answers after {self.shop.repeats} "
                 f"repeats, the longest wait {self.shop.longest_s:.1f} s; {self.false_starts} "
                 f"starts without a database, the slowest start {slowest_s:.2f} s")
        if self.options.engine == "postgres-failover":
            self.say(f"{self.failovers} failovers; {self.cut} commits cut while they waited for "
                     "the replica")
            if self.kills >= len(REPLICATED) and self.cut == 0:
                self.wrong.append("no COMMIT was cut: this run proves nothing")

    def run(self):
        self.open()
        self.say(f"{self.options.engine}, seed {self.options.seed}, {self.options.kills} kills, "
                 f"folder {self.folder}")
        self.chaos()
        self.heal()
        self.close_shop()
        self.say("healed and closed; waiting for rest")
        self.come_to_rest()
        self.watch()
        self.verdict()
        self.check_offline()
        self.wrong += self.shop.wrong

    def close(self):
        if self.shop is not None:
            self.shop.open = False
            self.write_promises()
        self.stage.close()
        if self.merchant is not None:
            self.merchant.close()


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--engine", choices=sorted(INSTANCES), required=True)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--customers", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="keep the folder in any case")
    parser.add_argument("--unreplicated", action="store_true", help="must fail: see above")
    options = parser.parse_args()
    # On PostgreSQL who was interrupted waits until the others know that his instance is dead.
    options.customers = options.customers or (16 if options.engine == "sqlite" else 40)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1, 1 << 31)
    options.program = os.environ.get("HOLDFAST_BIN") or str(ROOT / "build/holdfast")
    if not os.access(options.program, os.X_OK):
        parser.error(f"there is no program {options.program}; script/build makes it")
    return options


def main():
    options = read_options()
    name = f"every promise holds after {options.kills} kills on {options.engine}"
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(2))
    run = Run(options)
    status = 2
    try:
        run.run()
        status = 1 if run.wrong else 0
    except Broken as error:
        run.wrong.append(str(error))
    finally:
        run.close()
        for text in run.wrong[:60]:
            print("# " + text.replace("\n", "\n#   "))
        if len(run.wrong) > 60:
            print(f"# … and {len(run.wrong) - 60} more")
        print(f"{'ok' if status == 0 else 'not ok'} - {name}")
        if status != 0:
            print(f"# once more: tests/crash/crash.py --engine {options.engine} "
                  f"--kills {options.kills} --seed {options.seed} --keep")
        if status == 0 and not options.keep:
            shutil.rmtree(run.folder, ignore_errors=True)
        else:
            print(f"# the folder: {run.folder}")
    return status


if __name__ == "__main__":
    sys.exit(main())
