#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# rolling_deploy: two instances on one PostgreSQL are replaced one after the other while shops buy.
# tests/rehearsal/README.md says how.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 tests/rehearsal/rolling.py
