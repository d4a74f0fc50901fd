/* SPDX-License-Identifier: Apache-2.0
 * adyen_batches.c: settlement details in Adyen's layout, under the URL and for the report user that
 * Adyen's have: a merchant account is a gateway of the sandbox, a batch one of its payouts. They
 * are numbered from 1 in the order in which they were made. (The simulated gateways take no charges
 * by Adyen's protocol: this is what their books look like when they are told so.) Layout: Adyen's
 * public documentation, "Settlement details report"; the classic columns. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "sandbox/statement.h"

#define HEADER                                                                                     \
    "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation "   \
    "Date,TimeZone,Type,Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC)," \
    "Exchange Rate,Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),"       \
    "Scheme Fees (NC),Interchange (NC),Payment Method Variant,Modification Merchant Reference,"    \
    "Batch Number\n"
#define NAME_BEGIN "settlement_detail_report_batch_"
#define NAME_END ".csv"
enum { KIND_CHARS_MAX = 16 };
static const char kind_name[KIND_CHARS_MAX] = "adyen";

/* ---- numbers ---- */

/* Before another one: those of one moment by their own numbers. */
static bool is_before(const struct sb_payout *a, const struct sb_payout *b) {
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->number < b->number;
}

static const struct sb_payout *payout_at(const GArray *payouts, guint i) {
    return &g_array_index(payouts, struct sb_payout, i);
}

static int64_t batch_of(const GArray *payouts, const struct sb_payout *payout) {
    int64_t number = 1;
    for (guint i = 0; i < payouts->len; i++) {
        number += is_before(payout_at(payouts, i), payout);
    }
    return number;
}

/* Of the payout with that name; 0: there is none. */
static int64_t batch_named(const struct sb_statement *statement, const char *name) {
    for (guint i = 0; i < statement->payouts->len; i++) {
        const struct sb_payout *payout = payout_at(statement->payouts, i);
        struct sb_id id = sb_payout_id(statement->sandbox, statement->gateway, payout->number);
        if (strcmp(id.text, name) == 0) {
            return batch_of(statement->payouts, payout);
        }
    }
    return 0;
}

/* ---- rows ---- */

static const char *type_of(const struct sb_line *line) {
    static const char *const types[SB_MOVE_KINDS] = {
        [SB_MOVE_CHARGE] = "Settled",
        [SB_MOVE_REFUND] = "Refunded",
        [SB_MOVE_REFUND_BACK] = "RefundedReversed",
        [SB_MOVE_DISPUTE] = "Chargeback",
        [SB_MOVE_DISPUTE_BACK] = "ChargebackReversed",
        [SB_MOVE_PAYOUT] = "MerchantPayout",
    };
    return types[line->kind];
}

/* Debit and credit: one of them is empty. */
static void put_sides(int64_t amount_minor, struct currency currency, struct buf *out) {
    char text[MONEY_TEXT_MAX];
    int64_t amount = amount_minor < 0 ? -amount_minor : amount_minor;
    buf_addf(out, amount_minor < 0 ? "%s,," : ",%s,", money_decimal(amount, currency, text));
}

static void put_amounts(const struct sb_line *line, struct buf *out) {
    char text[MONEY_TEXT_MAX];
    bool payout = line->kind == SB_MOVE_PAYOUT;
    if (payout) {
        buf_add_text(out, ",,,,");
    } else {
        buf_addf(out, "%s,", line->currency.code);
        put_sides(line->gross_minor, line->currency, out);
        buf_add_text(out, "1,");
    }
    buf_addf(out, "%s,", line->currency.code);
    put_sides(line->gross_minor - line->fee_minor, line->currency, out);
    if (!payout && line->fee_minor != 0) {
        buf_add_text(out, money_decimal(line->fee_minor, line->currency, text));
    }
    buf_add_text(out, ",,,,");
}

static void put_row(const struct sb_statement *statement, const struct sb_line *line,
                    int64_t batch, struct buf *out) {
    char time[CLOCK_TEXT_MAX];
    const char *account = sb_gateway_name(statement->gateway);
    bool charge = line->kind == SB_MOVE_CHARGE, payout = line->kind == SB_MOVE_PAYOUT;
    buf_addf(out, "HoldfastSandbox,%s,%s,", account,
             payout ? "" : charge ? line->id : line->original_id);
    sb_statement_plain(charge ? line->reference : line->original_reference, "_", out);
    buf_addf(out, ",%s,%.19s,UTC,%s,", payout ? "" : "visa",
             clock_format_at(line->at_us, 0, time), type_of(line));
    if (payout) {
        buf_addf(out, "\"%s batch %" PRId64 ", %s\"", line->id, batch, account);
    } else {
        buf_add_text(out, charge && line->flow[0] != '\0' ? line->flow : line->id);
    }
    buf_add_char(out, ',');
    put_amounts(line, out);
    buf_addf(out, "%s,", payout ? "" : "visa");
    sb_statement_plain(charge || payout ? "" : line->reference, "_", out);
    buf_addf(out, ",%" PRId64 "\n", batch);
}

void sb_adyen_write(const struct sb_statement *statement, struct buf *out) {
    buf_add_text(out, HEADER);
    for (guint i = 0; i < statement->lines->len; i++) {
        const struct sb_line *line = sb_line_at(statement->lines, i);
        if (statement->batch[0] == '\0' || strcmp(statement->batch, line->batch) == 0) {
            put_row(statement, line, batch_named(statement, line->batch), out);
        }
    }
}

void sb_adyen_name(const struct sb_statement *statement, char *ret_name, size_t bytes) {
    if (statement->batch[0] != '\0') {
        snprintf(ret_name, bytes, NAME_BEGIN "%" PRId64 NAME_END,
                 batch_named(statement, statement->batch));
    } else {
        snprintf(ret_name, bytes, "settlement_detail_report_%s.csv", statement->date);
    }
}

/* ---- the URL ---- */

static bool is_report_user(const struct http_request *request) {
    static const char pair[] = SANDBOX_REPORT_USER ":" SANDBOX_REPORT_PASSWORD;
    const char *given = http_header_find(request->headers, request->header_count, "Authorization");
    const char *key = http_header_find(request->headers, request->header_count, "X-API-Key");
    char *encoded = crypto_base64(pair, sizeof(pair) - 1);
    bool is = (given != NULL && strncmp(given, "Basic ", 6) == 0 &&
               strcmp(given + 6, encoded) == 0) ||
              (key != NULL && strcmp(key, SANDBOX_REPORT_PASSWORD) == 0);
    free(encoded);
    return is;
}

/* "settlement_detail_report_batch_118.csv"; 0: no such name. */
static int64_t number_of(const char *file) {
    size_t begin = sizeof(NAME_BEGIN) - 1;
    if (strncmp(file, NAME_BEGIN, begin) != 0) {
        return 0;
    }
    size_t digits = strspn(file + begin, "0123456789");
    bool fits = digits > 0 && digits < 10 && strcmp(file + begin + digits, NAME_END) == 0;
    return fits ? strtoll(file + begin, NULL, 10) : 0;
}

/* The day of the payout with that number, in UTC, and its name; false: there is none yet. */
static bool find_batch(struct sandbox *sandbox, enum sb_gateway gateway, int64_t number,
                       char ret_date[CLOCK_TEXT_MAX], struct sb_id *ret_id) {
    GArray *moves = sb_book_moves(&sandbox->book, gateway);
    GArray *payouts = sb_payouts(sandbox, gateway, moves, clock_wall_us());
    bool found = false;
    for (guint i = 0; !found && i < payouts->len; i++) {
        const struct sb_payout *payout = payout_at(payouts, i);
        found = batch_of(payouts, payout) == number;
        if (found) {
            clock_format_at(payout->at_us, sb_gateway_kind(gateway)->place_minutes, ret_date);
            ret_date[SB_DATE_CHARS] = '\0';
            *ret_id = sb_payout_id(sandbox, gateway, payout->number);
        }
    }
    g_array_unref(payouts);
    g_array_unref(moves);
    return found;
}

static int write_batch(struct sandbox *sandbox, enum sb_gateway gateway, int64_t number,
                       struct buf *out, struct err *err) {
    char date[CLOCK_TEXT_MAX], name[SB_STATEMENT_NAME_MAX];
    struct sb_id id = {{0}};
    struct sb_statement *statement = NULL;
    if (!find_batch(sandbox, gateway, number, date, &id)) {
        return err_set(err, ERR_NOT_FOUND, "there is no batch %" PRId64 " yet", number);
    }
    int rc = sb_statement_open(sandbox, gateway, kind_name, date, SB_PUBLISHED, &statement, err);
    if (rc < 0) {
        return rc;
    }
    memcpy(statement->batch, id.text, sizeof(statement->batch));
    bool whole = sb_statement_write(statement, out, name);
    sb_statement_free(statement);
    sb_statement_handed(sandbox, gateway, kind_name, date);
    return whole ? 0 : err_set(err, ERR_TOO_LARGE, "the batch is larger than any handed out here");
}

void sb_adyen_call(struct sandbox *sandbox, const struct http_request *request,
                   const char *account, const char *file, struct http_reply *reply) {
    enum sb_gateway gateway;
    struct err err = {0};
    if (!is_report_user(request)) {
        reply->status = 401;
        http_reply_header(reply, "WWW-Authenticate", "Basic realm=\"reports\"");
        return;
    }
    bool known = sb_gateway_parse(account, &gateway) && number_of(file) > 0;
    int rc = known ? write_batch(sandbox, gateway, number_of(file), &reply->body, &err)
                   : -ERR_NOT_FOUND;
    reply->status = rc == 0 ? 200 : rc == -ERR_NOT_FOUND || rc == -ERR_GONE ? 404 : 400;
    if (rc < 0) {
        buf_clear(&reply->body);
    }
    http_reply_header(reply, "Content-Type", rc == 0 ? "text/csv" : "text/plain");
}
