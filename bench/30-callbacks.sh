#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 30-callbacks: callbacks from gateways, signed, distinct, over kept connections: verified, stored
# once, committed, acknowledged. The first hundred come twice. Then the service is killed, and what
# it acknowledged is counted in the database: none may be missing or there twice. Before that, how
# fast one task verifies the callbacks of each scheme, without anything around it.
# usage: 30-callbacks.sh (by script/bench)
set -euo pipefail
# shellcheck source=bench/stage.sh
. "$(dirname "$0")/stage.sh"

CONNECTIONS=256
COUNT_STRIPE=${BENCH_CALLBACKS_STRIPE:-40000}
COUNT_RSA=${BENCH_CALLBACKS_RSA:-6000}
VECTORS=$here/../tests/vectors
SCHEMES="stripe paypal alipay wechatpay unionpay"

# What signs their callbacks is in tests/vectors; nobody is asked at these addresses.
more_gateways="  - name: alipay-cn
    adapter: alipay
    base_url: http://127.0.0.1:1
    callback_url: http://127.0.0.1:1/callbacks/alipay-cn
    options:
      - {name: app_id, value: '2021000100000001'}
    credentials:
      - {name: private_key, from: 'file:$VECTORS/merchant.key.pem'}
      - {name: alipay_public_key, from: 'file:$VECTORS/platform.pub.pem'}
  - name: wechat-cn
    adapter: wechatpay
    base_url: http://127.0.0.1:1
    callback_url: http://127.0.0.1:1/callbacks/wechat-cn
    options:
      - {name: appid, value: wxd678efh567hg6787}
      - {name: mchid, value: '1900000001'}
      - {name: merchant_serial, value: 1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C}
      - {name: wechat_public_key_id, value: PUB_KEY_ID_0119000000012026010100000001}
    credentials:
      - {name: private_key, from: 'file:$VECTORS/merchant.key.pem'}
      - {name: api_v3_key, from: 'env:BENCH_WECHAT_API'}
      - {name: wechat_public_key, from: 'file:$VECTORS/platform.pub.pem'}
  - name: unionpay-cn
    adapter: unionpay
    base_url: http://127.0.0.1:1
    callback_url: http://127.0.0.1:1/callbacks/unionpay-cn
    options:
      - {name: merchant_id, value: '777290058110048'}
      - {name: test, value: 'true'}
    credentials:
      - {name: private_key, from: 'file:$VECTORS/merchant.key.pem'}
      - {name: certificate, from: 'file:$VECTORS/merchant.crt.pem'}
      - {name: root_ca, from: 'file:$VECTORS/up_root.crt.pem'}
      - {name: middle_ca, from: 'file:$VECTORS/up_mid.crt.pem'}"
export BENCH_WECHAT_API=0123456789abcdef0123456789abcdef

machine

for scheme in $SCHEMES; do
    rates=()
    echo "command: bench_verify $scheme 5000 VECTORS"
    for ((run = 0; run < RUNS; run++)); do
        line=$("$HOLDFAST_BUILD/bench/bench_verify" "$scheme" 5000 "$VECTORS")
        rates+=("$(field per_s "$line")")
    done
    printf '%s (%s): %s verified a second by one task\n' \
        "$scheme" "${line#*how=}" "$(spread "${rates[@]}")"
done

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

# callbacks_once ENGINE ADAPTER COUNT
callbacks_once() {
    local line service there
    new_stage
    read -r stripe_port paypal_port < <(free_ports 2)
    cp "$VECTORS/paypal_ca.crt.pem" "$stage/paypal.ca"
    start_service "$1"
    service=$(cpu_us "$service_pid")
    if [ "$2" = paypal ]; then
        line=$("$HOLDFAST_BUILD/bench/bench_callbacks" "$2" "$public_port" "$CONNECTIONS" "$3" \
            "$VECTORS" "$paypal_port")
    else
        line=$("$HOLDFAST_BUILD/bench/bench_callbacks" "$2" "$public_port" "$CONNECTIONS" "$3" \
            "$VECTORS")
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
    for kind in $SCHEMES; do
        count=$COUNT_STRIPE least=15000 scheme=HMAC
        [ "$kind" = stripe ] || count=$COUNT_RSA least=6000 scheme=RSA
        rates=() p99=() cpu=()
        echo "command: bench_callbacks $kind PORT $CONNECTIONS $count ($engine)"
        for ((run = 0; run < RUNS; run++)); do
            callbacks_once "$engine" "$kind" "$count"
        done
        printf '%s callbacks (%s, %s): %s a second; ' \
            "$kind" "$scheme" "$engine" "$(spread "${rates[@]}")"
        printf 'p99 %s us; CPU a callback %s us; all stored once\n' \
            "$(median "${p99[@]}")" "$(median "${cpu[@]}")"
        bar "callbacks a second, $kind, $engine" "$(median "${rates[@]}")" at-least "$least"
    done
done
