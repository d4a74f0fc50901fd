#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""same_breaks: whether two programs have found the very same breaks, one by one.

usage: same_breaks.py OURS OTHER [CLASSES]

OURS is breaks.csv of `holdfast reconcile`; OTHER has the columns class, key, our_amount,
their_amount, our_currency, their_currency, our_time, their_time; CLASSES is match_classes.def,
where the other has numbers for classes. Both are sorted and compared line by line; what one alone
has is shown, and the exit status is then 1.
"""
import csv
import re
import sys

SHOWN = 5


def lines(path):
    with open(path, newline="") as file:
        yield from csv.DictReader(file)


def when(text):
    return text.replace("T", " ").rstrip("Z")


def ours(path):
    for row in lines(path):
        codes = row["currency"].split("/")
        yield (row["class"], row["key"], row["our_amount"], row["their_amount"],
               codes[0] if row["our_line"] else "", codes[-1] if row["their_line"] else "",
               when(row["our_time"]), when(row["their_time"]))


def other(path, names):
    for row in lines(path):
        yield (names.get(row["class"], row["class"]), row["key"], row["our_amount"],
               row["their_amount"], row["our_currency"], row["their_currency"],
               when(row["our_time"]), when(row["their_time"]))


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    names = {}
    if len(sys.argv) == 4:
        with open(sys.argv[3]) as file:
            names = dict(re.findall(r'^X\(\w+, (\d+), "(\w+)"', file.read(), re.M))
    mine, others = sorted(ours(sys.argv[1])), sorted(other(sys.argv[2], names))
    if mine != others:
        for who, only in (("we alone", set(mine) - set(others)),
                          ("the other alone", set(others) - set(mine))):
            for row in sorted(only)[:SHOWN]:
                print(f"bench: {who}: {','.join(row)}", file=sys.stderr)
        sys.exit(f"bench: {len(mine)} breaks here and {len(others)} there are not the same")
    print(f"the same {len(mine)} breaks, one by one")


if __name__ == "__main__":
    main()
