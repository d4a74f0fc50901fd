/* SPDX-License-Identifier: Apache-2.0
 * files_books.h: random pairs of files with payments that name their payout, a bank's lines that
 * may name it in any way, and random rules by all ways: few values of everything, so that all
 * meet. */
#ifndef HOLDFAST_TESTS_FILES_BOOKS_H
#define HOLDFAST_TESTS_FILES_BOOKS_H

#include "files_fixture.h"

enum { BATCHES = 5 };

#define BANK_COLUMNS                                                                               \
    "columns: {gateway_id: id, reference: reference, original_id: original_id, batch: batch, "     \
    "kind: kind, status: status, currency: currency, amount: amount, fee: fee, time: time, "       \
    "description: text}\n"
#define BANK_HEAD "id,reference,original_id,batch,kind,status,currency,amount,fee,time,text\n"

static const struct shape batch_shapes[] = {
    {.name = "all columns", .ours_map = BANK_COLUMNS, .theirs_map = BANK_COLUMNS},
    {.name = "no id here",
     .ours_map =
         "columns: {reference: reference, original_id: original_id, batch: batch, kind: kind, "
         "status: status, currency: currency, amount: amount, fee: fee, time: time}\n",
     .theirs_map = BANK_COLUMNS},
};

static inline uint32_t below(struct prng *random, uint32_t bound) {
    return (uint32_t)prng_below(random, bound);
}

static inline const char *batch_name(struct prng *random) {
    static const char *const names[BATCHES] = {"po_1", "po_2", "po_3-x", "8812", "a"};
    return names[below(random, BATCHES)];
}

/* Texts of banks, with a name in them or two, or none. */
static inline void add_words(struct prng *random, GString *line) {
    static const char *const forms[] = {
        "", "PAYOUT %s", "(%s), thanks", "ref:118;%s", "x%s", "%s and po_2", "8812/%s", "%s",
        "a8812", "nothing",
    };
    const char *form = forms[below(random, COUNT_OF(forms))], *hole = strstr(form, "%s");
    g_string_append_len(line, form, hole != NULL ? hole - form : (gssize)strlen(form));
    if (hole != NULL) {
        g_string_append(line, batch_name(random));
        g_string_append(line, hole + 2);
    }
}

/* Few values of everything. */
static inline void add_row(struct prng *random, GString *file, enum match_side side,
                           int64_t cents) {
    static const char *const kinds[MATCH_SIDES][6] = {
        {"charge", "charge", "charge", "refund", "payout", "chargeback"},
        {"bank_credit", "bank_credit", "payout", "bank_debit", "charge", "refund"},
    };
    static const char *const statuses[] = {"done", "done", "done", "done", "pending", "failed"};
    static const char *const codes[] = {"EUR", "EUR", "EUR", "USD", "JPY"};
    const char *kind = kinds[side][below(random, 6)];
    bool minus = strcmp(kind, "refund") == 0 || strcmp(kind, "chargeback") == 0 ||
                 strcmp(kind, "payout") == 0 || strcmp(kind, "bank_debit") == 0;
    const char *letters[] = {"G", "R", "O"};
    for (size_t i = 0; i < COUNT_OF(letters); i++) {
        bool batch = i == 1 && side == THEIRS && below(random, 4) == 0;
        if (batch) {
            g_string_append(file, batch_name(random));
        } else if (below(random, 3) == 0) {
            g_string_append_printf(file, "%s%u", letters[i], below(random, 12));
        }
        g_string_append_c(file, ',');
    }
    bool names = side == OURS ? below(random, 8) > 0 : below(random, 4) == 0;
    g_string_append(file, names ? batch_name(random) : "");
    g_string_append_printf(file, ",%s,%s,%s,%s%lld,%s,2026-11-%02uT%02u:00:00Z,", kind,
                           statuses[below(random, COUNT_OF(statuses))],
                           codes[below(random, COUNT_OF(codes))], minus ? "-" : "",
                           (long long)cents, below(random, 3) == 0 ? "1" : "", 1 + below(random, 9),
                           below(random, 24));
    g_string_append_c(file, '"');
    if (side == THEIRS) {
        add_words(random, file);
    }
    g_string_append(file, "\"\n");
}

/* Now and then a batch that is whole. */
static inline void add_whole(struct prng *random, GString *ours, GString *theirs, uint32_t number) {
    uint32_t parts = 1 + below(random, 6);
    int64_t sum = 0;
    for (uint32_t i = 0; i < parts; i++) {
        int64_t amount = 1 + below(random, 9);
        g_string_append_printf(ours, ",,,whole_%u,charge,done,EUR,%lld,,2026-11-03T00:00:00Z,\n",
                               number, (long long)amount);
        sum += amount;
    }
    sum += below(random, 5) == 0;
    g_string_append_printf(theirs, ",,,,bank_credit,done,EUR,%lld,,2026-11-04T00:00:00Z,"
                                   "\"SEPA whole_%u\"\n",
                           (long long)sum, number);
}

static inline void batch_books(struct prng *random, const struct place *place) {
    g_autoptr(GString) ours = g_string_new(BANK_HEAD), theirs = g_string_new(BANK_HEAD);
    for (uint32_t i = below(random, 30); i > 0; i--) {
        add_row(random, ours, OURS, 1 + below(random, 6));
        if (below(random, 3) == 0) {
            add_row(random, theirs, THEIRS, 1 + below(random, 12));
        }
        if (below(random, 8) == 0) {
            add_whole(random, ours, theirs, i);
        }
    }
    put_file(place->ours, ours->str, ours->len);
    put_file(place->theirs, theirs->str, theirs->len);
}

static inline void batch_rules(struct prng *random, struct match_set *ret_set) {
    static const enum match_by tried[] = {BY_GATEWAY_ID, BY_REFERENCE, BY_BATCH, BY_ORIGINAL,
                                          BY_AMOUNT_TIME};
    static const struct match_tolerance tolerances[] = {{{"EUR"}, 100}};
    *ret_set = (struct match_set){0};
    for (size_t i = 0; i < COUNT_OF(tried); i++) {
        bool window = tried[i] == BY_AMOUNT_TIME || (tried[i] == BY_BATCH && below(random, 3) == 0);
        if (tried[i] == BY_BATCH || below(random, 4) > 0) {
            ret_set->rules[ret_set->count++] = (struct match_rule){
                .by = tried[i],
                .name = match_by_name(tried[i]),
                .before_us = window ? INT64_C(3) * 86400 * US_PER_SECOND : 0,
                .after_us = window ? INT64_C(4) * 86400 * US_PER_SECOND : 0,
                .tolerances = tolerances,
                .tolerance_count = tried[i] == BY_BATCH ? (int)below(random, 2) : 0,
            };
        }
    }
}

#endif
