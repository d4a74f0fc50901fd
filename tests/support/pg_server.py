#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL for tests and benchmarks, gone when whoever started it is gone.

usage: pg_server.py [--fsync] [--setting NAME=VALUE ...] [-- COMMAND ARG ...]

Makes a cluster in a new folder, starts it on a free loopback port and prints its URL (superuser,
database "postgres") on a line of its own. With a COMMAND, runs that with HOLDFAST_TEST_PG_URL set,
ends the server and exits with the command's status. Without one, reads commands from standard
input,
one a line, and answers "ok" to each; at the end of input it ends the server and removes the folder:
  kill     SIGKILL to the whole server, as if the machine had lost power but for its disks
  stop     an orderly shutdown
  start    starts it again on the same port

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
PR_SET_PDEATHSIG = 1

# A test cluster lives for a minute: nothing is spent on what only a long life needs.
SETTINGS = {
    "shared_buffers": "64MB",
    "max_connections": "200",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "autovacuum": "off",
    "jit": "off",
    "log_min_messages": "warning",
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
        self.settings = dict(SETTINGS, **settings)
        if not fsync:
            self.settings.update(fsync="off", synchronous_commit="on", full_page_writes="off")
        if self.user:
            os.chown(self.folder, self.user["user"], self.user["group"])
        subprocess.run(
            [program("initdb"), "-D", self.data, "-U", "holdfast", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync", "--no-instructions"],
            check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **self.user)

    def url(self):
        return "postgresql://holdfast@127.0.0.1:%d/postgres?sslmode=disable&gssencmode=disable" \
            % self.port

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
        for name, value in self.settings.items():
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


def serve(server):
    print(server.url(), flush=True)
    for line in sys.stdin:
        word = line.strip()
        if word == "kill":
            server.end(signal.SIGKILL)
        elif word == "stop":
            server.end(signal.SIGINT)
        elif word == "start":
            server.start()
        else:
            sys.exit("pg_server.py: unknown command")
        print("ok", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fsync", action="store_true")
    parser.add_argument("--setting", action="append", default=[])
    parser.add_argument("command", nargs="*")
    options = parser.parse_args()
    settings = dict(setting.split("=", 1) for setting in options.setting)
    # A signal ends us through the same door as the end of input.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    server = Server(options.fsync, settings)
    status = 0
    try:
        server.start()
        if options.command:
            environment = dict(os.environ, HOLDFAST_TEST_PG_URL=server.url())
            status = subprocess.run(options.command, env=environment, check=False).returncode
        else:
            serve(server)
    finally:
        server.remove()
    sys.exit(status)


main()
