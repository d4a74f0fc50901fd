/* SPDX-License-Identifier: Apache-2.0
 * handlers_bank.c: rows of the bank's statement, accounts, and what is to be paid out by bank. */
#include <string.h>

#include "api/read.h"
#include "base/json.h"
#include "payment/bank.h"

enum { CURRENCY_TEXT_CHARS_MAX = 3, DIRECTION_CHARS_MAX = 6, ACCOUNT_TEXT_CHARS_MAX = 50 };

/* ---- rows ---- */

static int read_direction(const json_t *row, const char *where, struct bank_entry *entry,
                          struct err *err) {
    const char *direction = NULL;
    int r = json_need_text(row, where, "direction", 1, DIRECTION_CHARS_MAX, &direction, err);
    if (r < 0) {
        return r;
    }
    entry->credit = strcmp(direction, "credit") == 0;
    if (entry->credit || strcmp(direction, "debit") == 0) {
        return 0;
    }
    err_set(err, ERR_VALIDATION, "there is no direction \"%s\"", direction);
    err_place(err, "%s/direction", where);
    return err_hint(err, "One of: credit (it came in), debit (it went out).");
}

static int read_currency(const json_t *row, const char *where, struct bank_entry *entry,
                         struct err *err) {
    const char *currency = NULL;
    int r = json_need_text(row, where, "currency", CURRENCY_TEXT_CHARS_MAX, CURRENCY_TEXT_CHARS_MAX,
                           &currency, err);
    r = r < 0 ? r : currency_parse(currency, &entry->currency, err);
    return r < 0 && r != -ERR_INTERNAL ? err_place(err, "%s/currency", where) : r;
}

/* The texts of a row, in the order of the contract. */
static int read_row_texts(const json_t *row, const char *where, struct bank_entry *entry,
                          struct err *err) {
    const struct {
        const char *key, **to;
        size_t min, max;
    } texts[] = {
        {"bank_id", &entry->bank_id, 1, BANK_ID_CHARS_MAX},
        {"account", &entry->account, 1, ACCOUNT_TEXT_CHARS_MAX},
        {"booked_on", &entry->booked_on, 10, 10},
        {"virtual_account", &entry->virtual_account, 0, ACCOUNT_TEXT_CHARS_MAX},
        {"valued_on", &entry->valued_on, 0, 10},
        {"party_name", &entry->party_name, 0, BANK_NAME_CHARS_MAX},
        {"party_account", &entry->party_account, 0, ACCOUNT_TEXT_CHARS_MAX},
        {"remittance", &entry->remittance, 0, BANK_REMITTANCE_CHARS_MAX},
        {"reverses", &entry->reverses, 0, BANK_ID_CHARS_MAX},
    };
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(texts); i++) {
        r = texts[i].min > 0
                ? json_need_text(row, where, texts[i].key, texts[i].min, texts[i].max, texts[i].to,
                                 err)
                : json_may_lines(row, where, texts[i].key, 0, texts[i].max, texts[i].to, err);
    }
    return r;
}

static int read_row(const json_t *row, int index, struct bank_entry *ret_entry, struct err *err) {
    static const char *const keys[] = {
        "bank_id", "account",  "virtual_account", "booked_on",     "valued_on",  "direction",
        "amount",  "currency", "party_name",      "party_account", "remittance", "reverses",
        "line",    NULL,
    };
    char where[32];
    snprintf(where, sizeof where, "/rows/%d", index);
    *ret_entry = (struct bank_entry){
        .virtual_account = "",
        .valued_on = "",
        .party_name = "",
        .party_account = "",
        .remittance = "",
        .reverses = "",
    };
    int r = json_only(row, where, keys, err);
    r = r < 0 ? r : read_row_texts(row, where, ret_entry, err);
    r = r < 0 ? r : read_direction(row, where, ret_entry, err);
    r = r < 0 ? r : read_currency(row, where, ret_entry, err);
    r = r < 0 ? r
              : json_need_int(row, where, "amount", 1, BANK_ROW_MINOR_MAX, &ret_entry->amount_minor,
                              err);
    return r < 0 ? r : json_may_int(row, where, "line", 0, INT32_MAX, &ret_entry->line, err);
}

int bank_rows_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"source", "rows", NULL};
    const char *source = NULL;
    const json_t *rows = NULL;
    struct bank_entry entries[BANK_ROWS_MAX];
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "source", 1, BANK_SOURCE_CHARS_MAX, &source, err);
    r = r < 0 ? r : json_may_array(ask->body, "", "rows", BANK_ROWS_MAX, &rows, err);
    int count = r < 0 || rows == NULL ? 0 : (int)json_array_size(rows);
    for (int i = 0; r >= 0 && i < count; i++) {
        r = read_row(json_array_get(rows, (size_t)i), i, &entries[i], err);
    }
    return r < 0 ? r
                 : bank_rows_take(ask->service->payments, &ask->caller, source, entries, count,
                                  &ask->answer, err);
}

int bank_rows_list(struct ask *ask, struct err *err) {
    char state[QUERY_CHARS_MAX] = "", gateway[QUERY_CHARS_MAX] = "", payment[QUERY_CHARS_MAX] = "";
    int64_t limit = 0;
    int r = read_query_text(ask, "state", state, err);
    r = r < 0 ? r : read_query_text(ask, "gateway", gateway, err);
    r = r < 0 ? r : read_query_text(ask, "payment_id", payment, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    return r < 0 ? r
                 : bank_row_list(ask->service->payments, state, gateway, payment, (int)limit,
                                 &ask->answer, err);
}

static int read_row_id(const struct ask *ask, struct bank_row_id *ret_id, struct err *err) {
    int r = READ_ID(ask, "a bank row", bank_row_id, ret_id, err);
    return r < 0 ? err_hint(err, "Ids of bank rows begin with bkr_.") : 0;
}

int bank_row_get_one(struct ask *ask, struct err *err) {
    struct bank_row_id id;
    int r = read_row_id(ask, &id, err);
    return r < 0 ? r : bank_row_get(ask->service->payments, id.text, &ask->answer, err);
}

int bank_row_match_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"payment_id", "reason", NULL};
    struct bank_row_id id;
    const char *payment_id = NULL, *reason = NULL;
    int r = read_row_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "payment_id", 1, ID_TEXT_MAX, &payment_id, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : bank_row_match(ask->service->payments, &ask->caller, id.text, payment_id, reason,
                                  &ask->answer, err);
}

/* ---- accounts and payouts ---- */

int bank_accounts_list(struct ask *ask, struct err *err) {
    return bank_account_list(ask->service->payments, &ask->answer, err);
}

int bank_payouts_list(struct ask *ask, struct err *err) {
    int64_t limit = 0;
    int r = read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    return r < 0 ? r : bank_payout_list(ask->service->payments, (int)limit, &ask->answer, err);
}

int bank_payout_sent_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"row_id", "reason", NULL};
    struct refund_id id;
    const char *row_id = "", *reason = NULL;
    int r = READ_ID(ask, "a payout", refund_id, &id, err);
    if (r < 0) {
        return err_hint(err, "Payouts bear the ids of their refunds and returns, re_.");
    }
    r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "row_id", 1, ID_TEXT_MAX, &row_id, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : bank_payout_sent(ask->service->payments, &ask->caller, id.text, row_id, reason,
                                    &ask->answer, err);
}
