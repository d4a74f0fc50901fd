#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""same_breaks: whether two programs have found the very same breaks, one by one.

usage: same_breaks.py OURS OTHER [CLASSES]

OURS is breaks.csv of `holdfast reconcile`; OTHER has the columns class, key, our_amount,
their_amount, our_currency, their_currency, our_time, their_time; CLASSES is match_classes.def,
where the other has numbers for classes. Both are sorted and compared line by line; what one alone
has is shown, and the exit status is then 1.

A key that happens to look like a card number is masked in ours ("ch_************6617"): it is the
other's when all that is left of it is the same, and so is everything else of the break.
"""
import csv
import re
import sys
from collections import Counter

SHOWN, KEY = 5, 1


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


def same_key(masked, key):
    return len(masked) == len(key) and all(a in ("*", b) for a, b in zip(masked, key))


def unmatched(mine, others):
    """What one alone has, of each; masked keys are put beside what they may be."""
    left = list((Counter(mine) - Counter(others)).elements())
    others_left = list((Counter(others) - Counter(mine)).elements())
    for row in list(left):
        for other_row in others_left:
            if "*" in row[KEY] and same_key(row[KEY], other_row[KEY]) and \
                    row[:KEY] + row[KEY + 1:] == other_row[:KEY] + other_row[KEY + 1:]:
                left.remove(row)
                others_left.remove(other_row)
                break
    return left, others_left


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    names = {}
    if len(sys.argv) == 4:
        with open(sys.argv[3]) as file:
            names = dict(re.findall(r'^X\(\w+, (\d+), "(\w+)"', file.read(), re.M))
    mine, others = sorted(ours(sys.argv[1])), sorted(other(sys.argv[2], names))
    only_mine, only_others = unmatched(mine, others)
    if only_mine or only_others:
        for who, only in (("we alone", only_mine), ("the other alone", only_others)):
            for row in sorted(only)[:SHOWN]:
                print(f"bench: {who}: {','.join(row)}", file=sys.stderr)
        sys.exit(f"bench: {len(mine)} breaks here and {len(others)} there are not the same")
    print(f"the same {len(mine)} breaks, one by one")


if __name__ == "__main__":
    main()
