/* SPDX-License-Identifier: Apache-2.0
 * postgres_backup.c: pg_dump and pg_restore as child processes, see postgres_backup.h.
 *
 * Where to connect is told by environment variables, because everybody on the machine can read a
 * command line and the password is part of it. */
#include "store/postgres_backup.h"

#include <glib.h>

#include "base/clock.h"
#include "base/proc.h"

enum { SAID_BYTES_MAX = 64 * 1024, SAID_SHOWN_MAX = 240 };
#define DUMP_US (24 * 3600 * US_PER_SECOND)

/* The target in libpq's variables, "NAME=value", NULL-terminated. g_strfreev() it. */
static char **environment_for(const struct pg_target *target) {
    GPtrArray *environment = g_ptr_array_new();
    PQconninfoOption *known = PQconndefaults();
    for (PQconninfoOption *option = known; option != NULL && option->keyword != NULL; option++) {
        for (int i = 0; option->envvar != NULL && target->keywords[i] != NULL; i++) {
            if (strcmp(target->keywords[i], option->keyword) == 0) {
                g_ptr_array_add(environment,
                                g_strdup_printf("%s=%s", option->envvar, target->values[i]));
            }
        }
    }
    PQconninfoFree(known);
    g_ptr_array_add(environment, NULL);
    return (char **)g_ptr_array_free(environment, FALSE);
}

static int run(const char *const argv[], char **environment, struct err *err) {
    struct proc_options options = {
        .argv = argv,
        .env_add = (const char *const *)environment,
        .err = {.to = PROC_OUT},
    };
    struct proc_end end = {0};
    BUF_AUTO said = {0};
    buf_init(&said, SAID_BYTES_MAX);
    struct err why = {0};
    if (proc_run(&options, DUMP_US, &said, &end, &why) < 0) {
        err_set(err, ERR_STORE, "%s cannot be run: %s", argv[0], why.detail);
        return err_hint(err, "install PostgreSQL's client programs");
    }
    if (end.status != 0) {
        g_strdelimit(said.data, "\n\r\t", ' ');
        return err_set(err, ERR_STORE, "%s failed: %.*s", argv[0], SAID_SHOWN_MAX, said.data);
    }
    return 0;
}

int postgres_backup(const struct pg_target *target, const char *path, struct err *err) {
    char *file = g_strdup(path);
    const char *dump[] = {"pg_dump", "--format=custom", "--no-password", "--file", file, NULL};
    /* Turning the whole archive back into SQL reads and unpacks every byte of it. */
    const char *restore[] = {"pg_restore", "--file", "/dev/null", file, NULL};
    char **environment = environment_for(target);
    int result = run(dump, environment, err);
    if (result == 0) {
        result = run(restore, environment, err);
    }
    g_strfreev(environment);
    g_free(file);
    return result;
}
