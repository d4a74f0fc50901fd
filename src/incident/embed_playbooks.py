#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the files of playbooks/ as a C table: embed_playbooks.py OUTPUT FILE.yaml…"""
import os
import sys


def main() -> None:
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write('#include "incident/playbook_impl.h"\n')
        rows = []
        for number, path in enumerate(sys.argv[2:]):
            with open(path, "rb") as source:
                data = source.read()
            name = os.path.basename(path)[:-len(".yaml")]
            rows.append(f'    {{"{name}", text_{number}}},\n')
            out.write(f"static const char text_{number}[] = {{\n")
            for at in range(0, len(data), 16):
                signed = [str(byte if byte < 128 else byte - 256) for byte in data[at:at + 16]]
                out.write("    " + ", ".join(signed) + ",\n")
            out.write("    0,\n};\n")
        out.write("const struct playbook_source playbook_sources[] = {\n" + "".join(rows) + "};\n")
        out.write("const int playbook_source_count = "
                  "sizeof playbook_sources / sizeof playbook_sources[0];\n")


main()
