/* SPDX-License-Identifier: Apache-2.0
 * oracle_books.c: the gateways' own books against ours, when all has come to rest: what was taken,
 * given back and held, for each order; who asked for it; and what is left to a person. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "payment/later.h"
#include "sandbox/sandbox_impl.h"
#include "sim/bank_rows.h"
#include "sim/gateways.h"
#include "sim/oracle_impl.h"

/* The service's name of it. */
static const char *name_of(int gateway) {
    return sim_gateway((enum sb_gateway)gateway)->name;
}

/* ---- who asked for it (I2) ---- */

static bool has_dispute(const struct end *end, const char *id) {
    size_t i;
    json_t *row;
    json_array_foreach(end->disputes, i, row) {
        if (strcmp(oracle_text(row, "id"), id) == 0) {
            return true;
        }
    }
    return false;
}

/* Every reference that a gateway was ever sent has its row, through every power cut. */
static void check_references(struct end *end) {
    struct run *run = end->run;
    for (guint i = 0; i < run->references->len && !run_failed(run); i++) {
        const char *reference = g_ptr_array_index(run->references, i);
        if (json_object_get(end->attempts, reference) == NULL &&
            json_object_get(end->operations, reference) == NULL && !has_dispute(end, reference)) {
            run_fail(run, "I2", reference, "a gateway was asked for %s, which has no row",
                     reference);
        }
    }
}

/* A charge in a gateway's book is one that an attempt of ours asked for, in every respect. */
static void check_entry(struct end *end, int gateway, const struct sb_entry *entry) {
    const json_t *attempt = json_object_get(end->attempts, entry->reference);
    const json_t *payment = json_object_get(end->payments, oracle_text(attempt, "payment_id"));
    if (entry->reference[0] == '\0' && run_sees(end->run, SEE_DASHBOARD)) {
        return; /* somebody's at the gateway's own desk */
    }
    if (attempt == NULL || strcmp(oracle_text(attempt, "gateway"), name_of(gateway)) != 0 ||
        json_peek_int(attempt, 0, "amount", NULL) != entry->asked_minor ||
        strcmp(oracle_text(attempt, "currency"), entry->currency.code) != 0 ||
        strcmp(oracle_text(payment, "order_id"), entry->order_id) != 0) {
        run_fail(end->run, "I2", entry->order_id,
                 "%s has charge %s of %lld %s, and no attempt asked for it (%s)", name_of(gateway),
                 entry->id, (long long)entry->asked_minor, entry->currency.code, entry->reference);
    }
}

void check_intents(struct end *end) {
    check_references(end);
    for (int i = 0; i < SB_GATEWAYS; i++) {
        GPtrArray *entries = end->run->sandbox->book.entries[i];
        for (guint k = 0; k < entries->len && !run_failed(end->run); k++) {
            check_entry(end, i, g_ptr_array_index(entries, k));
        }
    }
}

/* ---- charged once ---- */

/* A person was told of this very charge. Each case explains one charge: those that were used up are
 * in `used`. */
static bool has_case(struct end *end, const struct sb_entry *entry, GHashTable *used) {
    size_t i;
    json_t *row;
    json_array_foreach(end->cases, i, row) {
        const char *of = oracle_text(row, "attempt_id");
        bool about = strcmp(oracle_text(row, "charge_id"), entry->id) == 0 ||
                     strcmp(oracle_text(row, "subject"), entry->id) == 0 ||
                     (entry->reference[0] != '\0' && strcmp(of, entry->reference) == 0);
        if (about && oracle_text(row, "posted")[0] != '\0' && !g_hash_table_contains(used, row)) {
            g_hash_table_add(used, row);
            return true;
        }
    }
    return false;
}

/* At a till: the customer had confirmed when our cancellation came, which gave the money back. */
static bool is_taken_back(const struct end *end, const struct sb_entry *entry) {
    const json_t *attempt = json_object_get(end->attempts, entry->reference);
    return entry->refunded_minor >= entry->taken_minor &&
           strcmp(oracle_text(attempt, "state"), "canceled") == 0;
}

/* Of all charges of an order that took money, one at most is without a case of its own. */
void check_charged_once(struct end *end) {
    struct run *run = end->run;
    GHashTable *used = g_hash_table_new(NULL, NULL);
    GHashTable *paid = g_hash_table_new(g_str_hash, g_str_equal); /* order → its charge */
    for (int i = 0; i < SB_GATEWAYS; i++) {
        GPtrArray *entries = run->sandbox->book.entries[i];
        for (guint k = 0; k < entries->len && !run_failed(run); k++) {
            const struct sb_entry *entry = g_ptr_array_index(entries, k);
            if (entry->taken_minor == 0 || is_taken_back(end, entry) ||
                has_case(end, entry, used)) {
                continue;
            }
            const struct sb_entry *other = g_hash_table_lookup(paid, entry->order_id);
            if (other != NULL || entry->order_id[0] == '\0') {
                run_fail(run, "charged-twice", entry->order_id,
                         "%s took %lld by %s beside %s, and no case is about it", name_of(i),
                         (long long)entry->taken_minor, entry->id,
                         other != NULL ? other->id : "what was asked for");
            }
            g_hash_table_insert(paid, (gpointer)entry->order_id, (gpointer)entry);
        }
    }
    g_hash_table_destroy(used);
    g_hash_table_destroy(paid);
}

/* Decision 0016: what was paid beside another way is not left to a person (but for a return that
 * its gateway refused). */
void check_old_codes(struct end *end) {
    struct count count = {
        .sql = "SELECT COUNT(*), MIN(r.payment_id) FROM review_case r JOIN payment p ON p.id = "
               "r.payment_id WHERE r.kind = 'late_success' AND r.state = 1 AND r.posted <> 0 AND "
               "r.operation_id = '' AND p.captured_minor > 0 AND EXISTS (SELECT 1 FROM operation o "
               "WHERE o.attempt_id = r.attempt_id AND o.kind = 2 AND o.final = 0 AND o.state = 4)"};
    if (oracle_count(end->run, &count) && count.found > 0) {
        run_fail(end->run, "case", count.first,
                 "%s was paid by an old code as well, and neither was sent back", count.first);
    }
}

/* ---- the books ---- */

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

/* A till has taken it back, and with it whatever the customer had paid by then: nothing of it is in
 * our books. (A copy of what was refused is taken back as well.) */
static bool taken_back(struct end *end, const struct sb_entry *entry) {
    const json_t *attempt = json_object_get(end->attempts, entry->reference);
    struct count count = {
        .sql =
            "SELECT COUNT(*), '' FROM operation WHERE attempt_id = $1 AND kind = 2 AND state = 4 "
            "AND actor = 'rule:till'",
        .text = entry->reference};
    return entry->taken_minor > 0 && entry->taken_minor == entry->refunded_minor &&
           strcmp(oracle_text(attempt, "state"), "charged") != 0 &&
           oracle_count(end->run, &count) && count.found > 0;
}

static void take_theirs(struct end *end, GHashTable *table) {
    struct run *run = end->run;
    for (int i = 0; i < SB_GATEWAYS; i++) {
        GPtrArray *entries = run->sandbox->book.entries[i];
        for (guint k = 0; k < entries->len; k++) {
            const struct sb_entry *entry = g_ptr_array_index(entries, k);
            struct sums *sums = sums_of(table, entry->order_id, name_of(i), entry->currency.code);
            if (taken_back(end, entry)) {
                continue;
            }
            sums->taken += entry->taken_minor;
            sums->returned += entry->refunded_minor + entry->disputed_minor;
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
        if (gateway == NULL || gateway[0] == '\0' || strcmp(gateway, GATEWAY_BY_HAND) == 0 ||
            bank_is(gateway)) { /* oracle_bank.c */
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

/* Whose order a case is about: its payment's or, when nobody knew yet whose charge it was, that
 * charge's own. */
static const char *order_of_case(const struct end *end, const json_t *row) {
    const json_t *payment = json_object_get(end->payments, oracle_text(row, "payment_id"));
    for (int i = 0; payment == NULL && i < SB_GATEWAYS; i++) {
        const GPtrArray *entries = end->run->sandbox->book.entries[i];
        for (guint k = 0; k < entries->len; k++) {
            const struct sb_entry *entry = g_ptr_array_index(entries, k);
            if (strcmp(entry->id, oracle_text(row, "charge_id")) == 0) {
                return entry->order_id;
            }
        }
    }
    return oracle_text(payment, "order_id");
}

/* The money of this case was sent back: its attempt has a return that succeeded. */
static bool is_returned(const struct end *end, const json_t *row) {
    struct count count = {
        .sql = "SELECT COUNT(*), '' FROM operation o JOIN review_case r ON r.operation_id = o.id "
               "WHERE r.id = $1 AND o.kind = 4 AND o.state = 4",
        .text = oracle_text(row, "id")};
    return oracle_count(end->run, &count) && count.found > 0;
}

/* Money that moved and that no payment explains: it is in suspense, and a person has a case about
 * it. Of money that is only held there is nothing to post: the case alone. */
static void take_suspense(struct end *end, GHashTable *table) {
    size_t i;
    json_t *row;
    json_array_foreach(end->cases, i, row) {
        const char *posted = oracle_text(row, "posted");
        const char *kind = oracle_text(row, "kind");
        bool held = posted[0] == '\0' && (strcmp(kind, "late_success") == 0 ||
                                          strcmp(kind, "duplicate_authorization") == 0);
        bool disputed = strcmp(kind, "dispute_over") == 0 || strcmp(kind, "orphan_dispute") == 0;
        if ((posted[0] == '\0' && !held) || disputed || /* take_disputes() */
            bank_is(oracle_text(row, "gateway"))) {
            continue;
        }
        struct sums *sums = sums_of(table, order_of_case(end, row), oracle_text(row, "gateway"),
                                    oracle_text(row, "currency"));
        int64_t amount = json_peek_int(row, 0, "amount", NULL);
        if (strcmp(oracle_text(row, "state"), "closed") == 0) {
            /* By the rule of decision 0016: sent back, or the payment's own by now. */
            bool back = is_returned(end, row);
            sums->taken += back ? amount : 0;
            sums->returned += back ? amount : 0;
            continue;
        }
        sums->held += held ? amount : 0;
        sums->taken += strcmp(posted, "suspense") == 0 ? amount : 0;
        sums->returned += strcmp(posted, "suspense_returned") == 0 ? amount : 0;
    }
}

/* The order that a bank has taken back under this name. */
static const char *order_of_dispute(const struct run *run, const char *gateway_id) {
    for (int i = 0; i < run->dispute_count; i++) {
        if (strcmp(run->disputes[i].id, gateway_id) == 0) {
            return run->disputes[i].order;
        }
    }
    return "";
}

/* What disputes hold, on their payments or in suspense. */
static void take_disputes(struct end *end, GHashTable *table) {
    size_t i;
    json_t *row;
    json_array_foreach(end->disputes, i, row) {
        if (oracle_text(row, "booked")[0] != '\0') {
            const char *order = order_of_dispute(end->run, oracle_text(row, "gateway_id"));
            sums_of(table, order, oracle_text(row, "gateway"), oracle_text(row, "currency"))
                ->returned += json_peek_int(row, 0, "amount", NULL);
        }
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

/* So much more was given back there than we know of, by hand at Alipay, and it has given up telling
 * us (we were away too long): a statement will. `order` NULL: all of them. */
static bool is_untold(const struct run *run, const char *order, const char *place,
                      int64_t more_minor) {
    int64_t by_hand = 0;
    for (int i = 0; i < run->desk_backs; i++) {
        bool here = order == NULL || strcmp(run->desk_back[i].order, order) == 0;
        by_hand += here ? run->desk_back[i].amount_minor : 0;
    }
    return more_minor > 0 && more_minor <= by_hand &&
           run->sandbox->events[SB_ALIPAY].counts.given_up > 0 &&
           strstr(place, sim_gateway(SB_ALIPAY)->name) != NULL;
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
        bool returned_apart = here->returned != there->returned &&
                              !is_untold(run, order, at->data, there->returned - here->returned);
        if (here->taken != there->taken || returned_apart || held_apart) {
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

void check_books(struct end *end) {
    GHashTable *ours = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    GHashTable *theirs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    take_theirs(end, theirs);
    take_ours(end, ours);
    take_suspense(end, ours);
    take_disputes(end, ours);
    compare(end->run, ours, theirs);
    g_hash_table_destroy(ours);
    g_hash_table_destroy(theirs);
}

/* The ledger's row of a gateway and a currency; NULL: it has none. */
static const json_t *ledger_row(const json_t *ledger, const char *gateway, const char *currency) {
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)json_peek(ledger, "books", NULL), i, row) {
        if (strcmp(oracle_text(row, "gateway"), gateway) == 0 &&
            strcmp(oracle_text(row, "currency"), currency) == 0) {
            return row;
        }
    }
    return NULL;
}

/* All that tills have taken back there. */
static int64_t back_minor(struct end *end, const struct sb_sums *sums) {
    const GPtrArray *entries = end->run->sandbox->book.entries[sums->gateway];
    int64_t minor = 0;
    for (guint i = 0; i < entries->len; i++) {
        const struct sb_entry *entry = g_ptr_array_index(entries, i);
        bool here = currency_equal(entry->currency, sums->currency);
        minor += here && taken_back(end, entry) ? entry->taken_minor : 0;
    }
    return minor;
}

/* What the ledger says of each gateway and currency is what that gateway's book says. */
void check_ledger(struct end *end) {
    struct run *run = end->run;
    const struct sb_book *book = &run->sandbox->book;
    json_t *answer = NULL;
    int status = 0;
    if (!stage_ask(run, "GET", "/v1/ledger", NULL, &status, &answer) || status != 200) {
        run_fail(run, "answer", "", "/v1/ledger: %d", status);
        json_decref(answer);
        return;
    }
    for (int i = 0; i < book->sum_count; i++) {
        const struct sb_sums *sums = &book->sums[i];
        const json_t *row = ledger_row(answer, name_of((int)sums->gateway), sums->currency.code);
        int64_t back = back_minor(end, sums);
        int64_t taken = json_peek_int(row, 0, "taken", NULL) + back;
        int64_t returned = json_peek_int(row, 0, "returned", NULL) + back;
        int64_t gone = sums->refunded_minor + sums->disputed_minor;
        /* What lay in suspense counts as taken once more when it left it: a dispute was won, or a
         * refund at the gateway's own desk failed. */
        bool may = run_sees(run, SEE_DISPUTES) || run_sees(run, SEE_REFUNDS_BACK);
        int64_t again = may ? taken - sums->charged_minor : 0;
        bool returned_apart = returned - again != gone &&
                              !is_untold(run, NULL, name_of((int)sums->gateway),
                                         gone - (returned - again));
        if (again < 0 || taken - again != sums->charged_minor || returned_apart) {
            run_fail(run, "books", "", "%s %s: our ledger says %lld and %lld, theirs %lld and %lld",
                     name_of((int)sums->gateway), sums->currency.code, (long long)taken,
                     (long long)returned, (long long)sums->charged_minor, (long long)gone);
        }
    }
    json_decref(answer);
}

/* ---- what is left to a person ---- */

/* What may lead to a case, and only where it happens. A request that the network has doubled can be
 * refused the first time and done the second: no evidence contradicts the refusal until the money
 * is there. Where our clock is wrong, a code is taken to be over that its gateway still takes. */
void check_cases(struct end *end) {
    static const struct {
        const char *kind;
        enum sim_feature feature;
    } kinds[] = {
        {"late_success", SEE_DUPLICATES},
        {"late_success", SEE_OLD_CODES},
        {"late_success", SEE_CLOCK},
        {"paid_back", SEE_ALIPAY},
        {"paid_back", SEE_WECHAT},
        {"callback_mismatch", SEE_CALLBACK_AMOUNT},
        {"refund_mismatch", SEE_CALLBACK_AMOUNT},
        {"orphan_charge", SEE_DASHBOARD},
        {"orphan_refund", SEE_DASHBOARD},
        {"late_refund", SEE_DUPLICATES},
        {"late_refund", SEE_DELAYS}, /* its repeat overtook it and was declined */
        {"dispute_over", SEE_DISPUTES},
        {"orphan_dispute", SEE_DISPUTES},
        {"late_success", SEE_BANK},
        {"overpayment", SEE_BANK},
        {"wrong_currency", SEE_BANK},
        {"unmatched_transfer", SEE_BANK},
        {"short_payment", SEE_BANK},
        {"transfer_reversed", SEE_BANK},
        {"unexplained_debit", SEE_BANK},
        {"statement_disagrees", SEE_STATEMENTS},
        {"duplicate_charge", SEE_STATEMENTS},
        {"duplicate_authorization", SEE_STATEMENTS},
    };
    size_t i;
    json_t *row;
    json_array_foreach(end->cases, i, row) {
        bool may = false;
        for (size_t k = 0; k < COUNT_OF(kinds); k++) {
            may = may || (run_sees(end->run, kinds[k].feature) &&
                          strcmp(oracle_text(row, "kind"), kinds[k].kind) == 0);
        }
        if (!may) {
            run_fail(end->run, "case", oracle_text(row, "payment_id"), "case %s: %s",
                     oracle_text(row, "kind"), oracle_text(row, "detail"));
        }
    }
}

/* ---- what operators wished ---- */

enum { ROUTED_US = 15 * 1000 * 1000 };

static void check_off(struct run *run, const json_t *attempt, const struct switched_off *off) {
    int64_t created_us = 0;
    bool known = clock_parse(oracle_text(attempt, "created_at"), &created_us);
    if (!known || strcmp(oracle_text(attempt, "gateway"), off->gateway) != 0 ||
        created_us < off->from_us + ROUTED_US || created_us > off->until_us) {
        return;
    }
    run_fail(run, "operator", oracle_text(attempt, "payment_id"),
             "%s was begun at %s %lld s after that had been switched off",
             oracle_text(attempt, "id"), off->gateway,
             (long long)((created_us - off->from_us) / US_PER_SECOND));
}

/* A gateway that is switched off by hand gets no new payments, but for those that were on their way
 * to it at that moment. (Not asked where the service's clock jumps.) */
void check_switches(struct end *end) {
    struct run *run = end->run;
    const char *id;
    json_t *attempt;
    if (run_sees(run, SEE_CLOCK)) {
        return;
    }
    json_object_foreach(end->attempts, id, attempt) {
        for (guint i = 0; i < run->switches->len && !run_failed(run); i++) {
            check_off(run, attempt, &g_array_index(run->switches, struct switched_off, i));
        }
    }
}
