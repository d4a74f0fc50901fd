/* SPDX-License-Identifier: Apache-2.0
 * metric_row.c: see metric_row.h. */
#include "watch/metric_row.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The rarest makes room for a commoner one; what is missing then of all that failed is "other". */
static void code_add(struct metric_sum *sum, const char *text, int64_t count) {
    struct metric_code *least = &sum->codes[0];
    for (int i = 0; i < METRIC_CODES_MAX; i++) {
        struct metric_code *code = &sum->codes[i];
        if (code->count > 0 && strcmp(code->text, text) == 0) {
            code->count += count;
            return;
        }
        least = code->count < least->count ? code : least;
    }
    if (least->count < count) {
        least->count = count;
        snprintf(least->text, sizeof least->text, "%s", text);
    }
}

static void counts_add(struct slice_counts *to, const struct slice_counts *more) {
    to->ok += more->ok;
    to->declined += more->declined;
    to->failed += more->failed;
    to->repeated += more->repeated;
}

void metric_sum_add(struct metric_sum *sum, const struct metric_sum *more) {
    counts_add(&sum->counts, &more->counts);
    sum->ok_minor += more->ok_minor;
    sum->lost_minor += more->lost_minor;
    sum->duration_us += more->duration_us;
    for (int i = 0; i < SLICE_BUCKETS; i++) {
        sum->buckets[i] += more->buckets[i];
    }
    for (int i = 0; i < METRIC_CODES_MAX; i++) {
        if (more->codes[i].count > 0) {
            code_add(sum, more->codes[i].text, more->codes[i].count);
        }
    }
}

void metric_sum_add_minute(struct metric_sum *sum, const struct slice_minute *minute) {
    counts_add(&sum->counts, &minute->counts);
    sum->ok_minor += minute->ok_minor;
    sum->lost_minor += minute->lost_minor;
    sum->duration_us += minute->duration_us;
    for (int i = 0; i < SLICE_BUCKETS; i++) {
        sum->buckets[i] += minute->buckets[i];
    }
    for (int i = 0; i < SLICE_CODES_EACH; i++) {
        if (minute->codes[i] > 0 && minute->code_numbers[i] != 0) {
            code_add(sum, slice_code_text(minute->code_numbers[i]), minute->codes[i]);
        }
    }
}

int64_t metric_sum_judged(const struct metric_sum *sum) {
    return sum->counts.ok + sum->counts.declined + sum->counts.failed - sum->counts.repeated;
}

int64_t metric_sum_timed(const struct metric_sum *sum) {
    int64_t count = 0;
    for (int i = 0; i < SLICE_BUCKETS; i++) {
        count += sum->buckets[i];
    }
    return count;
}

int64_t metric_sum_quantile_us(const struct metric_sum *sum, double quantile) {
    int64_t count = metric_sum_timed(sum), seen = 0;
    if (count == 0) {
        return -1;
    }
    int64_t rank = (int64_t)ceil(fmin(fmax(quantile, 0.0), 1.0) * (double)count);
    for (int bucket = 0;; bucket++) {
        seen += sum->buckets[bucket];
        if (sum->buckets[bucket] > 0 && seen >= rank) {
            return slice_bucket_us(bucket);
        }
    }
}

/* ---- as text ---- */

void metric_durations_write(struct buf *buf, const struct metric_sum *sum) {
    const char *separator = "";
    for (int i = 0; i < SLICE_BUCKETS; i++) {
        if (sum->buckets[i] > 0) {
            buf_addf(buf, "%s%d:%lld", separator, i, (long long)sum->buckets[i]);
            separator = " ";
        }
    }
}

/* A code comes from far away: what would be read as something else is not written. */
static void code_write(struct buf *buf, const char *text) {
    for (; *text != '\0'; text++) {
        bool plain = *text > ' ' && *text <= '~' && *text != ':';
        buf_add_char(buf, plain ? *text : '_');
    }
}

void metric_codes_write(struct buf *buf, const struct metric_sum *sum) {
    const char *separator = "";
    for (int i = 0; i < METRIC_CODES_MAX; i++) {
        if (sum->codes[i].count > 0) {
            buf_add_text(buf, separator);
            code_write(buf, sum->codes[i].text);
            buf_addf(buf, ":%lld", (long long)sum->codes[i].count);
            separator = " ";
        }
    }
}

static void durations_read(struct metric_sum *sum, const char *text) {
    while (*text != '\0') {
        char *end;
        long bucket = strtol(text, &end, 10);
        long long count = *end == ':' ? strtoll(end + 1, &end, 10) : 0;
        if (end == text || bucket < 0 || bucket >= SLICE_BUCKETS || count < 0) {
            return;
        }
        sum->buckets[bucket] += count;
        text = *end == ' ' ? end + 1 : end + strlen(end);
    }
}

static void codes_read(struct metric_sum *sum, const char *text) {
    while (*text != '\0') {
        size_t chars = strcspn(text, ": ");
        char code[SLICE_LABEL_CHARS_MAX + 1];
        snprintf(code, sizeof code, "%.*s", (int)chars, text);
        char *end = (char *)text + chars;
        int64_t count = *end == ':' ? strtoll(end + 1, &end, 10) : 0;
        if (count <= 0) {
            return;
        }
        code_add(sum, code, count);
        text = *end == ' ' ? end + 1 : end + strlen(end);
    }
}

void metric_texts_read(struct metric_sum *sum, const char *durations, const char *codes) {
    durations_read(sum, durations);
    codes_read(sum, codes);
}

void metric_sum_read(struct metric_sum *sum, const struct sql_rows *rows, int column) {
    const struct slice_counts counts = {sql_int(rows, column), sql_int(rows, column + 1),
                                        sql_int(rows, column + 2), sql_int(rows, column + 3)};
    counts_add(&sum->counts, &counts);
    sum->ok_minor += sql_int(rows, column + 4);
    sum->lost_minor += sql_int(rows, column + 5);
    sum->duration_us += sql_int(rows, column + 6);
    metric_texts_read(sum, sql_text(rows, column + 7), sql_text(rows, column + 8));
}
