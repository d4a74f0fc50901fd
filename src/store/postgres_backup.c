/* SPDX-License-Identifier: Apache-2.0
 * postgres_backup.c: pg_dump and pg_restore as child processes, see postgres_backup.h.
 *
 * Where to connect is told by environment variables, because everybody on the machine can read a
 * command line and the password is part of it. */
#include "store/postgres_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { SAID_BYTES_MAX = 240 };

/* The service's environment plus the target in libpq's variables. g_strfreev() it. */
static char **environment_for(const struct pg_target *target)
{
    char **environment = g_strdupv(environ);
    PQconninfoOption *known = PQconndefaults();
    for (PQconninfoOption *option = known; option != NULL && option->keyword != NULL; option++) {
        for (int i = 0; option->envvar != NULL && target->keywords[i] != NULL; i++) {
            if (strcmp(target->keywords[i], option->keyword) == 0) {
                environment = g_environ_setenv(environment, option->envvar, target->values[i], 1);
            }
        }
    }
    PQconninfoFree(known);
    return environment;
}

/* Reads to the end of what a child says, keeps the beginning. */
static void listen_to(int fd, char ret_said[SAID_BYTES_MAX])
{
    size_t kept = 0;
    char bytes[512];
    for (;;) {
        ssize_t got = read(fd, bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        size_t more = MIN((size_t)got, SAID_BYTES_MAX - 1 - kept);
        memcpy(ret_said + kept, bytes, more);
        kept += more;
    }
    ret_said[kept] = '\0';
    g_strdelimit(ret_said, "\n\r\t", ' ');
}

/* Starts the child with its error output going to `fd`. Returns 0 or an errno. */
static int start(char *const argv[], char **environment, int fd, pid_t *ret_child)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, fd, 2);
    int failed = posix_spawnp(ret_child, argv[0], &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

static int run(char *const argv[], char **environment, struct err *err)
{
    int fds[2], status = 0;
    char said[SAID_BYTES_MAX];
    pid_t child = 0;
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return err_set(err, ERR_STORE, "no pipe can be made: %s", g_strerror(errno));
    }
    int failed = start(argv, environment, fds[1], &child);
    close(fds[1]);
    if (failed != 0) {
        close(fds[0]);
        err_set(err, ERR_STORE, "%s cannot be started: %s", argv[0], g_strerror(failed));
        return err_hint(err, "install PostgreSQL's client programs");
    }
    listen_to(fds[0], said);
    close(fds[0]);
    pid_t ended;
    do {
        ended = waitpid(child, &status, 0);
    } while (ended < 0 && errno == EINTR);
    if (ended != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return err_set(err, ERR_STORE, "%s failed: %s", argv[0], said);
    }
    return 0;
}

int postgres_backup(const struct pg_target *target, const char *path, struct err *err)
{
    char *file = g_strdup(path);
    char *dump[] = {"pg_dump", "--format=custom", "--no-password", "--file", file, NULL};
    /* Turning the whole archive back into SQL reads and unpacks every byte of it. */
    char *restore[] = {"pg_restore", "--file", "/dev/null", file, NULL};
    char **environment = environment_for(target);
    int result = run(dump, environment, err);
    if (result == 0) {
        result = run(restore, environment, err);
    }
    g_strfreev(environment);
    g_free(file);
    return result;
}
