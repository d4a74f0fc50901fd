#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# observe: a service that takes no payment itself and is told of somebody else's, from their log:
# the map is checked first; the log is followed over a rotation and a restart of the follower, each
# line counts once; what is wrong is told with its line; while the service is away nothing is lost.
#
# The functions are called by name, as arguments of say.
# shellcheck disable=SC2317
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/system.sh
. tests/support/system.sh

read -r public internal <<<"$(free_ports 2)"
url=http://127.0.0.1:$internal
cat >"$work/holdfast.yaml" <<YAML
public: {address: "127.0.0.1:$public"}
internal: {address: "127.0.0.1:$internal"}
store: {url: "sqlite:$work/holdfast.db"}
log_level: warn
gateways:
  - name: stripe
    adapter: stripe
    base_url: http://127.0.0.1:1
    currencies: [EUR]
    credentials:
      - {name: api_key, from: "env:KEY"}
      - {name: webhook_secret, from: "env:HOOK"}
YAML
export KEY=sk_test_nobody HOOK=whsec_nobody
serve() {
    "$holdfast" serve --config "$work/holdfast.yaml" >>"$work/service.log" 2>&1 &
    service=$!
    processes+=("$service")
}
is_ready() { curl -sf "$url/readyz" >"$work/out" 2>&1; }
serve
say 'a service starts' await 20 is_ready

# ---- the log ----
log=$work/pay.log
number=0
write() { # STATUS [GATEWAY]: one payment, now
    number=$((number + 1))
    printf '{"id":"p%s","time":"%s","uri":"/checkout/pay","method":"POST","status":%s,%s}\n' \
        "$number" "$(date -u +%Y-%m-%dT%H:%M:%S+00:00)" "$1" \
        "\"seconds\":0.25,\"gateway\":\"${2:-adyen}\",\"country\":\"DE\"" >>"$log"
}
write 200
write 302
write 200 elsewhere
echo '{"uri":"/cart","method":"GET"}' >>"$log"
observe() { # EXPECTED_STATUS OPTIONS...
    local expected=$1 ended=0
    shift
    "$holdfast" observe "$log" --map deploy/observe/nginx-json.yaml --url "$url" "$@" \
        >"$work/out" 2>&1 || ended=$?
    [ "$ended" -eq "$expected" ]
}
out_has() { grep -qF -- "$1" "$work/out"; }
checked() { observe 1 --check && out_has '1 would be taken, 1 not meant, 2 wrong.' &&
    out_has 'line 2: status: "302" is none of the map'; }
say 'a map is checked against the log, and says what it does not know, by line' checked
counts() { # OK FAILED: what the service has counted of them
    curl -sf "$url/v1/metrics?name=gateway_error_rate&by=gateway" >"$work/out" 2>&1 || return 1
    python3 - "$work/out" "$1" "$2" <<'PY'
import json, sys
rows = [r for r in json.load(open(sys.argv[1]))["data"] if r["by"]["gateway"] == "adyen"]
found = (rows[0]["ok"], rows[0]["failed"]) if rows else (0, 0)
sys.exit(found != (int(sys.argv[2]), int(sys.argv[3])))
PY
}
say 'and nothing was sent' counts 0 0
sent() { observe 1 && out_has '1 taken, 1 not meant, 2 wrong.'; }
say 'the log is sent whole' sent
again() { observe 1 && out_has '0 taken, 1 not meant, 2 wrong, 1 had come before.'; }
say 'and again: each payment counts once' again
say 'the figures have it' counts 1 0

# ---- following ----
follow() {
    "$holdfast" observe "$log" --map deploy/observe/nginx-json.yaml --url "$url" --follow \
        --place "$work/place" >>"$work/follower.log" 2>&1 &
    follower=$!
    processes+=("$follower")
}
unfollow() {
    kill "$follower"
    wait "$follower"
}
cp /dev/null "$work/follower.log"
follow
say 'it says where it stands' await 20 test -s "$work/place"
write 200
write 502
say 'what is written is counted' await 20 counts 2 1
mv "$log" "$log.1"
printf '{"id":"late","time":"%s","uri":"/checkout/pay","method":"POST","status":200,%s}\n' \
    "$(date -u +%Y-%m-%dT%H:%M:%S+00:00)" '"seconds":1,"gateway":"adyen"' >>"$log.1"
write 200
write 503
say 'over a rotation' await 20 counts 4 2
say 'it ends when it is asked to' unfollow
write 200
write 404
follow
say 'it goes on where it stood' await 20 counts 5 2
told() {
    cp "$work/follower.log" "$work/out"
    out_has 'line 4: status: "404" is none of the map'
}
say 'and tells what is wrong with its line' await 20 told

# ---- while the service is away ----
kill "$service"
wait "$service" || true
write 200
write 200
waits() { cp "$work/follower.log" "$work/out" && out_has 'nothing listens there'; }
say 'a service that is away is said' await 20 waits
serve
say 'it comes back' await 20 is_ready
# A new process: its figures begin anew.
say 'and is told of what happened meanwhile' await 60 counts 2 0
say 'the follower ends' unfollow
exit "$status"
