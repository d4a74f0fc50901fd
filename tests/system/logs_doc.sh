#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# logs_doc: docs/logs.md says what can be logged; and what is logged nowhere, or said nowhere, is
# found.
#
# The functions are called by name, as arguments of say; "$a" is sed's last line.
# shellcheck disable=SC2317,SC2016
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/system.sh
. tests/support/system.sh

say 'the page of the log is what the source says' quietly script/logs --check

copy=$work/tree
mkdir -p "$copy/docs" "$copy/script"
cp -r src "$copy/"
cp -r docs/guides docs/logs.md "$copy/docs/"
cp script/logs "$copy/script/"
refused() { # TEXT
    ! quietly "$copy/script/logs" --check && has "$1"
}
with() { # FILE SED: the copy with one change
    cp "src/$1" "$copy/src/$1"
    sed -i "$2" "$copy/src/$1"
}
with base/log_events.def '$a X(NEVER_SAID, INFO, "never.said", "Nothing", "Nothing")'
say 'an event that is logged nowhere is found' refused 'never.said is logged nowhere'
with base/log_events.def '/^X(TOKEN_UNUSED/,/)$/d'
say 'one that the table does not have as well' refused 'TOKEN_UNUSED is no row'
with base/log_events.def 's/"Nothing; the answer/"Guide nowhere: the answer/'
say 'a guide that is none as well' refused 'there is no docs/guides/nowhere.md'
with base/log_events.def ''
with watch/alert.c 's/log_event(ALERTS_LEFT_OUT,/&LT("colour", "red"), /'
say 'a field that the page does not have as well' refused 'is not what the source says'

# ---- the page's own lines of jq ----
if ! command -v jq >/dev/null; then
    skip 'the lines of jq on the page work' jq
    exit "$status"
fi
sed -n '/^```json/,/^```/{/^```/d;p}' docs/logs.md >"$work/log"
lines() { # each as it stands on the page, on its example of a line
    local line
    while IFS= read -r line; do
        (cd "$work" && bash -o pipefail -c "$line") >"$work/out" 2>&1 || return 1
    done < <(grep '^jq ' docs/logs.md)
}
say 'the lines of jq on the page work' lines
exit "$status"
