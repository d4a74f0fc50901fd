/* SPDX-License-Identifier: Apache-2.0
 * fetch_folder.c: a day's files in a folder: which they are, whether they are whole, and their
 * bytes. */
#include <glib.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "recon/fetch_impl.h"
#include "recon/fetch_place.h"

/* ---- looks ---- */

void fetch_look_write(const struct fetch_look *look, struct buf *ret_text) {
    for (int i = 0; i < look->count; i++) {
        const struct fetch_look_file *file = &look->files[i];
        buf_addf(ret_text, "%" PRId64 " %" PRId64 " %" PRId64 " %s %s\n", file->bytes,
                 file->changed_ns, file->inode, file->sha256[0] != '\0' ? file->sha256 : "-",
                 file->name);
    }
}

static bool read_line(const char *line, size_t count, struct fetch_look_file *ret_file) {
    int used = 0;
    char copy[3 * 24 + FETCH_SHA_CHARS + FOLDER_NAME_CHARS_MAX + 8];
    if (count >= sizeof copy) {
        return false;
    }
    memcpy(copy, line, count);
    copy[count] = '\0';
    *ret_file = (struct fetch_look_file){.number = -1};
    if (sscanf(copy, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %64s %n", &ret_file->bytes,
               &ret_file->changed_ns, &ret_file->inode, ret_file->sha256, &used) != 4 ||
        used == 0 || strlen(copy + used) > FOLDER_NAME_CHARS_MAX) {
        return false;
    }
    if (strcmp(ret_file->sha256, "-") == 0) {
        ret_file->sha256[0] = '\0';
    }
    g_strlcpy(ret_file->name, copy + used, sizeof ret_file->name);
    return true;
}

bool fetch_look_read(const char *text, struct fetch_look *ret_look) {
    ret_look->count = 0;
    while (*text != '\0') {
        size_t count = strcspn(text, "\n");
        if (text[count] != '\n' || ret_look->count == FETCH_LOOK_FILES_MAX ||
            !read_line(text, count, &ret_look->files[ret_look->count])) {
            ret_look->count = 0;
            return false;
        }
        ret_look->count++;
        text += count + 1;
    }
    return true;
}

bool fetch_face_same(const struct fetch_look_file *a, const struct fetch_look_file *b) {
    return a->bytes == b->bytes && a->changed_ns == b->changed_ns && a->inode == b->inode;
}

bool fetch_look_same(const struct fetch_look *a, const struct fetch_look *b) {
    bool same = a->count == b->count;
    for (int i = 0; same && i < a->count; i++) {
        same = strcmp(a->files[i].name, b->files[i].name) == 0 &&
               fetch_face_same(&a->files[i], &b->files[i]);
    }
    return same;
}

/* ---- which there are ---- */

struct day_date fetch_date(const struct source *source, int64_t day_s) {
    struct day_date date = {0};
    char day[FETCH_DAY_CHARS + 1];
    fetch_day_text(calendar_step(day_s, 1, UNIT_DAY, source->dated_after), day);
    int read = sscanf(day, "%d-%d-%d", &date.year, &date.month, &date.day);
    INVARIANT(read == 3, "a day is written as one");
    return date;
}

struct listing {
    const struct source *source;
    struct day_date date;
    struct fetch_look *look;
};

static bool is_marker(const struct source *source, const char *name) {
    size_t count = strlen(name), mark = source->marker != NULL ? strlen(source->marker) : 0;
    return mark > 0 && count > mark && strcmp(name + count - mark, source->marker) == 0;
}

static bool is_text(const char *name) {
    bool printed = g_utf8_validate(name, -1, NULL);
    for (const char *c = name; printed && *c != '\0'; c++) {
        printed = (unsigned char)*c >= ' ' && *c != 0x7F;
    }
    return printed;
}

static int list_one(void *ctx, const char *name, struct err *err) {
    const struct listing *listing = ctx;
    struct fetch_look *look = listing->look;
    int64_t number = -1;
    if (is_marker(listing->source, name) ||
        !day_name_fits(listing->source->files, &listing->date, name, &number)) {
        return 0;
    }
    if (!is_text(name)) {
        return err_set(err, ERR_IO, "in %s is a file whose name has control characters",
                       listing->source->place);
    }
    if (look->count == FETCH_FILES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "in %s are more than %d files of one day",
                       listing->source->place, FETCH_FILES_MAX);
    }
    struct fetch_look_file *file = &look->files[look->count++];
    *file = (struct fetch_look_file){.number = number};
    g_strlcpy(file->name, name, sizeof file->name);
    return 0;
}

static int by_number(const void *a, const void *b) {
    const struct fetch_look_file *x = a, *y = b;
    return x->number != y->number ? (x->number < y->number ? -1 : 1) : strcmp(x->name, y->name);
}

static int check_any(const struct listing *listing, struct err *err) {
    if (listing->look->count > 0) {
        return 0;
    }
    BUF_AUTO name;
    buf_init(&name, 2 * DAY_NAME_CHARS_MAX);
    day_name_show(listing->source->files, &listing->date, &name);
    return err_set(err, ERR_NOT_FOUND, "in %s is no file %s yet", listing->source->place,
                   name.data);
}

/* 1, 2, 3 without a gap and each once: which one is the last says the format. */
static int check_numbers(const struct fetch_look *look, struct err *err) {
    for (int i = 0; i < look->count; i++) {
        const struct fetch_look_file *file = &look->files[i];
        if (file->number == i + 1) {
            continue;
        }
        if (i > 0 && file->number == look->files[i - 1].number) {
            (void)err_set(err, ERR_NOT_FOUND, "%s and %s have the same number",
                          look->files[i - 1].name, file->name);
            return err_hint(err, "Leave one of them in the folder.");
        }
        return err_set(err, ERR_NOT_FOUND, "%s is there, and number %d is not", file->name, i + 1);
    }
    return 0;
}

static int look_at(const struct fetch_wish *wish, struct folder *folder,
                   struct fetch_look *look, struct err *err) {
    const struct listing listing = {wish->source, fetch_date(wish->source, wish->day_s), look};
    int r = folder_each(folder, list_one, (void *)(uintptr_t)&listing, err);
    r = r < 0 ? r : check_any(&listing, err);
    if (r < 0) {
        return r;
    }
    qsort(look->files, (size_t)look->count, sizeof look->files[0], by_number);
    r = wish->source->numbered ? check_numbers(look, err) : 0;
    for (int i = 0; r >= 0 && i < look->count; i++) {
        struct fetch_look_file *file = &look->files[i];
        struct file_face face;
        r = folder_look(folder, file->name, &face, err);
        if (r >= 0) {
            file->bytes = face.bytes;
            file->changed_ns = face.changed_ns;
            file->inode = face.inode;
        }
    }
    return r;
}

int fetch_folder_look(const struct fetch_wish *wish, struct fetch_look *ret_look,
                      struct err *err) {
    struct folder *folder = NULL;
    ret_look->count = 0;
    int r = folder_open(wish->source->place, &folder, err);
    if (r < 0) {
        return r;
    }
    r = look_at(wish, folder, ret_look, err);
    folder_close(folder);
    return r;
}

/* ---- whole? ---- */

static int has_markers(const struct source *source, const struct fetch_look *look,
                       struct err *err) {
    struct folder *folder = NULL;
    int r = folder_open(source->place, &folder, err);
    bool all = r >= 0;
    for (int i = 0; all && i < look->count; i++) {
        char marker[FOLDER_NAME_CHARS_MAX + SOURCE_MARKER_CHARS_MAX + 1];
        snprintf(marker, sizeof marker, "%s%s", look->files[i].name, source->marker);
        all = folder_has(folder, marker);
        if (!all) {
            (void)err_set(err, ERR_NOT_FOUND, "%s is not there yet", marker);
        }
    }
    folder_close(folder);
    return r < 0 ? r : all;
}

int fetch_folder_whole(const struct fetch_wish *wish, const struct fetch_look *look,
                       struct err *err) {
    if (wish->source->marker != NULL) {
        return has_markers(wish->source, look, err);
    }
    char seconds[24];
    snprintf(seconds, sizeof seconds, "%" PRId64, wish->source->settle_us / US_PER_SECOND);
    bool same = wish->looked_us > 0 && fetch_look_same(wish->looked, look);
    if (same && wish->now_us - wish->looked_us >= wish->source->settle_us) {
        return 1;
    }
    (void)err_set(err, ERR_NOT_FOUND, "%s has %" PRId64 " bytes; it is taken once it stays the "
                                      "same for %s seconds",
                  look->files[look->count - 1].name, look->files[look->count - 1].bytes, seconds);
    return 0;
}

/* ---- the bytes ---- */

void fetch_found_release(struct fetch_found *found) {
    for (int i = 0; i < found->count; i++) {
        buf_release(&found->files[i].bytes);
    }
    found->count = 0;
}

static int read_one(struct folder *folder, struct fetch_look_file *file, struct fetch_found *found,
                    int64_t *left, struct err *err) {
    struct file_face face;
    int r = folder_look(folder, file->name, &face, err);
    if (r < 0) {
        return r;
    }
    const struct fetch_look_file now = {
        .bytes = face.bytes, .changed_ns = face.changed_ns, .inode = face.inode};
    if (!fetch_face_same(&now, file)) {
        return err_set(err, ERR_STATE, "%s changed while it was read", file->name);
    }
    struct buf *bytes = &found->files[found->count].bytes;
    g_strlcpy(found->files[found->count].name, file->name, sizeof found->files[0].name);
    buf_init(bytes, (size_t)*left);
    found->count++;
    r = folder_read(folder, file->name, &face, bytes, err);
    if (r < 0) {
        return r;
    }
    *left -= (int64_t)bytes->len;
    crypto_sha256_hex(bytes->data, bytes->len, file->sha256);
    return 0;
}
static_assert((int)FETCH_SHA_CHARS == (int)SHA256_HEX_CHARS, "a digest in hex");

int fetch_folder_read(const struct fetch_wish *wish, struct fetch_look *look,
                      struct fetch_found *found, struct err *err) {
    struct folder *folder = NULL;
    int64_t left = FETCH_BYTES_MAX;
    int r = folder_open(wish->source->place, &folder, err);
    for (int i = 0; r >= 0 && i < look->count; i++) {
        r = read_one(folder, &look->files[i], found, &left, err);
    }
    folder_close(folder);
    if (r == -ERR_TOO_LARGE) {
        (void)err_hint(err, "A day's files have at most %d MiB together.",
                       (int)(FETCH_BYTES_MAX >> 20));
    }
    return r;
}
