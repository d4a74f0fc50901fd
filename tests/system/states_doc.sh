#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# states_doc: docs/states.md says what the tables say.
set -euo pipefail
cd "$(dirname "$0")/../.."
if script/states --check; then
    echo "ok - the states in the docs are those of the tables"
else
    echo "not ok - the states in the docs are those of the tables"
    exit 1
fi
