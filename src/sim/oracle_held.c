/* SPDX-License-Identifier: Apache-2.0
 * oracle_held.c: what must be true of orders that are held, payments that are queued or come by
 * hand, and of the ladder: by the words that were given, the store and the gateways' own books. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "sandbox/sandbox_impl.h"
#include "sim/held.h"

/* What was begun in time may still be on its way to another gateway, or wait for the disk. */
#define ON_ITS_WAY_US (15 * US_PER_SECOND)
#define ON_ITS_WAY "15000000"
#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number

struct rule {
    const char *check, *what, *sql;
    bool by_time; /* not asked where the service's clock jumps */
};

static void ask(struct run *run, const struct rule *rules, size_t count) {
    for (size_t i = 0; i < count && !run_failed(run); i++) {
        struct count found = {.sql = rules[i].sql};
        if ((!rules[i].by_time || !run_sees(run, SEE_CLOCK)) && oracle_count(run, &found) &&
            found.found > 0) {
            run_fail(run, rules[i].check, found.first, "%s: %s", found.first, rules[i].what);
        }
    }
}

/* ---- after a commit ---- */

#define DECIDED                                                                                    \
    "SELECT COUNT(*), MIN(p.id) FROM manual_payment m JOIN payment p ON p.id = m.payment_id JOIN " \
    "approval a ON a.id = m.approval_id WHERE (p.state = 5) <> (a.state = 2) OR (a.state = 2 AND " \
    "a.asked_person = a.decided_person) OR (a.state = 3 AND p.state <> 7) OR (a.state = 2 AND "    \
    "NOT "                                                                                         \
    "EXISTS (SELECT 1 FROM dispute_evidence e WHERE e.dispute_id = p.id))"

void held_commit(struct run *run) {
    static const struct rule queued[] = {
        {"cap", "more waits for a gateway in this currency than may",
         "SELECT COUNT(*), MIN(currency) FROM (SELECT currency, SUM(amount_minor) AS waits FROM "
         "forward WHERE done_us = 0 GROUP BY currency) AS sums WHERE waits > " TEXT(6000),
         false},
    };
    static const struct rule by_hand[] = {
        {"by-hand", "it counts otherwise than another person has decided by its evidence", DECIDED,
         false},
    };
    static_assert(HELD_QUEUE_TOTAL == 6000, "the rule knows the bound");
    if (run_sees(run, SEE_QUEUED)) {
        ask(run, queued, COUNT_OF(queued));
    }
    if (run_sees(run, SEE_BY_HAND)) {
        ask(run, by_hand, COUNT_OF(by_hand));
    }
}

/* ---- when all is quiet ---- */

static bool all_on(struct run *run, char *ret_why, size_t bytes) {
    json_t *answer = NULL;
    int status = 0;
    size_t i;
    json_t *row;
    bool on = stage_ask(run, "GET", "/v1/switches", NULL, &status, &answer) && status == 200;
    snprintf(ret_why, bytes, "nobody says how the switches are");
    json_array_foreach((json_t *)json_peek(answer, "data", NULL), i, row) {
        if (on && !json_is_true(json_peek(row, "on", NULL))) {
            snprintf(ret_why, bytes, "%s %s is off: %s", oracle_text(row, "kind"),
                     oracle_text(row, "name"), oracle_text(row, "reason"));
            on = false;
        }
    }
    json_decref(answer);
    return on;
}

bool held_rests(struct run *run, char *ret_why, size_t bytes) {
    json_t *mode = NULL;
    int status = 0;
    if (run->held->pending > 0) {
        snprintf(ret_why, bytes, "%d customers have not come back", run->held->pending);
        return false;
    }
    if (!run_sees(run, SEE_MODES)) {
        return true;
    }
    bool told = stage_ask(run, "GET", "/v1/mode", NULL, &status, &mode) && status == 200;
    const json_t *hand = json_peek(mode, "by_hand", NULL);
    bool normal = told && strcmp(oracle_text(mode, "step"), "normal") == 0 &&
                  (hand == NULL || json_is_null(hand)) &&
                  json_is_false(json_peek(mode, "simplified", "on", NULL));
    if (!normal) {
        snprintf(ret_why, bytes, "the ladder stands at %s (%.100s)", oracle_text(mode, "step"),
                 oracle_text(mode, "reason"));
    }
    json_decref(mode);
    return normal && all_on(run, ret_why, bytes);
}

int held_secrets(const struct run *run, const char **texts, int max) {
    int count = run->held->count < max ? run->held->count : max;
    for (int i = 0; i < count; i++) {
        texts[i] = run->held->orders[i].secret;
    }
    return count;
}

/* ---- orders that were held ---- */

static bool has_case(const struct end *end, const char *payment) {
    size_t i;
    json_t *row;
    json_array_foreach(end->cases, i, row) {
        if (strcmp(oracle_text(row, "payment_id"), payment) == 0) {
            return true;
        }
    }
    return false;
}

/* A charge that an attempt of this payment asked for, and of which something is still there. */
static const struct sb_entry *kept_by(const struct end *end, const char *payment) {
    for (int i = 0; i < SB_GATEWAYS; i++) {
        const GPtrArray *entries = end->run->sandbox->book.entries[i];
        for (guint k = 0; k < entries->len; k++) {
            const struct sb_entry *entry = g_ptr_array_index(entries, k);
            const json_t *attempt = json_object_get(end->attempts, entry->reference);
            if (entry->taken_minor > entry->refunded_minor + entry->disputed_minor &&
                strcmp(oracle_text(attempt, "payment_id"), payment) == 0) {
                return entry;
            }
        }
    }
    return NULL;
}

static void check_page_words(struct end *end, const struct held_order *held) {
    const json_t *payment = json_object_get(end->payments, held->payment);
    const char *state = oracle_text(payment, "state");
    bool paid = strcmp(state, "succeeded") == 0 || strcmp(state, "authorized") == 0;
    const struct sb_entry *kept = kept_by(end, held->payment);
    if (held->paid && !paid) {
        run_fail(end->run, "held", held->order, "%s: its page said that it is paid, and it is %s",
                 held->payment, state);
    } else if (!paid && kept != NULL && !has_case(end, held->payment)) {
        run_fail(end->run, "held", held->order,
                 "%s is %s, and %s has been charged and kept without a word to anybody",
                 held->payment, state, kept->id);
    }
}

/* A reminder goes to who is to pay, with the link that he has. */
static void check_reminder(struct run *run, const char *id, const json_t *said) {
    const json_t *data = json_object_get(said, "data");
    const struct held_order *held = held_find(run, oracle_text(data, "order_id"));
    const char *url = oracle_text(data, "pay_later_url");
    /* An order that was held, and is held anew, has another link. */
    if (strcmp(oracle_text(said, "type"), "payment.reminder") != 0 || held == NULL ||
        strcmp(oracle_text(data, "id"), held->payment) != 0) {
        return;
    }
    bool waits = strcmp(oracle_text(data, "state"), "requires_action") == 0;
    bool chosen = strcmp(json_peek_text(data, "action", "type", NULL) != NULL
                             ? json_peek_text(data, "action", "type", NULL)
                             : "",
                         "pay_later") != 0;
    if (!waits || (!chosen && strstr(url, held->secret) == NULL)) {
        run_fail(run, "held", held->order, "%s reminds of %s, which is %s, by %.40s…", id,
                 held->payment, oracle_text(data, "state"), url);
    }
}

void check_held(struct end *end) {
    static const struct rule rules[] = {
        {"held", "its order is held beyond its time",
         "SELECT COUNT(*), MIN(id) FROM payment WHERE deferred_until_us > 0 AND state IN (1, 2, 3)",
         false},
        {"held", "a gateway was asked when the time to pay was over",
         "SELECT COUNT(*), MIN(p.id) FROM attempt a JOIN payment p ON p.id = a.payment_id WHERE "
         "p.deferred_until_us > 0 AND a.created_us > p.deferred_until_us + " ON_ITS_WAY,
         true},
        {"held", "it expired before its time was over",
         "SELECT COUNT(*), MIN(id) FROM payment WHERE deferred_until_us > 0 AND state = 7 AND "
         "failure_code = 'expired' AND updated_us < deferred_until_us",
         true},
        {"held", "its customer was reminded more often than once",
         "SELECT COUNT(*), MIN(id) FROM (SELECT payment_id AS id FROM event WHERE type = "
         "'payment.reminder' GROUP BY payment_id HAVING COUNT(*) > 1) AS often",
         false},
    };
    struct run *run = end->run;
    GHashTableIter iter;
    gpointer id, said;
    if (!run_sees(run, SEE_HELD_ORDERS)) {
        return;
    }
    ask(run, rules, COUNT_OF(rules));
    for (int i = 0; i < run->held->count && !run_failed(run); i++) {
        check_page_words(end, &run->held->orders[i]);
    }
    g_hash_table_iter_init(&iter, run->told);
    while (g_hash_table_iter_next(&iter, &id, &said) && !run_failed(run)) {
        check_reminder(run, id, said);
    }
}

/* ---- payments that were queued ---- */

void check_queued(struct end *end) {
    static const struct rule rules[] = {
        {"queued", "it waits for a gateway, and all are well",
         "SELECT COUNT(*), MIN(payment_id) FROM forward WHERE done_us = 0", false},
        {"queued", "it was charged when it had waited for too long",
         "SELECT COUNT(*), MIN(f.payment_id) FROM attempt a JOIN forward f ON f.payment_id = "
         "a.payment_id WHERE a.created_us > f.until_us + " ON_ITS_WAY,
         true},
    };
    if (run_sees(end->run, SEE_QUEUED)) {
        ask(end->run, rules, COUNT_OF(rules));
    }
}

/* ---- payments by hand ---- */

static bool is_decision(const struct promise *promise) {
    return promise->status < 300 && (strcmp(promise->kind, "by-hand-approve") == 0 ||
                                     strcmp(promise->kind, "by-hand-reject") == 0);
}

/* Of all who decided one was told that he has, and it was not who had asked. */
static void check_decision(struct end *end, guint at) {
    struct run *run = end->run;
    const struct promise *promise = g_ptr_array_index(run->promises, at);
    const char *id = oracle_text(promise->answer, "id");
    const json_t *payment = json_object_get(end->payments, id);
    bool approved = strcmp(promise->kind, "by-hand-approve") == 0;
    for (guint i = at + 1; i < run->promises->len; i++) {
        const struct promise *other = g_ptr_array_index(run->promises, i);
        if (is_decision(other) && strcmp(other->key, promise->key) != 0 &&
            strcmp(oracle_text(other->answer, "id"), id) == 0) {
            run_fail(run, "by-hand", id, "%s: two were told that they have decided (%s, %s)", id,
                     promise->key, other->key);
        }
    }
    if (approved && promise->scope == RUN_KEYS_MAX) {
        run_fail(run, "by-hand", id, "%s was approved by who had asked for it", id);
    }
    if (strcmp(oracle_text(payment, "state"), approved ? "succeeded" : "canceled") != 0) {
        run_fail(run, "by-hand", id, "%s was %s, and is %s", id, approved ? "approved" : "rejected",
                 oracle_text(payment, "state"));
    }
    if (approved && kept_by(end, id) != NULL) {
        run_fail(run, "by-hand", id, "%s was approved, and a gateway has charged it", id);
    }
}

/* Long after, what persons were told is told again. */
static void check_said_again(struct run *run, const struct promise *promise) {
    json_t *answer = NULL;
    int status = 0;
    if (!shop_again(run, promise, &status, &answer)) {
        run_fail(run, "answer", promise->order, "nobody answers a repeat of %s", promise->key);
    } else if (status != promise->status || !json_equal(answer, promise->answer)) {
        run_fail(run, "idempotency", promise->order, "%s: told %d, and again %d", promise->key,
                 promise->status, status);
    }
    json_decref(answer);
}

/* What was charged for the order at a gateway and kept, and came by hand as well. */
static void check_paid_twice(struct end *end) {
    const char *id, *other;
    json_t *payment, *second;
    json_object_foreach(end->payments, id, payment) {
        bool by_hand = strcmp(oracle_text(payment, "method"), "manual") == 0 &&
                       strcmp(oracle_text(payment, "state"), "succeeded") == 0;
        json_object_foreach(end->payments, other, second) {
            if (by_hand && strcmp(id, other) != 0 && kept_by(end, other) != NULL &&
                strcmp(oracle_text(payment, "order_id"), oracle_text(second, "order_id")) == 0 &&
                !has_case(end, other)) {
                run_fail(end->run, "by-hand", id, "%s came by hand, and %s took it as well", id,
                         other);
                return;
            }
        }
    }
}

void check_by_hand(struct end *end) {
    static const struct rule rules[] = {
        {"by-hand", "it counts otherwise than another person has decided by its evidence", DECIDED,
         false},
        {"by-hand", "nobody has decided it",
         "SELECT COUNT(*), MIN(subject) FROM approval WHERE state = 1", false},
    };
    struct run *run = end->run;
    if (!run_sees(run, SEE_BY_HAND)) {
        return;
    }
    ask(run, rules, COUNT_OF(rules));
    for (guint i = 0; i < run->promises->len && !run_failed(run); i++) {
        const struct promise *promise = g_ptr_array_index(run->promises, i);
        if (is_decision(promise)) {
            check_decision(end, i);
        }
        if (promise->scope >= RUN_KEYS_MAX && promise->status < 300 && !run_failed(run)) {
            check_said_again(run, promise);
        }
    }
    if (!run_failed(run)) {
        check_paid_twice(end);
    }
}

/* ---- the ladder ---- */

static void check_closed(struct run *run, const json_t *row, const char *what) {
    int64_t created_us = 0;
    bool known = clock_parse(oracle_text(row, "created_at"), &created_us);
    for (int i = 0; known && i < run->held->windows; i++) {
        const struct held_window *window = &run->held->read_only[i];
        if (created_us > window->from_us + ON_ITS_WAY_US && created_us < window->until_us) {
            run_fail(run, "mode", oracle_text(row, "id"),
                     "%s %s was begun %lld s after all had been closed", what,
                     oracle_text(row, "id"),
                     (long long)((created_us - window->from_us) / US_PER_SECOND));
            return;
        }
    }
}

void check_modes(struct end *end) {
    static const struct rule rules[] = {
        {"mode", "this change of the ladder does not begin where the one before has ended",
         "SELECT COUNT(*), MIN(b.number) FROM mode_change b LEFT JOIN mode_change a ON a.number = "
         "b.number - 1 WHERE b.number > (SELECT MIN(number) FROM mode_change) AND (a.number IS "
         "NULL OR a.to_step <> b.from_step)",
         false},
        {"mode", "the ladder does not stand where its last change has left it",
         "SELECT COUNT(*), MIN(s.number) FROM mode_state s WHERE s.number > 0 AND NOT EXISTS "
         "(SELECT 1 FROM mode_change c WHERE c.number = s.number AND c.to_step = s.step)",
         false},
    };
    struct run *run = end->run;
    const char *id;
    json_t *row;
    if (!run_sees(run, SEE_MODES)) {
        return;
    }
    ask(run, rules, COUNT_OF(rules));
    json_object_foreach(end->payments, id, row) {
        if (!run_sees(run, SEE_CLOCK) && !run_failed(run)) {
            check_closed(run, row, "payment");
        }
    }
    json_object_foreach(end->attempts, id, row) {
        if (!run_sees(run, SEE_CLOCK) && !run_failed(run)) {
            check_closed(run, row, "attempt");
        }
    }
}
