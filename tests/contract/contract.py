#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""contract.py: holds api/openapi.yaml against the sources and against a service that runs.

    contract.py CONTRACT_SERVER

Prints one line a test, `ok - name` or `not ok - name`, and ends 1 if one failed. document.py reads
the contract, service.py makes requests and checks the answers; what is asked for stands in
bad_input.py, scenes.py with scenes_money.py, and inputs.py.
"""
import os
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import bad_input  # noqa: E402
import document  # noqa: E402
import inputs  # noqa: E402
import scenes  # noqa: E402
import service  # noqa: E402


def run(name, test, *arguments):
    try:
        test(*arguments)
    except Exception as error:  # pylint: disable=broad-except
        print(f"not ok - {name}")
        for line in (str(error) or traceback.format_exc()).splitlines()[:40]:
            print(f"  # {line[:400]}")
        if not isinstance(error, AssertionError):
            traceback.print_exc()
        sys.stdout.flush()
        return 1
    print(f"ok - {name}", flush=True)
    return 0


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    contract = document.Contract()
    failed = 0
    for name, test in document.TESTS:
        failed += run(name, test, contract)
    with service.Service(sys.argv[1], contract) as running:
        # First, while nothing else is under way that could change the rows they count.
        for name, test in bad_input.TESTS + scenes.TESTS + inputs.TESTS:
            failed += run(name, test, running)
        for name, test in scenes.LAST_TESTS:
            failed += run(name, test, running)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
