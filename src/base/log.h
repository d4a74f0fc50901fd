/* SPDX-License-Identifier: Apache-2.0
 * log.h: one event, one line of JSON: time, level, event name, then the fields given.
 * docs/logs.md lists them. Logged once, at the edge that handles it. Never bodies, card numbers,
 * tokens or secrets: every text is passed through the card-number mask before it is written.
 * Threads: any; a line is written whole. Cannot fail: a line that cannot be written is counted.
 * Limits: 512 bytes of a text (longer ones are cut), 4,096 of a line (fields for which there is no
 * room are left out, and the line says "cut":true). */
#ifndef HOLDFAST_BASE_LOG_H
#define HOLDFAST_BASE_LOG_H

#include "base/compiler.h"
#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

enum log_event_name {
#define X(name, level, text, means, todo) LOG_EV_##name,
#include "base/log_events.def"
#undef X
    LOG_EV_COUNT
};

struct log_field {
    const char *key;
    const char *text; /* NULL: a number */
    int64_t number;
};
#define LT(key, text) ((struct log_field){(key), (text) != NULL ? (text) : "", 0})
#define LI(key, number) ((struct log_field){(key), NULL, (number)})

/* log_event(SERVE_STARTED, LT("address", "…"), LI("port", 8080)); */
#define log_event(name, ...)                                                                       \
    log_write(LOG_EV_##name, (const struct log_field[]){{NULL, NULL, 0}, __VA_ARGS__},             \
              sizeof((const struct log_field[]){{NULL, NULL, 0}, __VA_ARGS__}) /                   \
                  sizeof(struct log_field))
/* With an error's code, detail and place as fields. */
#define log_error(name, error, ...)                                                                \
    log_event(name, LT("error", err_name((error)->code)), LT("detail", (error)->detail),           \
              LT("place", (error)->place), __VA_ARGS__)

/* The first field is a dummy that is passed over. */
void log_write(enum log_event_name name, const struct log_field *fields, size_t count);
/* Lines below the level are dropped; default LOG_INFO. */
void log_level_set(enum log_level level);
/* Whether such a line would be written: for whoever must do something for it first. */
bool log_wanted(enum log_event_name name);
/* Where lines go: a file descriptor, default 2 (standard error). */
void log_fd_set(int fd);
/* How many lines could not be written since the start. */
uint64_t log_lines_lost(void);

#endif
