# SPDX-License-Identifier: Apache-2.0
"""stage.py: the processes of a crash test: the sandbox, the service's instances and PostgreSQL.

Every process started here is ended with this one, however that ends. Nothing else is ever
signalled.
"""
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS_MAX = 30
INSTANCES = {"sqlite": 1, "postgres": 2, "postgres-failover": 3}
ASK_SECONDS = 40
GATEWAYS = {"stripe": "stripe-eu", "paypal": "paypal-eu"}
STRIPE_KEY, STRIPE_SECRET = "sk_test_holdfast_sandbox", "whsec_holdfast_sandbox"
PAYPAL_ID, PAYPAL_SECRET = "holdfast-sandbox-client", "holdfast-sandbox-secret"
PAYPAL_WEBHOOK = "8PT597110X687430L"

CONFIG = """\
public: {{address: "127.0.0.1:{public}"}}
internal: {{address: "127.0.0.1:{internal}"}}
store: {{url: "{store}", migrate: true}}
master_key: "file:{folder}/master.key"
log_level: warn
gateways:
  - name: stripe-eu
    adapter: stripe
    base_url: http://127.0.0.1:{stripe}
    priority: 1
    timeout_ms: 1200
    callback_due_s: 10
    credentials:
      - {{name: api_key, from: "file:{folder}/stripe.key"}}
      - {{name: webhook_secret, from: "file:{folder}/stripe.whsec"}}
  - name: paypal-eu
    adapter: paypal
    base_url: http://127.0.0.1:{paypal}
    priority: 2
    timeout_ms: 1200
    callback_due_s: 10
    credentials:
      - {{name: client_id, from: "file:{folder}/paypal.id"}}
      - {{name: client_secret, from: "file:{folder}/paypal.secret"}}
      - {{name: webhook_id, from: "file:{folder}/paypal.webhook"}}
      - {{name: webhook_ca, from: "file:{folder}/paypal.ca"}}
breaker: {{open_ms: 500, open_max_ms: 2000, trickle_ms: 100, slow_ms: 800}}
payments: {{request_budget_ms: 5000}}
limits: {{requests_per_second: 100000, burst: 100000, drain_s: 15}}
"""


class Unanswered(Exception):
    """Nobody answered, or not to the end: the caller knows nothing about what became of it."""


class Broken(Exception):
    """The test itself cannot go on."""


def dies_with_us(how, *command):
    """A command that gets the signal `how` when the thread that starts it ends."""
    return ["setpriv", "--pdeathsig", how, "--", *map(str, command)]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Line(http.client.HTTPConnection):
    """A connection that sends small requests at once."""

    def connect(self):
        super().connect()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


LINES = threading.local()


def ask(port, method, path, body=None, headers=None, seconds=ASK_SECONDS):
    """One request over a kept connection: (status, headers, JSON or text). Unanswered when the
    answer did not come, or not whole."""
    lines = LINES.__dict__.setdefault("by_port", {})
    line = lines.pop(port, None) or Line("127.0.0.1", port)
    sent = {"Content-Type": "application/json", **(headers or {})}
    data = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
    try:
        line.timeout = seconds
        if line.sock is not None:
            line.sock.settimeout(seconds)
        line.request(method, path, data, sent)
        answer = line.getresponse()
        text = answer.read()
        status, fields = answer.status, dict(answer.getheaders())
    except (OSError, http.client.HTTPException) as error:
        line.close()
        raise Unanswered(f"{method} {path}: {error!r}") from error
    if answer.will_close:
        line.close()
    else:
        lines[port] = line
    try:
        return status, fields, json.loads(text)
    except ValueError:
        return status, fields, text.decode("utf-8", "replace")


# Ends, of those whose COMMIT waits for the replica, some or all; waits up to a second for one. Says
# how many it were in a notice.
CUT_COMMITS = """
DO $$
DECLARE cut int := 0;
BEGIN
    FOR turn IN 1..500 LOOP
        PERFORM pg_stat_clear_snapshot();
        PERFORM {how}(pid) FROM pg_stat_activity
            WHERE wait_event = 'SyncRep' AND application_name = 'holdfast' AND random() < {share};
        GET DIAGNOSTICS cut = ROW_COUNT;
        EXIT WHEN cut > 0;
        PERFORM pg_sleep(0.002);
    END LOOP;
    RAISE NOTICE 'cut=%', cut;
END $$"""


class Postgres:
    """A private server, perhaps with a replica, and the means to do them harm."""

    def __init__(self, *options):
        self.helper = subprocess.Popen(
            dies_with_us("TERM", sys.executable, ROOT / "tests/support/pg_server.py", *options),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.helper.stdout.readline().strip()
        self.copying = None  # the thread that waits for a new replica
        if not self.url.startswith("postgresql://"):
            raise Broken("the private PostgreSQL did not start")

    def tell(self, word):
        self.helper.stdin.write(word + "\n")
        self.helper.stdin.flush()
        if self.helper.stdout.readline().strip() != "ok":
            raise Broken(f"the private PostgreSQL did not {word}")

    def restart(self):
        """SIGKILL to the whole server, then recovery."""
        self.tell("kill")
        self.tell("start")

    def failover(self):
        """The replica takes over. Until it has one of its own, which is being made while others go
        on, no COMMIT is answered."""
        self.tell("failover")
        self.copying = threading.Thread(target=self.tell, args=("replica",), daemon=True)
        self.copying.start()

    def whole(self):
        """Waits until the primary has its replica."""
        if self.copying is not None:
            self.copying.join()
            self.copying = None

    def cut_commits(self, how, share):
        """pg_terminate_backend() or pg_cancel_backend() in the middle of COMMIT: how many were
        met. It is committed on the primary then, and whether the replica has it nobody says."""
        done = subprocess.run(
            ["psql", "-Xq", "-d", self.url, "-c", CUT_COMMITS.format(how=how, share=share)],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60)
        found = re.search(r"cut=(\d+)", done.stderr)
        if found is None:
            raise Broken(f"no COMMIT could be cut: {done.stderr[-500:]}")
        return int(found.group(1))

    def backends(self):
        """Processes of our own server that serve a connection of the service."""
        postmasters, found = set(), []
        processes = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                stat = pathlib.Path("/proc", entry, "stat").read_text(encoding="utf-8")
                line = pathlib.Path("/proc", entry, "cmdline").read_bytes()
            except OSError:
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            processes[int(entry)] = (parent, line.replace(b"\0", b" ").decode("utf-8", "replace"))
            if parent == self.helper.pid:
                postmasters.add(int(entry))
        for pid, (parent, line) in processes.items():
            if parent in postmasters and line.startswith("postgres: holdfast "):
                found.append(pid)
        return sorted(found)

    def hit(self, rng, how, share):
        """SIGTERM is what pg_terminate_backend() sends; SIGKILL makes the server restart all."""
        for pid in self.backends():
            if rng.random() < share:
                try:
                    os.kill(pid, how)
                except ProcessLookupError:
                    continue

    def stop(self):
        self.whole()
        self.helper.stdin.close()
        try:
            self.helper.wait(60)
        except subprocess.TimeoutExpired:
            self.helper.terminate()
            self.helper.wait()


class Instance:
    """One `holdfast serve`."""

    def __init__(self, stage, number, public, internal):
        self.stage, self.number = stage, number
        self.public, self.internal = public, internal
        self.log = stage.folder / f"service-{number}.log"
        self.config = stage.folder / f"holdfast-{number}.yaml"
        self.process = None
        self.starts = 0
        self.slowest_start = 0.0
        self.began = 0.0

    def start(self):
        self.starts += 1
        self.began = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                dies_with_us("KILL", self.stage.program, "serve", "--config", self.config),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def died(self):
        """True when it ended and nobody here ended it."""
        return self.process is not None and self.process.poll() is not None

    def is_ready(self):
        try:
            return ask(self.internal, "GET", "/readyz", seconds=5)[0] == 200
        except Unanswered:
            return False

    def wait_ready(self, seconds=START_SECONDS_MAX):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.is_ready():
                self.slowest_start = max(self.slowest_start, time.monotonic() - self.began)
                return True
            if self.died():
                return False
            time.sleep(0.01)
        return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def stop(self):
        """Gracefully; returns the exit status, or None when it had to be killed."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        self.process = None
        return status

    def tail(self, lines=15):
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


class Stage:
    """Folder, ports, configuration and processes of one run. Another test may have other gateways
    (names by kind), another configuration, or more to tell PostgreSQL."""

    gateways, template = GATEWAYS, CONFIG

    def __init__(self, program, engine, folder, seed):
        self.program, self.engine, self.folder, self.seed = program, engine, folder, seed
        instances = INSTANCES[engine]
        ports = free_ports(3 + 2 * instances)
        self.stripe, self.paypal, self.control = ports[:3]
        self.instances = [Instance(self, i, ports[3 + 2 * i], ports[4 + 2 * i])
                          for i in range(instances)]
        self.database = ["--replica"] if engine == "postgres-failover" else []
        self.postgres = None
        self.sandbox = None

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def open(self):
        self.start_sandbox()
        store = f"sqlite:{self.folder}/holdfast.db"
        if self.engine != "sqlite":
            self.postgres = Postgres(*self.database)
            store = self.postgres.url
        for name, text in (
                ("stripe.key", STRIPE_KEY), ("stripe.whsec", STRIPE_SECRET),
                ("paypal.id", PAYPAL_ID), ("paypal.secret", PAYPAL_SECRET),
                ("paypal.webhook", PAYPAL_WEBHOOK), ("master.key", "63" * 32)):
            self.write(name, text)
        for instance in self.instances:
            self.configure(instance, store)
            # The first one migrates the database before the others look at it.
            instance.start()
            if not instance.wait_ready():
                raise Broken(f"the service did not start:\n{instance.tail()}")

    def configure(self, instance, store):
        instance.config.write_text(self.template.format(
            public=instance.public, internal=instance.internal, store=store,
            folder=self.folder, stripe=self.stripe, paypal=self.paypal), encoding="utf-8")

    def start_sandbox(self):
        callbacks = [f"http://127.0.0.1:{self.instances[-1 if i else 0].public}/callbacks/{name}"
                     for i, name in enumerate(self.gateways.values())]
        command = dies_with_us(
            "KILL", self.program, "sandbox", "--host=127.0.0.1", "--stripe-port", self.stripe,
            "--paypal-port", self.paypal, "--alipay-port", -1, "--wechat-port", -1,
            "--unionpay-port", -1, "--control-port", self.control, "--seed", self.seed,
            "--callback-stripe", callbacks[0], "--callback-paypal", callbacks[1],
            "--callback-retry-ms", 400, "--callback-tries", 7, "--latency-ms", 15,
            "--settle-ms", 1500)
        with open(self.folder / "sandbox.log", "ab") as log:
            self.sandbox = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self.sandbox.poll() is None:
            try:
                self.write("paypal.ca", self.truth("/paypal/ca.pem", seconds=5))
                return
            except Unanswered:
                time.sleep(0.02)
        log = (self.folder / "sandbox.log").read_text(encoding="utf-8", errors="replace")
        raise Broken(f"the sandbox did not start:\n{log[-2000:]}")

    def truth(self, path, seconds=ASK_SECONDS):
        """What the sandbox's own book says."""
        status, _, answer = ask(self.control, "GET", path, seconds=seconds)
        if status != 200:
            raise Broken(f"the sandbox answered {status} to GET {path}: {answer}")
        return answer

    def faults(self, gateway, faults):
        status, _, answer = ask(self.control, "PUT", f"/faults/{gateway}", {"faults": faults})
        if status != 200:
            raise Broken(f"the sandbox refused {faults}: {answer}")

    def approve(self, gateway, gateway_id):
        """The customer says yes at the gateway's own page."""
        path = f"/paypal/orders/{gateway_id}/approve" if gateway == GATEWAYS["paypal"] else \
            f"/stripe/payment_intents/{gateway_id}/authenticate"
        ask(self.control, "POST", path, {})

    def ours(self, path):
        """What the service says, from whichever instance answers."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            for instance in self.instances:
                try:
                    status, _, answer = ask(instance.internal, "GET", path)
                except Unanswered:
                    continue
                if status == 200:
                    return answer
            if time.monotonic() > deadline:
                raise Broken(f"the service does not answer GET {path}")
            time.sleep(0.05)

    def command(self, *words):
        """A `holdfast …` command: (exit status, output)."""
        done = subprocess.run([self.program, *words], capture_output=True, text=True, timeout=120,
                              check=False, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout + done.stderr

    def close(self):
        for instance in self.instances:
            if instance.process is not None:
                instance.process.kill()
                instance.process.wait()
        if self.sandbox is not None:
            self.sandbox.kill()
            self.sandbox.wait()
        if self.postgres is not None:
            self.postgres.stop()
