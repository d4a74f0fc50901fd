#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# deploy: what deploy/ says fits what the program has (tests/deploy/check.py); the unit gives away
# nothing that it need not; nginx and HAProxy take their configurations; and the relay in the pod
# hands out the metrics of a running service, and nothing else of its internal listener. What is not
# installed is skipped, and says so.
set -euo pipefail
cd "$(dirname "$0")/../.."
program=${HOLDFAST_BIN:-$PWD/build/holdfast}
PATH=$PATH:/usr/sbin # where Debian keeps nginx and HAProxy
folder=$(mktemp -d)
service=
relay=
clean_up() {
    [ -z "$relay" ] || kill -TERM "$relay" 2>/dev/null || true
    [ -z "$service" ] || kill -KILL "$service" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap clean_up EXIT

failed=0
say() {
    if [ "$1" -eq 0 ]; then
        echo "ok - $2"
    else
        echo "not ok - $2"
        failed=1
    fi
}

python3 tests/deploy/check.py "$program" || failed=1

# The exposure that systemd works out, in tenths: 12 as it stands; a line taken away is seen.
exposed=15
if command -v systemd-analyze >/dev/null; then
    analyze() {
        systemd-analyze security --offline=true --no-pager --threshold="$exposed" "$1"
    }
    status=0
    analyze deploy/holdfast.service >"$folder/exposure" 2>&1 || status=$?
    [ "$status" -eq 0 ] || tail -n 1 "$folder/exposure"
    say "$status" 'the unit gives away no more than it does'
    grep -v '^SystemCallFilter' deploy/holdfast.service >"$folder/holdfast.service"
    status=0
    analyze "$folder/holdfast.service" >/dev/null 2>&1 && status=1
    say "$status" 'it is found: a unit without its filter of system calls'
else
    echo 'ok - the unit gives away no more than it does # SKIP systemd is not installed'
fi

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=test \
    -keyout "$folder/front.key" -out "$folder/front.crt" 2>/dev/null
cat "$folder/front.crt" "$folder/front.key" >"$folder/front.pem"

name='nginx takes its configuration'
if command -v nginx >/dev/null; then
    sed -e "s|/etc/nginx/tls/pay.example.com|$folder/front|" -e "s|/run/nginx.pid|$folder/pid|" \
        -e "s|/var/log/nginx|$folder|" deploy/nginx.conf >"$folder/nginx.conf"
    for kind in client_body proxy fastcgi uwsgi scgi; do
        sed -i "s|^http {|&\n    ${kind}_temp_path $folder/$kind;|" "$folder/nginx.conf"
    done
    status=0
    nginx -t -e stderr -c "$folder/nginx.conf" >"$folder/said" 2>&1 || status=$?
    [ "$status" -eq 0 ] || cat "$folder/said"
    say "$status" "$name"
else
    echo "ok - $name # SKIP nginx is not installed"
fi

name='HAProxy takes its configuration'
if command -v haproxy >/dev/null; then
    sed "s|/etc/haproxy/pay.example.com|$folder/front|" deploy/haproxy.cfg >"$folder/haproxy.cfg"
    status=0
    haproxy -c -f "$folder/haproxy.cfg" >"$folder/said" 2>&1 || status=$?
    [ "$status" -eq 0 ] || cat "$folder/said"
    say "$status" "$name"
else
    echo "ok - $name # SKIP HAProxy is not installed"
fi

# ---- the relay before a service ----

# A free port, as the system gives one.
free_port() {
    python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}
cat >"$folder/holdfast.yaml" <<YAML
public: {address: "127.0.0.1:0"}
internal: {address: "127.0.0.1:0"}
store: {url: "sqlite:$folder/holdfast.db"}
gateways:
  - name: stripe-eu
    adapter: stripe
    base_url: http://127.0.0.1:9
    credentials:
      - {name: api_key, from: "file:$folder/word"}
      - {name: webhook_secret, from: "file:$folder/word"}
YAML
echo whsec_c2VjcmV0LW9mLXRoZS1kZXBsb3ktdGVzdC1vbmx5 >"$folder/word"
"$program" serve --config "$folder/holdfast.yaml" >"$folder/out" 2>"$folder/log" &
service=$!
for _ in $(seq 600); do
    if grep -q '^internal' "$folder/out" || ! kill -0 "$service" 2>/dev/null; then break; fi
    sleep 0.05
done
internal=$(sed -n 's|^internal *http://\([^ ]*\).*|\1|p' "$folder/out")
[ -n "$internal" ] || cat "$folder/log"

status=0
"$program" deps --url "http://$internal" >"$folder/deps" || status=$?
cat "$folder/deps"
grep -q 'sqlite *database *ok' "$folder/deps" && grep -q 'callbacks of stripe-eu' "$folder/deps" ||
    status=1
say "$status" 'deps shows what a service stands on, and that nothing is down'

rm "$folder/word"
status=0
"$program" deps --url "http://$internal" >"$folder/deps" || status=$?
grep -q 'api_key was read at the start' "$folder/deps" || status=1
say "$status" 'deps says which credential the next start would miss'

# All of it is read before it is searched: who stops reading early breaks the pipe of who writes.
metrics_have() {
    curl -s --max-time 20 "http://$internal/metrics" > "$folder/metrics" &&
        grep -q "$1" "$folder/metrics"
}

# front NAME COMMAND...: a front that runs before the service serves what is public, and only that.
public=$(sed -n 's|^public *http://\([^ ]*\).*|\1|p' "$folder/out")
tls_port=$(free_port)
front() {
    local name=$1 status=1 path
    shift
    "$@" >"$folder/front.log" 2>&1 &
    relay=$!
    local at=https://127.0.0.1:$tls_port
    ask() { curl -sk -o /dev/null -w '%{http_code}' --max-time 20 "$@" || true; }
    for _ in $(seq 400); do
        if [ "$(ask "$at/healthz")" = 200 ]; then
            status=0
            break
        fi
        sleep 0.05
    done
    for path in /readyz /metrics /internal/api/system/database; do
        [ "$(ask "$at$path")" = 404 ] || status=1
    done
    [ "$(ask -X POST -d '{}' "$at/callbacks/stripe-eu")" = 400 ] || status=1
    [ "$(ask "$at/v1/payments")" = 401 ] || status=1
    # HAProxy checks its servers once a second: until one was asked, or it cannot be any more.
    for _ in $(seq 400); do
        if [ "$1" != haproxy ] || grep -q 'is DOWN' "$folder/front.log" ||
            metrics_have 'listener="public".*route="getReadiness"'; then
            break
        fi
        sleep 0.05
    done
    [ "$status" -eq 0 ] || cat "$folder/front.log"
    kill -TERM "$relay"
    wait "$relay" || true
    relay=
    say "$status" "$name"
}
name='nginx serves what is public and nothing else'
if command -v nginx >/dev/null; then
    sed -i -e "s|10.0.0.1[12]:8080|$public|" -e "s|listen 80;|listen 127.0.0.1:$(free_port);|" \
        -e "s|listen 443|listen 127.0.0.1:$tls_port|" "$folder/nginx.conf"
    front "$name" nginx -e stderr -c "$folder/nginx.conf" -g 'daemon off;'
else
    echo "ok - $name # SKIP nginx is not installed"
fi
name='HAProxy serves what is public and nothing else'
if command -v haproxy >/dev/null; then
    sed -i -e "s|10.0.0.1[12]:8080|$public|" -e "s|bind :80$|bind 127.0.0.1:$(free_port)|" \
        -e "s|bind :443|bind 127.0.0.1:$tls_port|" -e 's|maxconn 20000|maxconn 200|' \
        "$folder/haproxy.cfg"
    front "$name" haproxy -f "$folder/haproxy.cfg"
    # A server counts as ready until its checks have failed: an answer says nothing of them.
    status=0
    metrics_have 'listener="public".*route="getReadiness",status="200"' || status=1
    say "$status" 'HAProxy was told that the service is ready'
else
    echo "ok - $name # SKIP HAProxy is not installed"
fi

name='the relay hands out the metrics and nothing else'
if command -v nginx >/dev/null; then
    port=$(free_port)
    python3 - "$folder" "$port" "$internal" <<'PYTHON'
import sys
import yaml
folder, port, internal = sys.argv[1:]
with open("deploy/kubernetes/config.yaml", encoding="utf-8") as file:
    text = yaml.safe_load(file)["data"]["metrics.conf"]
text = text.replace("listen 9464", "listen 127.0.0.1:" + port).replace("/tmp/", folder + "/relay-")
with open(folder + "/metrics.conf", "w", encoding="utf-8") as file:
    file.write(text.replace("127.0.0.1:3000", internal))
PYTHON
    nginx -e stderr -c "$folder/metrics.conf" -g 'daemon off;' >"$folder/relay.log" 2>&1 &
    relay=$!
    for _ in $(seq 200); do
        if curl -s -o /dev/null "http://127.0.0.1:$port/"; then break; fi
        sleep 0.05
    done
    ask() { curl -s -o "$folder/body" -w '%{http_code}' --max-time 20 "$@"; }
    status=0
    at=http://127.0.0.1:$port
    [ "$(ask "$at/metrics")" = 200 ] || status=1
    grep -q '^holdfast_http_workers_busy ' "$folder/body" || status=1
    for path in / /payment/health /internal/api/system/database /v1/keys '/metrics/../v1/keys' \
        /metrics/x; do
        [ "$(ask --path-as-is "$at$path")" = 404 ] || status=1
    done
    [ "$(ask -X POST "$at/metrics")" = 403 ] || status=1
    [ "$status" -eq 0 ] || cat "$folder/relay.log"
    say "$status" "$name"
else
    echo "ok - $name # SKIP nginx is not installed"
fi
[ "$failed" -eq 0 ]
