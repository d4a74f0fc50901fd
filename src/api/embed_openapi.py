#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a text file as a C array: embed_openapi.py INPUT OUTPUT."""
import sys


def main() -> None:
    with open(sys.argv[1], "rb") as source:
        data = source.read()
    rows = [data[i:i + 16] for i in range(0, len(data), 16)]
    with open(sys.argv[2], "w", encoding="ascii") as out:
        out.write('#include "api/openapi.h"\n')
        out.write("const char openapi_text[] = {\n")
        for row in rows:
            signed = [str(byte if byte < 128 else byte - 256) for byte in row]
            out.write("    " + ", ".join(signed) + ",\n")
        out.write("    0,\n};\n")
        out.write(f"const size_t openapi_bytes = {len(data)};\n")


main()
