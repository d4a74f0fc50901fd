/* SPDX-License-Identifier: Apache-2.0
 * camt_rows.c: an entry of a camt.053 statement, and the transactions in it, as rows. Layout: see
 * read_camt.c.
 *
 * An entry whose transactions all have amounts is as many rows, and the amounts must add up to the
 * entry's; any other entry is one row. A transaction without a bank's reference of its own, or with
 * the entry's, is the entry's reference and its number in it ("REF/2"), so that each row of a file
 * has its own.
 * CdtDbtInd is the way that the money went, also of a reversal: RvslInd says only that the other
 * way was taken before. References of reversals and returns are those of what is taken back. */
#include <string.h>

#include "base/text.h"
#include "statement/field.h"
#include "statement/read/camt.h"

enum { KEY_BYTES = 192 };

static const struct {
    const char *code;
    enum row_status status;
} statuses[] = {
    {"BOOK", ROW_DONE},
    {"PDNG", ROW_PENDING},
    {"FUTR", ROW_PENDING},
    {"INFO", ROW_FAILED}, /* told for information: nothing was booked, and nothing will be */
};

void camt_begin_ntry(struct camt *camt, int64_t line) {
    camt->ntry = (struct camt_ntry){.line = line};
    g_array_set_size(camt->kept, 0);
    g_string_chunk_clear(camt->texts);
    camt->details_begin = 0;
}

void camt_begin_tx(struct camt *camt, int64_t line) {
    camt->tx = (struct camt_tx){.line = line};
    buf_clear(&camt->purpose);
    camt->purpose_chars = 0;
}

/* ---- transactions ---- */

static const char *keep(struct camt *camt, const char *text) {
    return text[0] == '\0' ? "" : g_string_chunk_insert(camt->texts, text);
}

/* The transaction's amount, with the entry's sign unless it has one of its own. False: it is told
 * and wrong. */
static bool read_tx_amount(struct camt *camt, struct camt_kept *kept) {
    const struct camt_tx *tx = &camt->tx;
    const struct camt_amount *amount = tx->amount.text[0] != '\0' ? &tx->amount : &tx->amount_told;
    const char *side_text = tx->side[0] != '\0' ? tx->side : camt->ntry.side;
    enum camt_side side = CAMT_CRDT;
    struct currency currency;
    /* What was ordered in another currency is no part of the entry's amount. */
    bool foreign = currency_parse(amount->currency, &currency, NULL) == 0 &&
                   camt->currency.code[0] != '\0' && !currency_equal(currency, camt->currency);
    if (amount->text[0] == '\0' || foreign) {
        return true;
    }
    if (!camt_amount(camt, tx->line, amount, &kept->minor) ||
        !camt_side(camt, tx->line, side_text, &side)) {
        return false;
    }
    kept->minor = side == CAMT_DBIT ? -kept->minor : kept->minor;
    kept->has_amount = true;
    return true;
}

void camt_end_tx(struct camt *camt) {
    const struct camt_tx *tx = &camt->tx;
    struct camt_kept kept = {.line = tx->line, .returned = tx->returned};
    char description[ROW_TEXT_CHARS_MAX + 1];
    if (camt->kept->len == CAMT_TXS_MAX) {
        camt_tell(camt, PROBLEM_LIMIT, tx->line, "more transactions in an entry than are taken");
        camt->broken = true;
        return;
    }
    if (!read_tx_amount(camt, &kept)) {
        camt->broken = true;
        return;
    }
    if (camt->purpose.len == 0) {
        buf_add_text(&camt->purpose, tx->more);
    }
    field_note(camt->purpose.data, camt->purpose.len, 0, description, sizeof description);
    kept.description = keep(camt, description);
    kept.bank_ref = keep(camt, tx->bank_ref);
    kept.end_to_end = bank_reference_told(tx->end_to_end) ? keep(camt, tx->end_to_end) : "";
    kept.structured = tx->structured_count == 1 ? keep(camt, tx->structured) : "";
    kept.batch = bank_reference_told(tx->batch) ? keep(camt, tx->batch) : "";
    kept.debtor = keep(camt, tx->debtor);
    kept.creditor = keep(camt, tx->creditor);
    kept.debtor_account = keep(camt, tx->debtor_account);
    kept.creditor_account = keep(camt, tx->creditor_account);
    g_array_append_val(camt->kept, kept);
}

static const struct camt_kept *kept_at(const struct camt *camt, guint i) {
    return &g_array_index(camt->kept, struct camt_kept, i);
}

/* The sum of transactions from `first` on; false: one has no amount, or it does not fit. */
static bool sum_kept(const struct camt *camt, guint first, int64_t *ret_minor) {
    int64_t sum = 0;
    for (guint i = first; i < camt->kept->len; i++) {
        const struct camt_kept *kept = kept_at(camt, i);
        if (!kept->has_amount || !money_add(sum, kept->minor, &sum)) {
            return false;
        }
    }
    *ret_minor = sum;
    return camt->kept->len > first;
}

/* What the batch says of its transactions, where they are told one by one. */
void camt_end_details(struct camt *camt) {
    const struct camt_btch *btch = &camt->btch;
    int64_t line = camt->ntry.line, told = 0, sum = 0;
    guint count = camt->kept->len - camt->details_begin;
    struct err err;
    if (btch->count[0] != '\0' && field_count(btch->count, strlen(btch->count), &told, &err) != 0) {
        camt_tell(camt, PROBLEM_BAD_VALUE, line, "%s", err.detail);
    } else if (btch->count[0] != '\0' && count > 1 && told != count) {
        camt_tell(camt, PROBLEM_COUNT, line, "a batch of %lld has %u transactions", (long long)told,
                  count);
    }
    if (btch->amount.text[0] != '\0' && camt_amount(camt, line, &btch->amount, &told) &&
        sum_kept(camt, camt->details_begin, &sum) && told != ABS(sum)) {
        camt_tell(camt, PROBLEM_TOTAL, line, "a batch of %s has transactions of another sum",
                  btch->amount.text);
    }
    camt->details_begin = camt->kept->len;
    camt->btch = (struct camt_btch){.count = ""};
}

/* ---- rows ---- */

struct entry {
    struct statement_row row;
    bool reversal;
    char kind[ROW_ID_CHARS_MAX + 1];
};

static bool read_status(const struct camt *camt, struct entry *entry) {
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        if (strcmp(statuses[i].code, camt->ntry.status) == 0) {
            entry->row.status = statuses[i].status;
            return true;
        }
    }
    camt_tell(camt, PROBLEM_UNKNOWN_KIND, camt->ntry.line,
              "the entry's status is '%s', and none of BOOK, PDNG, FUTR and INFO",
              camt->ntry.status);
    return false;
}

static bool read_reversal(const struct camt *camt, struct entry *entry) {
    const char *text = camt->ntry.reversal;
    entry->reversal = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (!entry->reversal && text[0] != '\0' && strcmp(text, "false") != 0 &&
        strcmp(text, "0") != 0) {
        camt_tell(camt, PROBLEM_BAD_VALUE, camt->ntry.line, "RvslInd is '%s'", text);
        return false;
    }
    return true;
}

/* "PMNT/RCDT/ESCT", or the bank's own code where there is none. */
static void read_kind(const struct camt *camt, struct entry *entry) {
    const struct camt_ntry *ntry = &camt->ntry;
    const char *back = entry->reversal ? " reversal" : "";
    if (ntry->domain[0] != '\0') {
        snprintf(entry->kind, sizeof entry->kind, "%s/%s/%s%s", ntry->domain, ntry->family,
                 ntry->subfamily, back);
    } else {
        snprintf(entry->kind, sizeof entry->kind, "%.*s%s",
                 (int)(sizeof entry->kind - sizeof " reversal"), ntry->own_code, back);
    }
}

/* The day of the booking; what is not booked yet may have a value day only. */
static bool read_day(const struct camt *camt, struct entry *entry) {
    const struct camt_ntry *ntry = &camt->ntry;
    const struct camt_stmt *stmt = &camt->stmt;
    const char *day = ntry->booked[0] != '\0' ? ntry->booked : ntry->valued;
    if (!camt_time(camt, ntry->line, day, &entry->row.at_us)) {
        return false;
    }
    /* Days compare as they are written. */
    if (day == ntry->booked && entry->row.status == ROW_DONE && stmt->from[0] != '\0' &&
        stmt->until[0] != '\0' &&
        (strncmp(day, stmt->from, CAMT_DAY_CHARS) < 0 ||
         strncmp(day, stmt->until, CAMT_DAY_CHARS) > 0)) {
        camt_tell(camt, PROBLEM_PERIOD, ntry->line,
                  "booked on %.10s, outside the statement's period", day);
    }
    return true;
}

static bool count_entry(struct camt *camt, enum camt_side side, int64_t minor, bool booked) {
    struct camt_sums *sums[] = {&camt->all, booked ? &camt->booked : NULL};
    for (size_t i = 0; i < COUNT_OF(sums); i++) {
        if (sums[i] != NULL) {
            sums[i]->rows[side]++;
            if (!money_add(sums[i]->minor[side], minor, &sums[i]->minor[side])) {
                camt_tell(camt, PROBLEM_LIMIT, camt->ntry.line, "a sum larger than any");
                return false;
            }
        }
    }
    return true;
}

static bool read_entry(struct camt *camt, struct entry *entry) {
    const struct camt_ntry *ntry = &camt->ntry;
    struct statement_row *row = &entry->row;
    enum camt_side side = CAMT_CRDT;
    int64_t minor = 0;
    statement_row_init(row);
    if (!camt_amount(camt, ntry->line, &ntry->amount, &minor) ||
        !camt_side(camt, ntry->line, ntry->side, &side) || !read_status(camt, entry) ||
        !read_reversal(camt, entry) || !read_day(camt, entry) ||
        !count_entry(camt, side, minor, row->status == ROW_DONE)) {
        return false;
    }
    read_kind(camt, entry);
    row->line = ntry->line;
    row->currency = camt->currency;
    row->gross_minor = side == CAMT_DBIT ? -minor : minor;
    row->gateway_id = bank_reference_told(ntry->bank_ref) ? ntry->bank_ref : "";
    row->native_kind = entry->kind;
    row->method = ntry->more;
    row->account = camt->stmt.account;
    return true;
}

static void give(struct camt *camt, struct statement_row *row) {
    if (camt->rc != 0) {
        return;
    }
    row->kind = row->gross_minor < 0 ? ROW_BANK_DEBIT : ROW_BANK_CREDIT;
    row->net_minor = row->gross_minor;
    if (row->description[0] == '\0') {
        row->description = row->method;
        row->method = "";
    }
    camt->rc = camt->sink->row(camt->sink->ctx, row, camt->err);
    camt->head->rows += camt->rc == 0;
}

/* Whose reference is ours: of what comes in the structured one, which we gave the payer; of what
 * goes out our own end-to-end one. */
static void place_kept(const struct entry *entry, const struct camt_kept *kept,
                       struct statement_row *row) {
    bool comes = row->gross_minor >= 0;
    bool comes_from_creditor = entry->reversal; /* of what went out before */
    const char *first = comes ? kept->structured : kept->end_to_end;
    const char *second = comes ? kept->end_to_end : kept->structured;
    const char *ours = first[0] != '\0' ? first : second;
    bool taken_back = entry->reversal || kept->returned;
    bool debtor = comes != comes_from_creditor;
    row->reference = taken_back ? "" : ours;
    row->original_reference = taken_back ? ours : "";
    row->batch = kept->batch;
    row->description = kept->description;
    row->party = debtor ? kept->debtor : kept->creditor;
    row->party_account = debtor ? kept->debtor_account : kept->creditor_account;
    row->sent_to = comes && debtor ? kept->creditor_account : "";
}

/* One row a transaction. */
static void give_each(struct camt *camt, const struct entry *entry) {
    const char *whole = entry->row.gateway_id;
    for (guint i = 0; i < camt->kept->len; i++) {
        const struct camt_kept *kept = kept_at(camt, i);
        struct statement_row row = entry->row;
        char id[ROW_ID_CHARS_MAX + 16];
        row.line = kept->line;
        row.gross_minor = kept->minor;
        place_kept(entry, kept, &row);
        bool own = kept->bank_ref[0] != '\0' && strcmp(kept->bank_ref, whole) != 0;
        if (own) {
            row.gateway_id = kept->bank_ref;
        } else if (camt->kept->len > 1 && whole[0] != '\0') {
            snprintf(id, sizeof id, "%s/%u", whole, i + 1);
            row.gateway_id = id;
        }
        if (row.batch[0] == '\0' && camt->kept->len > 1) {
            row.batch = whole;
        }
        give(camt, &row);
    }
}

/* One row for all of them, with what all of them tell. */
static void give_whole(struct camt *camt, struct entry *entry) {
    struct statement_row *row = &entry->row;
    char description[ROW_TEXT_CHARS_MAX + 1] = "";
    BUF_AUTO text;
    buf_init(&text, CAMT_PURPOSE_BYTES_MAX);
    for (guint i = 0; i < camt->kept->len && buf_ok(&text); i++) {
        const char *one = kept_at(camt, i)->description;
        int64_t apart = 0;
        bank_text_add(&text, one, strlen(one), CAMT_PURPOSE_WIDTH, &apart);
    }
    if (camt->kept->len == 1) {
        const struct camt_kept *kept = kept_at(camt, 0);
        place_kept(entry, kept, row);
        row->gateway_id = row->gateway_id[0] != '\0' ? row->gateway_id : kept->bank_ref;
    }
    field_note(text.data, text.len, 0, description, sizeof description);
    row->description = description;
    give(camt, row);
}

static void check_repeated(struct camt *camt) {
    const struct camt_ntry *ntry = &camt->ntry;
    char key[KEY_BYTES];
    int count = snprintf(key, sizeof key, "%lld|%s", (long long)camt->stmt_count, ntry->ref);
    int64_t before = ntry->ref[0] != '\0' ? seen_add(&camt->seen, key, (size_t)count, ntry->line)
                                          : 0;
    if (before != 0) {
        camt_tell(camt, PROBLEM_REPEATED, ntry->line, "the entry '%s' is on line %lld as well",
                  ntry->ref, (long long)before);
    }
}

void camt_end_ntry(struct camt *camt) {
    struct entry entry = {.reversal = false};
    check_repeated(camt);
    if (!read_entry(camt, &entry)) {
        camt->broken = true;
        return;
    }
    int64_t sum = 0;
    bool each = sum_kept(camt, 0, &sum);
    if (each && sum != entry.row.gross_minor) {
        char shown[MONEY_TEXT_MAX];
        camt_tell(camt, PROBLEM_TOTAL, camt->ntry.line,
                  "the entry is of %s %s and its transactions of another sum",
                  money_decimal(entry.row.gross_minor, camt->currency, shown), camt->currency.code);
        return;
    }
    if (each) {
        give_each(camt, &entry);
    } else {
        give_whole(camt, &entry);
    }
}
