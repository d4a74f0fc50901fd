/* SPDX-License-Identifier: Apache-2.0
 * store_file.c: lock files and files that appear whole, see store_file.h. */
#include "store/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sys/stat.h>
#include <unistd.h>

int file_lock(const char *path, int *ret_fd, struct err *err) {
    char *name = g_strconcat(path, "-lock", NULL);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    g_free(name);
    if (fd < 0) {
        int why = errno;
        err_set(err, ERR_STORE, "the lock file beside the database cannot be opened: %s",
                g_strerror(why));
        err_place(err, "%s", path);
        return why == ENOENT ? err_hint(err, "make the database's folder first") : -ERR_STORE;
    }
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
        int why = errno;
        close(fd);
        if (why != EAGAIN && why != EACCES) {
            return err_set(err, ERR_STORE, "the lock file cannot be locked: %s", g_strerror(why));
        }
        err_set(err, ERR_STORE, "another service has this database open");
        return err_hint(err, "stop the other one, or give this one a database of its own");
    }
    *ret_fd = fd;
    return 0;
}

void file_unlock(int fd) {
    if (fd >= 0) {
        close(fd);
    }
}

int file_create_private(const char *path, struct err *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set(err, ERR_STORE, "the database file cannot be opened: %s", g_strerror(errno));
    }
    close(fd);
    return 0;
}

static int sync_path(const char *path, int flags) {
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    int result = fsync(fd);
    close(fd);
    return result;
}

int file_publish(const char *from, const char *to, struct err *err) {
    char *folder = g_path_get_dirname(to);
    int failed = sync_path(from, O_RDONLY);
    if (failed == 0) {
        failed = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    }
    if (failed == 0) {
        failed = sync_path(folder, O_RDONLY | O_DIRECTORY);
    }
    int why = errno;
    g_free(folder);
    if (failed != 0) {
        return err_set(err, ERR_STORE, "the backup cannot be put in its place: %s",
                       g_strerror(why));
    }
    return 0;
}
