#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# deploy_example: what deploy/ gives people works: systemd takes the unit, and the service starts on
# a new PostgreSQL database with the example configuration and ends gracefully. Only what must
# differ on a test machine is replaced in it: database, ports, folders and the gateways' hosts.
set -euo pipefail
cd "$(dirname "$0")/../.."
program=${HOLDFAST_BIN:-$PWD/build/holdfast}
folder=$(mktemp -d)
service=
database=
clean_up() {
    [ -z "$service" ] || kill -KILL "$service" 2>/dev/null || true
    [ -z "$database" ] ||
        psql -qX -c "DROP DATABASE IF EXISTS $database WITH (FORCE)" "$HOLDFAST_TEST_PG_URL" || true
    rm -rf "$folder"
}
trap clean_up EXIT

say() {
    if [ "$1" -eq 0 ]; then echo "ok - $2"; else echo "not ok - $2" && exit 1; fi
}

name='systemd takes the unit as it is'
if command -v systemd-analyze >/dev/null; then
    sed "s|/usr/local/bin/holdfast|$program|" deploy/holdfast.service >"$folder/holdfast.service"
    said=$(systemd-analyze verify --man=no "$folder/holdfast.service" 2>&1) || said="$said failed"
    [ -z "$said" ] || echo "$said"
    say "$([ -z "$said" ] && echo 0 || echo 1)" "$name"
else
    echo "ok - $name # SKIP systemd is not installed"
fi

if [ -z "${HOLDFAST_TEST_PG_URL:-}" ]; then
    echo "ok - the example configuration starts the service # SKIP no PostgreSQL"
    exit 0
fi
database=holdfast_deploy_$$
psql -qX -c "CREATE DATABASE $database TEMPLATE template0" "$HOLDFAST_TEST_PG_URL"
url=${HOLDFAST_TEST_PG_URL/\/postgres\?/\/$database?}
for secret in stripe-eu.key stripe-eu.whsec paypal-eu.id paypal-eu.secret paypal-eu.webhook; do
    echo "whsec_c2VjcmV0LW9mLXRoZS1kZXBsb3ktdGVzdC1vbmx5" >"$folder/$secret"
done
printf '%064d\n' 7 >"$folder/master.key"
sed -e '/^ *?target_session_attrs/d' -e "s|/etc/holdfast|$folder|" \
    -e "s|url: \"postgresql:.*|url: \"${url//&/\\&}\"|" \
    -e "s|/var/backups/holdfast|$folder|" \
    -e 's|address: "127.0.0.1:[0-9]*"|address: "127.0.0.1:0"|' \
    -e 's|base_url: .*|base_url: http://127.0.0.1:9|' deploy/holdfast.yaml >"$folder/holdfast.yaml"

status=0
"$program" db migrate --config "$folder/holdfast.yaml" || status=$?
say "$status" 'the example configuration names a database that db migrate brings forward'

"$program" serve --config "$folder/holdfast.yaml" >"$folder/out" 2>"$folder/log" &
service=$!
for _ in $(seq 600); do
    if grep -q '^internal' "$folder/out" || ! kill -0 "$service" 2>/dev/null; then break; fi
    sleep 0.05
done
internal=$(sed -n 's|^internal *\(http[^ ]*\).*|\1|p' "$folder/out")
[ -n "$internal" ] || cat "$folder/log"
status=0
[ "$(curl -sf --max-time 20 "$internal/readyz")" = ready ] || status=1
say "$status" 'the example configuration starts the service'

# Its gateways are nowhere, so deps may end with 1; the database is what is looked for.
"$program" deps --url "$internal" --json >"$folder/deps" || true
status=0
python3 - "$folder/deps" <<'PYTHON' || status=1
import json
import sys
with open(sys.argv[1], encoding="utf-8") as file:
    edges = {edge["name"]: edge for edge in json.load(file)["data"]}
assert edges["postgresql"]["state"] == "ok" and "replicas are" in edges["postgresql"]["why"], edges
assert edges["clock"]["state"] == "ok" and edges["clock"]["kind"] == "clock", edges
PYTHON
say "$status" 'deps shows the primary, its replicas and the distance of its clock'

status=0
kill -TERM "$service"
wait "$service" || status=$?
service=
say "$status" 'SIGTERM, which systemd sends, ends it with status 0'
