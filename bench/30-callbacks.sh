#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 30-callbacks: callbacks from gateways, signed, distinct, over kept connections: verified, stored
# once, committed, acknowledged. The first hundred come twice. Then the service is killed, and what
# it acknowledged is counted in the database: none may be missing or there twice.
# usage: 30-callbacks.sh (by script/bench)
set -euo pipefail
# shellcheck source=bench/stage.sh
. "$(dirname "$0")/stage.sh"

CONNECTIONS=256
COUNT_STRIPE=${BENCH_CALLBACKS_STRIPE:-40000}
COUNT_PAYPAL=${BENCH_CALLBACKS_PAYPAL:-6000}
VECTORS=$here/../tests/vectors

machine

stored() {
    if [ "$1" = sqlite ]; then
        python3 -c '
import sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute("SELECT COUNT(*) FROM callback")
print(rows.fetchone()[0])' "$stage/holdfast.db"
    else
        psql -At "$store" -c 'SELECT COUNT(*) FROM callback'
    fi
}

# callbacks_once ENGINE stripe|paypal COUNT
callbacks_once() {
    local line service there
    new_stage
    read -r stripe_port paypal_port < <(free_ports 2)
    cp "$VECTORS/paypal_ca.crt.pem" "$stage/paypal.ca"
    start_service "$1"
    service=$(cpu_us "$service_pid")
    if [ "$2" = stripe ]; then
        line=$("$HOLDFAST_BUILD/bench/bench_callbacks" stripe "$public_port" "$CONNECTIONS" "$3")
    else
        line=$("$HOLDFAST_BUILD/bench/bench_callbacks" paypal "$public_port" "$CONNECTIONS" "$3" \
            "$paypal_port" "$VECTORS/paypal_good.key.pem" "$VECTORS/paypal_good.crt.pem")
    fi
    service=$(($(cpu_us "$service_pid") - service))
    kill -KILL "$service_pid"
    wait "$service_pid" 2>/dev/null || true
    there=$(stored "$1")
    if [ "$there" != "$3" ]; then
        echo "30-callbacks: $3 were acknowledged, $there are stored" >&2
        exit 1
    fi
    rates+=("$(field per_s "$line")")
    p99+=("$(field p99_us "$line")")
    cpu+=("$(ratio "$service" "$3")")
}

for engine in sqlite postgres; do
    for kind in stripe paypal; do
        count=$COUNT_STRIPE least=15000 scheme=HMAC
        [ "$kind" = stripe ] || count=$COUNT_PAYPAL least=6000 scheme=RSA
        rates=() p99=() cpu=()
        echo "command: bench_callbacks $kind PORT $CONNECTIONS $count ($engine)"
        for ((run = 0; run < RUNS; run++)); do
            callbacks_once "$engine" "$kind" "$count"
        done
        printf '%s callbacks (%s, %s): %s a second; ' \
            "$kind" "$scheme" "$engine" "$(spread "${rates[@]}")"
        printf 'p99 %s us; CPU a callback %s us; all stored once\n' \
            "$(median "${p99[@]}")" "$(median "${cpu[@]}")"
        bar "callbacks a second, $scheme, $engine" "$(median "${rates[@]}")" at-least "$least"
    done
done
