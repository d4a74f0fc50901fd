/* SPDX-License-Identifier: Apache-2.0
 * member.h: members of the JSON objects that handlers write by hand, after the first one.
 * Threads: any. Owns nothing. Cannot fail: the buffer remembers (base/buf.h). */
#ifndef HOLDFAST_API_MEMBER_H
#define HOLDFAST_API_MEMBER_H

#include "base/buf.h"
#include "base/clock.h"

/* `,"name":"text"`, and null for "". */
static inline void member_text(struct buf *buf, const char *name, const char *text) {
    buf_addf(buf, ",\"%s\":", name);
    if (text[0] != '\0') {
        buf_add_json(buf, text);
    } else {
        buf_add_text(buf, "null");
    }
}

/* `,"name":"2026-11-22T08:00:00Z"`, and null for 0. */
static inline void member_time(struct buf *buf, const char *name, int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    member_text(buf, name, wall_us > 0 ? clock_format(wall_us, text) : "");
}

/* `,"name":12.345`, and null for what was not measured (-1). */
static inline void member_ms(struct buf *buf, const char *name, int64_t duration_us) {
    if (duration_us < 0) {
        buf_addf(buf, ",\"%s\":null", name);
    } else {
        buf_addf(buf, ",\"%s\":%lld.%03lld", name, (long long)(duration_us / 1000),
                 (long long)(duration_us % 1000));
    }
}

#endif
