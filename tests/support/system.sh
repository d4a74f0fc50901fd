# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# system.sh: what system tests have in common; they source it from the project's folder.
#
#   holdfast     the program
#   work         a folder that goes when the test ends; out in it is what was last printed or read
#   processes    those that are ended with the test: processes+=($!)
#   status       0 as long as every line is ok: exit "$status"
holdfast=${HOLDFAST_BIN:-$PWD/build/holdfast}
export holdfast
work=$(mktemp -d)
processes=()
status=0

end_process() { # PROCESS: asks it to end, and waits
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}
end_test() {
    local process
    for process in "${processes[@]}"; do
        end_process "$process"
    done
    rm -rf "$work"
}
trap end_test EXIT

say() { # NAME CONDITION...: a line of the result, by whether the command succeeds
    local name=$1
    shift
    if "$@"; then
        echo "ok - $name"
    else
        echo "not ok - $name"
        tail -n 30 "$work/out" | cut -c1-400 | sed 's/^/#   /'
        status=1
    fi
}
skip() { echo "ok - $1 # SKIP $2 is not installed"; }
await() { # SECONDS COMMAND...: runs it again and again until it succeeds
    local left=$(($1 * 5))
    shift
    while [ "$left" -gt 0 ]; do
        "$@" && return 0
        sleep 0.2
        left=$((left - 1))
    done
    return 1
}
quietly() { "$@" >"$work/out" 2>&1; }
has() { grep -qE -- "$1" "$work/out"; }
get_has() { # URL PATTERN
    curl -sf "$1" >"$work/out" 2>&1 && has "$2"
}
has_not() { ! get_has "$@"; }
free_ports() { # COUNT: ports of this machine that nobody listens on, held together
    python3 - "$1" <<'PY'
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for one in held:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in held))
PY
}
