/* SPDX-License-Identifier: Apache-2.0
 * folder.c: files that somebody else puts into a folder. */
#include "base/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 20 };

struct folder {
    int fd;
    char *path; /* for messages */
};

int folder_open(const char *path, struct folder **ret_folder, struct err *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_set(err, ERR_IO, "the folder %s cannot be opened: %s", path,
                       strerrordesc_np(errno));
    }
    struct folder *folder = malloc(sizeof *folder);
    char *copy = strdup(path);
    INVARIANT(folder != NULL && copy != NULL, "out of memory");
    *folder = (struct folder){fd, copy};
    *ret_folder = folder;
    return 0;
}

void folder_close(struct folder *folder) {
    if (folder != NULL) {
        close(folder->fd);
        free(folder->path);
        free(folder);
    }
}

int folder_make(const char *path, struct err *err) {
    if (mkdir(path, 0777) == 0 || errno == EEXIST) {
        return 0;
    }
    return err_set(err, ERR_IO, "the folder %s cannot be made: %s", path, strerrordesc_np(errno));
}

/* ---- which there are ---- */

static int each(DIR *entries, folder_fn *fn, void *ctx, const char *path, struct err *err) {
    for (int count = 0; count <= FOLDER_ENTRIES_MAX; count++) {
        errno = 0;
        const struct dirent *entry = readdir(entries);
        if (entry == NULL && errno != 0) {
            return err_set(err, ERR_IO, "the folder %s cannot be read: %s", path,
                           strerrordesc_np(errno));
        }
        if (entry == NULL) {
            return 0;
        }
        int r = entry->d_name[0] != '.' ? fn(ctx, entry->d_name, err) : 0;
        if (r != 0) {
            return r;
        }
    }
    (void)err_set(err, ERR_TOO_LARGE, "the folder %s has more than %d entries", path,
                  FOLDER_ENTRIES_MAX);
    return err_hint(err, "Move the files of earlier years elsewhere.");
}

int folder_each(struct folder *folder, folder_fn *fn, void *ctx, struct err *err) {
    int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (entries == NULL) {
        int why = errno;
        if (fd >= 0) {
            close(fd);
        }
        return err_set(err, ERR_IO, "the folder %s cannot be read: %s", folder->path,
                       strerrordesc_np(why));
    }
    int r = each(entries, fn, ctx, folder->path, err);
    closedir(entries);
    return r;
}

/* ---- one of them ---- */

static bool name_ok(const char *name) {
    return name[0] != '\0' && strlen(name) <= FOLDER_NAME_CHARS_MAX && strchr(name, '/') == NULL &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int refuse(const struct folder *folder, const char *name, const struct stat *status,
                  struct err *err) {
    return err_set(err, ERR_IO, "%s in %s is %s, and no file that could be taken", name,
                   folder->path,
                   S_ISLNK(status->st_mode)   ? "a symbolic link"
                   : S_ISDIR(status->st_mode) ? "a folder"
                                              : "no regular file");
}

static int64_t ns_of(struct timespec time) {
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static struct file_face face_of(const struct stat *status) {
    int64_t written_ns = ns_of(status->st_mtim), changed_ns = ns_of(status->st_ctim);
    return (struct file_face){
        .bytes = status->st_size,
        .changed_ns = written_ns > changed_ns ? written_ns : changed_ns,
        .inode = (int64_t)status->st_ino,
        .device = (int64_t)status->st_dev,
        .mode = status->st_mode & 07777U,
        .ours_to_keep = (status->st_mode & (S_IWGRP | S_IRWXO)) == 0,
    };
}

static bool same_face(const struct file_face *a, const struct file_face *b) {
    return a->bytes == b->bytes && a->changed_ns == b->changed_ns && a->inode == b->inode &&
           a->device == b->device;
}

int folder_look(struct folder *folder, const char *name, struct file_face *ret_face,
                struct err *err) {
    struct stat status;
    if (!name_ok(name)) {
        return err_set(err, ERR_IO, "\"%.80s\" is no name of a file in a folder", name);
    }
    if (fstatat(folder->fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return err_set(err, ERR_IO, "%s in %s cannot be looked at: %s", name, folder->path,
                       strerrordesc_np(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return refuse(folder, name, &status, err);
    }
    *ret_face = face_of(&status);
    return 0;
}

bool folder_has(struct folder *folder, const char *name) {
    struct stat status;
    return name_ok(name) && fstatat(folder->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether the open file is still what was looked at. */
static int check(const struct folder *folder, const char *name, int fd,
                 const struct file_face *face, struct err *err) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return err_set(err, ERR_IO, "%s in %s cannot be looked at: %s", name, folder->path,
                       strerrordesc_np(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return refuse(folder, name, &status, err);
    }
    const struct file_face now = face_of(&status);
    return same_face(&now, face) ? 0
                                 : err_set(err, ERR_STATE, "%s in %s changed while it was read",
                                           name, folder->path);
}

static int read_all(const struct folder *folder, const char *name, int fd,
                    const struct file_face *face, struct buf *bytes, struct err *err) {
    char *part = malloc(READ_BYTES);
    INVARIANT(part != NULL, "out of memory");
    int64_t left = face->bytes;
    int r = 0;
    while (r == 0 && left > 0) {
        ssize_t got = read(fd, part, (size_t)(left < READ_BYTES ? left : READ_BYTES));
        if (got < 0 && errno != EINTR) {
            r = err_set(err, ERR_IO, "%s in %s cannot be read: %s", name, folder->path,
                        strerrordesc_np(errno));
        } else if (got == 0) { /* cut: its face says so */
            break;
        } else if (got > 0) {
            buf_add(bytes, part, (size_t)got);
            left -= got;
        }
    }
    free(part);
    return r;
}

int folder_read(struct folder *folder, const char *name, const struct file_face *face,
                struct buf *ret_bytes, struct err *err) {
    if (!name_ok(name)) {
        return err_set(err, ERR_IO, "\"%.80s\" is no name of a file in a folder", name);
    }
    if (face->bytes > (int64_t)(ret_bytes->max - ret_bytes->len)) {
        return err_set(err, ERR_TOO_LARGE,
                       "%s in %s has %lld bytes, which is more than may be read", name,
                       folder->path, (long long)face->bytes);
    }
    int fd = openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return err_set(err, ERR_IO, "%s in %s cannot be opened: %s", name, folder->path,
                       strerrordesc_np(errno));
    }
    int r = check(folder, name, fd, face, err);
    r = r < 0 ? r : read_all(folder, name, fd, face, ret_bytes, err);
    r = r < 0 ? r : check(folder, name, fd, face, err);
    close(fd);
    return r < 0 || buf_ok(ret_bytes)
               ? r
               : err_set(err, ERR_TOO_LARGE, "there is no room for %s of %s", name, folder->path);
}
