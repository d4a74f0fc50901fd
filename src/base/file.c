/* SPDX-License-Identifier: Apache-2.0
 * file.c: reading a small file whole; putting another in its place; room on a disk. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/random.h"

/* Written before there is a second task, and read-only from then on. */
static struct {
    const struct file_ops *ops; /* NULL: the system's files */
    void *ctx;
} other;

void file_install(void *ctx, const struct file_ops *ops) {
    other.ctx = ctx;
    other.ops = ops;
}

/* Fills `bytes` up to `count_max`. Returns how many there were, or -1 with errno set. */
static ssize_t read_until(int fd, char *bytes, size_t count_max) {
    size_t count = 0;
    while (count < count_max) {
        ssize_t got = read(fd, bytes + count, count_max - count);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        count += (size_t)got;
    }
    return (ssize_t)count;
}

int file_read(const char *path, char *bytes, size_t bytes_max, size_t *ret_count, struct err *err) {
    if (other.ops != NULL) {
        return other.ops->read(other.ctx, path, bytes, bytes_max, ret_count, err);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return err_set(err, ERR_IO, "%s cannot be opened: %s", path, strerrordesc_np(errno));
    }
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return err_set(err, ERR_IO, "%s is not a regular file", path);
    }
    ssize_t count = read_until(fd, bytes, bytes_max + 1);
    int why = errno;
    close(fd);
    if (count < 0) {
        return err_set(err, ERR_IO, "%s cannot be read: %s", path, strerrordesc_np(why));
    }
    if ((size_t)count > bytes_max) {
        return err_set(err, ERR_TOO_LARGE, "%s has more than %zu bytes", path, bytes_max);
    }
    bytes[count] = '\0';
    *ret_count = (size_t)count;
    return 0;
}

/* ---- replacing ---- */

static bool write_all(int fd, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t put = write(fd, bytes, count);
        if (put < 0 && errno != EINTR) {
            return false;
        }
        bytes += put > 0 ? put : 0;
        count -= put > 0 ? (size_t)put : 0;
    }
    return fsync(fd) == 0;
}

/* A rename is durable once its folder is. */
static void sync_folder(const char *path) {
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!fsync(fd);
        close(fd);
    }
}

int file_replace(const char *path, const void *bytes, size_t count, unsigned mode,
                 struct err *err) {
    char target[PATH_MAX], fresh[PATH_MAX + 24];
    if (other.ops != NULL) {
        return other.ops->replace(other.ctx, path, bytes, count, err);
    }
    if (realpath(path, target) == NULL) { /* not there yet */
        snprintf(target, sizeof target, "%s", path);
    }
    snprintf(fresh, sizeof fresh, "%s.%016llx", target, (unsigned long long)random_u64());
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool done = fd >= 0 && fchmod(fd, mode) == 0 && write_all(fd, bytes, count);
    int why = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (done && rename(fresh, target) == 0) {
        sync_folder(target);
        return 0;
    }
    why = done ? errno : why;
    if (fd >= 0) {
        unlink(fresh);
    }
    return err_set(err, ERR_IO, "%s cannot be written: %s", path, strerrordesc_np(why));
}

int file_queue(const char *path, int *ret_lock, struct err *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int r = -1;
    while (fd >= 0 && (r = flock(fd, LOCK_EX)) != 0 && errno == EINTR) {
    }
    if (r == 0) {
        *ret_lock = fd;
        return 0;
    }
    int why = errno;
    if (fd >= 0) {
        close(fd);
    }
    return err_set(err, ERR_IO, "%s cannot be locked: %s", path, strerrordesc_np(why));
}

void file_leave(int lock) {
    close(lock);
}

void file_remove(const char *path) {
    (void)unlink(path);
}

/* ---- looking ---- */

int file_look(const char *path, struct file_face *ret_face, struct err *err) {
    struct stat status;
    if (other.ops != NULL) {
        return other.ops->look(other.ctx, path, ret_face, err);
    }
    if (stat(path, &status) != 0) {
        return err_set(err, ERR_IO, "%s cannot be looked at: %s", path, strerrordesc_np(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return err_set(err, ERR_IO, "%s is not a regular file", path);
    }
    *ret_face = (struct file_face){
        .bytes = status.st_size,
        .changed_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec,
        .inode = (int64_t)status.st_ino,
        .device = (int64_t)status.st_dev,
        .mode = status.st_mode & 07777U,
        .ours_to_keep = (status.st_mode & (S_IWGRP | S_IRWXO)) == 0,
    };
    return 0;
}

int file_space(const char *path, int64_t *ret_free_bytes, int64_t *ret_total_bytes,
               struct err *err) {
    struct statvfs disk;
    if (statvfs(path, &disk) < 0) {
        return err_set(err, ERR_IO, "the disk of %s cannot be looked at: %s", path,
                       strerrordesc_np(errno));
    }
    *ret_free_bytes = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
    *ret_total_bytes = (int64_t)disk.f_blocks * (int64_t)disk.f_frsize;
    return 0;
}
