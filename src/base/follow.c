/* SPDX-License-Identifier: Apache-2.0
 * follow.c: see follow.h. The path is looked at only when the file at hand has no more to give. */
#include "base/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, ROOM_BYTES = FOLLOW_LINE_BYTES_MAX + READ_BYTES };

struct follow {
    char *path;
    int fd;
    struct follow_place place; /* of the line that is told next */
    int64_t passed;            /* bytes of that line that were let go of: it is too long */
    char room[ROOM_BYTES + 1];
    size_t from, until; /* what is read and not told, behind `passed` */
    bool leaving;       /* another file stands at the path: this one is read a last time */
};

static int fail(const struct follow *follow, const char *what, struct err *err) {
    return err_set(err, ERR_IO, "%s %s: %s", follow->path, what, strerrordesc_np(errno));
}

/* 1: nothing stands there. */
static int open_path(const struct follow *follow, int *ret_fd, struct stat *ret_status,
                     struct err *err) {
    int fd = open(follow->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT) {
        return 1;
    }
    if (fd < 0) {
        return fail(follow, "cannot be opened", err);
    }
    if (fstat(fd, ret_status) != 0 || !S_ISREG(ret_status->st_mode)) {
        close(fd);
        return err_set(err, ERR_IO, "%s is not a regular file", follow->path);
    }
    *ret_fd = fd;
    return 0;
}

static void begin_file(struct follow *follow, int fd, const struct stat *status) {
    if (follow->fd >= 0) {
        close(follow->fd);
    }
    follow->fd = fd;
    follow->place = (struct follow_place){
        .device = (int64_t)status->st_dev, .inode = (int64_t)status->st_ino, .line = 1};
    follow->from = follow->until = 0;
    follow->passed = 0;
    follow->leaving = false;
}

/* How far the file was read. */
static int64_t read_until(const struct follow *follow) {
    return follow->place.at + follow->passed + (int64_t)(follow->until - follow->from);
}

static int read_at(const struct follow *follow, int64_t at, char *bytes, size_t bytes_max,
                   size_t *ret_count, struct err *err) {
    ssize_t got;
    do {
        got = pread(follow->fd, bytes, bytes_max, (off_t)at);
    } while (got < 0 && errno == EINTR);
    *ret_count = got > 0 ? (size_t)got : 0;
    return got < 0 ? fail(follow, "cannot be read", err) : 0;
}

/* To behind the last whole line that is there, so that every later line has its number. */
static int pass_to_end(struct follow *follow, struct err *err) {
    int64_t at = 0;
    size_t count = 0;
    int r;
    while ((r = read_at(follow, at, follow->room, ROOM_BYTES, &count, err)) >= 0 && count > 0) {
        const char *end = follow->room + count, *next = follow->room, *found;
        while ((found = memchr(next, '\n', (size_t)(end - next))) != NULL) {
            next = found + 1;
            follow->place.line++;
            follow->place.at = at + (next - follow->room);
        }
        at += (int64_t)count;
    }
    return r;
}

int follow_open(const char *path, enum follow_from from, const struct follow_place *place,
                struct follow **ret_follow, bool *ret_same, struct err *err) {
    struct follow *follow = calloc(1, sizeof *follow);
    struct stat status;
    int fd = -1;
    INVARIANT(follow != NULL, "no memory for following a file");
    follow->path = strdup(path);
    INVARIANT(follow->path != NULL, "no memory for a path");
    follow->fd = -1;
    int r = open_path(follow, &fd, &status, err);
    r = r > 0 ? err_set(err, ERR_IO, "%s is not there", path) : r;
    *ret_same = false;
    if (r >= 0) {
        begin_file(follow, fd, &status);
        *ret_same = place != NULL && place->device == follow->place.device &&
                    place->inode == follow->place.inode && place->at <= (int64_t)status.st_size &&
                    place->at >= 0 && place->line >= 1;
        if (*ret_same) {
            follow->place = *place;
        } else if (place == NULL && from == FOLLOW_FROM_END) {
            r = pass_to_end(follow, err);
        }
    }
    if (r < 0) {
        follow_close(follow);
        return r;
    }
    *ret_follow = follow;
    return 0;
}

void follow_close(struct follow *follow) {
    if (follow == NULL) {
        return;
    }
    if (follow->fd >= 0) {
        close(follow->fd);
    }
    free(follow->path);
    free(follow);
}

void follow_place(const struct follow *follow, struct follow_place *ret_place) {
    *ret_place = follow->place;
}

int follow_first(struct follow *follow, char *bytes, size_t bytes_max, size_t *ret_count,
                 struct err *err) {
    size_t count = 0;
    *ret_count = 0;
    int r = read_at(follow, 0, bytes, bytes_max, &count, err);
    if (r < 0 || count == 0) {
        return r;
    }
    const char *end = memchr(bytes, '\n', count);
    if (end == NULL) {
        return count < bytes_max ? 0
                                 : err_set(err, ERR_TOO_LARGE, "the first line of %s is longer "
                                                               "than %zu bytes",
                                           follow->path, bytes_max);
    }
    count = (size_t)(end - bytes);
    *ret_count = count > 0 && bytes[count - 1] == '\r' ? count - 1 : count;
    return 0;
}

/* ---- going on ---- */

/* 1: another file is at hand, or this one is shorter than what was read of it. A new file that is
 * still empty is not looked at: its writer may not have let go of the old one. */
static int look_for_another(struct follow *follow, struct err *err) {
    struct stat here, there;
    int fd = -1;
    if (fstat(follow->fd, &here) != 0) {
        return fail(follow, "cannot be looked at", err);
    }
    if ((int64_t)here.st_size < read_until(follow)) {
        follow->place.at = 0;
        follow->place.line = 1;
        follow->from = follow->until = 0;
        follow->passed = 0;
        return 1;
    }
    int r = open_path(follow, &fd, &there, err);
    if (r != 0) {
        return r > 0 ? 0 : r; /* between two files */
    }
    bool same = there.st_dev == here.st_dev && there.st_ino == here.st_ino;
    bool waits = same || there.st_size == 0;
    if (waits || !follow->leaving) {
        close(fd);
        follow->leaving = !waits;
        return 0;
    }
    begin_file(follow, fd, &there);
    return 1;
}

static int read_more(struct follow *follow, size_t *ret_count, struct err *err) {
    memmove(follow->room, follow->room + follow->from, follow->until - follow->from);
    follow->until -= follow->from;
    follow->from = 0;
    int r = read_at(follow, read_until(follow), follow->room + follow->until,
                    ROOM_BYTES - follow->until, ret_count, err);
    follow->until += *ret_count;
    return r;
}

/* Tells the line that ends at `end`, without it. */
static enum follow_event tell(struct follow *follow, char *end, struct follow_line *ret_line) {
    char *begin = follow->room + follow->from;
    size_t count = (size_t)(end - begin), whole = count + 1;
    *end = '\0';
    if (count > 0 && begin[count - 1] == '\r') {
        begin[--count] = '\0';
    }
    bool too_long = follow->passed > 0 || count > FOLLOW_LINE_BYTES_MAX;
    *ret_line = (struct follow_line){begin, too_long ? 0 : count, follow->place.line};
    follow->from += whole;
    follow->place.at += follow->passed + (int64_t)whole;
    follow->place.line++;
    follow->passed = 0;
    return too_long ? FOLLOW_LONG : FOLLOW_LINE;
}

int follow_next(struct follow *follow, enum follow_event *ret_event, struct follow_line *ret_line,
                struct err *err) {
    for (;;) {
        char *begin = follow->room + follow->from;
        char *end = memchr(begin, '\n', follow->until - follow->from);
        size_t got = 0;
        if (end != NULL) {
            *ret_event = tell(follow, end, ret_line);
            return 0;
        }
        if (follow->until - follow->from > FOLLOW_LINE_BYTES_MAX) {
            follow->passed += (int64_t)(follow->until - follow->from);
            follow->from = follow->until;
        }
        int r = read_more(follow, &got, err);
        if (r >= 0 && got == 0) {
            bool leaves = follow->leaving;
            *ret_line = (struct follow_line){
                "", (size_t)(read_until(follow) - follow->place.at), follow->place.line};
            r = look_for_another(follow, err);
            if (r == 0 && follow->leaving && !leaves) {
                continue; /* once more, now that its writer has gone over to the other */
            }
            *ret_event = r > 0 ? FOLLOW_ANOTHER : FOLLOW_NOTHING;
            return r < 0 ? r : 0;
        }
        if (r < 0) {
            return r;
        }
    }
}
