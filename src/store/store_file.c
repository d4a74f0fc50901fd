/* SPDX-License-Identifier: Apache-2.0
 * store_file.c: lock files and files that appear whole, see store_file.h. */
#include "store/store_file.h"

#include "store/store_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RENEW_BYTES = 1024 * 1024 };

int file_lock(const char *path, int *ret_fd, struct err *err) {
    const struct store_disk *other = store_disk();
    if (other != NULL) {
        return other->lock(other->ctx, path, ret_fd, err);
    }
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
    const struct store_disk *other = store_disk();
    if (fd < 0) {
        return;
    }
    if (other != NULL) {
        other->unlock(other->ctx, fd);
    } else {
        close(fd);
    }
}

int file_create_private(const char *path, struct err *err) {
    const struct store_disk *other = store_disk();
    if (other != NULL) {
        return other->create_private(other->ctx, path, err);
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set(err, ERR_STORE, "the database file cannot be opened: %s", g_strerror(errno));
    }
    close(fd);
    return 0;
}

/* Reads and writes `count` bytes at one place; 0 when that went well. */
static int renew_part(int fd, void *buffer, size_t count, off_t offset) {
    ssize_t got = pread(fd, buffer, count, offset);
    if (got != (ssize_t)count) {
        errno = got < 0 ? errno : EIO;
        return -1;
    }
    ssize_t put = pwrite(fd, buffer, count, offset);
    if (put != (ssize_t)count) {
        errno = put < 0 ? errno : ENOSPC;
        return -1;
    }
    return 0;
}

static int renew_all(int fd) {
    static_assert(sizeof(off_t) == 8, "a log may be large");
    struct stat about;
    if (fstat(fd, &about) != 0) {
        return -1;
    }
    char *buffer = g_malloc(RENEW_BYTES);
    int failed = 0;
    for (off_t at = 0; failed == 0 && at < about.st_size; at += RENEW_BYTES) {
        size_t count = (size_t)MIN(about.st_size - at, RENEW_BYTES);
        failed = renew_part(fd, buffer, count, at);
    }
    g_free(buffer);
    return failed == 0 ? fsync(fd) : failed;
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

static int sync_folder_of(const char *path) {
    char *folder = g_path_get_dirname(path);
    int failed = sync_path(folder, O_RDONLY | O_DIRECTORY);
    g_free(folder);
    return failed;
}

int file_renew(const char *path, struct err *err) {
    const struct store_disk *other = store_disk();
    if (other != NULL) {
        return other->renew(other->ctx, path, err);
    }
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    int failed = -1;
    if (fd >= 0) {
        failed = renew_all(fd);
    } else if (errno == ENOENT) {
        failed = sync_folder_of(path);
    }
    int why = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (failed != 0) {
        return err_set(err, ERR_STORE, "the log beside the database cannot be made durable: %s",
                       g_strerror(why));
    }
    return 0;
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
