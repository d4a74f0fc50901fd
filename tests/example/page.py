#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""page.py: docs/adding-a-gateway.md and the example that it shows are the same.

    page.py row ADAPTERS PAGE    the list of adapters with the page's rows behind its own
    page.py check PAGE FOLDER    ends 1 when a block of the page is not in the file that it names,
                                 or when a file of the example's folder is not on the page

A block names its file behind its language: ```c acmepay.c. It stands in that file line by line."""
import pathlib
import re
import sys

BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)
ROWS = "adapters.def"
NOT_SHOWN = {"README.md"}


def blocks(page):
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def rows(page):
    found = [text for _, name, text in blocks(page) if name == ROWS]
    assert len(found) == 1, f"{page} shows the line of {ROWS} {len(found)} times"
    return found[0]


def problems(page, folder):
    files = {path.name: path for path in sorted((folder / "gateway/acmepay").iterdir())}
    files["gateway.yaml"] = folder / "gateway.yaml"
    seen = set()
    for language, name, text in blocks(page):
        if name == ROWS or language == "sh":
            continue
        if name not in files:
            yield f"a block of {language} names no file of the example: '{name}'"
        elif "\n" + text not in "\n" + files[name].read_text(encoding="utf-8"):
            first = text.split("\n", 1)[0]
            yield f"{name} has no such lines: {first.strip()} …"
        seen.add(name)
    prose = page.read_text(encoding="utf-8")
    for name in files:
        if name not in NOT_SHOWN and name not in seen and f"`{name}`" not in prose:
            yield f"{name} is not on the page"
    if not seen:
        yield "the page shows nothing"


def main(mode, *paths):
    paths = [pathlib.Path(path) for path in paths]
    if mode == "row":
        sys.stdout.write(paths[0].read_text(encoding="utf-8") + rows(paths[1]))
        return 0
    found = list(problems(*paths))
    for problem in found:
        print(f"{paths[0]}: {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
