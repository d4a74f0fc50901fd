#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""alert_rules.py: every rule of alert_rules.def is raised by something: its name stands in the
sources or in another table. Usage: alert_rules.py FOLDER (src)."""
import pathlib
import re
import sys

LISTED = re.compile(r'^X\("([A-Za-z]+)", P\d', re.M)


def main(folder):
    table = folder / "watch/alert_rules.def"
    rules = LISTED.findall(table.read_text())
    assert len(rules) > 20, f"only {len(rules)} rules were found: the pattern fits no more"
    others = "".join(path.read_text() for path in sorted(folder.glob("**/*.[chd]*"))
                     if path.suffix in (".c", ".h", ".def") and path != table)
    silent = [rule for rule in rules if f'"{rule}"' not in others]
    for rule in silent:
        print(f"alert_rules.def: nothing raises {rule}")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
