#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL for tests and benchmarks, gone when whoever started it is gone.

usage: pg_server.py [--fsync] [--replica] [--setting NAME=VALUE ...] [-- COMMAND ARG ...]

Makes a cluster in a new folder, starts it on a free loopback port and prints its URL (superuser,
database "postgres") on a line of its own. With a COMMAND, runs that with HOLDFAST_TEST_PG_URL set,
ends the server and exits with the command's status. Without one, reads commands from standard
input, one a line, and answers "ok" to each; at the end of input it ends the server and removes the
folder:
  kill     SIGKILL to the whole server, as if the machine had lost power but for its disks
  stop     an orderly shutdown
  start    starts it again on the same port

With --replica there are two servers, the URL names both, and a commit on the primary waits until
the other one has it on disk (synchronous_standby_names; an empty --setting of it lets commits not
wait). The words above mean the primary, and there are more:
  failover SIGKILL to the primary for good, then the replica is promoted
  replica  makes a new replica of the primary, where the one before the last failover was
  freeze   the primary sends its replica nothing more; commits wait
  thaw     it does again

When run as root the server runs as the user postgres, or nobody where there is none.
"""
import argparse
import ctypes
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

START_SECONDS_MAX = 60
REPLICA = "holdfast_replica"
PR_SET_PDEATHSIG = 1

# A test cluster lives for a minute: nothing is spent on what only a long life needs.
SETTINGS = {
    "shared_buffers": "64MB",
    "max_connections": "200",
    # As in production, so that a test may have its commits wait for a standby.
    "wal_level": "replica",
    "max_wal_senders": "8",
    "max_wal_size": "4GB",
    "autovacuum": "off",
    "jit": "off",
    "log_min_messages": "warning",
}


# What two servers need besides. A primary keeps enough of its log for a replica that was away, and
# a replica that finds no primary looks again soon.
PAIR_SETTINGS = {
    "synchronous_standby_names": REPLICA,
    "wal_keep_size": "1GB",
    "wal_retrieve_retry_interval": "100ms",
}


def program(name):
    """The newest server's programs are not in PATH on Debian."""
    bindir = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
    folders = [bindir.stdout.strip()] if bindir.returncode == 0 else []
    folders += sorted(map(str, pathlib.Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    for folder in folders:
        if os.access(os.path.join(folder, name), os.X_OK):
            return os.path.join(folder, name)
    found = shutil.which(name)
    if found is None:
        sys.exit("pg_server.py: there is no %s; script/bootstrap installs PostgreSQL" % name)
    return found


def unprivileged():
    """Arguments of Popen for a user that PostgreSQL accepts; it refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    sys.exit("pg_server.py: there is no user that PostgreSQL could run as")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def end_with_parent():
    """In the child: an immediate shutdown when the parent dies, however it dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
    if os.getppid() == 1:
        os._exit(1)


class Server:
    def __init__(self, fsync, settings):
        self.user = unprivileged()
        self.folder = tempfile.mkdtemp(prefix="holdfast-pg-")
        self.data = os.path.join(self.folder, "data")
        self.port = 0
        self.process = None
        self.primary = None  # whose replica this is
        self.settings = dict(SETTINGS, **settings)
        if not fsync:
            self.settings.update(fsync="off", synchronous_commit="on", full_page_writes="off")
        if self.user:
            os.chown(self.folder, self.user["user"], self.user["group"])

    def run(self, name, *words):
        done = subprocess.run([program(name), *words], stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, check=False, cwd=self.folder, **self.user)
        if done.returncode != 0:
            sys.exit("pg_server.py: %s failed: %s" % (name, done.stderr[-2000:]))
        return done.stdout.strip()

    def make(self):
        self.run("initdb", "-D", self.data, "-U", "holdfast", "-A", "trust", "-E", "UTF8",
                 "--locale=C.UTF-8", "--no-sync", "--no-instructions")

    def make_replica(self, primary):
        """A copy of the primary that follows it from now on. The copying itself goes by another
        name: it reports what it has received, so the primary would take it for the replica."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.run("pg_basebackup", "-D", self.data, "-d", primary.conninfo("holdfast_copy"),
                 "-X", "stream", "-c", "fast", "--no-sync", "--no-manifest")
        self.run("touch", os.path.join(self.data, "standby.signal"))
        self.primary = primary

    def promote(self):
        """A standby that somebody else has promoted already is left as it is."""
        if os.path.exists(os.path.join(self.data, "standby.signal")):
            self.run("pg_ctl", "promote", "-D", self.data, "-w", "-t", str(START_SECONDS_MAX))
        self.primary = None

    def address(self):
        return "127.0.0.1:%d" % self.port

    def conninfo(self, name):
        return "host=127.0.0.1 port=%d user=holdfast dbname=postgres sslmode=disable" \
            " gssencmode=disable application_name=%s" % (self.port, name)

    def ask(self, sql):
        return self.run("psql", "-XAtq", "-d", self.conninfo("pg_server"), "-c", sql)

    def start(self):
        # Another program may take the port between our look and the server's bind: then again.
        for _ in range(5):
            self.port = self.port or free_port()
            if self.start_once():
                return
            self.port = 0
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as log:
            sys.stderr.write(log.read()[-4000:])
        sys.exit("pg_server.py: PostgreSQL does not start")

    def start_once(self):
        command = [program("postgres"), "-D", self.data, "-p", str(self.port), "-h", "127.0.0.1",
                   "-k", self.folder]
        settings = dict(self.settings)
        if self.primary is not None:
            settings["primary_conninfo"] = self.primary.conninfo(REPLICA)
        for name, value in settings.items():
            command += ["-c", "%s=%s" % (name, value)]
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                start_new_session=True, preexec_fn=end_with_parent, **self.user)
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.is_ready():
                return True
            time.sleep(0.02)
        self.end(signal.SIGKILL)
        return False

    def is_ready(self):
        """The postmaster says so on the eighth line of its file, below its own number."""
        try:
            with open(os.path.join(self.data, "postmaster.pid"), encoding="utf-8") as file:
                lines = file.read().split("\n")
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"

    def end(self, how):
        if self.process is None:
            return
        if how == signal.SIGKILL:
            self.kill_all()
        elif self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(timeout=START_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill_all()
            self.process.wait()
        # The server's other processes notice its end by themselves; a new start waits for that.
        deadline = time.monotonic() + START_SECONDS_MAX
        while self.members() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.process = None

    def members(self):
        """Every process of this server: each has a session of its own, but all work in its data
        folder, which is nobody else's."""
        found = []
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and os.readlink("/proc/%s/cwd" % entry) == self.data:
                    found.append(int(entry))
            except OSError:
                continue
        return found

    def signal_senders(self, how):
        """To the processes that send the log to a replica."""
        for pid in self.members():
            try:
                with open("/proc/%d/cmdline" % pid, "rb") as file:
                    if file.read().startswith(b"postgres: walsender "):
                        os.kill(pid, how)
            except OSError:
                continue

    def kill_all(self):
        """The postmaster first, so that it starts nothing new."""
        first = [self.process.pid] if self.process.poll() is None else []
        for pid in first + self.members():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def remove(self):
        self.end(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)


class Cluster:
    """A server, and perhaps its replica."""

    def __init__(self, options, settings):
        servers = 2 if options.replica else 1
        if options.replica:
            settings = dict(PAIR_SETTINGS, **settings)
        self.waits = settings.get("synchronous_standby_names", "") != ""
        self.servers = []
        for _ in range(servers):
            self.servers.append(Server(options.fsync, settings))
        self.primary, self.other = self.servers[0], self.servers[-1]

    def start(self):
        self.primary.make()
        self.primary.start()
        if self.other is not self.primary:
            self.replica()

    def url(self):
        """Both hosts in an order that does not change, whoever is the primary."""
        some = "" if len(self.servers) == 1 else "&target_session_attrs=read-write"
        return "postgresql://holdfast@%s/postgres?sslmode=disable&gssencmode=disable%s" % (
            ",".join(server.address() for server in self.servers), some)

    def replica(self):
        self.other.make_replica(self.primary)
        self.other.start()
        wanted = "sync" if self.waits else "async"
        deadline = time.monotonic() + START_SECONDS_MAX
        while self.primary.ask("SELECT sync_state FROM pg_stat_replication WHERE application_name ="
                               " '%s' AND state = 'streaming'" % REPLICA) != wanted:
            if time.monotonic() > deadline:
                sys.exit("pg_server.py: the replica does not follow its primary")
            time.sleep(0.02)

    def failover(self):
        """The old primary is dead before there is a new one, and never comes back as it was."""
        self.primary.end(signal.SIGKILL)
        self.primary, self.other = self.other, self.primary
        self.primary.promote()

    def obey(self, word):
        words = {
            "kill": lambda: self.primary.end(signal.SIGKILL),
            "stop": lambda: self.primary.end(signal.SIGINT),
            "start": self.primary.start,
        }
        if self.other is not self.primary:
            words.update({
                "failover": self.failover,
                "replica": self.replica,
                "freeze": lambda: self.primary.signal_senders(signal.SIGSTOP),
                "thaw": lambda: self.primary.signal_senders(signal.SIGCONT),
            })
        if word not in words:
            sys.exit("pg_server.py: unknown command")
        words[word]()

    def serve(self):
        print(self.url(), flush=True)
        for line in sys.stdin:
            self.obey(line.strip())
            print("ok", flush=True)

    def remove(self):
        for server in self.servers:
            server.remove()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fsync", action="store_true")
    parser.add_argument("--replica", action="store_true")
    parser.add_argument("--setting", action="append", default=[])
    parser.add_argument("command", nargs="*")
    options = parser.parse_args()
    settings = dict(setting.split("=", 1) for setting in options.setting)
    # A signal ends us through the same door as the end of input.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    server = Cluster(options, settings)
    status = 0
    try:
        server.start()
        if options.command:
            environment = dict(os.environ, HOLDFAST_TEST_PG_URL=server.url())
            status = subprocess.run(options.command, env=environment, check=False).returncode
        else:
            server.serve()
    finally:
        server.remove()
    sys.exit(status)


main()
