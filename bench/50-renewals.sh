#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 50-renewals: subscriptions that all become due at one minute, charged by a gateway that answers at
# once: job, payment, postings, events and invoice, all durable; each once, none left out.
# usage: 50-renewals.sh (by script/bench)
set -euo pipefail
# shellcheck source=bench/stage.sh
. "$(dirname "$0")/stage.sh"

COUNT=${BENCH_RENEWALS:-100000}

machine

for engine in sqlite postgres; do
    rates=()
    echo "command: bench_renewals DATABASE $COUNT ($engine)"
    for ((run = 0; run < RUNS; run++)); do
        new_stage
        new_store "$engine"
        rates+=("$(field per_s "$("$HOLDFAST_BUILD/bench/bench_renewals" "$store" "$COUNT")")")
    done
    printf 'renewals (%s, %s due at one minute): %s a second; each charged once\n' \
        "$engine" "$COUNT" "$(spread "${rates[@]}")"
done
