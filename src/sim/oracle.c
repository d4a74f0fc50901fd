/* SPDX-License-Identifier: Apache-2.0
 * oracle.c: what must be true: of the store after every commit and, once everything is quiet, of
 * the store, the gateways' own books and every word that anybody was given, taken together.
 *
 * Each check has a name; the table in docs/simulator.md says which planted fault it catches. */
#include <stdio.h>
#include <string.h>

#include "api/service_impl.h"
#include "base/json.h"
#include "payment/payments.h"
#include "sandbox/sandbox_impl.h"
#include "sim/run.h"

enum { PAGES_MAX = 100, APPLIED_EVERY = 4 };

/* ---- after a commit ---- */

static void fail_broken(struct run *run, const json_t *broken, const char *when) {
    const json_t *first = json_array_get(broken, 0);
    const char *rule = json_peek_text(first, "rule", NULL);
    const char *what = json_peek_text(first, "what", NULL);
    const char *id = json_peek_text(first, "id", NULL);
    run_fail(run, rule != NULL ? rule : "I?", id != NULL ? id : "", "%s: %s (%s)", when,
             what != NULL ? what : "?", id != NULL ? id : "?");
}

static void verify(struct run *run, const char *when) {
    struct err err = {0};
    struct answer answer = {0};
    if (payments_verify_store(run->look, &answer, &err) < 0) {
        answer_release(&answer);
        if (run->phase != RUN_TROUBLE) { /* in which the disk may be in trouble as well */
            run_fail(run, "answer", "", "%s: the rules cannot be asked: %s", when, err.detail);
        }
        return;
    }
    run->outcome->looks++;
    json_t *json = json_loads(answer.json, 0, NULL);
    const json_t *broken = json_peek(json, "broken", NULL);
    if (json_array_size(broken) > 0) {
        fail_broken(run, broken, when);
    }
    json_decref(json);
    answer_release(&answer);
}

/* ---- counting in the store ---- */

struct count {
    const char *sql;
    const char *text; /* $1, or NULL */
    int64_t found;
    char first[160]; /* one of them */
};

static int count_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct count *count = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = count->text != NULL ? sql_query(tx, err, &rows, count->sql, S_TEXT(count->text))
                                : sql_query(tx, err, &rows, count->sql);
    r = r < 0 ? r : sql_next(rows, err);
    count->found = r > 0 ? sql_int(rows, 0) : -1;
    const char *text = r > 0 ? sql_text(rows, 1) : NULL;
    snprintf(count->first, sizeof count->first, "%s", text != NULL ? text : "");
    return r < 0 ? r : 0;
}

/* A callback says "charged" (1) and counts as applied: then it shows, or a person is told. */
static void check_applied(struct run *run) {
    struct err err = {0};
    struct count count = {
        .sql = "SELECT COUNT(*), MIN(c.id) FROM callback c WHERE c.state = 2 AND c.subject = 1 AND "
               "c.payment_id <> '' AND json_extract(c.event, '$.outcome') = 1 AND NOT EXISTS "
               "(SELECT 1 FROM attempt a WHERE a.payment_id = c.payment_id AND a.state = 6) AND "
               "NOT EXISTS (SELECT 1 FROM review_case r WHERE r.payment_id = c.payment_id) AND "
               "NOT EXISTS (SELECT 1 FROM operation o WHERE o.payment_id = c.payment_id AND "
               "o.state IN (1, 2, 3))"};
    if (store_read(run->look, count_tx, &count, &err) >= 0 && count.found > 0) {
        run_fail(run, "I5", count.first, "callback %s counts as applied, and nothing shows it",
                 count.first);
    }
}

void oracle_commit(struct run *run) {
    if (!run_failed(run)) {
        verify(run, "after a commit");
    }
    if (!run_failed(run) && run->commits % APPLIED_EVERY == 0) {
        check_applied(run);
    }
}

/* The moment a customer is told of money that was taken or given back, the gateway has done it. */
void oracle_told(struct run *run, const struct promise *promise) {
    const json_t *told = promise->answer;
    const char *object = json_peek_text(told, "object", NULL);
    const char *order = json_peek_text(told, "order_id", NULL);
    const char *gateway = json_peek_text(told, "gateway", NULL);
    int64_t captured = json_peek_int(told, 0, "amount_captured", NULL);
    int64_t refunded = json_peek_int(told, 0, "amount_refunded", NULL);
    int64_t taken = 0, returned = 0;
    if (promise->status >= 300 || object == NULL || strcmp(object, "payment") != 0 ||
        order == NULL || gateway == NULL) {
        return;
    }
    int which = strcmp(gateway, "stripe-eu") == 0 ? SB_STRIPE : SB_PAYPAL;
    GPtrArray *entries = run->sandbox->book.entries[which];
    for (guint i = 0; i < entries->len; i++) {
        const struct sb_entry *entry = g_ptr_array_index(entries, i);
        if (entry->order_id != NULL && strcmp(entry->order_id, order) == 0) {
            taken += entry->taken_minor;
            returned += entry->refunded_minor;
        }
    }
    if (captured > taken || refunded > returned) {
        run_fail(run, "early", promise->order,
                 "%s: %lld taken and %lld returned were told, and it was %lld and %lld there",
                 promise->key, (long long)captured, (long long)refunded, (long long)taken,
                 (long long)returned);
    }
}

static const struct {
    const char *what, *sql;
} restless[] = {
    {"attempts without an end", "SELECT COUNT(*), MIN(id) FROM attempt WHERE state IN (1, 2, 4)"},
    {"captures, cancellations and refunds without an end",
     "SELECT COUNT(*), MIN(id) FROM operation WHERE state IN (1, 2, 3)"},
    {"payments under way", "SELECT COUNT(*), MIN(id) FROM payment WHERE state IN (1, 2)"},
    {"callbacks that are not processed",
     "SELECT COUNT(*), MIN(id) FROM callback WHERE state IN (1, 4)"},
    {"webhooks that are not delivered",
     "SELECT COUNT(*), MIN(id) FROM webhook_delivery WHERE state = 1"},
    /* Who asks about a payment that waits for its customer may go on asking. */
    {"jobs",
     "SELECT COUNT(*), MIN(kind || ' ' || key || ' ' || last_error) FROM job WHERE NOT EXISTS "
     "(SELECT 1 FROM attempt a WHERE a.id = job.key AND a.state = 3)"},
};

static bool breakers_closed(struct run *run, char *ret_why, size_t bytes) {
    json_t *answer = NULL;
    int status = 0;
    size_t i, k;
    json_t *gateway, *breaker;
    if (!stage_ask(run, "GET", "/v1/gateways", NULL, &status, &answer)) {
        snprintf(ret_why, bytes, "nobody says how the gateways are");
        return false;
    }
    bool closed = true;
    json_array_foreach((json_t *)json_peek(answer, "data", NULL), i, gateway) {
        json_array_foreach((json_t *)json_peek(gateway, "health", NULL), k, breaker) {
            const char *state = json_peek_text(breaker, "breaker", NULL);
            if (run->calm && json_peek_text(breaker, "opened_at", NULL) != NULL) {
                run_fail(run, "breaker", "",
                         "a breaker of %s (%s) opened, and nothing was wrong: %s",
                         json_peek_text(gateway, "name", NULL),
                         json_peek_text(breaker, "operation", NULL),
                         json_peek_text(breaker, "why", NULL));
            }
            /* Questions are asked past their breakers, and only when there is something to ask. */
            const char *operation = json_peek_text(breaker, "operation", NULL);
            bool asks = operation != NULL && strncmp(operation, "query", 5) == 0;
            if (closed && !asks && state != NULL && strcmp(state, "closed") != 0) {
                snprintf(ret_why, bytes, "a breaker of %s (%s) is %s",
                         json_peek_text(gateway, "name", NULL),
                         json_peek_text(breaker, "operation", NULL), state);
                closed = false;
            }
        }
    }
    json_decref(answer);
    return closed;
}

bool oracle_quiet(struct run *run, char *ret_why, size_t bytes) {
    size_t waiting = 0;
    int busy = 0;
    sb_clerk_count(&run->sandbox->clerk, &waiting, &busy);
    if (waiting > 0 || busy > 0) {
        snprintf(ret_why, bytes, "%zu callbacks are not sent yet", waiting + (size_t)busy);
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(restless); i++) {
        struct err err = {0};
        struct count count = {.sql = restless[i].sql, .found = -1};
        if (store_read(run->look, count_tx, &count, &err) < 0 || count.found != 0) {
            snprintf(ret_why, bytes, "%lld %s (%s)", (long long)count.found, restless[i].what,
                     count.first);
            return false;
        }
    }
    if (!breakers_closed(run, ret_why, bytes)) {
        shop_latecomer(run);
        return false;
    }
    return true;
}

/* ---- at the end: lists ---- */

/* All rows of a list as one array; NULL: nobody answers, the run has failed. */
static json_t *list(struct run *run, const char *path) {
    json_t *all = json_array();
    char next[512];
    snprintf(next, sizeof next, "%s%slimit=100", path, strchr(path, '?') != NULL ? "&" : "?");
    for (int page = 0; page < PAGES_MAX; page++) {
        json_t *answer = NULL;
        int status = 0;
        if (!stage_ask(run, "GET", next, NULL, &status, &answer) || status != 200) {
            json_decref(answer);
            run_fail(run, "answer", "", "%s: %d", next, status);
            return all;
        }
        json_array_extend(all, (json_t *)json_peek(answer, "data", NULL));
        const char *cursor = json_peek_text(answer, "next_cursor", NULL);
        if (cursor == NULL) {
            json_decref(answer);
            return all;
        }
        snprintf(next, sizeof next, "%s%slimit=100&cursor=%s", path,
                 strchr(path, '?') != NULL ? "&" : "?", cursor);
        json_decref(answer);
    }
    run_fail(run, "answer", "", "%s has no last page", path);
    return all;
}

struct end {
    struct run *run;
    json_t *payments;   /* id → payment */
    json_t *stories;    /* id → story */
    json_t *operations; /* id → operation */
    json_t *cases;
};

static void end_read(struct end *end) {
    struct run *run = end->run;
    size_t i, k;
    json_t *payment, *operation;
    json_t *all = list(run, "/v1/payments");
    end->payments = json_object();
    end->stories = json_object();
    end->operations = json_object();
    end->cases = list(run, "/v1/cases");
    json_array_foreach(all, i, payment) {
        char path[128];
        json_t *story = NULL;
        int status = 0;
        const char *id = json_peek_text(payment, "id", NULL);
        json_object_set(end->payments, id, payment);
        snprintf(path, sizeof path, "/v1/payments/%s/events", id);
        if (!stage_ask(run, "GET", path, NULL, &status, &story) || status != 200) {
            run_fail(run, "answer", id, "%s: %d", path, status);
        }
        json_object_set_new(end->stories, id, story);
        json_array_foreach((json_t *)json_peek(story, "operations", NULL), k, operation) {
            json_object_set(end->operations, json_peek_text(operation, "id", NULL), operation);
        }
        run->outcome->payments++;
        run->outcome->unknowns += json_is_true(json_peek(payment, "was_unknown", NULL));
    }
    json_decref(all);
}

/* ---- at the end: promises ---- */

static bool is_one_of(const char *state, const char *list) {
    size_t count = strlen(state);
    for (const char *at = list; (at = strstr(at, state)) != NULL; at++) {
        if ((at == list || at[-1] == ' ') && (at[count] == '\0' || at[count] == ' ')) {
            return true;
        }
    }
    return false;
}

/* What a payment that was told as the first may be now. NULL: anything. */
static const char *later_of(const char *state) {
    static const struct {
        const char *told, *later;
    } rows[] = {
        {"succeeded", "succeeded"},
        {"failed", "failed"},
        {"canceled", "canceled"},
        {"authorized", "authorized succeeded canceled"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (strcmp(rows[i].told, state) == 0) {
            return rows[i].later;
        }
    }
    return NULL;
}

static void check_payment_promise(struct end *end, const struct promise *promise) {
    static const char *const same[] = {"amount", "currency", "order_id", "capture"};
    static const char *const growing[] = {"amount_captured", "amount_refunded"};
    struct run *run = end->run;
    const json_t *told = promise->answer;
    const char *id = json_peek_text(told, "id", NULL);
    const json_t *now = json_object_get(end->payments, id);
    if (now == NULL) {
        run_fail(run, "promise", promise->order, "%s was told of (%s) and is not there", id,
                 promise->key);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        if (!json_equal(json_object_get(told, same[i]), json_object_get(now, same[i]))) {
            run_fail(run, "promise", promise->order, "%s: %s was told otherwise", id, same[i]);
        }
    }
    const char *state = json_peek_text(told, "state", NULL);
    const char *state_now = json_peek_text(now, "state", NULL);
    const char *later = later_of(state);
    if (later != NULL && !is_one_of(state_now, later)) {
        run_fail(run, "promise", promise->order, "%s: told %s (%s), now %s", id, state,
                 promise->key, state_now);
    }
    for (size_t i = 0; i < COUNT_OF(growing); i++) {
        if (json_peek_int(now, 0, growing[i], NULL) < json_peek_int(told, 0, growing[i], NULL)) {
            run_fail(run, "promise", promise->order, "%s: %s has become less than was told", id,
                     growing[i]);
        }
    }
}

static void check_refund_promise(struct end *end, const struct promise *promise) {
    struct run *run = end->run;
    const char *id = json_peek_text(promise->answer, "id", NULL);
    const char *state = json_peek_text(promise->answer, "state", NULL);
    const json_t *now = json_object_get(end->operations, id);
    const char *state_now = json_peek_text(now, "state", NULL);
    if (now == NULL) {
        run_fail(run, "promise", promise->order, "refund %s was told of and is not there", id);
    } else if (!json_equal(json_object_get(promise->answer, "amount"),
                           json_object_get(now, "amount"))) {
        run_fail(run, "promise", promise->order, "refund %s: another amount was told", id);
    } else if (is_one_of(state, "succeeded failed") && strcmp(state, state_now) != 0) {
        run_fail(run, "promise", promise->order, "refund %s: told %s, now %s", id, state,
                 state_now);
    }
}

static void check_promises(struct end *end) {
    struct run *run = end->run;
    for (guint i = 0; i < run->promises->len && !run_failed(run); i++) {
        const struct promise *promise = g_ptr_array_index(run->promises, i);
        const char *object = json_peek_text(promise->answer, "object", NULL);
        if (strcmp(promise->kind, "card-number") == 0 && promise->status != 422) {
            run_fail(run, "I9", promise->order, "a card number was answered with %d",
                     promise->status);
        }
        if (promise->status < 300 && object != NULL && strcmp(object, "payment") == 0) {
            check_payment_promise(end, promise);
        } else if (promise->status < 300 && object != NULL && strcmp(object, "refund") == 0) {
            check_refund_promise(end, promise);
        }
    }
}

/* Two requests with one key: at most one body was taken. */
static void check_one_body_a_key(struct end *end) {
    struct run *run = end->run;
    for (guint i = 0; i < run->promises->len && !run_failed(run); i++) {
        const struct promise *a = g_ptr_array_index(run->promises, i);
        for (guint k = i + 1; k < run->promises->len && a->key[0] != '\0' && a->status < 300; k++) {
            const struct promise *b = g_ptr_array_index(run->promises, k);
            if (b->status < 300 && a->scope == b->scope && strcmp(a->key, b->key) == 0 &&
                strcmp(a->path, b->path) == 0 && strcmp(a->body, b->body) != 0) {
                run_fail(run, "idempotency", a->order,
                         "two bodies were taken with the same key (%s)", a->key);
                return;
            }
        }
    }
}

/* Once more, long after: what was told then is told now. */
static void check_same_again(struct end *end) {
    struct run *run = end->run;
    for (guint i = 0; i < run->promises->len && !run_failed(run); i++) {
        const struct promise *promise = g_ptr_array_index(run->promises, i);
        json_t *answer = NULL;
        int status = 0;
        if (promise->status >= 300 || promise->key[0] == '\0' ||
            promise->scope != run->key_count - 1 || i % 3 != run->order.seed % 3) {
            continue;
        }
        if (!shop_again(run, promise, &status, &answer)) {
            run_fail(run, "answer", promise->order, "nobody answers a repeat of %s", promise->key);
        } else if (status != promise->status || !json_equal(answer, promise->answer)) {
            char *was = json_dumps(promise->answer, JSON_COMPACT);
            char *is = json_dumps(answer, JSON_COMPACT);
            run_fail(run, "idempotency", promise->order, "%s: told %d %.180s, and again %d %.180s",
                     promise->key, promise->status, was, status, is);
            free(was);
            free(is);
        }
        json_decref(answer);
    }
}

/* ---- at the end: the books ---- */

struct sums {
    int64_t taken, returned, held;
};

static struct sums *sums_of(GHashTable *table, const char *order, const char *gateway,
                            const char *currency) {
    char *key = g_strdup_printf("%s %s %s", order, gateway, currency);
    struct sums *sums = g_hash_table_lookup(table, key);
    if (sums == NULL) {
        sums = g_new0(struct sums, 1);
        g_hash_table_insert(table, key, sums);
    } else {
        g_free(key);
    }
    return sums;
}

static void take_theirs(struct run *run, GHashTable *table) {
    static const char *const names[SB_GATEWAYS] = {"stripe-eu", "paypal-eu"};
    for (int i = 0; i < SB_GATEWAYS; i++) {
        GPtrArray *entries = run->sandbox->book.entries[i];
        for (guint k = 0; k < entries->len; k++) {
            const struct sb_entry *entry = g_ptr_array_index(entries, k);
            struct sums *sums = sums_of(table, entry->order_id, names[i], entry->currency.code);
            sums->taken += entry->taken_minor;
            sums->returned += entry->refunded_minor;
            sums->held += entry->held_minor;
            run->outcome->charges += entry->taken_minor > 0;
            run->outcome->refunds += entry->refunded_minor > 0;
        }
    }
}

static void take_ours(struct end *end, GHashTable *table) {
    const char *id;
    json_t *payment, *operation;
    size_t i;
    json_object_foreach(end->payments, id, payment) {
        const char *gateway = json_peek_text(payment, "gateway", NULL);
        if (gateway == NULL || gateway[0] == '\0') {
            continue;
        }
        struct sums *sums = sums_of(table, json_peek_text(payment, "order_id", NULL), gateway,
                                    json_peek_text(payment, "currency", NULL));
        sums->taken += json_peek_int(payment, 0, "amount_captured", NULL);
        if (strcmp(json_peek_text(payment, "state", NULL), "authorized") == 0) {
            sums->held += json_peek_int(payment, 0, "amount_authorized", NULL);
        }
        const json_t *story = json_object_get(end->stories, id);
        json_array_foreach((json_t *)json_peek(story, "operations", NULL), i, operation) {
            if (strcmp(json_peek_text(operation, "object", NULL), "refund") == 0 &&
                strcmp(json_peek_text(operation, "state", NULL), "succeeded") == 0 &&
                json_is_true(json_peek(operation, "to_original_method", NULL))) {
                sums->returned += json_peek_int(operation, 0, "amount", NULL);
            }
        }
    }
}

/* Money that came after a failure, or that nothing explains: it is in suspense, and a person has a
 * case about it. True: the order has such a case, which counts as an explanation. */
static void take_suspense(struct end *end, GHashTable *table) {
    size_t i;
    json_t *row;
    json_array_foreach(end->cases, i, row) {
        const char *posted = json_peek_text(row, "posted", NULL);
        const json_t *payment = json_object_get(end->payments,
                                                json_peek_text(row, "payment_id", NULL) != NULL
                                                    ? json_peek_text(row, "payment_id", NULL)
                                                    : "");
        const char *order = json_peek_text(payment, "order_id", NULL);
        if (posted == NULL || order == NULL) {
            continue;
        }
        struct sums *sums = sums_of(table, order, json_peek_text(row, "gateway", NULL),
                                    json_peek_text(row, "currency", NULL));
        int64_t amount = json_peek_int(row, 0, "amount", NULL);
        sums->taken += strcmp(posted, "suspense") == 0 ? amount : 0;
    }
}

/* After a capture that was not final the rest is held for as long as nothing else is done. */
static bool in_parts(const struct run *run, const char *order) {
    for (guint i = 0; i < run->promises->len; i++) {
        const struct promise *promise = g_ptr_array_index(run->promises, i);
        if (strcmp(promise->kind, "capture-part") == 0 && strcmp(promise->order, order) == 0) {
            return true;
        }
    }
    return false;
}

static void compare(struct run *run, GHashTable *ours, GHashTable *theirs) {
    static const struct sums none;
    GHashTableIter iter;
    gpointer key, value;
    GList *places = g_hash_table_get_keys(theirs);
    g_hash_table_iter_init(&iter, ours);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        if (!g_hash_table_contains(theirs, key)) {
            places = g_list_prepend(places, key);
        }
    }
    places = g_list_sort(places, (GCompareFunc)strcmp);
    for (const GList *at = places; at != NULL && !run_failed(run); at = at->next) {
        const struct sums *here = g_hash_table_lookup(ours, at->data);
        const struct sums *there = g_hash_table_lookup(theirs, at->data);
        here = here != NULL ? here : &none;
        there = there != NULL ? there : &none;
        char order[RUN_ORDER_CHARS];
        snprintf(order, sizeof order, "%.*s", (int)strcspn(at->data, " "), (char *)at->data);
        bool held_apart = here->held != there->held && !in_parts(run, order);
        if (here->taken != there->taken || here->returned != there->returned || held_apart) {
            run_fail(run, "books", order,
                     "%s: taken, returned, held are %lld, %lld, %lld with us and %lld, %lld, %lld "
                     "there",
                     (char *)at->data, (long long)here->taken, (long long)here->returned,
                     (long long)here->held, (long long)there->taken, (long long)there->returned,
                     (long long)there->held);
        }
    }
    g_list_free(places);
}

static void check_books(struct end *end) {
    struct run *run = end->run;
    GHashTable *ours = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    GHashTable *theirs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    int64_t references = 0, orders = 0;
    take_theirs(run, theirs);
    take_ours(end, ours);
    take_suspense(end, ours);
    sb_book_twice(&run->sandbox->book, &references, &orders);
    int64_t known = (int64_t)json_array_size(end->cases);
    if (orders > known || references > known) {
        run_fail(run, "charged-twice", "",
                 "%lld orders were charged twice, and there are %lld cases", (long long)orders,
                 (long long)known);
    }
    compare(run, ours, theirs);
    g_hash_table_destroy(ours);
    g_hash_table_destroy(theirs);
}

/* What `holdfast` itself says of its books: gateway by gateway, currency by currency. */
static void check_ledger(struct end *end) {
    static const char *const names[SB_GATEWAYS] = {"stripe-eu", "paypal-eu"};
    struct run *run = end->run;
    json_t *answer = NULL;
    int status = 0;
    size_t i;
    json_t *row;
    if (!stage_ask(run, "GET", "/v1/ledger", NULL, &status, &answer) || status != 200) {
        run_fail(run, "answer", "", "/v1/ledger: %d", status);
        json_decref(answer);
        return;
    }
    json_array_foreach((json_t *)json_peek(answer, "books", NULL), i, row) {
        const char *gateway = json_peek_text(row, "gateway", NULL);
        struct currency currency;
        struct err err = {0};
        if (gateway == NULL ||
            currency_parse(json_peek_text(row, "currency", NULL), &currency, &err) < 0) {
            continue;
        }
        int which = strcmp(gateway, names[SB_STRIPE]) == 0 ? SB_STRIPE : SB_PAYPAL;
        struct sb_sums sums = sb_book_sums(&run->sandbox->book, (enum sb_gateway)which, currency);
        if (json_peek_int(row, 0, "taken", NULL) != sums.charged_minor ||
            json_peek_int(row, 0, "returned", NULL) != sums.refunded_minor) {
            run_fail(run, "books", "", "%s %s: our ledger says %lld and %lld, theirs %lld and %lld",
                     gateway, currency.code, (long long)json_peek_int(row, 0, "taken", NULL),
                     (long long)json_peek_int(row, 0, "returned", NULL),
                     (long long)sums.charged_minor, (long long)sums.refunded_minor);
        }
    }
    json_decref(answer);
}

/* ---- at the end: the rest ---- */

/* A request that the network has doubled can be refused the first time and done the second: no
 * evidence contradicts the refusal until the money is there. Nothing else may lead to a case. */
static void check_cases(struct end *end) {
    size_t i;
    json_t *row;
    json_array_foreach(end->cases, i, row) {
        const char *kind = json_peek_text(row, "kind", NULL);
        const char *payment = json_peek_text(row, "payment_id", NULL);
        bool doubled = run_sees(end->run, SEE_DUPLICATES) && strcmp(kind, "late_success") == 0;
        if (!doubled) {
            run_fail(end->run, "case", payment != NULL ? payment : "", "case %s: %s", kind,
                     json_peek_text(row, "detail", NULL));
        }
    }
}

static void check_forgeries(struct end *end) {
    for (int i = 0; i < SB_GATEWAYS; i++) {
        int64_t accepted = end->run->sandbox->events[i].counts.forged_accepted;
        if (accepted > 0) {
            run_fail(end->run, "forgery", "", "%lld forged callbacks were accepted",
                     (long long)accepted);
        }
    }
}

static void check_audit(struct end *end) {
    json_t *answer = NULL;
    int status = 0;
    if (!stage_ask(end->run, "GET", "/internal/api/audit/verify", NULL, &status, &answer) ||
        status != 200 || !json_is_true(json_peek(answer, "whole", NULL))) {
        run_fail(end->run, "I8", "", "the audit log does not verify (%d)", status);
    }
    json_decref(answer);
}

/* What a gateway was told that we have, we have. */
static void check_acknowledged(struct end *end) {
    struct run *run = end->run;
    GList *all = g_list_sort(g_hash_table_get_keys(run->acknowledged), (GCompareFunc)strcmp);
    for (const GList *at = all; at != NULL && !run_failed(run); at = at->next) {
        struct err err = {0};
        struct count count = {
            .sql = "SELECT COUNT(*), '' FROM callback WHERE gateway || ' ' || event_id = $1",
            .text = at->data};
        if (store_read(run->look, count_tx, &count, &err) < 0 || count.found != 1) {
            run_fail(run, "I3", "", "callback %s was acknowledged and is not there",
                     (const char *)at->data);
        }
    }
    g_list_free(all);
}

/* What the merchant was told of happened, and still has after every power cut. */
static void check_told(struct run *run) {
    GList *all = g_list_sort(g_hash_table_get_keys(run->told), (GCompareFunc)strcmp);
    for (const GList *at = all; at != NULL && !run_failed(run); at = at->next) {
        const char *type = json_peek_text(g_hash_table_lookup(run->told, at->data), "type", NULL);
        struct err err = {0};
        char told[160];
        snprintf(told, sizeof told, "%s %s", (const char *)at->data, type != NULL ? type : "?");
        struct count count = {.sql = "SELECT COUNT(*), '' FROM event WHERE id || ' ' || type = $1",
                              .text = told};
        if (store_read(run->look, count_tx, &count, &err) < 0 || count.found != 1) {
            run_fail(run, "webhook", "", "the merchant was told of event %s, which is not there",
                     told);
        }
    }
    g_list_free(all);
}

/* The merchant was told of every event, and of nothing that is not so. */
static void check_webhooks(struct end *end) {
    struct run *run = end->run;
    const char *id;
    json_t *story, *event;
    size_t i;
    if (run->webhook_secret[0] == '\0') {
        return;
    }
    check_told(run);
    json_object_foreach(end->stories, id, story) {
        json_array_foreach((json_t *)json_peek(story, "events", NULL), i, event) {
            const char *event_id = json_peek_text(event, "id", NULL);
            if (event_id != NULL && !g_hash_table_contains(run->told, event_id)) {
                run_fail(run, "webhook", id, "%s (%s) was never delivered",
                         json_peek_text(event, "type", NULL), event_id);
                return;
            }
        }
    }
}

/* What nobody may find on the disk or in the logs: what customers and operators were given, and
 * what the gateways know us by. */
static void check_secrets(struct end *end) {
    struct run *run = end->run;
    const char *const secrets[] = {SIM_CARD_NUMBER,
                                   SANDBOX_STRIPE_KEY,
                                   SANDBOX_STRIPE_WEBHOOK_SECRET,
                                   SANDBOX_PAYPAL_CLIENT_SECRET,
                                   run->webhook_secret,
                                   run->keys[0],
                                   run->keys[run->key_count - 1]};
    char *log = run_log(run);
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        size_t count = strlen(secrets[i]);
        if (count == 0) {
            continue;
        }
        if (sim_disk_holds(run->disk, secrets[i], count)) {
            run_fail(run, "I9", "", "secret %zu of the list is on the disk", i);
        } else if (strstr(log, secrets[i]) != NULL) {
            run_fail(run, "I9", "", "secret %zu of the list is in the log", i);
        }
    }
    free(log);
}

void oracle_end(struct run *run) {
    struct end end = {.run = run};
    void (*const checks[])(struct end *) = {
        check_promises, check_one_body_a_key, check_acknowledged, check_books,
        check_ledger,   check_cases,          check_forgeries,    check_webhooks,
        check_audit,    check_same_again,     check_secrets,
    };
    verify(run, "at the end");
    end_read(&end);
    for (size_t i = 0; i < COUNT_OF(checks) && !run_failed(run); i++) {
        checks[i](&end);
    }
    json_decref(end.payments);
    json_decref(end.stories);
    json_decref(end.operations);
    json_decref(end.cases);
}
