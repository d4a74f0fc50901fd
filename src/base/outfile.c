/* SPDX-License-Identifier: Apache-2.0
 * outfile.c: files that have their name only once they are whole. */
#include "base/outfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HELD_BYTES = 64 * 1024, LINE_BYTES = 1024 };
static const char PART[] = ".part";

struct outfile {
    char path[PATH_MAX], part[PATH_MAX + sizeof PART];
    int fd;
    int failed; /* errno of the first failure */
    size_t held;
    int64_t bytes;
    char room[HELD_BYTES];
};

static bool is_part(const char *name) {
    size_t chars = strlen(name);
    return chars > strlen(PART) && strcmp(name + chars - strlen(PART), PART) == 0;
}

int outfile_folder(const char *path, struct err *err) {
    if (mkdir(path, 0777) == 0) {
        return 0;
    }
    if (errno != EEXIST) {
        return err_set(err, ERR_IO, "the folder %s cannot be made: %s", path,
                       strerrordesc_np(errno));
    }
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return err_set(err, ERR_IO, "%s cannot be looked into: %s", path, strerrordesc_np(errno));
    }
    char found[NAME_MAX + 1] = "";
    for (struct dirent *entry; found[0] == '\0' && (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !is_part(entry->d_name)) {
            snprintf(found, sizeof found, "%s", entry->d_name);
        }
    }
    (void)closedir(folder);
    if (found[0] == '\0') {
        return 0;
    }
    int rc = err_set(err, ERR_EXISTS, "the folder %s is not empty", path);
    (void)err_hint(err, "Name a new folder: nothing is ever written over.");
    return rc;
}

static int open_as(const char *folder, const char *name, mode_t mode, struct outfile **ret_file,
                   struct err *err) {
    struct outfile *file = calloc(1, sizeof *file);
    INVARIANT(file != NULL, "out of memory");
    int chars = snprintf(file->path, sizeof file->path, "%s/%s", folder, name);
    if (chars < 0 || (size_t)chars >= sizeof file->path) {
        free(file);
        return err_set(err, ERR_IO, "the name of the folder is too long");
    }
    snprintf(file->part, sizeof file->part, "%s%s", file->path, PART);
    file->fd = open(file->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (file->fd < 0) {
        int rc = err_set(err, ERR_IO, "%s cannot be made: %s", file->part, strerrordesc_np(errno));
        free(file);
        return rc;
    }
    *ret_file = file;
    return 0;
}

int outfile_open(const char *folder, const char *name, struct outfile **ret_file, struct err *err) {
    return open_as(folder, name, 0666, ret_file, err);
}

int outfile_open_private(const char *folder, const char *name, struct outfile **ret_file,
                         struct err *err) {
    return open_as(folder, name, 0600, ret_file, err);
}

static void put(struct outfile *file, const char *bytes, size_t count) {
    while (count > 0 && file->failed == 0) {
        ssize_t done = write(file->fd, bytes, count);
        if (done < 0 && errno != EINTR) {
            file->failed = errno;
        }
        bytes += done > 0 ? done : 0;
        count -= done > 0 ? (size_t)done : 0;
    }
}

void outfile_add(struct outfile *file, const void *bytes, size_t count) {
    file->bytes += (int64_t)count;
    if (count > HELD_BYTES - file->held) {
        put(file, file->room, file->held);
        file->held = 0;
    }
    if (count > HELD_BYTES) {
        put(file, bytes, count);
        return;
    }
    memcpy(file->room + file->held, bytes, count);
    file->held += count;
}

void outfile_add_text(struct outfile *file, const char *text) {
    outfile_add(file, text, strlen(text));
}

void outfile_addf(struct outfile *file, const char *format, ...) {
    char line[LINE_BYTES];
    va_list args;
    va_start(args, format);
    int chars = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    INVARIANT(chars >= 0 && (size_t)chars < sizeof line, "a line is short");
    outfile_add(file, line, (size_t)chars);
}

int64_t outfile_bytes(const struct outfile *file) {
    return file->bytes;
}

int outfile_finish(struct outfile *file, struct err *err) {
    put(file, file->room, file->held);
    file->held = 0;
    if (file->failed == 0 && fsync(file->fd) != 0) {
        file->failed = errno;
    }
    return file->failed == 0 ? 0
                             : err_set(err, ERR_IO, "%s cannot be written: %s", file->part,
                                       strerrordesc_np(file->failed));
}

/* The name must be free: link() would be refused where hard links are, so it is looked at first. */
int outfile_name(struct outfile *file, struct err *err) {
    int rc = 0;
    if (access(file->path, F_OK) == 0) {
        rc = err_set(err, ERR_EXISTS, "%s is there already", file->path);
    } else if (rename(file->part, file->path) != 0) {
        rc = err_set(err, ERR_IO, "%s cannot be named: %s", file->path, strerrordesc_np(errno));
    }
    (void)close(file->fd);
    free(file);
    return rc;
}

void outfile_drop(struct outfile *file) {
    if (file != NULL) {
        (void)close(file->fd);
        (void)unlink(file->part);
        free(file);
    }
}
