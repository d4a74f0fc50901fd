#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 20-added-time: what the service adds to a gateway's own time, at 500 charges a second that arrive
# by chance (Poisson). The same load goes to the sandbox's Stripe directly and through the service;
# the difference of the percentiles is what was added. Latency counts from the moment a request was
# meant to leave.
# usage: 20-added-time.sh (by script/bench)
set -euo pipefail
# shellcheck source=bench/stage.sh
. "$(dirname "$0")/stage.sh"

RATE=500
CONNECTIONS=64

machine

added() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (a - b) / 1000 }'; }

for engine in sqlite postgres; do
    p50=() p99=() direct50=() direct99=() whole50=() whole99=()
    echo "command: bench_load gateway|charge PORT $CONNECTIONS $SECONDS_EACH $RATE ($engine)"
    for ((run = 0; run < RUNS; run++)); do
        new_stage
        start_sandbox
        start_service "$engine"
        direct=$("$LOAD" gateway "$stripe_port" "$CONNECTIONS" "$SECONDS_EACH" "$RATE")
        whole=$("$LOAD" charge "$public_port" "$CONNECTIONS" "$SECONDS_EACH" "$RATE")
        direct50+=("$(field p50_us "$direct")") direct99+=("$(field p99_us "$direct")")
        whole50+=("$(field p50_us "$whole")") whole99+=("$(field p99_us "$whole")")
        p50+=("$(added "$(field p50_us "$whole")" "$(field p50_us "$direct")")")
        p99+=("$(added "$(field p99_us "$whole")" "$(field p99_us "$direct")")")
    done
    printf '%s: gateway alone p50 %s us, p99 %s us; through the service p50 %s us, p99 %s us\n' \
        "$engine" "$(spread "${direct50[@]}")" "$(spread "${direct99[@]}")" \
        "$(spread "${whole50[@]}")" "$(spread "${whole99[@]}")"
    bar "added at the median in ms, $engine" "$(median "${p50[@]}")" at-most 1
    bar "added at the 99th percentile in ms, $engine" "$(median "${p99[@]}")" at-most 5
done
