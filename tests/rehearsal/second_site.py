#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""second_site.py: the first site is lost while shops buy, and script/dr-failover brings the second
one up: a service and a primary here, a streaming standby and the same configuration there, both on
this machine. The address moves with the failover (the second site listens where the first did), and
commits wait for the standby, so nothing that was acknowledged may be lost.

It must refuse while anything of the first site lives, and while nobody has confirmed that it is
dead. How long each part took is printed and not judged."""
import os
import re
import subprocess
import sys
import threading
import time

from place import (PROGRAM, ROOT, Place, Shop, come_to_rest, nothing_lost_nothing_doubled,
                   play)

BETWEEN = 40
SCRIPT = ROOT / "script" / "dr-failover"
REFUSED, NOTHING_DONE = 1, 2


class Sites(Place):
    """Instance 0 is the first site, instance 1 the second; each knows only its own database."""

    def configure(self, instance, store):
        first, second = re.search(r"@([\d.:]+),([\d.:]+)/", store).groups()
        self.databases = [f"postgresql://holdfast@{host}/postgres?sslmode=disable"
                          for host in (first, second)]
        super().configure(instance, self.databases[instance.number] +
                          "&gssencmode=disable&target_session_attrs=read-write")

    def open(self):
        self.instances = self.instances[:2]
        second = self.instances[1]
        second.public = self.instances[0].public
        self.instances = self.instances[:1]  # the second one is not started here
        super().open()
        self.configure(second, self.postgres.url)
        self.instances.append(second)

    def failover(self, *more):
        command = [str(SCRIPT), "--config", str(self.instances[1].config),
                   "--standby", self.databases[1], "--old-database", self.databases[0],
                   "--old-service", f"http://127.0.0.1:{self.instances[0].internal}",
                   "--service", f"http://127.0.0.1:{self.instances[1].public}",
                   "--record", str(self.folder / "record"), *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120,
                              stdin=subprocess.DEVNULL,
                              env=dict(os.environ, HOLDFAST_BIN=PROGRAM))
        return done.returncode, done.stdout + done.stderr

    def in_recovery(self):
        done = subprocess.run(["psql", "-XAtq", "-d", self.databases[1], "-c",
                               "SELECT pg_is_in_recovery()"], capture_output=True, text=True,
                              check=True, stdin=subprocess.DEVNULL)
        return done.stdout.strip() == "t"


def refusals(place, steps):
    """While the first site lives, whatever a person says."""
    status, said = place.failover("--fenced", "somebody who is wrong")
    signs = ("an instance of the first site answers", "the first site's database answers",
             "receives the log of a primary that is alive")
    steps.say(status == REFUSED and all(sign in said for sign in signs) and place.in_recovery(),
              "it refuses while the first site lives, and says by which signs", said)


def partly_dead(place, steps):
    """The instance is gone, its database is not: an instance that nobody knows of could go on."""
    place.instances[0].kill()
    status, said = place.failover("--fenced", "somebody who is wrong")
    steps.say(status == REFUSED and "database answers" in said and place.in_recovery() and
              "an instance of the first site answers" not in said,
              "it refuses while only the database lives", said)


def unconfirmed(place, steps):
    status, said = place.failover()
    steps.say(status == NOTHING_DONE and "Nothing was done" in said and place.in_recovery(),
              "it does nothing until a person says that the first site is dead", said)


def fail_over_and_start(place, *words):
    """The failover, and what systemd does elsewhere: the order to start returns at once, and the
    service runs on. It is started by this thread, since it ends with the one that started it."""
    flag, said = place.folder / "start", []
    worker = threading.Thread(target=lambda: said.append(
        place.failover(*words, "--start", f"touch {flag}")), daemon=True)
    worker.start()
    while worker.is_alive():
        if flag.exists() and place.instances[1].process is None:
            place.instances[1].start()
        time.sleep(0.02)
    return said[0]


def fail_over(place, steps):
    """Promoted, the standby would wait for standbys that it does not have: that is refused. When it
    has one, the same order goes on from there."""
    confirmed = ("--fenced", "the rehearsal killed it with SIGKILL")
    status, said = fail_over_and_start(place, *confirmed)
    steps.say(status == REFUSED and "commits would wait for" in said and not place.in_recovery(),
              "it does not start a service whose commits would wait for ever", said)
    place.postgres.tell("failover")  # it is the primary of the test's tools, too
    place.postgres.tell("replica")
    status, said = fail_over_and_start(place, *confirmed)
    steps.say(status == 0 and "the service is ready" in said,
              "run again it goes on: checks, starts, and waits until it is ready", said)
    for line in said.splitlines():
        if "ready," in line or "whole" in line:
            steps.note(line)
    return status == 0


def rehearse(place, steps):
    first = place.instances[0]
    shop = Shop([first.public], place.key("operator"))
    shop.await_more(BETWEEN, "at the first site")
    refusals(place, steps)
    shop.await_more(BETWEEN, "after a refusal")
    partly_dead(place, steps)
    place.postgres.tell("kill")
    lost = time.monotonic()
    told = shop.count()
    unconfirmed(place, steps)
    if not fail_over(place, steps):
        shop.open = False
        return
    shop.await_more(BETWEEN, "at the second site")
    steps.note(f"{told} orders told of by the first site, {shop.count()} in all; sold again "
               f"{time.monotonic() - lost:.1f} s after the loss")
    shop.close()
    second = place.instances[1]
    come_to_rest(place, second)
    wrong = nothing_lost_nothing_doubled(place, second, shop)
    steps.say(not wrong, "nothing that was acknowledged is lost, and nothing was made twice",
              "\n".join(wrong))
    status, said = place.command("db", "check", "--config", str(second.config))
    steps.say(status == 0, "the second site's books are whole", said)


if __name__ == "__main__":
    sys.exit(play("second-site", lambda folder: Sites("postgres-failover", folder), rehearse))
