#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""stripe_names.py: every name that the Stripe adapter looks up in an answer is one that is kept.

Answers are read with stripe_answer_names only, for speed; a name that is looked up and not in that
list would read as absent. Usage: stripe_names.py FOLDER (src/gateway/stripe)."""
import pathlib
import re
import sys

LOOKUP = re.compile(r"json_peek(?:_text|_int)?\(([^;]*?)NULL\)", re.S)
METADATA = re.compile(r"stripe_metadata\([^,]+,\s*\"([a-z_]+)\"")
TEXT = re.compile(r"\"([a-z_]+)\"")
CALLBACKS_ONLY = {"stripe_callback.c"}  # callbacks are read whole


def main(folder):
    source = (folder / "stripe.c").read_text()
    listed = re.search(r"stripe_answer_names\[\] = \{(.*?)\};", source, re.S)
    kept = set(TEXT.findall(listed.group(1)))
    missing = set()
    looked = 0
    for path in sorted(folder.glob("*.c")):
        if path.name in CALLBACKS_ONLY:
            continue
        text = path.read_text().replace(listed.group(0), "")
        names = [name for call in LOOKUP.findall(text) for name in TEXT.findall(call)]
        names += METADATA.findall(text)
        looked += len(names)
        missing |= {f"{path.name}: {name}" for name in names if name not in kept}
    assert looked > 20, f"only {looked} look-ups were found: the pattern fits no more"
    for entry in sorted(missing):
        print(f"not in stripe_answer_names: {entry}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
