#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# observe_alerts: a service that takes no payment itself is told of somebody else's from their log,
# by holdfast observe; what the log has of trouble (a gateway whose payments fail; callbacks that
# come late, are forged, or do not come) becomes alerts that reach a channel's server, signed. The
# counters of /metrics have it, under gateways that are not ours. First comes a log without trouble,
# of which nobody is told.
#
# The functions are called by name, as arguments of say.
# shellcheck disable=SC2317
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/system.sh
. tests/support/system.sh

read -r public internal server <<<"$(free_ports 3)"
url=http://127.0.0.1:$internal

# ---- the channel's server: keeps what is signed rightly, refuses what is not ----
export SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
python3 - "$server" "$work/told" <<'PY' &
import base64, hashlib, hmac, http.server, json, os, sys
key = base64.b64decode(os.environ["SECRET"].split("_", 1)[1])
class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signed = ".".join((self.headers["webhook-id"], self.headers["webhook-timestamp"], ""))
        signed = signed.encode() + body
        right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        genuine = f"v1,{right}" in self.headers["webhook-signature"].split(" ")
        if genuine:
            with open(sys.argv[2], "a") as file:
                for alert in json.loads(body)["alerts"]:
                    labels = alert["labels"]
                    print(alert["status"], labels["alertname"], labels.get("gateway", "-"),
                          alert["annotations"].get("description", ""), file=file)
        self.send_response(204 if genuine else 401)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Server).serve_forever()
PY
processes+=($!)

# ---- a service without a gateway that could take anything ----
cat >"$work/holdfast.yaml" <<YAML
public: {address: "127.0.0.1:$public"}
internal: {address: "127.0.0.1:$internal"}
store: {url: "sqlite:$work/holdfast.db"}
log_level: warn
payments: {probe_s: 0} # nobody is at its gateway
gateways:
  - name: stripe
    adapter: stripe
    base_url: http://127.0.0.1:1
    currencies: [EUR]
    credentials:
      - {name: api_key, from: "env:KEY"}
      - {name: webhook_secret, from: "env:HOOK"}
channels:
  - name: ours
    kind: webhook
    credentials:
      - {name: url, from: "env:CHANNEL"}
      - {name: secret, from: "env:SECRET"}
alerts:
  group_wait_s: 0
  group_interval_s: 0
  rules:
    - {name: CallbackMissing, for_s: 0}
    - {name: CallbackDelay, for_s: 0}
  routes: [{name: all, channels: [ours]}]
YAML
export KEY=sk_test_nobody HOOK=whsec_nobody CHANNEL=http://127.0.0.1:$server/alerts
"$holdfast" serve --config "$work/holdfast.yaml" >"$work/service.log" 2>&1 &
processes+=($!)
is_ready() { curl -sf "$url/readyz" >"$work/out" 2>&1; }
say 'a service starts' await 20 is_ready

# ---- the log ----
cat >"$work/map.yaml" <<'YAML'
format: json
fields:
  - {to: id, field: n}
  - {to: type, field: what}
  - {to: gateway, field: psp}
  - to: outcome
    field: end
    words:
      - {is: good, says: ok}
      - {is: refused, says: declined}
      - {is: forged, says: declined}
      - {is: broken, says: failed}
      - {is: overdue, says: missing}
  - {to: method, field: how}
  - {to: duration_ms, field: took, unit: s}
YAML
log=$work/pay.log
number=0
write() { # COUNT WHAT PSP END TOOK
    local i
    for ((i = 0; i < $1; i++)); do
        number=$((number + 1))
        printf '{"n":"e%s","what":"%s","psp":"%s","end":"%s","took":%s,"how":"%s"}\n' \
            "$number" "$2" "$3" "$4" "$5" "$([ "$2" = payment ] && echo card || echo none)" >>"$log"
    done
}
observe() { # TAKEN
    "$holdfast" observe "$log" --map "$work/map.yaml" --url "$url" >"$work/out" 2>&1 &&
        has "^$1 taken"
}
write 150 payment worldpay good 0.3
write 100 payment adyen good 0.4
write 20 callback adyen good 2
write 2 refund adyen good 1
say 'a log without trouble is sent' observe 272
counter() { get_has "$url/metrics" "^$1 $2\$"; }
say 'its payments count, as what was observed' counter \
    'holdfast_payments_total\{.*outcome="succeeded",origin="observed"\}' 250
say 'its tries and calls, under their gateway' counter \
    'holdfast_gateway_calls_total\{gateway="adyen",.*outcome="charged"\}' 100
say 'its refunds' counter 'holdfast_refunds_total\{gateway="adyen",outcome="succeeded"\}' 2
say 'its callbacks, with their delay' \
    counter 'holdfast_callback_delay_seconds_count\{gateway="adyen"\}' 20
say 'and all of it apart' \
    counter 'holdfast_observations_total\{type="callback",gateway="adyen",outcome="ok"\}' 20
say 'nothing of it counts as our own' has_not "$url/metrics" 'origin="own"'
# Longer than counts are looked at (15 s).
sleep 17
untold() { [ ! -e "$work/told" ]; }
say 'and nobody is told of anything' untold

write 60 payment worldpay broken 3
write 30 callback adyen good 400
write 24 callback adyen overdue 0
write 5 callback adyen forged 0
write 3 callback adyen broken 1
say 'a log with trouble: what was sent before counts once' observe 122
say 'a callback that did not come is counted' \
    counter 'holdfast_callbacks_missing_total\{gateway="adyen"\}' 24
told() { # RULE GATEWAY TEXT
    [ -e "$work/told" ] && cp "$work/told" "$work/out" && has "^firing $1 $2 .*$3"
}
say 'the channel is told that the gateway fails' \
    await 30 told PaymentServiceGatewayFailure worldpay 'of'
say 'that callbacks come late' await 40 told CallbackDelay adyen 'after their event'
# A figure of whole minutes: 24 of the 77 that were owed.
say 'that callbacks do not come' \
    await 150 told CallbackMissing adyen 'callback_missing_rate of adyen was 31'
say 'that callbacks are forged' await 40 told ForgedCallbacks adyen '5 callbacks to adyen'
others() {
    ! grep -E '^(firing|resolved) ' "$work/told" |
        grep -qvE ' (PaymentServiceGatewayFailure|Callback|ForgedCallbacks)'
}
say 'and of nothing else' others
exit "$status"
