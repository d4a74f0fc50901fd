#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 10-charges: charges end to end: POST /v1/payments, two durable commits, a call to the sandbox's
# Stripe, until the answer says "succeeded". Load, service, sandbox and database share the cores.
#   peers, in the same run: the HTTP front alone (bench/echo.c) and, for PostgreSQL, pgbench with
#   the statements of a charge (bench/pgbench.sql) on the same server with as many connections.
# usage: 10-charges.sh (by script/bench)
set -euo pipefail
# shellcheck source=bench/stage.sh
. "$(dirname "$0")/stage.sh"

CONNECTIONS_FAST=64
CONNECTIONS_SLOW=1000
POOL=16
NEWEST_FIRST_ID=req_01JD5R6Q6Y0V3M8X2K4N7T9BCF

machine

echo_once() {
    local port line
    new_stage
    mkfifo "$stage/in"
    "$HOLDFAST_BUILD/bench/bench_echo" <"$stage/in" >"$stage/port" &
    pids+=($!)
    exec 7>"$stage/in"
    until [ -s "$stage/port" ]; do sleep 0.01; done
    port=$(cat "$stage/port")
    line=$("$LOAD" echo "$port" "$CONNECTIONS_FAST" "$SECONDS_EACH")
    exec 7>&-
    echoes+=("$(field per_s "$line")")
}

# charges_once ENGINE LATENCY_MS CONNECTIONS: adds to rates, cpu_service, cpu_sandbox.
charges_once() {
    local line service sandbox
    new_stage
    start_sandbox --latency-ms-stripe="$2"
    start_service "$1"
    service=$(cpu_us "$service_pid")
    sandbox=$(cpu_us "$sandbox_pid")
    line=$("$LOAD" charge "$public_port" "$3" "$SECONDS_EACH")
    service=$(($(cpu_us "$service_pid") - service))
    sandbox=$(($(cpu_us "$sandbox_pid") - sandbox))
    rates+=("$(field per_s "$line")")
    p50+=("$(field p50_us "$line")")
    p99+=("$(field p99_us "$line")")
    cpu_service+=("$(ratio "$service" "$(field sent "$line")")")
    cpu_sandbox+=("$(ratio "$sandbox" "$(field sent "$line")")")
}

pgbench_once() {
    local database text
    new_stage
    new_store postgres
    database=$store
    read -r stripe_port paypal_port public_port internal_port < <(free_ports 4)
    : >"$stage/paypal.ca"
    write_config
    "$HOLDFAST_BIN" db migrate --config "$stage/holdfast.yaml" >"$stage/migrate.log"
    text=$(printf 'x%.0s' {1..730})
    pgbenches+=("$(pgbench -n -M prepared -c "$POOL" -j 1 -T "$SECONDS_EACH" \
        -f "$here/pgbench.sql" \
        -D n=0 -D hash="${text:0:64}" -D owner=$NEWEST_FIRST_ID -D sales=merchant:sales \
        -D receivable=gateway:stripe-eu:receivable -D fees=gateway:stripe-eu:fees \
        -D tokens='{"stripe-eu":"pm_card_visa"}' -D decision="${text:0:230}" -D data="$text" \
        "$database" 2>&1 | sed -n 's/^tps = \([0-9.]*\) .*/\1/p')")
}

report() {
    printf '%-34s %s charges/s; p50 %s us, p99 %s us; ' \
        "$1" "$(spread "${rates[@]}")" "$(median "${p50[@]}")" "$(median "${p99[@]}")"
    printf 'CPU a charge: service %s us, sandbox %s us\n' \
        "$(median "${cpu_service[@]}")" "$(median "${cpu_sandbox[@]}")"
}

echoes=()
pgbenches=()
for engine in sqlite postgres; do
    for latency in 0 120; do
        connections=$CONNECTIONS_FAST
        [ "$latency" = 0 ] || connections=$CONNECTIONS_SLOW
        rates=() p50=() p99=() cpu_service=() cpu_sandbox=()
        echo "command: bench_load charge PORT $connections $SECONDS_EACH" \
            "($engine, gateway at $latency ms)"
        for ((run = 0; run < RUNS; run++)); do
            [ "$latency" != 0 ] || echo_once
            [ "$engine$latency" != postgres0 ] || pgbench_once
            charges_once "$engine" "$latency" "$connections"
        done
        report "$engine, gateway at $latency ms:"
        rate=$(median "${rates[@]}")
        case $engine$latency in
        sqlite0)
            printf 'echo of the HTTP front:            %s requests/s; a charge takes %s of them\n' \
                "$(spread "${echoes[@]}")" "$(ratio "$(median "${echoes[@]}")" "$rate")"
            bar "charges a second, SQLite, fast gateway" "$rate" at-least 8000
            ;;
        sqlite120) bar "charges a second, SQLite, gateway at 120 ms" "$rate" at-least 4000 ;;
        postgres*)
            peer=$(median "${pgbenches[@]}")
            printf 'pgbench, the same statements:      %s charges/s with %s connections\n' \
                "$(spread "${pgbenches[@]}")" "$POOL"
            bar "charges against pgbench, gateway at $latency ms" "$(ratio "$rate" "$peer")" \
                at-least 0.8
            ;;
        esac
    done
done
