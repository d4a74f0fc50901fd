/* SPDX-License-Identifier: Apache-2.0
 * take.c: a file, all the way in. */
#include "recon/take.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pan.h"
#include "gateway/bank/bank.h"
#include "match/files/files.h"
#include "recon/bank_feed.h"
#include "recon/chain.h"
#include "recon/intake.h"
#include "recon/period.h"
#include "recon/recon_impl.h"
#include "statement/field.h"
#include "statement/map.h"
#include "statement/unwrap.h"

struct taking {
    struct recon *recon;
    const struct take_request *request;
    const struct source *source;
    const struct csv_map *map;
    const struct statement_reader *reader;     /* asked for; NULL: found out for each */
    const struct statement_reader *superseded; /* of what is corrected; NULL: nothing is */
    bool superseded_counts;
    int64_t from_us, until_us; /* of `period` in the request; 0 */
    struct statement_taken *taken;
    enum whose_verdict whose; /* of the file at hand */
    struct buf *report;
    struct buf continuity; /* of the file at hand; empty: of one that was not taken */
};

/* One file of them all, unpacked. */
struct taking_file {
    const struct unwrapped_file *file; /* borrowed */
    char *name;
    const char *file_id; /* borrowed; NULL */
};

/* ---- the report ---- */

static void add_problems(struct buf *buf, const struct statement_taken *taken) {
    buf_addf(buf, ",\"problem_count\":%lld,\"problems\":[", (long long)taken->problems);
    for (int i = 0; i < taken->problems && i < STATEMENT_PROBLEMS_KEPT; i++) {
        const struct statement_problem_told *told = &taken->told[i];
        buf_addf(buf, "%s{\"problem\":\"%s\",\"line\":%lld,\"text\":", i > 0 ? "," : "",
                 statement_problem_name(told->problem), (long long)told->line);
        buf_add_json(buf, told->text);
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
}

static void add_bank(struct buf *buf, const struct bank_fed *fed) {
    if (fed == NULL) {
        buf_add_text(buf, ",\"bank\":null}");
        return;
    }
    buf_addf(buf,
             ",\"bank\":{\"taken\":%lld,\"known\":%lld,\"passed\":%lld,\"refused\":%lld,"
             "\"first_refusal\":",
             (long long)fed->taken, (long long)fed->known, (long long)fed->passed,
             (long long)fed->refused);
    if (fed->refused > 0) {
        buf_add_json(buf, fed->why);
    } else {
        buf_add_text(buf, "null");
    }
    buf_add_text(buf, "}}");
}

static void add_period(struct buf *buf, const struct statement_taken *taken) {
    const struct statement_head *head = &taken->head;
    const struct {
        const char *key;
        int64_t us;
    } ends[] = {{",\"from\":", head->from_us}, {",\"until\":", head->until_us}};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char text[CLOCK_TEXT_MAX];
        buf_add_text(buf, ends[i].key);
        if (head->until_us > 0) {
            buf_add_json(buf, clock_format(ends[i].us, text));
        } else {
            buf_add_text(buf, "null");
        }
    }
    buf_addf(buf, ",\"period_given\":%s", taken->period_given ? "true" : "false");
}

static void add_account(struct buf *buf, const struct statement_taken *taken,
                        enum whose_verdict verdict) {
    char account[ROW_ID_CHARS_MAX + 1];
    buf_add_text(buf, ",\"account\":");
    if (taken->whose.count == 0) {
        buf_add_text(buf, "null");
    } else {
        snprintf(account, sizeof account, "%s", taken->whose.accounts[0]);
        (void)pan_mask(account, strlen(account));
        buf_add_json(buf, account);
    }
    buf_addf(buf, ",\"account_check\":\"%s\"", whose_verdict_name(verdict));
}

static void add_file(struct taking *taking, const char *name, const struct bank_fed *fed) {
    const struct statement_taken *taken = taking->taken;
    struct buf *buf = taking->report;
    buf_add_text(buf, buf->len > 1 ? ",{\"name\":" : "{\"name\":");
    buf_add_json(buf, name);
    buf_add_text(buf, ",\"format\":");
    if (taken->reader != NULL) {
        buf_add_json(buf, taken->reader->name);
    } else {
        buf_add_text(buf, "null");
    }
    buf_addf(buf, ",\"statement_id\":%s%s%s,\"known\":%s,\"rows\":%lld",
             taken->id.text[0] != '\0' ? "\"" : "null", taken->id.text,
             taken->id.text[0] != '\0' ? "\"" : "", taken->known ? "true" : "false",
             (long long)taken->head.rows);
    add_account(buf, taken, taking->whose);
    add_period(buf, taken);
    buf_addf(buf, ",\"continuity\":%s",
             taking->continuity.len > 0 ? taking->continuity.data : "[]");
    add_problems(buf, taken);
    add_bank(buf, fed);
}

/* ---- one file ---- */

static int check_reader(const struct taking *taking, const struct statement_reader *reader,
                        const char *name, struct err *err) {
    const char *adapter = taking->source->gateway->adapter->name;
    if (reader->tells == TELLS_BANK && strcmp(adapter, "bank") != 0) {
        (void)err_set(err, ERR_VALIDATION, "%.80s is a bank's statement, and %s is a gateway of %s",
                      name, taking->source->gateway->name, adapter);
        return err_hint(err, "Name the bank account that it is of with --gateway; `holdfast bank "
                             "accounts` lists them.");
    }
    if (reader->adapter == NULL || strcmp(reader->adapter, adapter) == 0) {
        return 0;
    }
    (void)err_set(err, ERR_VALIDATION, "%.80s is a file of %s, and %s is a gateway of %s", name,
                  reader->adapter, taking->source->gateway->name, adapter);
    return err_hint(err, "Name the gateway that it is of with --gateway; `holdfast gateway list` "
                         "lists them.");
}

static struct statement_request request_of(const struct taking *taking,
                                           const struct taking_file *given) {
    const struct unwrapped_file *file = given->file;
    const struct take_request *request = taking->request;
    const char *zone = request->time_zone[0] != '\0' ? request->time_zone
                                                     : taking->source->said_time_zone;
    return (struct statement_request){
        .gateway = taking->source->gateway->name,
        .source = {.name = given->name,
                   .bytes = file->bytes,
                   .count = file->count,
                   .map = taking->map,
                   .time_zone = zone},
        .reader = taking->reader,
        .supersedes = "",
        .replaces = request->replaces,
        .reason = request->reason,
        .actor = request->actor,
        .from_us = taking->until_us > 0 ? taking->from_us : request->from_us,
        .until_us = taking->until_us > 0 ? taking->until_us : request->until_us,
        .period_said = taking->until_us > 0,
        .file_id = given->file_id,
        .lacks = request->lacks,
    };
}

/* What is corrected is the one file of its format, where there are several. */
static void as_looked_at(const struct taking *taking, struct statement_request *request) {
    request->reader = taking->taken->reader;
    bool corrects = taking->superseded != NULL && taking->superseded == request->reader;
    request->supersedes = corrects ? taking->request->supersedes : "";
}

static int look(struct taking *taking, const struct taking_file *given, struct err *err) {
    struct statement_request request = request_of(taking, given);
    taking->whose = WHOSE_NOT_TOLD;
    int r = statement_look(&request, taking->taken, err);
    r = r < 0 ? r : check_reader(taking, taking->taken->reader, given->name, err);
    r = r < 0 ? r
              : whose_check(&taking->taken->whose, given->name, taking->source,
                            taking->recon->sources, taking->recon->source_count, &taking->whose,
                            err);
    if (r < 0) {
        return r;
    }
    as_looked_at(taking, &request);
    return statement_look_around(taking->recon->options.store, &request, taking->taken, err);
}

static int take_one(struct taking *taking, const struct taking_file *given, struct err *err) {
    struct statement_request request = request_of(taking, given);
    struct bank_fed *fed = NULL;
    as_looked_at(taking, &request);
    int r = statement_take(taking->recon->options.store, &request, taking->taken, err);
    if (r == -ERR_STATE && taking->taken->final) {
        r = -(int)(err->code = ERR_EXISTS); /* nobody should try again */
    }
    r = r < 0 ? r
              : chain_told(taking->recon->options.store, taking->taken->id.text,
                           &taking->continuity, err);
    struct bank_terms terms;
    if (r >= 0 && bank_terms_of(taking->source->gateway, &terms)) {
        fed = calloc(1, sizeof *fed);
        INVARIANT(fed != NULL, "out of memory");
        r = bank_feed(taking->recon, &request, taking->taken->id.text, &terms, fed, err);
    }
    add_file(taking, given->name, fed);
    buf_clear(&taking->continuity);
    free(fed);
    return r;
}

/* ---- all of them ---- */

/* In a ZIP names are often GBK; they are shown and stored as UTF-8. */
static char *name_of(const struct unwrapped_file *file, int number) {
    struct err ignored = {0};
    char *turned = NULL;
    size_t count = strlen(file->name), turned_count = 0;
    if (g_utf8_validate(file->name, (gssize)count, NULL)) {
        return g_strdup(file->name);
    }
    return field_gb18030(file->name, count, &turned, &turned_count, &ignored) == 0
               ? turned
               : g_strdup_printf("file %d", number + 1);
}

/* Of files that are given together, one says that another follows: it must be the next. */
struct following {
    const char *name; /* of the one that said it; NULL: none waits */
    int64_t number;
};

static int check_following(struct following *following, const char *name,
                           const struct statement_head *head, struct err *err) {
    int r = 0;
    if (following->name != NULL && head->sequence != following->number + 1) {
        r = err_set(err, ERR_NOT_FOUND, "%.80s says that number %lld follows, which is not there",
                    following->name, (long long)following->number + 1);
    }
    *following = (struct following){head->goes_on ? name : NULL, head->sequence};
    return r;
}

static int take_files(struct taking *taking, const struct taking_file *files, int count,
                      struct err *err) {
    int r = 0, bad = 0;
    struct err first = {0};
    struct following following = {0};
    const struct statement_head nothing = {.sequence = -1};
    for (int i = 0; i < count; i++) {
        struct err why = {0};
        r = look(taking, &files[i], &why);
        if (r >= 0 && taking->request->files != NULL) {
            r = check_following(&following, files[i].name, &taking->taken->head, &why);
            r = r >= 0 && i + 1 == count ? check_following(&following, "", &nothing, &why) : r;
        }
        if (r < 0) {
            first = bad == 0 ? why : first;
            add_file(taking, files[i].name, NULL);
            bad = bad == 0 ? r : bad;
        }
    }
    if (bad < 0) {
        *err = first;
        return bad;
    }
    for (int i = 0; r >= 0 && i < count; i++) {
        /* With several files the last one was looked at last. */
        r = count > 1 ? look(taking, &files[i], err) : 0;
        r = r < 0 ? r : take_one(taking, &files[i], err);
    }
    return r;
}

/* All that is in the given files, at most UNWRAP_FILES_MAX. */
static int unwrap_files(const struct take_file *given, int given_count,
                        struct unwrapped *unwrapped, struct taking_file files[UNWRAP_FILES_MAX],
                        int *ret_count, struct err *err) {
    int64_t left = TAKE_UNPACKED_BYTES_MAX;
    int r = 0;
    for (int i = 0; r >= 0 && i < given_count; i++) {
        r = statement_unwrap_within(given[i].name, given[i].bytes, given[i].count, left,
                                    &unwrapped[i], err);
        for (int k = 0; r >= 0 && k < unwrapped[i].count; k++) {
            if (*ret_count == UNWRAP_FILES_MAX) {
                r = err_set(err, ERR_TOO_LARGE, "there are more than %d files", UNWRAP_FILES_MAX);
                break;
            }
            const struct unwrapped_file *file = &unwrapped[i].files[k];
            files[*ret_count] = (struct taking_file){file, name_of(file, *ret_count),
                                                     given[i].file_id};
            (*ret_count)++;
            left -= (int64_t)file->count < left ? (int64_t)file->count : left;
        }
    }
    return r;
}

static int take_given(struct taking *taking, struct err *err) {
    const struct take_request *request = taking->request;
    const struct take_file one = {request->name, request->bytes, request->count, request->file_id};
    const struct take_file *given = request->files != NULL ? request->files : &one;
    int given_count = request->files != NULL ? request->file_count : 1, count = 0;
    struct taking_file files[UNWRAP_FILES_MAX] = {{0}};
    struct unwrapped *unwrapped = calloc((size_t)given_count, sizeof *unwrapped);
    INVARIANT(unwrapped != NULL, "out of memory");
    int r = unwrap_files(given, given_count, unwrapped, files, &count, err);
    r = r < 0 ? r : take_files(taking, files, count, err);
    for (int i = 0; i < count; i++) {
        g_free(files[i].name);
    }
    for (int i = 0; i < given_count; i++) {
        unwrapped_release(&unwrapped[i]);
    }
    free(unwrapped);
    return r;
}

/* ---- what was asked for ---- */

static int find_superseded_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct taking *taking = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT reader, state FROM statement WHERE id = $1 AND gateway = $2",
                      S_TEXT(taking->request->supersedes), S_TEXT(taking->request->gateway));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r
                     : (err_set(err, ERR_NOT_FOUND, "%.40s is no statement of %.64s",
                                taking->request->supersedes, taking->request->gateway),
                        err_hint(err, "`holdfast statement list --gateway %s` lists them.",
                                 taking->request->gateway));
    }
    taking->superseded = statement_reader_find(sql_text(rows, 0));
    taking->superseded_counts = sql_int(rows, 1) == STATEMENT_TAKEN;
    return 0;
}

/* That somebody else takes the same file now passes; that what is corrected does not count (any
 * more) does not, and nobody should try again. */
static int never_again(struct taking *taking, struct err *err) {
    struct err why = {0};
    int r = store_read(taking->recon->options.store, find_superseded_tx, taking, &why);
    if (r >= 0 && !taking->superseded_counts) {
        err->code = ERR_VALIDATION;
    }
    return -(int)err->code;
}

static int find_reader(struct taking *taking, struct err *err) {
    const char *format = taking->request->format;
    if (format[0] == '\0' && taking->map == NULL) {
        return 0;
    }
    taking->reader = statement_reader_find(format[0] != '\0' ? format : "csv");
    if (taking->reader == NULL) {
        (void)err_set(err, ERR_VALIDATION, "there is no format \"%.40s\"", format);
        return err_hint(err, "`holdfast statement formats` lists them.");
    }
    if (taking->map == NULL && strcmp(taking->reader->name, "csv") == 0) {
        (void)err_set(err, ERR_VALIDATION, "the format csv needs a map");
        return err_hint(err, "--map MAP.yaml; docs/statements.md has maps to begin with.");
    }
    return 0;
}

static int ask_run_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct take_request *request = ctx;
    int r = recon_ask_run(tx, request->gateway, request->actor, err);
    return r < 0 ? r : 0;
}

int recon_take(struct recon *recon, const struct take_request *request, struct buf *report,
               struct err *err) {
    CSV_MAP_AUTO map = NULL;
    struct taking taking = {
        .recon = recon,
        .request = request,
        .source = recon_source(recon, request->gateway),
        .report = report,
    };
    buf_init(&taking.continuity, TAKE_REPORT_BYTES_MAX);
    buf_clear(report);
    buf_add_char(report, '[');
    int r = taking.source == NULL
                ? (err_set(err, ERR_NOT_FOUND, "there is no gateway \"%.64s\"", request->gateway),
                   err_hint(err, "`holdfast gateway list` lists them."))
                : 0;
    if (r >= 0 && request->map[0] != '\0') {
        CSV_MAP_AUTO ours = NULL; /* a file of two maps: this is one of theirs */
        r = files_maps_read("the map", request->map, strlen(request->map), &ours, &map, err);
        /* The map is the sender's, not our configuration. */
        r = r == -ERR_CONFIG ? -(int)(err->code = ERR_VALIDATION) : r;
        taking.map = map;
    }
    r = r < 0 ? r : find_reader(&taking, err);
    if (r >= 0 && request->period != NULL && request->period[0] != '\0') {
        r = period_parse_in(request->period, taking.source->time_zone, &taking.from_us,
                            &taking.until_us, err);
    }
    if (r >= 0 && request->supersedes[0] != '\0') {
        r = store_read(recon->options.store, find_superseded_tx, &taking, err);
    }
    if (r >= 0) {
        taking.taken = calloc(1, sizeof *taking.taken);
        INVARIANT(taking.taken != NULL, "out of memory");
        r = take_given(&taking, err);
        r = r == -ERR_STATE && taking.superseded != NULL ? never_again(&taking, err) : r;
        free(taking.taken);
    }
    buf_add_char(report, ']');
    buf_release(&taking.continuity);
    r = r < 0 ? r : store_write(recon->options.store, ask_run_tx, (void *)(uintptr_t)request, err);
    if (r >= 0) {
        payments_wake(recon->options.payments);
    }
    return r < 0 ? r : 0;
}
