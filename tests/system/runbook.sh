#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# runbook: every line of docs/runbook.md is run, on a service in which something of everything
# is amiss.
# tests/rehearsal/README.md says how.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 tests/rehearsal/runbook.py
