#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# crash_postgres: 30 SIGKILLs under load with faults on, two instances on one PostgreSQL, which is
# hurt as well (6 with HOLDFAST_TEST_QUICK).
# script/crash runs more of them; tests/crash/README.md says what is checked.
set -euo pipefail
cd "$(dirname "$0")/../.."
kills=30
[ -z "${HOLDFAST_TEST_QUICK:-}" ] || kills=6
exec python3 tests/crash/crash.py --engine postgres --kills "$kills"
