/* SPDX-License-Identifier: Apache-2.0
 * fetch_place.h: a day's files where somebody else puts them: in a folder, or under a URL.
 *
 * Of a folder (fetch_folder.c), which an SFTP mirror or the bank's own client fills:
 *   1. A day's files are those whose names fit (day_name.h). With numbers in them they are 1, 2, 3
 *      without a gap; all of a day are taken together, or none.
 *   2. A file is whole when its marker is beside it, or else when size, times and inode were the
 *      same in two looks that lie at least `settle_us` apart. What is read is what was looked at
 *      last, checked again afterwards (base/folder.h).
 *   3. The folder is only read: nothing in it is moved, removed or written.
 *
 * Under a URL (fetch_url.c), by GET with the gateway's credentials report_user and report_password
 * (basic authentication) or report_key (X-API-Key), where there are such:
 *   4. With the day in the URL it is one file. 404 and 403 are "not published yet".
 *   5. With a number in it, it is the numbers after the largest that was taken in from this
 *      gateway, until one is not there (404); of a day that was fetched, that day's numbers again.
 *
 * Threads: any. Owns: see struct fetch_found. Errors: ERR_NOT_FOUND (not there, or not whole, yet),
 * ERR_GONE (a number that does not exist, FETCH_NONE_AFTER_US later: no batch since), ERR_IO and
 * ERR_STATE of base/folder.h, ERR_TOO_LARGE, those of http_call(), ERR_GATEWAY (another answer). */
#ifndef HOLDFAST_RECON_FETCH_PLACE_H
#define HOLDFAST_RECON_FETCH_PLACE_H

#include "base/folder.h"
#include "recon/recon_impl.h"
#include "statement/day_name.h"

enum {
    FETCH_FILES_MAX = 32,
    FETCH_LOOK_FILES_MAX = 2 * FETCH_FILES_MAX,
    FETCH_SHA_CHARS = 64,
    FETCH_LOOK_BYTES_MAX = 32 * 1024,
};

/* What a folder's files of a day looked like: those that were taken (their bytes are known), and
 * behind them what is new since. */
struct fetch_look_file {
    int64_t bytes, changed_ns, inode;
    int64_t number;                    /* in its name; -1. Not kept */
    char sha256[FETCH_SHA_CHARS + 1];  /* of what was read; "": nothing was */
    char name[FOLDER_NAME_CHARS_MAX + 1];
};
struct fetch_look {
    int count;
    struct fetch_look_file files[FETCH_LOOK_FILES_MAX]; /* by number, then name */
};
/* As statement_fetch.files has it, and back. False: it is no such text. */
void fetch_look_write(const struct fetch_look *look, struct buf *ret_text);
MUST_USE bool fetch_look_read(const char *text, struct fetch_look *ret_look);
/* The same names with the same faces. */
MUST_USE bool fetch_look_same(const struct fetch_look *a, const struct fetch_look *b);
MUST_USE bool fetch_face_same(const struct fetch_look_file *a, const struct fetch_look_file *b);

struct fetch_wish { /* borrowed */
    struct recon *recon;
    const struct source *source;
    const char *kind;
    int64_t day_s;             /* its first second, local */
    const char *before;        /* "stm_… stm_…": what was taken of that day; "" */
    const struct fetch_look *looked; /* the last look */
    int64_t looked_us, now_us; /* wall */
};
/* The files, in the order of the look; fetch_found_release(). Large: not for a stack. */
struct fetch_found {
    int count;
    struct {
        char name[FOLDER_NAME_CHARS_MAX + 1];
        struct buf bytes;
    } files[FETCH_FILES_MAX];
};
void fetch_found_release(struct fetch_found *found);

/* Which files there are now: `ret_look`. Nothing is read. */
MUST_USE int fetch_folder_look(const struct fetch_wish *wish, struct fetch_look *ret_look,
                               struct err *err);
/* 1 when they are whole: rule 2, against wish->looked; else 0. */
MUST_USE int fetch_folder_whole(const struct fetch_wish *wish, const struct fetch_look *look,
                                struct err *err);
/* Reads all that is in `look`, and fills in its digests. */
MUST_USE int fetch_folder_read(const struct fetch_wish *wish, struct fetch_look *look,
                               struct fetch_found *found, struct err *err);

MUST_USE int fetch_url(const struct fetch_wish *wish, struct fetch_found *found, struct err *err);

/* The date in names and URLs of what tells of that day. */
struct day_date fetch_date(const struct source *source, int64_t day_s);

#endif
