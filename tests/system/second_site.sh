#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# second_site: the first site is lost while shops buy; script/dr-failover brings up the second one.
# tests/rehearsal/README.md says how.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 tests/rehearsal/second_site.py
