#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# crash_postgres_failover: 8 SIGKILLs under load with faults on, three instances on one PostgreSQL;
# commits are cut while they wait for its replica, which is promoted four times.
# script/crash runs more of them; tests/crash/README.md says what is checked.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 tests/crash/crash.py --engine postgres-failover --kills 8
