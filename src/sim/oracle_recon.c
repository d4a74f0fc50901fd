/* SPDX-License-Identifier: Apache-2.0
 * oracle_recon.c: reconciliation held against the truth: with each gateway's own book for a
 * statement, every charge there is one of ours, and every one of ours is there. So the names under
 * which our side of a reconciliation knows its movements are those of the gateways, whatever a
 * payment has been through. What gateways book for themselves is booked here once. And where
 * statements were given in: what each gateway has kept is what our books have as its fees, whoever
 * told it. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger.h"
#include "recon/run.h"
#include "sandbox/sandbox_impl.h"
#include "sim/gateways.h"
#include "sim/oracle_impl.h"

static struct match_text text_of(const char *text) {
    return (struct match_text){text, (uint32_t)strlen(text)};
}

/* What a till took back after all has been paid and given back there, and never moved here. */
static bool taken_back(const struct end *end, const struct sb_entry *entry) {
    const json_t *attempt = json_object_get(end->attempts, entry->reference);
    return entry->refunded_minor == entry->taken_minor && attempt != NULL &&
           strcmp(oracle_text(attempt, "state"), "charged") != 0;
}

static GArray *charges_of(const struct end *end, enum sb_gateway gateway) {
    GArray *rows = g_array_new(false, true, sizeof(struct match_row));
    const GPtrArray *entries = end->run->sandbox->book.entries[gateway];
    for (guint i = 0; i < entries->len; i++) {
        const struct sb_entry *entry = g_ptr_array_index(entries, i);
        const struct match_row row = {
            .number = i,
            .kind = ROW_CHARGE,
            .status = ROW_DONE,
            .currency = entry->currency,
            .amount_minor = entry->taken_minor,
            .fee_minor = AMOUNT_UNSAID,
            .due_us = INT64_MAX,
            .gateway_id = text_of(entry->id),
            .reference = text_of(entry->reference),
        };
        if (entry->taken_minor > 0 && !taken_back(end, entry)) {
            g_array_append_val(rows, row);
        }
    }
    return rows;
}

/* What the statements told truly, and for the first time, is neither unknown nor open here in the
 * end. (What a till took back was paid and given back there. A lie beside it, or a capture that
 * came later, may well leave a difference of amounts, for a person.) */
static void check_stated(struct end *end) {
    struct count count = {
        .sql =
            "SELECT COUNT(*), MIN(r.gateway_id || ' ' || r.reference || ': class ' || m.class) "
            "FROM statement_row r JOIN movement m ON m.side = 2 AND m.statement_id = "
            "r.statement_id AND m.number = r.number WHERE r.gateway_id NOT LIKE 'lie!_%' ESCAPE "
            "'!' AND m.class IN (11, 12) AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.id = "
            "r.reference AND (a.common_code = 'paid_back' OR EXISTS (SELECT 1 FROM operation c "
            "WHERE c.attempt_id = a.id AND c.kind = 2 AND c.state = 4))) AND NOT EXISTS "
            "(SELECT 1 FROM statement_row o WHERE o.gateway_id = r.gateway_id AND o.statement_id < "
            "r.statement_id)"};
    if (oracle_count(end->run, &count) && count.found > 0) {
        run_fail(end->run, "stated", "", "%lld charges that were told are unknown or open: %s",
                 (long long)count.found, count.first);
    }
}

/* What gateways book for themselves stands on their statements, and in our books exactly once, to
 * the unit, through every power cut; and all of it beside its row. */
static void check_own(struct end *end) {
    static const struct {
        const char *what, *sql;
    } rules[] = {
        {"gateways' own rows are not what is booked of them",
         "SELECT COUNT(*), MIN(gateway || ' ' || currency) FROM (SELECT gateway, currency, "
         "SUM(minor) AS minor FROM (SELECT s.gateway, r.currency, r.gross_minor AS minor FROM "
         "statement s JOIN statement_row r ON r.statement_id = s.id WHERE s.state = 2 AND r.kind "
         "IN (6, 8, 11) AND NOT (r.kind = 6 AND r.original_id || r.original_reference <> '') "
         "UNION ALL SELECT substr(debit_account, 9, length(debit_account) - 19), currency, "
         "-amount_minor FROM posting WHERE kind BETWEEN 26 AND 39 AND debit_account LIKE "
         "'gateway:%:receivable' UNION ALL SELECT substr(credit_account, 9, length(credit_account) "
         "- 19), currency, amount_minor FROM posting WHERE kind BETWEEN 26 AND 39 AND "
         "credit_account LIKE 'gateway:%:receivable') AS legs GROUP BY gateway, currency HAVING "
         "SUM(minor) <> 0) AS apart"},
        {"own rows are not beside what is booked of them",
         "SELECT COUNT(*), MIN(r.statement_id) FROM statement s JOIN statement_row r ON "
         "r.statement_id = s.id LEFT JOIN movement m ON m.side = 2 AND m.statement_id = "
         "r.statement_id AND m.number = r.number WHERE s.state = 2 AND r.kind IN (6, 8, 11) AND "
         "NOT (r.kind = 6 AND r.original_id || r.original_reference <> '') AND (m.id IS NULL OR "
         "m.class <> 5 OR NOT EXISTS (SELECT 1 FROM movement o WHERE o.side = 1 AND o.match_id = "
         "m.match_id AND m.match_id <> '' AND o.class = 5))"},
    };
    for (size_t i = 0; i < COUNT_OF(rules) && !run_failed(end->run); i++) {
        struct count count = {.sql = rules[i].sql};
        if (oracle_count(end->run, &count) && count.found > 0) {
            run_fail(end->run, "own", "", "%s: %lld, %s", rules[i].what, (long long)count.found,
                     count.first);
        }
    }
}

/* What the gateway has kept in this currency; false: a part of it was told when it was less, or is
 * of charges that no statement has told of or nothing here is held to know. */
static bool kept_there(const struct end *end, enum sb_gateway gateway, struct currency currency,
                       int64_t *ret_minor) {
    const GPtrArray *entries = end->run->sandbox->book.entries[gateway];
    bool whole = true;
    *ret_minor = 0;
    for (guint i = 0; whole && i < entries->len; i++) {
        const struct sb_entry *entry = g_ptr_array_index(entries, i);
        gpointer told = NULL;
        if (entry->taken_minor == 0 || !currency_equal(entry->currency, currency)) {
            continue;
        }
        char *name = g_strdup_printf("%d %s", (int)gateway, entry->id);
        whole = g_hash_table_lookup_extended(end->run->stated, name, NULL, &told) &&
                (int64_t)GPOINTER_TO_SIZE(told) == entry->fee_minor && !taken_back(end, entry);
        g_free(name);
        *ret_minor += entry->fee_minor;
    }
    return whole;
}

/* Where all was told as it was in the end, nothing else was kept than was expected, by the answers
 * or by the lines of gateways.c. */
static void check_no_claim(struct end *end, enum sb_gateway gateway) {
    struct count count = {.sql = "SELECT COUNT(*), MIN(detail) FROM recon_break WHERE gateway = $1 "
                                 "AND class = 24",
                          .text = sim_gateway(gateway)->name};
    if (oracle_count(end->run, &count) && count.found > 0) {
        run_fail(end->run, "fees", "", "%s: %lld breaks about fees that were right: %s", count.text,
                 (long long)count.found, count.first);
    }
}
static_assert(CLASS_FEE == 24, "the number above");

/* Fees that were given up are in the books as that, and were kept all the same. */
static void check_fees(struct end *end, enum sb_gateway gateway) {
    static const char *const codes[] = {"CNY", "EUR", "JPY", "USD"};
    bool whole = true;
    for (size_t i = 0; i < COUNT_OF(codes) && !run_failed(end->run); i++) {
        char account[100];
        int64_t kept = 0;
        snprintf(account, sizeof account, "gateway:%s:fees %s", sim_gateway(gateway)->name,
                 codes[i]);
        struct count count = {
            .sql = "SELECT COALESCE(SUM(CASE WHEN debit_account LIKE '%:fees' THEN amount_minor "
                   "ELSE -amount_minor END), 0), COUNT(*) || ' postings' FROM posting WHERE kind "
                   "NOT IN (26, 27, 52, 53) AND currency = substr($1, -3) AND substr($1, 1, "
                   "length($1) - 4) IN (debit_account, credit_account)",
            .text = account};
        bool told = kept_there(end, gateway, currency_stored(codes[i]), &kept);
        whole = whole && told;
        if (told && oracle_count(end->run, &count) && count.found != kept) {
            run_fail(end->run, "fees", "", "%s: %lld in %s, and %lld was kept", account,
                     (long long)count.found, count.first, (long long)kept);
        }
    }
    if (whole && !run_failed(end->run)) {
        check_no_claim(end, gateway);
    }
}
static_assert(POST_OWN_FEE == 26 && POST_OWN_FEE_BACK == 27 && POST_FEE_WRITE_OFF == 52 &&
                  POST_FEE_WRITE_OFF_GAIN == 53,
              "the numbers above");

void check_reconciled(struct end *end) {
    static struct run_figures figures;
    struct run *run = end->run;
    struct err err = {0};
    char first[RUN_FIRST_CHARS];
    if (run_sees(run, SEE_STATEMENTS)) {
        check_own(end);
        check_stated(end); /* there were runs: they have settled what one from nothing would see */
        for (int i = 0; i < SB_GATEWAYS && !run_failed(run); i++) {
            if ((run->gateways & 1U << i) != 0) {
                check_fees(end, (enum sb_gateway)i);
            }
        }
        return;
    }
    for (int i = 0; i < SB_GATEWAYS && !run_failed(run); i++) {
        if ((run->gateways & 1U << i) == 0) {
            continue;
        }
        enum sb_gateway gateway = (enum sb_gateway)i;
        const struct run_request request = {
            .gateway = sim_gateway(gateway)->name,
            .actor = "oracle",
            .until_us = INT64_MAX,
            .business_days = RUN_BUSINESS_DAYS_USUAL,
        };
        GArray *rows = charges_of(end, gateway);
        int r = reconcile_dry(run->look, &request, 1U << FAMILY_PAYMENT,
                              (const struct match_row *)(const void *)rows->data, rows->len,
                              &figures, first, &err);
        g_array_free(rows, true);
        if (r < 0) {
            run_fail(run, "reconciled", "", "%s: %s", request.gateway, err.detail);
        } else if (first[0] != '\0') {
            run_fail(run, "reconciled", "", "%s: %s", request.gateway, first);
        }
    }
}
