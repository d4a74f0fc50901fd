#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""reconcile_progress: two files that take more than a second: on a terminal it is said what is
done, how far it is, how fast, and how long it still takes; where nobody looks, nothing of it.
usage: reconcile_progress.py (HOLDFAST_BIN, or build/holdfast)
"""
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

HOLDFAST = os.path.realpath(os.environ.get("HOLDFAST_BIN", "build/holdfast"))
ROWS = 2_500_000
LINE = re.compile(r"\r\x1b\[K[a-z' ]+: (?P<part>\d+) %, [\d,]+ (MB|rows) a second, .+? left")


def write(path, step):
    with open(path, "w") as file:
        file.write("id,kind,amount,currency,status,time\n")
        for first in range(0, ROWS, 1000):
            file.write("".join(f"ch_{(i * step) % ROWS:012x},charge,12.50,EUR,done,"
                               "2026-11-20T09:00:00Z\n" for i in range(first, first + 1000)))


def command(folder, report):
    return [HOLDFAST, "reconcile", "--ours", f"{folder}/ours.csv", "--theirs",
            f"{folder}/theirs.csv", "--map", f"{folder}/map.yaml", "--report", f"{folder}/{report}",
            "--csv-only", "--tasks", "1", "--memory", "64M"]


def hold_up(child):
    """However fast the machine is: it works for a moment, and then stands still for a while."""
    for _ in range(12):
        time.sleep(0.03)
        if child.poll() is not None:
            return
        child.send_signal(signal.SIGSTOP)
        time.sleep(0.3)
        child.send_signal(signal.SIGCONT)


def on_terminal(folder):
    ours, theirs = pty.openpty()
    child = subprocess.Popen(command(folder, "seen"), stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    holding = threading.Thread(target=hold_up, args=(child,))
    holding.start()
    said = b""
    while True:
        try:
            more = os.read(ours, 65536)
        except OSError:
            break
        if not more:
            break
        said += more
    os.close(ours)
    holding.join()
    if child.wait() != 0:
        sys.exit(f"reconcile_progress: exit status {child.returncode}: {said!r}")
    return said.decode()


def main():
    with tempfile.TemporaryDirectory() as folder:
        write(f"{folder}/ours.csv", 1)
        write(f"{folder}/theirs.csv", 7_919)
        with open(f"{folder}/map.yaml", "w") as file:
            file.write("columns: {gateway_id: id, kind: kind, amount: amount, currency: currency, "
                       "status: status, time: time}\n")
        said = on_terminal(folder)
        lines = list(LINE.finditer(said))
        if not lines:
            sys.exit(f"reconcile_progress: no line of progress in {said!r}")
        for line in lines:
            if not 0 <= int(line["part"]) <= 100:
                sys.exit(f"reconcile_progress: {line[0]!r}")
        if not said.rstrip("\r\n").endswith("\r\x1b[K"):
            sys.exit(f"reconcile_progress: the line stays when all is done: {said[-80:]!r}")
        unseen = subprocess.run(command(folder, "unseen"), capture_output=True, check=True)
        if b"\x1b[K" in unseen.stderr or b" left" in unseen.stderr:
            sys.exit(f"reconcile_progress: into a pipe it says {unseen.stderr[-200:]!r}")
    print("reconcile_progress: ok")


if __name__ == "__main__":
    main()
