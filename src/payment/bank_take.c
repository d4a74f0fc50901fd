/* SPDX-License-Identifier: Apache-2.0
 * bank_take.c: taking in rows of the bank's statement: checked first, all of them, and then written
 * in one transaction with a job for each, or not at all. What a row means is found out afterwards
 * (bank_match.c). */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pan.h"
#include "base/plant.h"
#include "base/text.h"
#include "payment/bank_impl.h"
#include "store/audit.h"

enum { COMPLAINTS_MAX = 10, ACCOUNT_SHOWN_MIN = 8 };

/* What is wrong with the rows, for people: a line each, as far as there is room. */
struct complaints {
    int count;
    int first; /* index of the first row that is wrong */
    char text[400];
};

static void complain(struct complaints *complaints, int index, const struct bank_entry *entry,
                     const char *what) {
    char line[120];
    if (entry->line > 0) {
        snprintf(line, sizeof line, "line %lld: %s", (long long)entry->line, what);
    } else {
        snprintf(line, sizeof line, "row %d: %s", index + 1, what);
    }
    complaints->first = complaints->count == 0 ? index : complaints->first;
    if (complaints->count++ < COMPLAINTS_MAX) {
        text_list_add(complaints->text, sizeof complaints->text, line);
    }
}

static int refuse(const struct complaints *complaints, enum err_code code, const char *hint,
                  struct err *err) {
    if (complaints->count == 0) {
        return 0;
    }
    err_set(err, code, "nothing was taken: %s%s", complaints->text,
            complaints->count > COMPLAINTS_MAX ? ", and more" : "");
    err_place(err, "/rows/%d", complaints->first);
    return err_hint(err, "%s", hint);
}

/* ---- checking ---- */

/* "2026-11-22", and a day that there is. */
static bool is_day(const char *text) {
    char moment[32], again[CLOCK_TEXT_MAX];
    int64_t wall_us;
    snprintf(moment, sizeof moment, "%.10sT00:00:00Z", text);
    return strlen(text) == 10 && clock_parse(moment, &wall_us) &&
           strcmp(clock_format(wall_us, again), moment) == 0;
}

/* Whose account it is. Banks tell of a virtual account by its own number, or beside the account
 * that it belongs to. */
static const struct gateway *owner_of(const struct gateway_registry *registry, const char *account,
                                      const char *virtual_account) {
    for (int i = 0; i < gateway_count(registry); i++) {
        const struct gateway *gateway = gateway_at(registry, i);
        struct bank_terms terms;
        if (!bank_terms_of(gateway, &terms)) {
            continue;
        }
        enum bank_account_match match = bank_account_match(&terms, account);
        bool fits = virtual_account[0] == '\0' ||
                    bank_account_match(&terms, virtual_account) == BANK_ACCOUNT_VIRTUAL;
        if (match != BANK_ACCOUNT_OTHER && fits) {
            return gateway;
        }
    }
    return NULL;
}

/* What is wrong with a row by itself; NULL: nothing. */
static const char *wrong_with(const struct bank_entry *entry) {
    size_t name = strlen(entry->bank_id);
    if (name == 0 || name > BANK_ID_CHARS_MAX) {
        return "bank_id is missing or too long";
    }
    for (size_t i = 0; i < name; i++) {
        if (entry->bank_id[i] <= ' ' || entry->bank_id[i] == 0x7F) {
            return "bank_id has a blank or another character that is not plain";
        }
    }
    if (!is_day(entry->booked_on) || (entry->valued_on[0] != '\0' && !is_day(entry->valued_on))) {
        return "a date must be a day like 2026-11-22";
    }
    if (entry->amount_minor <= 0 || entry->amount_minor > BANK_ROW_MINOR_MAX) {
        return "the amount must be above 0 (direction says which way), and is not too large";
    }
    if (strlen(entry->party_name) > 4 * BANK_NAME_CHARS_MAX ||
        strlen(entry->remittance) > 4 * BANK_REMITTANCE_CHARS_MAX ||
        strlen(entry->reverses) > BANK_ID_CHARS_MAX) {
        return "a text is too long";
    }
    return entry->reverses[0] != '\0' && entry->credit ? "only money that goes out takes back a row"
                                                       : NULL;
}

/* ---- rows ---- */

struct taking {
    struct payments *payments;
    const struct caller *caller;
    const char *source;
    const struct bank_entry *entries;
    int count;
    struct arena *arena;
    struct bank_row *rows;
    const char **ids; /* of the row, or of the one that was taken before */
    bool *known;
};

/* Fit to be kept and shown: no card number, no control character. */
static const char *kept_text(struct arena *arena, const char *text) {
    char *copy = arena_copy(arena, text);
    pan_mask(copy, strlen(copy));
    for (char *c = copy; *c != '\0'; c++) {
        *c = (unsigned char)*c < ' ' || *c == 0x7F ? ' ' : *c;
    }
    return copy;
}

/* Its first and last four characters, of a long one. */
static const char *masked_account(struct arena *arena, const char *account) {
    size_t count = strlen(account);
    const char *tail = account + (count >= ACCOUNT_SHOWN_MIN ? count - 4 : count);
    int head = count >= 2 * ACCOUNT_SHOWN_MIN - 2 ? 4 : 0;
    return count == 0 ? "" : arena_printf(arena, "%.*s…%s", head, account, tail);
}

static const char *names_in(struct arena *arena, const char *remittance) {
    char found[BANK_REFERENCES_FOUND_MAX][BANK_REFERENCE_CHARS + 1];
    int count = bank_reference_find(remittance, found);
    const char *names = "";
    for (int i = 0; i < count; i++) {
        names = arena_printf(arena, "%s%s%s", names, i > 0 ? " " : "", found[i]);
    }
    return names;
}

/* An account whose number is a card's (I9) is not kept: whoever pays it back looks it up at his
 * bank. */
static const char *seal_party(const struct taking *taking, const char *row_id,
                              const char *account) {
    char context[ID_TEXT_MAX + 16];
    size_t at, count;
    SECRET_AUTO secret = secret_new(account, strlen(account));
    if (account[0] == '\0' || secret == NULL || taking->payments->options.seal == NULL ||
        pan_find(account, strlen(account), &at, &count)) {
        return "";
    }
    bank_row_seal_context(row_id, context);
    char *sealed = seal_text(taking->payments->options.seal, context, secret);
    const char *kept = arena_copy(taking->arena, sealed);
    free(sealed);
    return kept;
}

/* NULL, or what is wrong. */
static const char *make_row(struct taking *taking, const struct bank_entry *entry,
                            struct bank_row *ret_row) {
    char account[BANK_ACCOUNT_CHARS_MAX + 1], its_virtual[BANK_ACCOUNT_CHARS_MAX + 1] = "";
    char party[BANK_ACCOUNT_CHARS_MAX + 1] = "";
    const char *wrong = wrong_with(entry);
    if (wrong != NULL) {
        return wrong;
    }
    if (!bank_account_pack(entry->account, account) ||
        (entry->virtual_account[0] != '\0' &&
         !bank_account_pack(entry->virtual_account, its_virtual)) ||
        (entry->party_account[0] != '\0' && !bank_account_pack(entry->party_account, party))) {
        return "an account number has up to 34 letters and digits";
    }
    const struct gateway *gateway = owner_of(taking->payments->options.registry, account,
                                             its_virtual);
    struct bank_terms terms;
    if (gateway == NULL || !bank_terms_of(gateway, &terms)) {
        return "the account is none of the configured ones";
    }
    if (its_virtual[0] == '\0' && bank_account_match(&terms, account) == BANK_ACCOUNT_VIRTUAL) {
        memcpy(its_virtual, account, sizeof its_virtual);
    }
    const char *id = arena_copy(taking->arena, bank_row_id_new().text);
    *ret_row = (struct bank_row){
        .id = id,
        .gateway = gateway->name,
        .bank_id = entry->bank_id,
        .account = arena_copy(taking->arena, account),
        .virtual_account = arena_copy(taking->arena, its_virtual),
        .booked_on = entry->booked_on,
        .valued_on = entry->valued_on,
        .credit = entry->credit,
        .amount_minor = entry->amount_minor,
        .currency = entry->currency,
        .party_name = kept_text(taking->arena, entry->party_name),
        .party_account = masked_account(taking->arena, party),
        .party_sealed = seal_party(taking, id, party),
        .remittance = kept_text(taking->arena, entry->remittance),
        .named = names_in(taking->arena, entry->remittance),
        .reverses = entry->reverses,
        .source = kept_text(taking->arena, taking->source),
        .line = entry->line,
        .taken_us = clock_wall_us(),
        .taken_by = taking->caller->actor,
        .state = BANK_ROW_NEW,
    };
    return NULL;
}

/* Whether the bank says the same of it as before. */
static bool same(const struct bank_row *a, const struct bank_row *b) {
    return a->credit == b->credit && a->amount_minor == b->amount_minor &&
           currency_equal(a->currency, b->currency) && strcmp(a->account, b->account) == 0 &&
           strcmp(a->virtual_account, b->virtual_account) == 0 &&
           strcmp(a->booked_on, b->booked_on) == 0 && strcmp(a->valued_on, b->valued_on) == 0 &&
           strcmp(a->party_name, b->party_name) == 0 &&
           strcmp(a->party_account, b->party_account) == 0 &&
           strcmp(a->remittance, b->remittance) == 0 && strcmp(a->reverses, b->reverses) == 0;
}

/* ---- writing ---- */

static int take_row(struct taking *taking, struct store_tx *tx, int index,
                    struct complaints *complaints, struct err *err) {
    struct bank_row *row = &taking->rows[index];
    int r = bank_row_insert(tx, row, err);
    if (r == 0 && PLANTED(ROW_AGAIN)) {
        struct bank_row again = *row;
        again.bank_id = arena_printf(taking->arena, "%s:%s", row->bank_id, taking->source);
        r = bank_row_insert(tx, &again, err);
        r = r > 0 ? job_put(tx, JOB_BANK_MATCH, row->id, row->taken_us, "", err) : r;
    }
    taking->known[index] = r == 0;
    taking->ids[index] = row->id;
    if (r > 0) {
        return job_put(tx, JOB_BANK_MATCH, row->id, row->taken_us, "", err);
    }
    struct bank_row first;
    r = r < 0 ? r
              : bank_row_named(tx, taking->arena, row->gateway, row->bank_id, false, &first, err);
    if (r < 0) {
        return r;
    }
    if (!same(row, &first)) {
        complain(complaints, index, &taking->entries[index],
                 "its bank_id is known with another content");
    }
    taking->ids[index] = first.id;
    return 0;
}

static void render_taken(struct buf *buf, const struct taking *taking, int known) {
    buf_addf(buf, "{\"taken\":%d,\"known\":%d,\"source\":", taking->count - known, known);
    buf_add_json(buf, taking->source);
    buf_add_text(buf, ",\"rows\":[");
    for (int i = 0; i < taking->count; i++) {
        buf_addf(buf, "%s{\"id\":\"%s\",\"bank_id\":", i > 0 ? "," : "", taking->ids[i]);
        buf_add_json(buf, taking->rows[i].bank_id);
        buf_addf(buf, ",\"line\":%lld,\"known\":%s}", (long long)taking->rows[i].line,
                 taking->known[i] ? "true" : "false");
    }
    buf_add_text(buf, "]}");
}

static int take_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                   struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct taking *taking = ctx;
    struct complaints complaints = {0};
    char detail[64];
    int r = 0, known = 0;
    for (int i = 0; r >= 0 && i < taking->count; i++) {
        r = take_row(taking, tx, i, &complaints, err);
        known += r >= 0 && taking->known[i];
    }
    r = r < 0 ? r
              : refuse(&complaints, ERR_EXISTS,
                       "A bank never changes a row: look at both, and whether this is the same "
                       "account's statement.",
                       err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    render_taken(&buf, taking, known);
    snprintf(detail, sizeof detail, "{\"taken\":%d,\"known\":%d}", taking->count - known, known);
    r = answer_take(ret_answer, 201, &buf, err);
    return r < 0 ? r
                 : audit_append(tx, taking->caller->actor, "bank.rows", taking->source,
                                "rows of the bank's statement were taken in", detail, err);
}

int bank_rows_take(struct payments *payments, const struct caller *caller, const char *source,
                   const struct bank_entry *entries, int count, struct answer *ret_answer,
                   struct err *err) {
    if (count < 1 || count > BANK_ROWS_MAX) {
        err_set(err, ERR_VALIDATION, "there are %d rows; 1 to %d are taken at once", count,
                BANK_ROWS_MAX);
        return err_place(err, "/rows");
    }
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct taking taking = {
        .payments = payments,
        .caller = caller,
        .source = source,
        .entries = entries,
        .count = count,
        .arena = arena,
        .rows = arena_alloc(arena, (size_t)count * sizeof(struct bank_row)),
        .ids = arena_alloc(arena, (size_t)count * sizeof(const char *)),
        .known = arena_alloc(arena, (size_t)count * sizeof(bool)),
    };
    struct complaints complaints = {0};
    for (int i = 0; i < count; i++) {
        const char *wrong = make_row(&taking, &entries[i], &taking.rows[i]);
        if (wrong != NULL) {
            complain(&complaints, i, &entries[i], wrong);
        }
    }
    int r = refuse(&complaints, ERR_VALIDATION, "Mend the file and take it in again, whole.", err);
    r = r < 0 ? r
              : idempotent_run(payments, caller, "bank.rows", take_fn, &taking, ret_answer, err);
    if (r >= 0) {
        jobs_wake(payments);
    }
    return r;
}
