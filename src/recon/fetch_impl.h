/* SPDX-License-Identifier: Apache-2.0
 * fetch_impl.h: what fetch.c, fetch_plan.c and fetch_job.c share. */
#ifndef HOLDFAST_RECON_FETCH_IMPL_H
#define HOLDFAST_RECON_FETCH_IMPL_H

#include "base/calendar.h"
#include "recon/fetch.h"
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

#endif
