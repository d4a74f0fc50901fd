/* SPDX-License-Identifier: Apache-2.0
 * bank_feed.c: rows of a bank's statement, handed on to what waits for transfers. */
#include "recon/bank_feed.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "gateway/bank/bank_reference.h"
#include "payment/bank.h"
#include "recon/payouts.h"
#include "recon/recon_impl.h"
#include "statement/field.h"

enum {
    DAY_CHARS = 10,
    NAME_BYTES = 4 * BANK_NAME_CHARS_MAX,
    REMITTANCE_BYTES = ROW_TEXT_CHARS_MAX + 2 * ROW_ID_CHARS_MAX + 8,
    KEY_BYTES_MAX = 4096,
    DIGEST_CHARS = 32,
};

struct kept {
    struct bank_entry entry;
    char bank_id[BANK_ID_CHARS_MAX + 1], day[DAY_CHARS + 1];
    char account[ROW_ID_CHARS_MAX + 1], sent_to[ROW_ID_CHARS_MAX + 1];
    char party[NAME_BYTES + 1], party_account[ROW_ID_CHARS_MAX + 1];
    char remittance[REMITTANCE_BYTES];
};

struct feeding {
    struct recon *recon;
    const struct statement_request *request;
    const struct bank_terms *terms;
    struct time_zone *zone;
    struct bank_fed *fed;
    const char *statement_id;
    struct payouts *payouts;   /* that are due there: no customer's transfers */
    GHashTable *payouts_known; /* and lines that a run has found to be such: "id" or "#line" */
    GHashTable *names;       /* of rows so far: how often each */
    struct kept *kept;
    int count;
    char source[BANK_SOURCE_CHARS_MAX + 1];
};

/* ---- handing on ---- */

static int hand_on(struct feeding *feeding, int first, int count, struct err *err) {
    struct bank_entry entries[BANK_FEED_ROWS_A_WRITE];
    ANSWER_AUTO answer = {0};
    const struct caller caller = {
        .actor = feeding->request->actor, .scope = "", .request_hash = "", .request_id = ""};
    for (int i = 0; i < count; i++) {
        entries[i] = feeding->kept[first + i].entry;
    }
    int r = bank_rows_take(feeding->recon->options.payments, &caller, feeding->source, entries,
                           count, &answer, err);
    if (r < 0) {
        return r;
    }
    JSON_AUTO json = json_loads(answer.json, 0, NULL);
    feeding->fed->taken += json_peek_int(json, 0, "taken", NULL);
    feeding->fed->known += json_peek_int(json, 0, "known", NULL);
    return 0;
}

static bool is_refusal(int r) {
    return r == -ERR_VALIDATION || r == -ERR_EXISTS;
}

/* All of them at once; where one is refused, one by one, so that it keeps no other out. */
static int flush(struct feeding *feeding, struct err *err) {
    int r = feeding->count > 0 ? hand_on(feeding, 0, feeding->count, err) : 0;
    if (is_refusal(r)) {
        r = 0;
        for (int i = 0; r >= 0 && i < feeding->count; i++) {
            r = hand_on(feeding, i, 1, err);
            if (is_refusal(r)) {
                if (feeding->fed->refused++ == 0) {
                    snprintf(feeding->fed->why, sizeof feeding->fed->why, "%s", err->detail);
                }
                r = 0;
            }
        }
    }
    feeding->count = 0;
    return r;
}

/* ---- a row ---- */

/* The bank's own references, and its text. */
static void remittance_of(const struct statement_row *row, char ret_text[REMITTANCE_BYTES]) {
    const char *const texts[] = {row->reference, row->original_reference};
    int used = snprintf(ret_text, REMITTANCE_BYTES, "%s", row->description);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (texts[i][0] != '\0' && strstr(row->description, texts[i]) == NULL) {
            used += snprintf(ret_text + used, (size_t)(REMITTANCE_BYTES - used), "%s%s",
                             used > 0 ? " " : "", texts[i]);
        }
    }
}

static bool is_ours(const char *text) {
    char found[BANK_REFERENCES_FOUND_MAX][BANK_REFERENCE_CHARS + 1];
    return bank_reference_find(text, found) > 0;
}

static bool is_name(const char *text) {
    size_t count = strlen(text);
    for (size_t i = 0; i < count; i++) {
        if (text[i] <= ' ' || text[i] == 0x7F) {
            return false;
        }
    }
    return count > 0 && count <= BANK_ID_CHARS_MAX;
}

/* How often a row of this name has been before, itself counted. */
static int count_name(struct feeding *feeding, const char *key) {
    int count = GPOINTER_TO_INT(g_hash_table_lookup(feeding->names, key)) + 1;
    g_hash_table_insert(feeding->names, g_strdup(key), GINT_TO_POINTER(count));
    return count;
}

/* A row without a name has one made of what it says, and of how many such rows came before it in
 * its file. Banks that use one name for several rows of a file get a number behind it. */
static void name_row(struct feeding *feeding, struct kept *kept, const struct statement_row *row) {
    char key[KEY_BYTES_MAX], digest[SHA256_HEX_CHARS + 1];
    if (is_name(row->gateway_id)) {
        snprintf(key, sizeof key, "%s|%s", kept->account, row->gateway_id);
        int count = count_name(feeding, key);
        int chars = count == 1
                        ? snprintf(kept->bank_id, sizeof kept->bank_id, "%s", row->gateway_id)
                        : snprintf(kept->bank_id, sizeof kept->bank_id, "%s#%d", row->gateway_id,
                                   count);
        if (chars < (int)sizeof kept->bank_id) {
            return;
        }
    }
    snprintf(key, sizeof key, "%s|%s|%s|%lld|%s|%s|%s|%s", kept->account, row->gateway_id,
             kept->day, (long long)row->gross_minor, row->currency.code, kept->party,
             kept->party_account, kept->remittance);
    int count = count_name(feeding, key);
    crypto_sha256_hex(key, strlen(key), digest);
    snprintf(kept->bank_id, sizeof kept->bank_id, "sha256:%.*s#%d", DIGEST_CHARS, digest, count);
}

static void fill(struct feeding *feeding, struct kept *kept, const struct statement_row *row) {
    char time[CLOCK_TEXT_MAX], packed[BANK_ACCOUNT_CHARS_MAX + 1];
    int64_t local_s = local_from_wall(feeding->zone, row->at_us);
    snprintf(kept->day, sizeof kept->day, "%.*s", DAY_CHARS,
             clock_format(local_s * US_PER_SECOND, time));
    bool own = row->account[0] == '\0' ||
               whose_is_named(recon_source(feeding->recon, feeding->request->gateway),
                              row->account);
    snprintf(kept->account, sizeof kept->account, "%s",
             own ? feeding->terms->account : row->account);
    bool is_virtual = row->sent_to[0] != '\0' && bank_account_pack(row->sent_to, packed) &&
                      bank_account_match(feeding->terms, packed) == BANK_ACCOUNT_VIRTUAL;
    snprintf(kept->sent_to, sizeof kept->sent_to, "%s", is_virtual ? row->sent_to : "");
    field_note(row->party, strlen(row->party), 0, kept->party, sizeof kept->party);
    /* What is no account number is not kept: nobody could pay to it. */
    bool is_account = bank_account_pack(row->party_account, packed);
    snprintf(kept->party_account, sizeof kept->party_account, "%s",
             is_account ? row->party_account : "");
    name_row(feeding, kept, row);
    kept->entry = (struct bank_entry){
        .bank_id = kept->bank_id,
        .account = kept->account,
        .virtual_account = kept->sent_to,
        .booked_on = kept->day,
        .valued_on = "",
        .credit = row->gross_minor > 0,
        .amount_minor = row->gross_minor > 0 ? row->gross_minor : -row->gross_minor,
        .currency = row->currency,
        .party_name = kept->party,
        .party_account = kept->party_account,
        .remittance = kept->remittance,
        .reverses = "",
        .line = row->line,
    };
}

/* A line that was found to be a payout stays one, also when its file is given again. */
static bool is_payout(struct feeding *feeding, const struct statement_row *row) {
    char line_name[32];
    const struct payout_line line = {
        .currency = row->currency,
        .amount_minor = row->gross_minor,
        .at_us = row->at_us,
        .reference = row->reference,
        .description = row->description,
    };
    snprintf(line_name, sizeof line_name, "#%lld", (long long)row->line);
    return g_hash_table_contains(feeding->payouts_known, line_name) ||
           (row->gateway_id[0] != '\0' &&
            g_hash_table_contains(feeding->payouts_known, row->gateway_id)) ||
           payouts_take(feeding->payouts, &line);
}

#define FOUND                                                                                      \
    "SELECT r.statement_id, r.line, r.gateway_id FROM own_booking b JOIN movement m ON m.side = "  \
    "1 AND m.id = b.due_id AND m.match_id <> '' JOIN movement t ON t.match_id = m.match_id AND "   \
    "t.match_id <> '' AND t.side = 2 JOIN statement_row r ON r.statement_id = t.statement_id AND " \
    "r.number = t.number "                                                                         \
    "WHERE b.bank = $1 AND b.bank <> '' AND b.booked = 1 AND (r.gateway_id <> '' OR "              \
    "r.statement_id = $2)"

static int payouts_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct feeding *feeding = ctx;
    SQL_ROWS_AUTO rows = NULL;
    payouts_free(feeding->payouts);
    feeding->payouts = NULL;
    g_hash_table_remove_all(feeding->payouts_known);
    int r = payouts_load(tx, feeding->request->gateway, &feeding->payouts, err);
    r = r < 0 ? r
              : sql_query(tx, err, &rows, FOUND, S_TEXT(feeding->request->gateway),
                          S_TEXT(feeding->statement_id));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        bool here = strcmp(sql_text(rows, 0), feeding->statement_id) == 0;
        g_hash_table_add(feeding->payouts_known,
                         here ? g_strdup_printf("#%lld", (long long)sql_int(rows, 1))
                              : g_strdup(sql_text(rows, 2)));
    }
    return r < 0 ? r : 0;
}

static int feed_row(void *ctx, const struct statement_row *row, struct err *err) {
    struct feeding *feeding = ctx;
    struct kept *kept = &feeding->kept[feeding->count];
    bool booked = row->status == ROW_DONE && row->gross_minor != 0 &&
                  (row->kind == ROW_BANK_CREDIT || row->kind == ROW_BANK_DEBIT);
    if (booked) {
        remittance_of(row, kept->remittance);
    }
    bool ours = booked && is_ours(kept->remittance);
    if (!booked || (!ours && (row->gross_minor < 0 || is_payout(feeding, row)))) {
        feeding->fed->passed++;
        return 0;
    }
    fill(feeding, kept, row);
    return ++feeding->count < BANK_FEED_ROWS_A_WRITE ? 0 : flush(feeding, err);
}

static void pass_problem(void *ctx, enum statement_problem problem, int64_t line,
                         const char *text) {
    (void)ctx;
    (void)problem;
    (void)line;
    (void)text; /* the same bytes had none when they were taken in */
}

int bank_feed(struct recon *recon, const struct statement_request *request,
              const char *statement_id, const struct bank_terms *terms, struct bank_fed *ret_fed,
              struct err *err) {
    const char *zone = request->source.time_zone;
    struct feeding feeding = {
        .recon = recon,
        .request = request,
        .statement_id = statement_id,
        .terms = terms,
        .fed = ret_fed,
    };
    *ret_fed = (struct bank_fed){0};
    int r = time_zone_open(zone != NULL ? zone : "UTC", &feeding.zone, err);
    if (r < 0) {
        return r;
    }
    field_note(request->source.name, strlen(request->source.name), 0, feeding.source,
               sizeof feeding.source);
    feeding.names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    feeding.kept = calloc(BANK_FEED_ROWS_A_WRITE, sizeof *feeding.kept);
    struct statement_head *head = calloc(1, sizeof *head);
    INVARIANT(feeding.kept != NULL && head != NULL, "out of memory");
    const struct statement_sink sink = {&feeding, feed_row, pass_problem};
    feeding.payouts_known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    r = store_read(recon->options.store, payouts_tx, &feeding, err);
    r = r < 0 ? r : request->reader->read(&request->source, &sink, head, err);
    r = r < 0 ? r : flush(&feeding, err);
    free(head);
    free(feeding.kept);
    g_hash_table_destroy(feeding.names);
    g_hash_table_destroy(feeding.payouts_known);
    payouts_free(feeding.payouts);
    time_zone_close(feeding.zone);
    return r;
}
