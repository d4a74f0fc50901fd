/* SPDX-License-Identifier: Apache-2.0
 * file.c: reading a small file whole. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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
