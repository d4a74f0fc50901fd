#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# containment: measures and the freeze of deploys as a person and a pipeline meet them: the commands
# against a service that runs; the pipeline is let through by exit status 0 alone, also when the
# service is away; what was switched is so after a restart, and is given back then.
#
# The functions are called by name, as arguments of say.
# shellcheck disable=SC2317
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/system.sh
. tests/support/system.sh

read -r public internal <<<"$(free_ports 2)"
export HOLDFAST_URL=http://127.0.0.1:$internal
cat >"$work/holdfast.yaml" <<YAML
public: {address: "127.0.0.1:$public"}
internal: {address: "127.0.0.1:$internal"}
store: {url: "sqlite:$work/holdfast.db"}
log_level: warn
gateways:
$(for name in stripe-a stripe-b; do
    cat <<GATEWAY
  - name: $name
    adapter: stripe
    base_url: http://127.0.0.1:1
    currencies: [EUR]
    credentials:
      - {name: api_key, from: "env:KEY"}
      - {name: webhook_secret, from: "env:HOOK"}
GATEWAY
done)
YAML
export KEY=sk_test_nobody HOOK=whsec_nobody
serve() {
    "$holdfast" serve --config "$work/holdfast.yaml" >>"$work/service.log" 2>&1 &
    service=$!
    processes+=("$service")
}
is_ready() { curl -sf "$HOLDFAST_URL/readyz" >"$work/out" 2>&1; }
ends() { # EXPECTED_STATUS PATTERN WORDS...
    local expected=$1 pattern=$2 ended=0
    shift 2
    "$holdfast" "$@" >"$work/out" 2>&1 || ended=$?
    [ "$ended" -eq "$expected" ] && has "$pattern"
}
id_of() { # PREFIX: the first id of this kind that was printed last
    grep -oE "$1_[0-9A-HJKMNP-TV-Z]{26}" "$work/out" | head -n 1
}
stands() { # GATEWAY STATE
    ends 0 "\"name\":\"$1\"" gateway list --json &&
        python3 - "$work/out" "$1" "$2" <<'PY'
import json, sys
rows = json.load(open(sys.argv[1]))["data"]
sys.exit(not any(r["name"] == sys.argv[2] and r["state"] == sys.argv[3] for r in rows))
PY
}

say 'a pipeline is not let through while nobody answers' ends 3 'could not be reached' deploy-gate
serve
say 'a service starts' await 20 is_ready
say 'a pipeline is let through' ends 0 'may go on' deploy-gate

# ---- by hand ----
say 'deploys are frozen by hand' ends 0 'Frozen: the sale' \
    deploy freeze --for 2h --reason 'the sale'
say 'and the pipeline is not let through' ends 1 'Frozen: the sale' deploy-gate
say 'nor when it asks for JSON' ends 1 '"open":false' deploy-gate --json
say 'once is enough' ends 1 'frozen already' deploy freeze --reason 'again'
say 'and thawed' ends 0 'may go on' deploy thaw --reason 'it is over'

# ---- from an incident ----
say 'an incident is opened' ends 0 'inc_' incident open --title 'Cards fail' --gateway stripe-a
incident=$(id_of inc)
say 'a preview says what it would do' ends 0 'Nothing was changed' \
    incident contain "$incident" gateway_off stripe-a --reason 'it fails' --preview
say 'and has not done it' stands stripe-a enabled
say 'a gateway is taken out' ends 0 'ctm_' \
    incident contain "$incident" gateway_off stripe-a --reason 'it fails'
off=$(id_of ctm)
say 'and is out' stands stripe-a disabled
say 'the last one is not' ends 1 'the last gateway' \
    incident contain "$incident" gateway_off stripe-b --reason 'it fails'
say 'deploys are frozen from the incident' ends 0 'ctm_' \
    incident contain "$incident" deploy_freeze --reason 'no changes now'
freeze=$(id_of ctm)
say 'the pipeline is told by which' ends 1 "$incident" deploy-gate
say 'which a thaw by hand leaves alone' ends 1 'by incident' deploy thaw --reason 'let me'
say 'it is not cancelled while they are on' ends 1 'still on' \
    incident cancel "$incident" --reason 'it was none'
say 'the gate names what undoes the first' ends 1 "incident undo $incident" \
    incident gate "$incident"

# ---- after the end of the process ----
end_process "$service"
say 'a pipeline is not let through while it is away' ends 3 'could not be reached' deploy-gate
serve
say 'it starts again' await 20 is_ready
say 'the gateway is out still' stands stripe-a disabled
say 'deploys are frozen still' ends 1 'no changes now' deploy-gate
say 'both are listed' ends 0 'gateway_off.*stripe-a' incident measures "$incident"

# ---- given back ----
say 'somebody changes it by the plain command' ends 0 . \
    gateway drain stripe-a --reason 'on call'
say 'undoing is refused then' ends 1 'changed it since' \
    incident undo "$incident" "$off" --reason 'it is well'
say 'and is done when that is said' ends 0 'undone' \
    incident undo "$incident" "$off" --reason 'it is well' --force
say 'the gateway is back' stands stripe-a enabled
say 'the freeze is undone' ends 0 'undone' incident undo "$incident" "$freeze" --reason 'go on'
say 'the pipeline is let through again' ends 0 'may go on' deploy-gate
say 'the incident can be cancelled' ends 0 'cancelled' \
    incident cancel "$incident" --reason 'it was none'
say 'its log is whole' ends 0 'as they were written' incident verify "$incident"
say 'the log of acts too' ends 0 . audit verify
exit "$status"
