/* SPDX-License-Identifier: Apache-2.0
 * own_fixture.h: statements of a gateway that pays out to a bank account of ours, and that bank's,
 * as the service takes them in; days are counted from the test's own. */
#ifndef HOLDFAST_TESTS_OWN_FIXTURE_H
#define HOLDFAST_TESTS_OWN_FIXTURE_H

#include "bank_fixture.h"
#include "recon_fixture.h"

#include "base/clock.h"
#include "recon/run_balance.h"
#include "recon/run_look.h"
#include "recon/withdraw.h"

#define OWN_TEST(name) cmocka_unit_test_teardown(name, own_tear_down)
#define RECEIVABLE "gateway:stripe-a:receivable"
#define AT_BANK "gateway:bank-eu:receivable"
#define IN_TRANSIT "gateway:stripe-a:payouts"
#define LIVE_BREAKS "SELECT COUNT(*) FROM recon_break WHERE state IN (1, 2)"

static inline int own_tear_down(void **state) {
    (void)state;
    recon_close(recon);
    recon = NULL;
    recon_sources = NULL;
    return 0;
}

static int64_t first_us; /* the day from which days are counted: a Monday */

static inline void start_own(void) {
    static const unsigned days = 3;
    static struct source_settings settings[] = {
        {.gateway = "stripe-a", .pays_out_to = "bank-eu", .pays_out_days = &days},
    };
    static const bool no = false;
    settings[0].fetch = &no;
    recon_sources = settings;
    recon_source_count = (int)COUNT_OF(settings);
    open_banks();
    recon_start();
    int64_t day = clock_wall_us() / DAY_US;
    first_us = (day - (day + 3) % 7) * DAY_US;
    test_clock_advance(first_us + 7 * DAY_US - clock_wall_us());
    first_us = clock_wall_us();
}

static inline void days_pass(int days) {
    test_clock_advance(days * DAY_US);
    (void)world_tick(W);
}

/* ---- a gateway's statement ---- */

enum { FILE_BYTES = 32 * 1024 };
struct file {
    char text[FILE_BYTES];
    size_t used;
};

static inline void file_begin(struct file *file) {
    file->used = (size_t)snprintf(file->text, FILE_BYTES, "%s", CANONICAL);
}

/* "fee", -30, 5, "" */
static inline void file_row(struct file *file, const char *id, const char *kind, int day,
                            int64_t gross_minor, int64_t fee_minor, const char *batch) {
    char time[CLOCK_TEXT_MAX], fee[24] = "";
    if (fee_minor != 0) {
        snprintf(fee, sizeof fee, "%lld", (long long)fee_minor);
    }
    file->used += (size_t)snprintf(file->text + file->used, FILE_BYTES - file->used,
                                   "%s,,,,%s,%s,done,USD,%lld,%s,,%s,,\n", id, batch, kind,
                                   (long long)gross_minor, fee,
                                   clock_format(first_us + day * DAY_US, time));
}

/* Returns the statement's id; of another file than before. */
static inline char *file_take(const struct file *file, const char *supersedes) {
    struct given given = given_file("stripe-a", "own.csv", file->text, file->used);
    given.request.supersedes = supersedes;
    given.request.reason = supersedes[0] != '\0' ? "it was wrong" : "";
    hand_in(&given);
    json_t *json = outcome(&given);
    if (strcmp(json_at(json, "state"), "taken") != 0) {
        char *text = json_dumps(json, 0);
        fail_msg("%s", text);
    }
    char *id = strdup(json_at(json, "files.0.statement_id"));
    json_decref(json);
    (void)world_tick(W);
    return id;
}

static inline void withdraw(const char *id) {
    struct caller caller = who(NULL);
    struct answer answer = {0};
    W->err = (struct err){0};
    int r = statement_withdraw(recon, &caller, id, "it is another account's", &answer, &W->err);
    json_t *json = world_take(W, r, &answer);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    json_decref(json);
    (void)world_tick(W);
    (void)world_tick(W);
}

/* ---- the bank's statement ---- */

struct bank_file {
    char text[FILE_BYTES];
    size_t used;
    int64_t closing_minor;
    int day;
};

static inline const char *mt_day(int day, char text[8]) {
    char time[CLOCK_TEXT_MAX];
    clock_format(first_us + day * DAY_US, time);
    snprintf(text, 8, "%.2s%.2s%.2s", time + 2, time + 5, time + 8);
    return text;
}

static inline void bank_begin(struct bank_file *file, int day, int64_t opening_minor) {
    char date[8];
    file->day = day;
    file->closing_minor = opening_minor;
    file->used = (size_t)snprintf(file->text, FILE_BYTES,
                                  ":20:DAY\n:25:" ACCOUNT
                                  "\n:28C:%d/001\n:60F:C%sUSD%lld,%02lld\n",
                                  100 + day, mt_day(day - 1, date), (long long)opening_minor / 100,
                                  (long long)opening_minor % 100);
}

static inline void bank_row(struct bank_file *file, const char *id, int64_t minor,
                            const char *text) {
    char date[8];
    int64_t size = minor < 0 ? -minor : minor;
    mt_day(file->day, date);
    file->used += (size_t)snprintf(file->text + file->used, FILE_BYTES - file->used,
                                   ":61:%s%.4s%c%lld,%02lldNTRFNONREF//%s\n:86:%s\n", date,
                                   date + 2, minor < 0 ? 'D' : 'C', (long long)size / 100,
                                   (long long)size % 100, id, text);
    file->closing_minor += minor;
}

/* The bank's balance after it. */
static inline int64_t bank_take(struct bank_file *file) {
    char date[8], name[32];
    file->used += (size_t)snprintf(file->text + file->used, FILE_BYTES - file->used,
                                   ":62F:C%sUSD%lld,%02lld\n-\n", mt_day(file->day, date),
                                   (long long)file->closing_minor / 100,
                                   (long long)file->closing_minor % 100);
    snprintf(name, sizeof name, "bank-%d.sta", file->day);
    struct given given = given_file("bank-eu", name, file->text, file->used);
    hand_in(&given);
    assert_outcome(&given, "taken");
    (void)world_tick(W);
    return file->closing_minor;
}

/* ---- what came of it ---- */

static inline void run_asked(const char *gateway) {
    struct caller caller = who(NULL);
    struct answer answer = {0};
    test_clock_advance(US_PER_SECOND);
    json_decref(world_take(W, reconciliation_ask(recon, &caller, gateway, 0, &answer, &W->err),
                           &answer));
    for (int i = 0; i < 3; i++) {
        (void)world_tick(W);
    }
}

/* The last run of this gateway, as people see it; json_decref(). */
static inline json_t *last_run(const char *gateway) {
    struct answer answer = {0};
    char sql[200];
    snprintf(sql, sizeof sql,
             "SELECT id FROM reconciliation WHERE gateway = '%s' AND state = 2 ORDER BY id DESC "
             "LIMIT 1",
             gateway);
    char *id = world_text(W, sql);
    json_t *json = world_take(W, reconciliation_get(recon, id, &answer, &W->err), &answer);
    assert_non_null(json);
    free(id);
    return json;
}

static inline int64_t breaks_of(const char *class) {
    for (int i = 1; i < CLASS_COUNT; i++) {
        if (strcmp(match_class_name((enum match_class)i), class) == 0) {
            char sql[120];
            snprintf(sql, sizeof sql, LIVE_BREAKS " AND class = %d", i);
            return world_int(W, sql);
        }
    }
    fail_msg("no class %s", class);
    return 0;
}

/* No break but so many of this class. */
static inline void only_breaks(const char *class, int64_t count) {
    int64_t all = world_int(W, LIVE_BREAKS);
    if (all != count || breaks_of(class) != count) {
        char *text = world_text(W, "SELECT COALESCE(MIN(detail), '') FROM recon_break WHERE state "
                                   "IN (1, 2)");
        fail_msg("%lld breaks, %lld of them %s: %s", (long long)all, (long long)breaks_of(class),
                 class, text);
    }
}

static inline int64_t in_class(const char *gateway, const char *class, const char *side) {
    json_t *json = last_run(gateway);
    int64_t rows = 0;
    size_t i;
    json_t *bucket;
    json_array_foreach(json_object_get(json_object_get(json, "figures"), "buckets"), i, bucket) {
        if (strcmp(json_at(bucket, "class"), class) == 0) {
            rows += int_at(bucket, side);
        }
    }
    json_decref(json);
    return rows;
}

static inline int64_t open_cases(void) {
    return world_int(W, "SELECT COUNT(*) FROM review_case WHERE state = 1");
}

#endif
