#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""runbook.py: walks docs/runbook.md and runs every line of it, on a service with PostgreSQL and
simulated gateways in which something of everything is amiss.

What the page calls by its place in production is put in its place here: the ports (the internal one
is 3000 itself where that is free), the public address, /etc/holdfast, /var/backups/holdfast, and a
`journalctl` that reads the service's log. Lines for a cluster are held against deploy/kubernetes.
The Chinese page must have the same lines.

    runbook.py [PAGE]      PAGE instead of docs/runbook.md (to see it fail)
"""
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time

import yaml

import page
from place import PROGRAM, ROOT, Place, ask, fresh, play
from stage import STRIPE_KEY, free_ports

LINE_SECONDS = 60
# What Holdfast does not do yet, and whose work it is. Nothing else may be left out.
NOT_YET = {}
SILENT = [{"kind": "timeout_before", "operation": ["query", "create", "charge"]},
          {"kind": "callback_lost"}]


# The service asks about it just now: whoever types this waits a moment, too.
AT_WORK = "Decide when its answer is there"
GATEWAY_ASKED = ("holdfast gateway check", "holdfast keys verify",
                 "curl -X POST localhost:3000/internal/api/system/reload-api-keys")


# ---- the place, with something of everything amiss ----

def internal_port():
    """3000, as the runbook writes it, unless somebody has it."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 3000))
            return 3000
        except OSError:
            return free_ports(1)[0]


class Scene(Place):
    def __init__(self, folder):
        super().__init__("postgres", folder)
        self.instances = self.instances[:1]
        self.service = self.instances[0]
        self.service.internal = internal_port()
        self.database = ["--setting", "shared_preload_libraries=pg_stat_statements"]
        self.sessions = []
        self.ids = {}

    def configure(self, instance, store):
        self.psql("CREATE EXTENSION pg_stat_statements")
        super().configure(instance, store)
        text = instance.config.read_text(encoding="utf-8")
        text = text.replace("log_level: warn", "log_level: info")
        instance.config.write_text(text, encoding="utf-8")

    def psql(self, sql):
        subprocess.run(["psql", "-Xq", "-d", self.postgres.url, "-c", sql], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def post(self, path, body):
        status, _, answer = ask(self.service.internal, "POST", path, body,
                                {"Idempotency-Key": fresh("scene")})
        assert status < 300, f"{path}: {status} {answer}"
        return answer

    def pay(self, order, gateway="stripe", token=None):
        token = token or {"stripe": "pm_card_visa", "paypal": f"vault_{order}"}[gateway]
        return self.post("/v1/payments", {"order_id": order, "amount": 9900, "currency": "EUR",
                                          "method": "card", "tokens": {gateway: token}})

    def charges(self, gateway):
        return len(self.truth(f"/book/charges?gateway={gateway}&limit=1000")["data"])

    def hang(self, order, gateway):
        """A payment that was charged, and nobody says so: from then on its gateway is silent."""
        before, told = self.charges(gateway), []
        self.faults(gateway, [{"kind": "timeout_after", "operation": ["charge"]},
                              {"kind": "callback_lost"}])
        shop = threading.Thread(target=lambda: told.append(self.pay(order, gateway)))
        shop.start()
        while self.charges(gateway) == before:
            time.sleep(0.01)
        self.faults(gateway, SILENT)
        shop.join()
        assert told[0]["state"] == "processing", told[0]
        self.psql("UPDATE attempt SET created_us = created_us - 120000000 WHERE payment_id = "
                  f"'{told[0]['id']}'")
        return told[0]["id"]

    def fill(self):
        for number in range(12):
            self.pay(f"good-{number}")
            self.pay(f"good-pp-{number}", "paypal")
        self.pay("declined", token="pm_card_visa_chargeDeclined")
        self.ids["PAYMENT"] = self.pay("P-1")["id"]
        other = self.pay("P-2", "paypal")["id"]
        self.faults("paypal", [{"kind": "decline", "operation": ["refund"]}])
        refund = self.post(f"/v1/payments/{other}/refunds", {"amount": 100})
        assert refund["state"] == "failed", refund
        self.faults("paypal", [])
        self.ids["REFUND"] = refund["id"]
        self.ids["STUCK"] = self.hang("P-3", "stripe")
        self.ids["SILENT"] = self.hang("P-4", "paypal")
        self.ids["ADMIN_TOKEN"] = self.key()

    def lock_something(self):
        """A session that holds a lock in an open transaction, and one that waits for it."""
        self.psql("CREATE TABLE IF NOT EXISTS rehearsal ()")
        for _ in range(2):
            session = subprocess.Popen(["psql", "-Xq", "-d", self.postgres.url],
                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
            session.stdin.write("BEGIN; LOCK TABLE rehearsal;\n")
            session.stdin.flush()
            self.sessions.append(session)
        deadline = time.monotonic() + LINE_SECONDS
        while not self.holdfast(self.service, "db", "locks")[0] == 1:
            assert time.monotonic() < deadline, "nobody waits for the lock"
            time.sleep(0.05)

    def close(self):
        self.unlock()
        super().close()

    def unlock(self):
        for session in self.sessions:  # whichever of them has the lock
            session.stdin.write("COMMIT;\n")
            session.stdin.close()
        for session in self.sessions:
            session.wait(LINE_SECONDS)
        self.sessions = []


# ---- running a line ----

class Walk:
    def __init__(self, scene, steps):
        self.scene, self.steps = scene, steps
        self.hanging = True  # Stripe is silent, but while it is asked for something harmless
        self.bin = scene.folder / "bin"
        self.bin.mkdir()
        (self.bin / "holdfast").symlink_to(PROGRAM)
        journal = self.bin / "journalctl"
        journal.write_text("#!/bin/sh\n# -u holdfast -o cat [-n N]\n"
                           f"exec tail -n \"${{6:-1000000}}\" '{scene.service.log}'\n",
                           encoding="utf-8")
        journal.chmod(0o755)
        keys = scene.folder / "new"
        keys.mkdir()
        (keys / "stripe.key").write_text(STRIPE_KEY, encoding="utf-8")
        self.environment = dict(
            os.environ, PATH=f"{self.bin}:{os.environ['PATH']}", NEW_KEYS=str(keys),
            HOLDFAST_URL=f"http://127.0.0.1:{scene.service.internal}", **scene.ids)

    def placed(self, text):
        service = self.scene.service
        for name, here in (
                ("localhost:3000", f"localhost:{service.internal}"),
                ("https://api.internal.flowmart.com", f"http://127.0.0.1:{service.public}"),
                ("/etc/holdfast/holdfast.yaml", str(service.config)),
                ("/etc/holdfast/", f"{self.scene.folder}/"),
                ("/var/backups/holdfast/", f"{self.scene.folder}/")):
            text = text.replace(name, here)
        return text

    def run(self, text):
        try:
            done = subprocess.run(["bash", "-c", "set -eo pipefail\n" + self.placed(text)],
                                  env=self.environment, capture_output=True, text=True,
                                  check=False, timeout=LINE_SECONDS, stdin=subprocess.DEVNULL,
                                  cwd=ROOT)
        except subprocess.TimeoutExpired:
            return 124, f"it had not ended after {LINE_SECONDS} s"
        return done.returncode, done.stdout + done.stderr

    def prepare(self, line):
        """What must be amiss, or well again, just before a line."""
        if line.text.startswith("holdfast db long"):
            self.scene.lock_something()
        elif line.text.startswith("holdfast payment check"):
            self.scene.faults("stripe", [])
        elif line.text.startswith(GATEWAY_ASKED):
            self.scene.faults("stripe", SILENT[1:])

    def tidy(self, line):
        if line.text == "holdfast db locks":
            self.scene.unlock()
        elif line.text.startswith("holdfast payment resolve"):
            self.scene.faults("paypal", [])
        elif line.text.startswith(GATEWAY_ASKED) and self.hanging:
            self.scene.faults("stripe", SILENT)

    def wrong(self, line):
        """Sentences that say what is wrong with it."""
        if not line.sees and not line.then:
            return ["nothing is said about what one sees"]
        self.prepare(line)
        status, said = self.run(line.text)
        deadline = time.monotonic() + LINE_SECONDS
        while AT_WORK in said and time.monotonic() < deadline:
            time.sleep(0.2)
            status, said = self.run(line.text)
        self.tidy(line)
        self.hanging = self.hanging and not line.text.startswith("holdfast payment check")
        found = [f"/{pattern}/ is not in it" for pattern in line.sees
                 if not re.search(pattern, said, re.M)]
        if status not in line.ends:
            found.append(f"it ended with {status}, not {line.ends}")
        if found:
            found.append(said)
        for command, pattern in line.then:
            _, after = self.run(command)
            if not re.search(pattern, after, re.M):
                found.append(f"afterwards `{command}` does not show /{pattern}/:\n{after}")
        return found

    def take(self, line):
        first = line.text.splitlines()[0]
        if line.is_elsewhere():
            found = wrong_in_cluster(line.text)
        elif line.rehearsed:
            found = wrong_elsewhere(line)
        else:
            found = self.wrong(line)
        self.steps.say(not found, f"line {line.number}: {first[:100]}", "\n".join(found))


# ---- lines that need more than this machine ----

def manifests():
    for path in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml")):
        yield from filter(None, yaml.safe_load_all(path.read_text(encoding="utf-8")))


def pods():
    for kind in manifests():
        if kind["kind"] in ("Deployment", "Job"):
            labels = dict(kind["spec"]["template"]["metadata"]["labels"])
            if kind["kind"] == "Job":
                labels["job-name"] = kind["metadata"]["name"]
            spec = kind["spec"]["template"]["spec"]
            names = [each["name"] for each in spec["containers"] + spec["initContainers"]]
            yield kind, labels, names


def namespaces():
    """Ours, and those that our network policy knows."""
    text = "\n".join(yaml.safe_dump(kind) for kind in manifests())
    return set(re.findall(r"(?:namespace|kubernetes.io/metadata.name): (\S+)", text))


def wrong_in_cluster(text):
    found = []
    if not text.startswith("kubectl "):
        return found  # aws: theirs, and no name of ours is in it
    for name in re.findall(r" -n (\S+)", text):
        if name not in namespaces():
            found.append(f"no manifest knows the namespace {name}")
    label = re.search(r" -l (\S+)=(\S+)", text)
    fitting = [(kind, names) for kind, labels, names in pods()
               if label is None or labels.get(label[1]) == label[2]]
    deployments = [kind["metadata"]["name"] for kind, _ in fitting if kind["kind"] == "Deployment"]
    for name in re.findall(r"\bdeployment[/ ](\S+)", text):
        if name not in deployments:
            found.append(f"there is no deployment {name}")
    if label and not fitting:
        found.append(f"no pod has the label {label[0]}")
    containers = {name for _, names in fitting for name in names}
    for name in re.findall(r" -c (\S+)", text) + (
            re.findall(r" ([a-z]+)=\S+:\$VERSION", text) if " set image " in text else []):
        if name not in containers:
            found.append(f"no container is called {name}")
    for name in re.findall(r" -f (\S+)", text):
        if not (ROOT / name).is_file():
            found.append(f"there is no file {name}")
    return found


def wrong_elsewhere(line):
    """It is run by another test; here its options are held against what it takes."""
    found = []
    test, command = ROOT / line.rehearsed, ROOT / line.text.split()[0]
    if not os.access(test, os.X_OK):
        found.append(f"there is no test {line.rehearsed}")
    if not os.access(command, os.X_OK):
        found.append(f"there is no command {line.text.split()[0]}")
        return found
    script = command.read_text(encoding="utf-8")
    for option in re.findall(r" (--[a-z-]+)", line.text):
        if f"    {option}) " not in script:
            found.append(f"it has no option {option}")
    return found


# ---- the page ----

def held_against_source(steps, old):
    was = (pathlib.Path(__file__).parent / "was.txt").read_text(encoding="utf-8").splitlines()
    steps.say([each.text for each in old] == was, "every command of the old runbook, in its order",
              "\n".join(sorted(set(was) ^ {each.text for each in old})))
    bare = [each.text for each in old if not each.lines]
    steps.say(not bare, "each has ours beside it", "\n".join(bare))
    left = {each.text for each in old if each.not_yet}
    steps.say(left == set(NOT_YET), "nothing is left out but what is known to be",
              "\n".join(sorted(left ^ set(NOT_YET))))


def same_in_chinese(steps, ours):
    _, theirs = page.read(ROOT / "docs" / "runbook.zh-CN.md")
    texts = [line.text for line in ours], [line.text for line in theirs]
    apart = [f"{a!r}\n{b!r}" for a, b in zip(*texts) if a != b][:3]
    steps.say(texts[0] == texts[1], "the Chinese page has the same lines",
              "\n".join(apart) or f"{len(texts[0])} and {len(texts[1])}")


def walk(scene, steps):
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "runbook.md"
    old, ours = page.read(path)
    held_against_source(steps, old)
    same_in_chinese(steps, ours)
    scene.fill()
    steps.note(f"the service is up, internal port {scene.service.internal}")
    walker = Walk(scene, steps)
    for line in ours:
        walker.take(line)
    steps.note(f"{len(ours)} lines")


if __name__ == "__main__":
    sys.exit(play("runbook", Scene, walk))
