/* SPDX-License-Identifier: Apache-2.0
 * fetch_impl.h: what the files of fetching share. */
#ifndef HOLDFAST_RECON_FETCH_IMPL_H
#define HOLDFAST_RECON_FETCH_IMPL_H

#include "base/calendar.h"
#include "recon/fetch.h"
#include "recon/fetch_place.h"
#include "recon/recon_impl.h"

/* A file that is to be fetched: the key of its row and, as one text, of its job. */
struct fetch_key {
    char gateway[GATEWAY_NAME_CHARS_MAX + 1];
    char kind[24];
    char day[FETCH_DAY_CHARS + 1];
};
void fetch_key_text(const struct fetch_key *key, char ret_text[JOB_KEY_CHARS_MAX + 1]);
MUST_USE bool fetch_key_parse(const char *text, struct fetch_key *ret_key);

/* "2026-11-21" and the local second with which that day begins. */
MUST_USE bool fetch_day_parse(const char *text, int64_t *ret_local_s);
void fetch_day_text(int64_t local_s, char ret_text[FETCH_DAY_CHARS + 1]);

/* The wall time at which yesterday's statement should be there, on the day that begins with this
 * local second (fetch_plan.c). */
int64_t fetch_hour(const struct source *source, const struct time_zone *zone, int64_t midnight_s);

enum { FETCH_ERROR_CHARS_MAX = 600, STATEMENTS_CHARS_MAX = 40 * 32 };
/* On the day on which it is due: a folder is looked at often. */
#define FETCH_FRESH_US (INT64_C(24) * 3600 * 1000000)
/* One that changed since so short a time is watched. */
#define FETCH_WATCHED_US (INT64_C(3600) * 1000000)
#define FETCH_LOOK_AGAIN_US (INT64_C(3600) * 1000000)

/* One day's statement at work: fetch_job.c. */
struct fetching {
    struct recon *recon;
    struct fetch_key key;
    const struct source *source;
    int64_t day_s, now_us; /* local; wall */
    int64_t state;         /* of the row; 0: there is none */
    char actor[200];
    char before[STATEMENTS_CHARS_MAX + 1]; /* that were taken in of that day already */
    struct fetch_look looked;              /* a folder: the last look; then the present one */
    int64_t looked_us;
    struct fetch_found found;
    bool adds; /* `before` stays, what comes now is besides */
    /* what is to be written */
    enum fetch_state next;
    bool look_kept; /* `looked` is written as well */
    int64_t again_us;
    char error[FETCH_ERROR_CHARS_MAX + 1];
    char statements[STATEMENTS_CHARS_MAX + 1];
};
void fetch_keep_error(struct fetching *fetching, const struct err *why);
/* So long after its hour. Before it, and for a while after, "there is none" may be "not yet". */
MUST_USE bool fetch_is_past(const struct fetching *fetching, int64_t after_us);
struct fetch_wish fetch_wish_of(const struct fetching *fetching);
/* Takes what was found. */
MUST_USE int fetch_take(struct fetching *fetching, struct err *err);
/* fetch_again.c: of a folder's day that was taken; nothing of it is an attempt. */
void fetch_look_again(struct fetching *fetching, struct err *err);

#endif
