#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rolling.py: a new release, one instance after the other, while shops buy: two instances on one
PostgreSQL, each ended by SIGTERM and started again, twice over. A client that does as
docs/scaling.md says meets no error; every payment that was told of is there, none was made twice.
"""
import sys

from place import Place, Shop, come_to_rest, nothing_lost_nothing_doubled, play

BETWEEN = 25  # orders sold before anything else is done


def restart(place, shop, instance):
    """Sentences that say what went wrong."""
    wrong, status = [], instance.stop()
    if status != 0:
        wrong.append(f"instance {instance.number} ended with {status}:\n{instance.tail()}")
    shop.await_more(BETWEEN, "one instance alone")
    instance.start()
    if not instance.wait_ready():
        wrong.append(f"instance {instance.number} did not start:\n{instance.tail()}")
    shop.await_more(BETWEEN, "both instances")
    return wrong


def rehearse(place, steps):
    shop = Shop([instance.public for instance in place.instances], place.key("operator"))
    shop.await_more(BETWEEN, "before anything was done")
    wrong = []
    for _ in range(2):
        for instance in place.instances:
            wrong += restart(place, shop, instance)
            steps.note(f"instance {instance.number} is the new release; {shop.count()} orders, "
                       f"{shop.repeats} repeats")
    steps.say(not wrong, "each instance drains, ends well and comes back", "\n".join(wrong))
    shop.close()
    come_to_rest(place, place.instances[0])
    steps.say(not shop.failures, "a client that repeats at the other instance meets no error",
              "\n".join(shop.failures))
    wrong = nothing_lost_nothing_doubled(place, place.instances[0], shop)
    steps.say(not wrong, "whatever was told is there, and nothing was made twice",
              "\n".join(wrong))
    steps.note(f"{shop.orders} orders, {shop.repeats} repeats")


if __name__ == "__main__":
    sys.exit(play("rolling", lambda folder: Place("postgres", folder), rehearse))
