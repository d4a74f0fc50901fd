/* SPDX-License-Identifier: Apache-2.0
 * run_look.c: asking for runs, and what came of them (run_look.h). */
#include "recon/run_look.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "match/match_set.h"
#include "recon/break_desk_impl.h"
#include "recon/calendars.h"
#include "recon/run_impl.h"
#include "store/audit.h"

static const char *const state_names[] = {"?", "under_way", "done", "given_up"};

/* ---- asking ---- */

struct asking {
    const struct caller *caller;
    const char *gateway;
    int64_t until_us;
};

static int check_until(struct store_tx *tx, const struct asking *asking, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    char time[CLOCK_TEXT_MAX];
    int r = sql_query(tx, err, &rows,
                      "SELECT COALESCE(MAX(until_us), 0) FROM reconciliation WHERE gateway = $1 "
                      "AND state = 2",
                      S_TEXT(asking->gateway));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0 || asking->until_us == 0 || asking->until_us >= sql_int(rows, 0)) {
        return r < 0 ? r : 0;
    }
    (void)err_set(err, ERR_STATE, "%.64s is reconciled up to %s already", asking->gateway,
                  clock_format(sql_int(rows, 0), time));
    (void)err_place(err, "/until");
    return err_hint(err, "A run goes on from where the one before ended: say a later --until, or "
                         "leave it out for all that there is.");
}

static int ask_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                  struct answer *ret_answer, struct err *err) {
    (void)payments;
    const struct asking *asking = ctx;
    char time[CLOCK_TEXT_MAX];
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    int r = check_until(tx, asking, err);
    r = r < 0 ? r
              : recon_ask_run_until(tx, asking->gateway, asking->until_us, asking->caller->actor,
                                    err);
    r = r < 0 ? r
              : audit_append(tx, asking->caller->actor, "reconcile.ask", asking->gateway, "", "{}",
                             err);
    if (r < 0) {
        return r;
    }
    buf_add_text(&buf, "{\"object\":\"reconciliation_request\",\"gateway\":");
    buf_add_json(&buf, asking->gateway);
    buf_addf(&buf, ",\"asked_at\":\"%s\",\"until\":", clock_format(clock_wall_us(), time));
    if (asking->until_us > 0) {
        buf_add_json(&buf, clock_format(asking->until_us, time));
    } else {
        buf_add_text(&buf, "null");
    }
    buf_add_char(&buf, '}');
    return answer_take(ret_answer, 202, &buf, err);
}

int reconciliation_ask(struct recon *recon, const struct caller *caller, const char *gateway,
                       int64_t until_us, struct answer *ret_answer, struct err *err) {
    struct asking asking = {.caller = caller, .gateway = gateway, .until_us = until_us};
    if (recon_source(recon, gateway) == NULL) {
        (void)err_set(err, ERR_VALIDATION, "there is no gateway \"%.64s\"", gateway);
        (void)err_place(err, "/gateway");
        return err_hint(err, "`holdfast gateway list` lists them.");
    }
    if (until_us > clock_wall_us()) {
        char until[CLOCK_TEXT_MAX];
        (void)err_set(err, ERR_VALIDATION, "%s has not come yet", clock_format(until_us, until));
        (void)err_place(err, "/until");
        return err_hint(err, "Leave --until out to reconcile all up to now.");
    }
    int r = idempotent_run(recon->options.payments, caller, "reconcile.ask", ask_fn, &asking,
                           ret_answer, err);
    if (r >= 0) {
        payments_wake(recon->options.payments);
    }
    return r;
}

/* ---- looking ---- */

struct looking {
    struct recon *recon;
    const struct run_filter *filter;
    const char *id;
    int64_t state;
    struct answer *answer;
};

#define RUN_COLUMNS                                                                                \
    "SELECT id, gateway, state, actor, until_us, begun_us, ended_us, groups_done, groups_all, "    \
    "figures, rules FROM reconciliation"

static void add_time(struct buf *buf, const char *name, int64_t wall_us) {
    char time[CLOCK_TEXT_MAX];
    buf_addf(buf, ",\"%s\":", name);
    if (wall_us > 0) {
        buf_add_json(buf, clock_format(wall_us, time));
    } else {
        buf_add_text(buf, "null");
    }
}

/* Figures that are not there yet are "{}" in the store. */
static void render_run(struct buf *buf, const struct sql_rows *rows) {
    int64_t state = sql_int(rows, 2);
    buf_addf(buf, "{\"object\":\"reconciliation\",\"id\":\"%s\",\"gateway\":", sql_text(rows, 0));
    buf_add_json(buf, sql_text(rows, 1));
    buf_addf(buf, ",\"state\":\"%s\",\"actor\":",
             state_names[state > 0 && state < (int64_t)COUNT_OF(state_names) ? state : 0]);
    buf_add_json(buf, sql_text(rows, 3));
    add_time(buf, "until", sql_int(rows, 4));
    add_time(buf, "begun_at", sql_int(rows, 5));
    add_time(buf, "ended_at", sql_int(rows, 6));
    buf_addf(buf, ",\"groups_done\":%lld,\"groups_all\":%lld,\"figures\":%s",
             (long long)sql_int(rows, 7), (long long)sql_int(rows, 8),
             state == 2 ? sql_text(rows, 9) : "null");
}

#define RUN_FITS                                                                                   \
    " WHERE ($1 = '' OR gateway = $1) AND ($2 = '' OR id < $2) AND ($3 = 0 OR state = $3) AND "    \
    "($4 = 0 OR begun_us >= $4) AND ($5 = 0 OR begun_us < $5) AND ($6 = '' OR EXISTS (SELECT 1 "   \
    "FROM reconciliation_book b WHERE b.run_id = reconciliation.id AND b.currency = $6)) AND "     \
    "($7 = 0 OR id IN (SELECT k.first_run FROM recon_break k WHERE k.state IN (1, 2)) OR id IN "   \
    "(SELECT k.last_run FROM recon_break k WHERE k.state IN (1, 2)))"
static_assert(BREAK_OPEN == 1 && BREAK_ASSIGNED == 2, "the states above");

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct looking *looking = ctx;
    const struct run_filter *filter = looking->filter;
    SQL_ROWS_AUTO rows = NULL;
    BUF_AUTO buf;
    struct reconciliation_id last = {""};
    int shown = 0, limit = filter->limit > 0 ? filter->limit : PAGE_ROWS;
    bool more = false;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    int r = sql_query(tx, err, &rows, RUN_COLUMNS RUN_FITS " ORDER BY id DESC LIMIT $8",
                      S_TEXT(filter->gateway), S_TEXT(filter->cursor), S_INT(looking->state),
                      S_INT(filter->since_us), S_INT(filter->until_us), S_TEXT(filter->currency),
                      S_INT(filter->open_breaks), S_INT(limit + 1));
    while (r >= 0 && !more && (r = sql_next(rows, err)) > 0) {
        more = shown == limit;
        if (!more) {
            last = reconciliation_id_stored(sql_text(rows, 0));
            buf_add_text(&buf, shown++ > 0 ? "," : "");
            render_run(&buf, rows);
            buf_add_char(&buf, '}');
        }
    }
    buf_addf(&buf, "],\"next_cursor\":%s%s%s}", more ? "\"" : "", more ? last.text : "null",
             more ? "\"" : "");
    return r < 0 ? r : answer_take(looking->answer, 200, &buf, err);
}

static int check_filter(const struct run_filter *filter, int64_t *ret_state, struct err *err) {
    struct reconciliation_id id;
    struct currency currency;
    *ret_state = 0;
    for (size_t i = 1; filter->state[0] != '\0' && i < COUNT_OF(state_names); i++) {
        *ret_state = strcmp(state_names[i], filter->state) == 0 ? (int64_t)i : *ret_state;
    }
    if (filter->state[0] != '\0' && *ret_state == 0) {
        (void)err_set(err, ERR_VALIDATION, "there is no state \"%.20s\" of a run", filter->state);
        (void)err_place(err, "state");
        return err_hint(err, "One of: under_way, done, given_up.");
    }
    if (filter->currency[0] != '\0' && currency_parse(filter->currency, &currency, err) < 0) {
        return err_place(err, "currency");
    }
    if (filter->cursor[0] != '\0' && reconciliation_id_parse(filter->cursor, &id, NULL) < 0) {
        (void)err_set(err, ERR_VALIDATION, "this is not a cursor that this list gave out");
        return err_place(err, "cursor");
    }
    return 0;
}

int reconciliation_list(struct recon *recon, const struct run_filter *filter,
                        struct answer *ret_answer, struct err *err) {
    struct looking looking = {.filter = filter, .answer = ret_answer};
    int r = check_filter(filter, &looking.state, err);
    return r < 0 ? r : store_read(recon->options.store, list_tx, &looking, err);
}

/* ---- the proof ---- */

static int64_t sum_of(const json_t *buckets, const char *key) {
    int64_t sum = 0;
    size_t i;
    json_t *bucket;
    json_array_foreach(buckets, i, bucket) {
        sum += json_integer_value(json_object_get(bucket, key));
    }
    return sum;
}

static void add_book(struct buf *buf, const json_t *book, bool first) {
    int64_t opening = json_integer_value(json_object_get(book, "opening"));
    int64_t movements = json_integer_value(json_object_get(book, "movements"));
    int64_t closing = json_integer_value(json_object_get(book, "closing"));
    buf_addf(buf, "%s{\"currency\":\"%s\",\"ties_out\":%s,\"off_by\":%lld}", first ? "" : ",",
             json_string_value(json_object_get(book, "currency")),
             opening + movements == closing ? "true" : "false",
             (long long)(closing - opening - movements));
}

/* Of every currency that statements tell a balance of; null: of none. */
static const char *balances_proved(const json_t *figures) {
    const json_t *balances = json_object_get(figures, "balances");
    bool proved = true;
    size_t i;
    json_t *balance;
    json_array_foreach(balances, i, balance) {
        proved = proved && json_is_true(json_object_get(balance, "proved"));
    }
    return json_array_size(balances) == 0 ? "null" : proved ? "true" : "false";
}

/* What the rules let pass: it is in no break, so it is said here. */
static void add_tolerated(struct buf *buf, const json_t *sum, bool first) {
    int64_t over = json_integer_value(json_object_get(sum, "over"));
    int64_t under = json_integer_value(json_object_get(sum, "under"));
    buf_addf(buf,
             "%s{\"currency\":\"%s\",\"groups\":%lld,\"over\":%lld,\"under\":%lld,"
             "\"difference\":%lld}",
             first ? "" : ",", json_string_value(json_object_get(sum, "currency")),
             (long long)json_integer_value(json_object_get(sum, "groups")), (long long)over,
             (long long)under, (long long)(over - under));
}

/* From the figures as they were written: whoever doubts them adds them up himself. */
static int add_proof(struct buf *buf, const char *text, struct err *err) {
    JSON_AUTO figures = json_loads(text, 0, NULL);
    if (figures == NULL) {
        return err_set(err, ERR_STORE_CORRUPT, "the figures of this run are no JSON");
    }
    const json_t *buckets = json_object_get(figures, "buckets");
    const json_t *books = json_object_get(figures, "books");
    int64_t ours = sum_of(buckets, "our_rows"), theirs = sum_of(buckets, "their_rows");
    bool whole = ours == json_integer_value(json_object_get(figures, "our_rows")) &&
                 theirs == json_integer_value(json_object_get(figures, "their_rows"));
    bool ties = json_is_true(json_object_get(figures, "ties_out"));
    buf_addf(buf,
             ",\"proof\":{\"every_row_in_one_class\":%s,\"our_rows\":%lld,\"their_rows\":%lld,"
             "\"ties_out\":%s,\"books\":[",
             whole ? "true" : "false", (long long)ours, (long long)theirs, ties ? "true" : "false");
    size_t i;
    json_t *book;
    json_array_foreach(books, i, book) {
        add_book(buf, book, i == 0);
    }
    buf_add_text(buf, "],\"tolerated\":[");
    const json_t *tolerated = json_object_get(figures, "tolerated");
    json_array_foreach((json_t *)tolerated, i, book) {
        add_tolerated(buf, book, i == 0);
    }
    buf_addf(buf, "],\"balances_proved\":%s}", balances_proved(figures));
    return 0;
}

/* As a run tries them: of a bank with those for payouts. */
static void put_rules(const struct recon *recon, const char *gateway, const struct match_set *set,
                      const struct payout_terms *terms, struct buf *buf) {
    const struct source *source = recon_source(recon, gateway);
    struct run_rules tried;
    struct match_options said = {0};
    if (set != NULL) {
        said.rules = set->rules;
        said.rule_count = set->count;
    } else {
        said.rules = match_rules_usual(&said.rule_count);
    }
    recon_rules_of(&said, source != NULL && source->is_bank, terms, &tried);
    match_set_json(tried.rules, tried.count, buf);
}

/* Those that are in force for a gateway, as a run keeps them. */
static void add_rules_now(const struct recon *recon, const char *gateway, struct buf *buf) {
    const struct source *source = recon_source(recon, gateway);
    put_rules(recon, gateway, match_sets_of(recon->options.match_sets, gateway),
              source != NULL ? &source->payouts : NULL, buf);
}

/* Runs from before rules were kept went by the usual ones; and those of banks by rules for payouts
 * which they did not keep, exact to the unit. */
static int add_rules(const struct looking *looking, const struct sql_rows *rows, struct buf *buf,
                     struct err *err) {
    BUF_AUTO then;
    BUF_AUTO now;
    struct match_set *set = calloc(1, sizeof *set);
    INVARIANT(set != NULL, "out of memory");
    buf_init(&then, MATCH_SET_BYTES_MAX);
    buf_init(&now, MATCH_SET_BYTES_MAX);
    int r = match_set_parse(sql_text(rows, 10), set, err);
    if (r >= 0) {
        put_rules(looking->recon, sql_text(rows, 1), set, NULL, &then);
        add_rules_now(looking->recon, sql_text(rows, 1), &now);
        buf_addf(buf, ",\"rules\":%s,\"rules_changed\":%s", then.data,
                 strcmp(then.data, now.data) == 0 ? "false" : "true");
    }
    free(set);
    return r;
}

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct looking *looking = ctx;
    SQL_ROWS_AUTO rows = NULL;
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    int r = sql_query(tx, err, &rows, RUN_COLUMNS " WHERE id = $1", S_TEXT(looking->id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no run %.40s", looking->id);
    }
    render_run(&buf, rows);
    r = add_rules(looking, rows, &buf, err);
    r = r >= 0 && sql_int(rows, 2) == 2 ? add_proof(&buf, sql_text(rows, 9), err) : r;
    buf_add_text(&buf, ",\"calendars_ending\":");
    calendars_json(looking->recon, sql_text(rows, 1), clock_wall_us(), &buf);
    buf_add_char(&buf, '}');
    return r < 0 ? r : answer_take(looking->answer, 200, &buf, err);
}

int reconciliation_get(struct recon *recon, const char *id, struct answer *ret_answer,
                       struct err *err) {
    struct looking looking = {.recon = recon, .id = id, .answer = ret_answer};
    return store_read(recon->options.store, get_tx, &looking, err);
}

int reconciliation_rules(struct recon *recon, const char *gateway, struct answer *ret_answer,
                         struct err *err) {
    BUF_AUTO buf;
    int told = 0;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    for (int i = 0; i < recon->source_count; i++) {
        const char *name = recon->sources[i].gateway->name;
        const struct match_set *set = match_sets_of(recon->options.match_sets, name);
        if (gateway[0] != '\0' && strcmp(gateway, name) != 0) {
            continue;
        }
        buf_addf(&buf, "%s{\"gateway\":", told++ > 0 ? "," : "");
        buf_add_json(&buf, name);
        buf_addf(&buf, ",\"usual\":%s,\"rules\":", set == NULL || set->usual ? "true" : "false");
        add_rules_now(recon, name, &buf);
        buf_add_char(&buf, '}');
    }
    buf_add_text(&buf, "]}");
    if (gateway[0] != '\0' && told == 0) {
        (void)err_set(err, ERR_NOT_FOUND, "there is no gateway \"%.64s\"", gateway);
        return err_hint(err, "`holdfast gateway list` lists them.");
    }
    return answer_take(ret_answer, 200, &buf, err);
}
