/* SPDX-License-Identifier: Apache-2.0
 * test_pg.c: a PostgreSQL for tests, see test_pg.h. */
#include "support/test_pg.h"

#include "base/random.h"

#include <fcntl.h>
#include <glib.h>
#include <libpq-fe.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

NORETURN static void give_up(const char *what, const char *detail) {
    (void)fprintf(stderr, "test_pg: %s: %s\n", what, detail);
    abort();
}

/* --- The server ------------------------------------------------------------------------------- */

static void read_line(struct test_pg *pg, char *ret_line, size_t bytes) {
    size_t len = 0;
    char c = '\0';
    while (len + 1 < bytes && read(pg->from, &c, 1) == 1 && c != '\n') {
        ret_line[len++] = c;
    }
    ret_line[len] = '\0';
    if (c != '\n') {
        give_up("pg_server.py said nothing", "is PostgreSQL installed? script/bootstrap does it");
    }
}

static void order(struct test_pg *pg, const char *command) {
    char line[16];
    INVARIANT(pg->pid > 0, "the shared server is not to be killed");
    if (write(pg->to, command, strlen(command)) != (ssize_t)strlen(command)) {
        give_up("pg_server.py is gone", command);
    }
    read_line(pg, line, sizeof(line));
    if (strcmp(line, "ok") != 0) {
        give_up("pg_server.py refused", command);
    }
}

void test_pg_start(struct test_pg *ret_pg, bool fsync) {
    int in[2], out[2];
    char *plain[] = {"python3", TEST_SUPPORT_DIR "/pg_server.py", NULL};
    char *durable[] = {"python3", TEST_SUPPORT_DIR "/pg_server.py", "--fsync", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
        give_up("no pipe", "");
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    /* A session of its own: who kills the test's group must not kill the one that cleans up. */
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    *ret_pg = (struct test_pg){.to = in[1], .from = out[0]};
    if (posix_spawnp(&ret_pg->pid, "python3", &actions, &attributes, fsync ? durable : plain,
                     environ) != 0) {
        give_up("python3 cannot be started", "");
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    read_line(ret_pg, ret_pg->url, sizeof(ret_pg->url));
}

void test_pg_end(struct test_pg *pg) {
    if (pg->pid > 0) {
        close(pg->to);
        close(pg->from);
        (void)waitpid(pg->pid, NULL, 0);
    }
    *pg = (struct test_pg){0};
}

void test_pg_kill(struct test_pg *pg) {
    order(pg, "kill\n");
}

void test_pg_stop(struct test_pg *pg) {
    order(pg, "stop\n");
}

void test_pg_again(struct test_pg *pg) {
    order(pg, "start\n");
}

static struct test_pg shared;

static void end_shared(void) {
    test_pg_end(&shared);
}

struct test_pg *test_pg_shared(void) {
    const char *url = getenv("HOLDFAST_TEST_PG_URL");
    if (shared.url[0] != '\0') {
        return &shared;
    }
    if (url != NULL && url[0] != '\0') {
        (void)snprintf(shared.url, sizeof(shared.url), "%s", url);
        return &shared;
    }
    test_pg_start(&shared, false);
    (void)atexit(end_shared);
    return &shared;
}

/* --- Databases -------------------------------------------------------------------------------- */

static int64_t conn_int(PGconn *conn, const char *sql) {
    int64_t number = 0;
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        give_up(sql, PQerrorMessage(conn));
    }
    if (PQntuples(result) > 0) {
        number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    }
    PQclear(result);
    return number;
}

int64_t test_pg_int(const char *url, const char *sql) {
    PGconn *conn = PQconnectdb(url);
    int64_t number = conn_int(conn, sql);
    PQfinish(conn);
    return number;
}

/* The value of one keyword of a URL; "" when it is not said. */
static void url_value(const char *url, const char *keyword, char *ret_value, size_t bytes) {
    PQconninfoOption *info = PQconninfoParse(url, NULL);
    ret_value[0] = '\0';
    for (PQconninfoOption *option = info; option != NULL && option->keyword != NULL; option++) {
        if (strcmp(option->keyword, keyword) == 0 && option->val != NULL) {
            (void)snprintf(ret_value, bytes, "%s", option->val);
        }
    }
    PQconninfoFree(info);
}

void test_pg_port(const char *url, int *ret_port) {
    char port[16];
    url_value(url, "port", port, sizeof(port));
    *ret_port = port[0] != '\0' ? (int)strtol(port, NULL, 10) : 5432;
}

/* The URL with another database: the path between the host and the question mark. */
static void url_with_database(const char *url, const char *name, char ret_url[TEST_PG_URL_MAX]) {
    const char *host = strstr(url, "://");
    const char *path = host != NULL ? strchr(host + 3, '/') : NULL;
    const char *query = strchr(url, '?');
    if (path == NULL) {
        give_up("HOLDFAST_TEST_PG_URL must be postgresql://…/DATABASE", "it is not");
    }
    (void)snprintf(ret_url, TEST_PG_URL_MAX, "%.*s/%s%s", (int)(path - url), url, name,
                   query != NULL ? query : "");
}

static void database_copy(struct test_pg *pg, const char *template, char ret_url[TEST_PG_URL_MAX]) {
    char name[40], sql[160];
    (void)snprintf(name, sizeof(name), "holdfast_test_%016llx", (unsigned long long)random_u64());
    (void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s TEMPLATE %s", name, template);
    (void)test_pg_int(pg->url, sql);
    url_with_database(pg->url, name, ret_url);
}

void test_pg_database(struct test_pg *pg, char ret_url[TEST_PG_URL_MAX]) {
    database_copy(pg, "template0", ret_url);
}

/* Programs run side by side: one fills, the others wait for its lock. The name appears only when
 * all is done, so a program that dies meanwhile leaves nothing half. */
static void template_make(struct test_pg *pg, const char *name, test_pg_fill_fn *fill) {
    char sql[160], url[TEST_PG_URL_MAX], filling[64];
    PGconn *conn = PQconnectdb(pg->url);
    (void)conn_int(conn, "SELECT pg_advisory_lock(1413830740)");
    (void)snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM pg_database WHERE datname = '%s'", name);
    if (conn_int(conn, sql) == 0) {
        (void)snprintf(filling, sizeof(filling), "%s_filling", name);
        url_with_database(pg->url, filling, url);
        (void)snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %s", filling);
        (void)conn_int(conn, sql);
        (void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s TEMPLATE template0", filling);
        (void)conn_int(conn, sql);
        fill(url);
        (void)snprintf(sql, sizeof(sql), "ALTER DATABASE %s RENAME TO %s", filling, name);
        (void)conn_int(conn, sql);
    }
    PQfinish(conn); /* and the lock with it */
}

void test_pg_database_filled(struct test_pg *pg, const char *name, test_pg_fill_fn *fill,
                             char ret_url[TEST_PG_URL_MAX]) {
    template_make(pg, name, fill);
    database_copy(pg, name, ret_url);
}

void test_pg_database_drop(struct test_pg *pg, const char *url) {
    char name[64], sql[128];
    url_value(url, "dbname", name, sizeof(name));
    (void)snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %s WITH (FORCE)", name);
    (void)test_pg_int(pg->url, sql);
}

int test_pg_terminate(const char *url) {
    return (int)test_pg_int(url,
                            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
                            " WHERE datname = current_database() AND pid <> pg_backend_pid()");
}
