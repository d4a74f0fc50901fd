/* SPDX-License-Identifier: Apache-2.0
 * last_resort.h: somebody is told when the database itself is away. Alerts are rows and jobs of
 * that database, so this one goes by memory alone: straight to the channels that the routes name
 * for PaymentServiceDatabaseIssues, with a bounded number of tries each, then to their fallbacks.
 *
 *   answers ──(no answer for the rule's for_s)──> away ──(answers for LAST_RESORT_OVER_US)──> over
 *                                         each channel is told                those are told so
 *
 * When all of that is done, and the database takes it, it is written down as an alert that is over,
 * with who was told; nothing of it is told again. What was told is forgotten by a restart: then it
 * may be told twice. Each instance tells what it sees itself, under one fingerprint; who merges by
 * it (a pager) has one incident, a room may read of each. Silences, rotas and who acknowledges are
 * rows, and not known here.
 *
 * Threads: one at a time; blocks for LAST_RESORT_PING_US, and for LAST_RESORT_SEND_US for each
 * message. Owns: nothing of the options, which are borrowed until last_resort_close(). */
#ifndef HOLDFAST_WATCH_LAST_RESORT_H
#define HOLDFAST_WATCH_LAST_RESORT_H

#include "watch/alert.h"

#define LAST_RESORT_EVERY_US (5 * US_PER_SECOND)
#define LAST_RESORT_PING_US (2 * US_PER_SECOND)
#define LAST_RESORT_SEND_US (10 * US_PER_SECOND)
#define LAST_RESORT_OVER_US (15 * US_PER_SECOND)
enum { LAST_RESORT_TRIES_MAX = 6 };

struct last_resort_options {
    struct store *store;
    struct alerts *alerts;
    const struct channels *channels;
    struct channel_clients clients;
    const char *source; /* this instance's name */
};
struct last_resort;
struct last_resort *last_resort_open(const struct last_resort_options *options);
void last_resort_close(struct last_resort *last); /* NULL is fine */
/* Every LAST_RESORT_EVERY_US or so. An error: what happened could not be written down yet. */
MUST_USE int last_resort_turn(struct last_resort *last, struct err *err);
/* Whether the database is taken to be away. */
bool last_resort_is_away(const struct last_resort *last);

#endif
