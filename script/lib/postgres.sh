# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# postgres.sh: a private PostgreSQL server for tests; for bash scripts that set -euo pipefail.
#
#   postgres_start fast|durable   sets and exports HOLDFAST_TEST_PG_URL; `fast` flushes no commit.
#                                 If it fails, it says why and returns 1; stop it all the same
#   postgres_stop                 ends the server and removes its folder; harmless without one
#
# The server listens on a Unix socket in a folder that only its owner and root can enter: it needs
# no port and no password. PostgreSQL refuses to run as root, so root runs it as another user. It
# ends with the shell that started it even if that is killed (PR_SET_PDEATHSIG).
# A HOLDFAST_TEST_PG_URL that is already set is used as it is, and nothing is started.

postgres_folder=
postgres_pid=

postgres_bin_dir() {
    local candidate
    for candidate in "$(pg_config --bindir 2>/dev/null || true)" /usr/lib/postgresql/15/bin \
        /usr/lib/postgresql/*/bin; do
        if [ -x "$candidate/initdb" ] && [ -x "$candidate/postgres" ]; then
            echo "$candidate"
            return 0
        fi
    done
    echo "postgres: found no initdb; script/bootstrap test installs it" >&2
    return 1
}

# Runs a command in place of this shell as the user that owns the server.
postgres_exec() {
    local user
    if [ "$(id -u)" -ne 0 ]; then
        exec "$@"
    fi
    user=$(postgres_user)
    exec setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"
}

postgres_user() {
    if id postgres >/dev/null 2>&1; then
        echo postgres
    else
        echo nobody
    fi
}

postgres_start() {
    local bin sync=off tries
    if [ -n "${HOLDFAST_TEST_PG_URL:-}" ]; then
        return 0
    fi
    [ "$1" = fast ] || sync=on
    bin=$(postgres_bin_dir) || return 1
    postgres_folder=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-pg.XXXXXX") || return 1
    if [ "$(id -u)" -eq 0 ]; then
        chown "$(postgres_user)" "$postgres_folder" || return 1
    fi
    if ! (cd / && postgres_exec "$bin/initdb" -D "$postgres_folder/data" -U holdfast -A trust \
        -E UTF8 --locale=C.UTF-8 --no-sync --no-instructions) \
        >"$postgres_folder/initdb.log" 2>&1; then
        cat "$postgres_folder/initdb.log" >&2
        return 1
    fi
    # A session of its own keeps Ctrl-C from ending the server before the tests that use it.
    (
        cd /
        postgres_exec setsid setpriv --pdeathsig QUIT "$bin/postgres" -D "$postgres_folder/data" \
            -k "$postgres_folder" -c listen_addresses= -c max_connections=200 -c fsync="$sync" \
            -c max_prepared_transactions=10 -c log_min_messages=fatal
    ) >"$postgres_folder/server.log" 2>&1 </dev/null &
    postgres_pid=$!
    for ((tries = 0; ; tries++)); do
        if "$bin/psql" -h "$postgres_folder" -U holdfast -d postgres -Xqc \
            'CREATE DATABASE holdfast' >/dev/null 2>&1; then
            break
        fi
        if [ "$tries" -ge 300 ] || ! kill -0 "$postgres_pid" 2>/dev/null; then
            cat "$postgres_folder/server.log" >&2
            echo "postgres: the private server did not come up" >&2
            return 1
        fi
        sleep 0.1
    done
    export HOLDFAST_TEST_PG_URL="postgresql:///holdfast?host=$postgres_folder&user=holdfast"
}

postgres_stop() {
    if [ -n "$postgres_pid" ]; then
        kill -QUIT "$postgres_pid" 2>/dev/null || true
        wait "$postgres_pid" 2>/dev/null || true
        postgres_pid=
    fi
    if [ -n "$postgres_folder" ]; then
        rm -rf "$postgres_folder"
        postgres_folder=
        unset HOLDFAST_TEST_PG_URL
    fi
}
