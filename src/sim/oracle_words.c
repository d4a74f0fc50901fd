/* SPDX-License-Identifier: Apache-2.0
 * oracle_words.c: every word that was given: what customers were told, at the moment and for ever
 * after, and what the merchant was told by webhooks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "payment/later.h"
#include "sandbox/sandbox_impl.h"
#include "sim/bank_rows.h"
#include "sim/gateways.h"
#include "sim/held.h"
#include "sim/oracle_impl.h"

/* ---- the moment it is told ---- */

static bool is_one_of(const char *state, const char *list) {
    size_t count = strlen(state);
    for (const char *at = list; count > 0 && (at = strstr(at, state)) != NULL; at++) {
        if ((at == list || at[-1] == ' ') && (at[count] == '\0' || at[count] == ' ')) {
            return true;
        }
    }
    return false;
}

static bool is_object(const json_t *said, const char *object) {
    return strcmp(oracle_text(said, "object"), object) == 0;
}

/* What this payment has given back as store credit, which no gateway sees. */
static int64_t credited(struct run *run, const char *id) {
    struct count count = {.sql = "SELECT COALESCE(SUM(amount_minor), 0), '' FROM operation WHERE "
                                 "payment_id = $1 AND kind = 3 AND to_original = 0 AND state = 4",
                          .text = id};
    sim_hold(run->world);
    bool known = run->look != NULL && oracle_count(run, &count);
    sim_unhold(run->world);
    return known ? count.found : INT64_MAX; /* nobody can say now */
}

/* What banks have sent back, of refunds of this order that Stripe had told of as done. */
static int64_t sent_back(const struct run *run, const char *order) {
    const GArray *moves = run->sandbox->book.moves[SB_STRIPE];
    int64_t minor = 0;
    for (guint i = 0; run_sees(run, SEE_REFUNDS_BACK) && i < moves->len; i++) {
        const struct sb_move *move = &g_array_index(moves, struct sb_move, i);
        bool back = move->kind == SB_MOVE_REFUND_BACK && strcmp(move->entry->order_id, order) == 0;
        minor += back ? move->amount_minor : 0;
    }
    return minor;
}

/* The moment anybody is told of money that was taken or given back, the gateway has done it. */
void oracle_said(struct run *run, const char *who, const json_t *said) {
    const char *order = oracle_text(said, "order_id"), *gateway = oracle_text(said, "gateway");
    int64_t captured = json_peek_int(said, 0, "amount_captured", NULL);
    int64_t refunded = json_peek_int(said, 0, "amount_refunded", NULL);
    int64_t held = is_one_of(oracle_text(said, "state"), "authorized")
                       ? json_peek_int(said, 0, "amount_authorized", NULL)
                       : 0;
    int64_t asked = 0, taken = 0, returned = 0;
    if (!is_object(said, "payment") || gateway[0] == '\0' ||
        strcmp(gateway, GATEWAY_BY_HAND) == 0) { /* oracle_held.c */
        return;
    }
    if (bank_is(gateway)) {
        bank_said(run, who, said);
        return;
    }
    enum sb_gateway which = SB_STRIPE;
    bool known = sim_gateway_find(gateway, &which);
    INVARIANT(known, "nobody names another gateway than the run has");
    GPtrArray *entries = run->sandbox->book.entries[which];
    for (guint i = 0; i < entries->len; i++) {
        const struct sb_entry *entry = g_ptr_array_index(entries, i);
        if (strcmp(entry->order_id, order) == 0) {
            asked += entry->asked_minor;
            taken += entry->taken_minor;
            returned += entry->refunded_minor;
        }
    }
    returned += which == SB_STRIPE ? sent_back(run, order) : 0; /* nobody need have heard of it */
    bool over = refunded > returned && refunded - returned > credited(run, oracle_text(said, "id"));
    if (captured > taken || over || held > asked) {
        run_fail(run, "early", order,
                 "%s: %lld taken, %lld returned and %lld held were told, and it was %lld, %lld and "
                 "at most %lld there",
                 who, (long long)captured, (long long)refunded, (long long)held, (long long)taken,
                 (long long)returned, (long long)asked);
    }
}

/* ---- what customers were told, for ever after ---- */

/* What a payment that was told as the first may be later. */
static const char *later_of(const char *state) {
    static const struct {
        const char *told, *later;
    } rows[] = {
        {"succeeded", "succeeded"},
        {"failed", "failed"},
        {"canceled", "canceled"},
        {"authorized", "authorized succeeded canceled"},
        {"requires_action", "requires_action processing authorized succeeded failed canceled"},
        {"processing", "processing requires_action authorized succeeded failed canceled"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (strcmp(rows[i].told, state) == 0) {
            return rows[i].later;
        }
    }
    return "";
}

/* Its customer has asked for another way to pay, or chose one behind the link. */
static bool has_chosen(const struct run *run, const char *order) {
    const struct held_order *held = held_find(run, order);
    if (held != NULL && held->chose) {
        return true;
    }
    for (guint i = 0; i < run->promises->len; i++) {
        const struct promise *promise = g_ptr_array_index(run->promises, i);
        if (strcmp(promise->kind, "choose") == 0 && strcmp(promise->order, order) == 0) {
            return true;
        }
    }
    return false;
}

/* It had failed, and an old code of it was paid after all: by the rule that is the payment
 * (decision 0016). */
static bool was_accepted(struct run *run, const char *id) {
    struct count count = {.sql = "SELECT COUNT(*), '' FROM review_case WHERE payment_id = $1 AND "
                                 "kind = 'late_success' AND state = 2 AND decided_by = "
                                 "'rule:paid-twice'",
                          .text = id};
    return oracle_count(run, &count) && count.found > 0;
}

/* What a payment is told to be by the one and, later, by the other. */
static void compare_payments(struct run *run, const char *whom, const json_t *told,
                             const json_t *now) {
    static const char *const same[] = {"id",       "amount", "currency",    "order_id",
                                       "capture",  "method", "purpose",     "customer",
                                       "metadata", "object", "description", "created_at"};
    static const char *const growing[] = {"amount_captured", "amount_refunded", "version",
                                          "attempts"};
    const char *id = oracle_text(told, "id"), *state = oracle_text(told, "state");
    const char *state_now = oracle_text(now, "state");
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        bool differs = !json_equal(json_object_get(told, same[i]), json_object_get(now, same[i]));
        bool may = strcmp(same[i], "method") == 0;
        if (differs && !(may && has_chosen(run, oracle_text(now, "order_id")))) {
            run_fail(run, "promise", id, "%s: %s was told otherwise (%s)", id, same[i], whom);
        }
    }
    bool accepted = strcmp(state, "failed") == 0 && strcmp(state_now, "succeeded") == 0;
    bool by_person = is_one_of(state, "failed canceled") && strcmp(state_now, "succeeded") == 0 &&
                     bank_was_accepted(run, id);
    if (!is_one_of(state_now, later_of(state)) && !(accepted && was_accepted(run, id)) &&
        !by_person) {
        run_fail(run, "promise", id, "%s: told %s (%s), now %s", id, state, whom, state_now);
    }
    for (size_t i = 0; i < COUNT_OF(growing); i++) {
        bool may = strcmp(growing[i], "amount_refunded") == 0;
        int64_t less = json_peek_int(told, 0, growing[i], NULL) -
                       json_peek_int(now, 0, growing[i], NULL);
        if (less > (may ? sent_back(run, oracle_text(now, "order_id")) : 0) &&
            !(may && bank_sent_back(run, id))) {
            run_fail(run, "promise", id, "%s: %s has become less than was told (%s)", id,
                     growing[i], whom);
        }
    }
}

static void check_payment_promise(struct end *end, const struct promise *promise) {
    const char *id = oracle_text(promise->answer, "id");
    const json_t *now = json_object_get(end->payments, id);
    if (now == NULL) {
        run_fail(end->run, "promise", promise->order, "%s was told of (%s) and is not there", id,
                 promise->key);
        return;
    }
    compare_payments(end->run, promise->key, promise->answer, now);
}

/* The bank has sent back a refund of that payment's order, of this amount. */
static bool stripe_sent_back(struct run *run, const char *refund) {
    const GArray *moves = run->sandbox->book.moves[SB_STRIPE];
    struct count count = {.sql = "SELECT o.amount_minor, p.order_id FROM operation o JOIN payment "
                                 "p ON p.id = o.payment_id WHERE o.id = $1",
                          .text = refund};
    bool known = run_sees(run, SEE_REFUNDS_BACK) && oracle_count(run, &count);
    for (guint i = 0; known && i < moves->len; i++) {
        const struct sb_move *move = &g_array_index(moves, struct sb_move, i);
        if (move->kind == SB_MOVE_REFUND_BACK && move->amount_minor == count.found &&
            strcmp(move->entry->order_id, count.first) == 0) {
            return true;
        }
    }
    return false;
}

static void compare_refunds(struct run *run, const json_t *told, const json_t *now) {
    static const char *const same[] = {"payment_id", "amount", "currency",  "to_original_method",
                                       "gateway",    "reason", "created_at"};
    const char *id = oracle_text(told, "id"), *state = oracle_text(told, "state");
    const char *state_now = oracle_text(now, "state");
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        if (!json_equal(json_object_get(told, same[i]), json_object_get(now, same[i]))) {
            run_fail(run, "promise", id, "refund %s: %s was told otherwise", id, same[i]);
        }
    }
    /* Refused, and then paid by the second copy of the request: a person has a case about it. */
    bool copied = run_sees(run, SEE_DUPLICATES) && strcmp(state, "failed") == 0 &&
                  strcmp(state_now, "succeeded") == 0;
    bool back = strcmp(state, "succeeded") == 0 && strcmp(state_now, "failed") == 0 &&
                (bank_came_back(run, id) || stripe_sent_back(run, id));
    if (is_one_of(state, "succeeded failed") && strcmp(state, state_now) != 0 && !copied && !back) {
        run_fail(run, "promise", id, "refund %s: told %s, now %s", id, state, state_now);
    }
}

static void check_refund_promise(struct end *end, const struct promise *promise) {
    const char *id = oracle_text(promise->answer, "id");
    const json_t *now = json_object_get(end->operations, id);
    if (now == NULL) {
        run_fail(end->run, "promise", promise->order, "refund %s was told of and is not there", id);
        return;
    }
    compare_refunds(end->run, promise->answer, now);
}

void check_promises(struct end *end) {
    struct run *run = end->run;
    for (guint i = 0; i < run->promises->len && !run_failed(run); i++) {
        const struct promise *promise = g_ptr_array_index(run->promises, i);
        if (strcmp(promise->kind, "card-number") == 0 && promise->status != 422) {
            run_fail(run, "I9", promise->order, "a card number was answered with %d",
                     promise->status);
        }
        if (promise->status < 300 && is_object(promise->answer, "payment")) {
            check_payment_promise(end, promise);
        } else if (promise->status < 300 && is_object(promise->answer, "refund")) {
            check_refund_promise(end, promise);
        } else if (promise->status < 300 && !is_object(promise->answer, "manual_payment") &&
                   !is_object(promise->answer, "incident")) { /* oracle_incidents.c */
            run_fail(run, "promise", promise->order, "%s: %d, and neither payment nor refund",
                     promise->key, promise->status);
        }
    }
}

/* What was done, somebody was told of: each customer asks until there is an answer. (With a key
 * that was replaced meanwhile, another scope may have answered.) */
void check_untold(struct end *end) {
    struct run *run = end->run;
    const char *id;
    json_t *row;
    GHashTable *told = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < run->promises->len; i++) {
        const struct promise *promise = g_ptr_array_index(run->promises, i);
        if (promise->status < 300) {
            g_hash_table_add(told, (gpointer)oracle_text(promise->answer, "id"));
        }
    }
    json_object_foreach(end->payments, id, row) {
        /* A renewal is nobody's request: subscribers.c looks after those. */
        bool renewal = strcmp(oracle_text(row, "purpose"), "subscription") == 0;
        if (!renewal && !run_sees(run, SEE_KEYS) && !g_hash_table_contains(told, id)) {
            run_fail(run, "idempotency", id, "payment %s was made, and nobody was told of it", id);
        }
    }
    json_object_foreach(end->operations, id, row) {
        if (!run_sees(run, SEE_KEYS) && is_object(row, "refund") &&
            !g_hash_table_contains(told, id) && !bank_found(run, id)) {
            run_fail(run, "idempotency", id, "refund %s was made, and nobody was told of it", id);
        }
    }
    g_hash_table_destroy(told);
}

/* Two requests with one key: at most one body was taken. */
void check_one_body_a_key(struct end *end) {
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

/* Once more, long after: what was told then is told now, word for word. */
void check_same_again(struct end *end) {
    struct run *run = end->run;
    for (guint i = 0; i < run->promises->len && !run_failed(run); i++) {
        const struct promise *promise = g_ptr_array_index(run->promises, i);
        json_t *answer = NULL;
        int status = 0;
        bool kept = promise->status < 300 || strcmp(promise->kind, "card-number") == 0 ||
                    strstr(oracle_text(promise->answer, "type"), "idempotency-mismatch") != NULL;
        if (!kept || promise->key[0] == '\0' || promise->scope != run->key_count - 1) {
            continue;
        }
        if (!shop_again(run, promise, &status, &answer)) {
            run_fail(run, "answer", promise->order, "nobody answers a repeat of %s", promise->key);
        } else if (status != promise->status ||
                   (status < 300 && !json_equal(answer, promise->answer))) {
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

/* ---- what the merchant was told ---- */

struct told {
    const char *id;
    char *type, *data; /* as the store has it; NULL: it does not */
};

static int told_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct told *told = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT type, data FROM event WHERE id = $1",
                      S_TEXT(told->id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        told->type = g_strdup(sql_text(rows, 0));
        told->data = g_strdup(sql_text(rows, 1));
    }
    return r < 0 ? r : 0;
}

/* What was told of happened, in these words, and still has after every power cut. */
static void check_told(struct run *run, const char *id, const json_t *said) {
    struct err err = {0};
    struct told told = {.id = id};
    int r = store_read(run->look, told_tx, &told, &err);
    json_t *data = told.data != NULL ? json_loads(told.data, 0, NULL) : NULL;
    json_t *heard = json_copy((json_t *)json_object_get(said, "data"));
    json_object_del(heard, "pay_later_url"); /* put in when it is sent, and stored nowhere */
    if (r < 0 || told.type == NULL || strcmp(told.type, oracle_text(said, "type")) != 0) {
        run_fail(run, "webhook", id, "the merchant was told of event %s (%s), which is not there",
                 id, oracle_text(said, "type"));
    } else if (!json_equal(data, heard)) {
        run_fail(run, "webhook", id, "the merchant was told something else of event %s", id);
    }
    json_decref(heard);
    json_decref(data);
    g_free(told.type);
    g_free(told.data);
}

/* Who knows a payment by its webhooks alone knows how it stands. */
static void check_last_words(struct end *end, const char *id, const json_t *last,
                             GHashTable *refunds) {
    struct run *run = end->run;
    const json_t *now = json_object_get(end->payments, id);
    const char *operation;
    json_t *row;
    bool told = last != NULL;
    if (run_failed(run)) {
        return;
    }
    if (!told || strcmp(oracle_text(last, "state"), oracle_text(now, "state")) != 0 ||
        json_peek_int(last, 0, "amount_captured", NULL) !=
            json_peek_int(now, 0, "amount_captured", NULL)) {
        run_fail(
            run, "webhook", id,
            "the merchant was last told %s, and %lld captured; it is %s, and %lld",
            oracle_text(last, "state"), (long long)json_peek_int(last, 0, "amount_captured", NULL),
            oracle_text(now, "state"), (long long)json_peek_int(now, 0, "amount_captured", NULL));
    }
    if (told) {
        compare_payments(run, "by webhook", last, now);
    }
    json_object_foreach(end->operations, operation, row) {
        const json_t *said = g_hash_table_lookup(refunds, operation);
        if (!is_object(row, "refund") || strcmp(oracle_text(row, "payment_id"), id) != 0) {
            continue;
        }
        if (said == NULL || strcmp(oracle_text(said, "state"), oracle_text(row, "state")) != 0) {
            run_fail(run, "webhook", id,
                     "the merchant was last told that refund %s is %s; it is %s", operation,
                     said != NULL ? oracle_text(said, "state") : "nothing",
                     oracle_text(row, "state"));
            return;
        }
        compare_refunds(run, said, row);
    }
}

/* The same of a dispute: what was said last of it is what it is. */
static void check_disputes_told(struct end *end, const char *payment, GHashTable *told) {
    size_t i;
    json_t *row;
    json_array_foreach(end->disputes, i, row) {
        const char *id = oracle_text(row, "id");
        const json_t *last = g_hash_table_lookup(told, id);
        if (strcmp(oracle_text(row, "payment_id"), payment) == 0 &&
            strcmp(oracle_text(last, "state"), oracle_text(row, "state")) != 0) {
            run_fail(end->run, "webhook", payment, "dispute %s is %s, and was told of as %s", id,
                     oracle_text(row, "state"), oracle_text(last, "state"));
        }
    }
}

/* The events of one payment, in their order, tell its story and end where it is now. */
static void check_telling(struct end *end, const char *id, const json_t *story) {
    struct run *run = end->run;
    const json_t *before = NULL;
    int64_t sequence = -1;
    size_t i;
    json_t *event;
    GHashTable *refunds = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTable *disputes = g_hash_table_new(g_str_hash, g_str_equal);
    json_array_foreach((json_t *)json_peek(story, "events", NULL), i, event) {
        const char *type = oracle_text(event, "type");
        const json_t *said = g_hash_table_lookup(run->told, oracle_text(event, "id"));
        const json_t *data = json_object_get(said, "data");
        int64_t number = json_peek_int(event, -1, "sequence", NULL);
        if (said == NULL) {
            run_fail(run, "webhook", id, "%s (%s) was never delivered", type,
                     oracle_text(event, "id"));
            break;
        }
        if (number <= sequence) {
            run_fail(run, "webhook", id, "event %lld comes after event %lld", (long long)number,
                     (long long)sequence);
        }
        sequence = number;
        if (is_object(data, "payment")) {
            if (before != NULL) {
                compare_payments(run, type, before, data);
            }
            before = data;
        } else if (is_object(data, "refund")) {
            g_hash_table_replace(refunds, (gpointer)oracle_text(data, "id"), (gpointer)data);
        } else if (is_object(data, "dispute")) {
            g_hash_table_replace(disputes, (gpointer)oracle_text(data, "id"), (gpointer)data);
        } else {
            run_fail(run, "webhook", id, "%s tells of no payment, refund or dispute", type);
        }
    }
    check_last_words(end, id, before, refunds);
    check_disputes_told(end, id, disputes);
    g_hash_table_destroy(disputes);
    g_hash_table_destroy(refunds);
}

/* The merchant was told of every event, and of nothing that is not so. */
void check_webhooks(struct end *end) {
    struct run *run = end->run;
    const char *id;
    json_t *story;
    if (run->webhook_secret[0] == '\0') {
        return;
    }
    GList *all = g_list_sort(g_hash_table_get_keys(run->told), (GCompareFunc)strcmp);
    for (const GList *at = all; at != NULL && !run_failed(run); at = at->next) {
        check_told(run, at->data, g_hash_table_lookup(run->told, at->data));
    }
    g_list_free(all);
    json_object_foreach(end->stories, id, story) {
        if (!run_failed(run)) {
            check_telling(end, id, story);
        }
    }
}
