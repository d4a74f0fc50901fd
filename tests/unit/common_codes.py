#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""common_codes.py: every common code that the sources say is listed, and every listed one is said.

What the tables' rows give is checked by test_common_codes; here it is the codes that adapters and
the payment machine give without a row. Usage: common_codes.py FOLDER (src)."""
import pathlib
import re
import sys

LISTED = re.compile(r'^X\("([a-z_]+)"', re.M)
TEXT = re.compile(r'"([a-z_]+)"')
SAID = [
    re.compile(r"exchange_common_code\(\s*[^,]+,([^;]*?)\);", re.S),
    re.compile(r'exchange_refuse\(\s*[^,]+,\s*("[a-z_]+")', re.S),
    re.compile(r"payment_failed_by\(([^;]*?)\);", re.S),
    re.compile(r"verdict->code = ([^;]*?);", re.S),
    re.compile(r"result->common_code, sizeof\W+result->common_code\W+\"%s\",([^;]*?)\);", re.S),
]


def main(folder):
    listed = LISTED.findall((folder / "gateway/common_codes.def").read_text())
    said = {}
    tables = ""
    for path in sorted(folder.glob("gateway/**/*.c")) + sorted(folder.glob("payment/*.c")):
        text = path.read_text()
        for pattern in SAID:
            for call in pattern.findall(text):
                for code in TEXT.findall(call):
                    said.setdefault(code, path.name)
    for path in sorted(folder.glob("gateway/*/*_errors.def")):
        tables += path.read_text()
    assert len(said) > 15, f"only {len(said)} codes were found: the patterns fit no more"
    problems = [f"{where}: {code} is not in common_codes.def"
                for code, where in sorted(said.items()) if code not in listed]
    problems += [f"common_codes.def: nothing gives {code}"
                 for code in listed if code not in said and f'"{code}"' not in tables]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
