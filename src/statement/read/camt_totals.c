/* SPDX-License-Identifier: Apache-2.0
 * camt_totals.c: balances, sums and counts of a camt.053 statement. Layout: see read_camt.c.
 *
 * The opening balance is OPBD, or PRCD where there is none, and the closing one CLBD. A page of a
 * statement that has several has ITBD (interim) in their place: the first and the last of it.
 * Statements of one account must follow one another: each opens with what the one before closed
 * with, and their electronic numbers count up by one. */
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "statement/field.h"
#include "statement/read/camt.h"

enum { TELL_BYTES = 400, KEY_BYTES = 160 };

void camt_tell(const struct camt *camt, enum statement_problem problem, int64_t line,
               const char *format, ...) {
    char text[TELL_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    statement_tell(camt->sink, problem, line, "%s", text);
}

bool camt_side(const struct camt *camt, int64_t line, const char *text, enum camt_side *ret_side) {
    if (strcmp(text, "CRDT") == 0) {
        *ret_side = CAMT_CRDT;
        return true;
    }
    if (strcmp(text, "DBIT") == 0) {
        *ret_side = CAMT_DBIT;
        return true;
    }
    camt_tell(camt, PROBLEM_BAD_VALUE, line, "CdtDbtInd is '%s', neither CRDT nor DBIT", text);
    return false;
}

bool camt_number(const struct camt *camt, int64_t line, const char *text, int64_t *ret_minor) {
    static const struct amount_style style = {.decimal = '.'};
    struct err err;
    if (camt->currency.code[0] == '\0') {
        camt_tell(camt, PROBLEM_CURRENCY, line, "'%s' in no currency", text);
        return false;
    }
    if (field_amount(text, strlen(text), &style, camt->currency, ret_minor, &err) != 0) {
        camt_tell(camt, PROBLEM_BAD_VALUE, line, "%s", err.detail);
        return false;
    }
    if (*ret_minor < 0) {
        camt_tell(camt, PROBLEM_SIGN, line, "'%s' has a sign; CdtDbtInd says which way it went",
                  text);
        return false;
    }
    return true;
}

/* The statement's currency is that which is told first. */
static bool take_currency(struct camt *camt, int64_t line, const char *code) {
    struct currency currency;
    bool capitals = strlen(code) == CURRENCY_CHARS && g_ascii_isupper(code[0]);
    if (!capitals || currency_parse(code, &currency, NULL) != 0) {
        camt_tell(camt, PROBLEM_CURRENCY, line, "'%s' is no currency that is known", code);
        return false;
    }
    if (camt->currency.code[0] == '\0') {
        camt->currency = currency;
    }
    if (!currency_equal(currency, camt->currency)) {
        camt_tell(camt, PROBLEM_CURRENCY, line, "%s in a statement of %s", currency.code,
                  camt->currency.code);
        return false;
    }
    return true;
}

bool camt_amount(struct camt *camt, int64_t line, const struct camt_amount *amount,
                 int64_t *ret_minor) {
    return take_currency(camt, line, amount->currency) &&
           camt_number(camt, line, amount->text, ret_minor);
}

/* "2025-09-01T10:00:00", with or without a fraction and a zone; 24:00 is the next day. */
static bool read_moment(const struct camt *camt, const char *text, int64_t *ret_us) {
    static const char *const patterns[] = {"YYYY-MM-DDThh:mm:ss", "YYYY-MM-DDThh:mm:ssZ",
                                           "YYYY-MM-DDThh:mm:ss.fff", "YYYY-MM-DDThh:mm:ss.fffZ"};
    char at[CAMT_TIME_CHARS_MAX + 1];
    bool next_day = strncmp(text + CAMT_DAY_CHARS, "T24:00:00", strlen("T24:00:00")) == 0;
    g_strlcpy(at, text, sizeof at);
    if (next_day) {
        memcpy(at + CAMT_DAY_CHARS, "T00", strlen("T00"));
    }
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        if (field_time(at, strlen(at), patterns[i], camt->zone, ret_us, NULL) == 0) {
            *ret_us += next_day ? INT64_C(24) * 60 * 60 * US_PER_SECOND : 0;
            return true;
        }
    }
    return false;
}

/* A day is the bank's own, whatever zone stands behind it ("2025-09-01+02:00"). */
static bool read_day(const struct camt *camt, const char *text, int64_t *ret_us) {
    int64_t unused = 0;
    bool fine = strlen(text) == CAMT_DAY_CHARS ||
                field_time(text, strlen(text), "YYYY-MM-DDZ", NULL, &unused, NULL) == 0;
    return fine && field_time(text, CAMT_DAY_CHARS, "YYYY-MM-DD", camt->zone, ret_us, NULL) == 0;
}

bool camt_time(const struct camt *camt, int64_t line, const char *text, int64_t *ret_us) {
    bool fine = false;
    if (strlen(text) >= CAMT_DAY_CHARS) {
        fine = text[CAMT_DAY_CHARS] == 'T' ? read_moment(camt, text, ret_us)
                                           : read_day(camt, text, ret_us);
    }
    if (!fine) {
        camt_tell(camt, PROBLEM_BAD_VALUE, line, "'%s' is no day or time", text);
    }
    return fine;
}

/* ---- a statement ---- */

void camt_begin_stmt(struct camt *camt, int64_t line) {
    camt->stmt = (struct camt_stmt){.line = line};
    camt->currency = (struct currency){{0}};
    camt->has_opening = camt->has_previous = camt->has_closing = camt->broken = false;
    camt->closed[0] = '\0';
    camt->booked = camt->all = (struct camt_sums){{0}, {0}};
    camt->interim_count = 0;
    camt->stmt_count++;
}

static void keep_once(const struct camt *camt, bool *has, int64_t *to, int64_t minor) {
    if (*has) {
        camt_tell(camt, PROBLEM_REPEATED, camt->bal.line, "a second balance %s", camt->bal.code);
    }
    *has = true;
    *to = minor;
}

void camt_end_bal(struct camt *camt) {
    const struct camt_bal *bal = &camt->bal;
    enum camt_side side = CAMT_CRDT;
    int64_t minor = 0;
    if (!camt_amount(camt, bal->line, &bal->amount, &minor) ||
        !camt_side(camt, bal->line, bal->side, &side)) {
        camt->broken = true;
        return;
    }
    minor = side == CAMT_DBIT ? -minor : minor;
    if (strcmp(bal->code, "OPBD") == 0) {
        keep_once(camt, &camt->has_opening, &camt->opening_minor, minor);
    } else if (strcmp(bal->code, "PRCD") == 0) {
        keep_once(camt, &camt->has_previous, &camt->previous_minor, minor);
    } else if (strcmp(bal->code, "CLBD") == 0) {
        keep_once(camt, &camt->has_closing, &camt->closing_minor, minor);
        g_strlcpy(camt->closed, bal->day, sizeof camt->closed);
        camt->closing_line = bal->line;
    } else if (strcmp(bal->code, "ITBD") == 0) {
        camt->first_interim_minor = camt->interim_count == 0 ? minor : camt->first_interim_minor;
        camt->last_interim_minor = minor;
        camt->interim_count++;
    }
}

/* Finds out what the statement opens and closes with. */
static bool settle_balances(struct camt *camt) {
    bool opens = camt->has_opening || camt->has_previous;
    if (camt->has_opening && camt->has_previous && camt->opening_minor != camt->previous_minor) {
        camt_tell(camt, PROBLEM_BALANCE, camt->stmt.line,
                  "it does not open with what the day before closed with");
    }
    if (!camt->has_opening && camt->has_previous) {
        camt->opening_minor = camt->previous_minor;
    }
    if (!opens && camt->interim_count > 0) {
        camt->opening_minor = camt->first_interim_minor;
        opens = true;
        camt->interim_count--;
    }
    if (!camt->has_closing && camt->interim_count > 0) {
        camt->closing_minor = camt->last_interim_minor;
        camt->closing_line = camt->stmt.line;
        camt->has_closing = true;
    }
    if (!opens || !camt->has_closing) {
        camt_tell(camt, PROBLEM_BALANCE, camt->stmt.line, "the statement has no %s balance",
                  opens ? "closing" : "opening");
    }
    return opens && camt->has_closing;
}

static void check_balance(const struct camt *camt) {
    int64_t moved = 0, closing = 0;
    char shown[MONEY_TEXT_MAX];
    bool fits = money_sub(camt->booked.minor[CAMT_CRDT], camt->booked.minor[CAMT_DBIT], &moved) &&
                money_add(camt->opening_minor, moved, &closing);
    if (!fits || closing != camt->closing_minor) {
        camt_tell(camt, PROBLEM_BALANCE, camt->closing_line,
                  "the opening balance and the booked entries give %s, and not the closing balance",
                  fits ? money_show(closing, camt->currency, shown) : "more than any sum");
    }
}

/* A count and a sum, against the booked entries or, as some banks have it, all of them. */
static void check_total(const struct camt *camt, const struct camt_total *total, int64_t booked,
                        int64_t all, int64_t booked_minor, int64_t all_minor, const char *what) {
    int64_t told = 0, line = camt->stmt.summary_line;
    struct err err;
    if (total->count[0] != '\0') {
        if (field_count(total->count, strlen(total->count), &told, &err) != 0) {
            camt_tell(camt, PROBLEM_BAD_VALUE, line, "%s", err.detail);
        } else if (told != booked && told != all) {
            camt_tell(camt, PROBLEM_COUNT, line, "%s are told to be %lld and are %lld", what,
                      (long long)told, (long long)booked);
        }
    }
    if (total->sum[0] != '\0' && camt_number(camt, line, total->sum, &told) &&
        told != booked_minor && told != all_minor) {
        char shown[MONEY_TEXT_MAX];
        camt_tell(camt, PROBLEM_TOTAL, line, "%s are told to be %s and are %s", what, total->sum,
                  money_decimal(booked_minor, camt->currency, shown));
    }
}

static void check_summary(const struct camt *camt) {
    const struct camt_stmt *stmt = &camt->stmt;
    const struct camt_sums *booked = &camt->booked, *all = &camt->all;
    check_total(camt, &stmt->credits, booked->rows[CAMT_CRDT], all->rows[CAMT_CRDT],
                booked->minor[CAMT_CRDT], all->minor[CAMT_CRDT], "credits");
    check_total(camt, &stmt->debits, booked->rows[CAMT_DBIT], all->rows[CAMT_DBIT],
                booked->minor[CAMT_DBIT], all->minor[CAMT_DBIT], "debits");
    int64_t both = 0, both_of_all = 0;
    if (money_add(booked->minor[CAMT_CRDT], booked->minor[CAMT_DBIT], &both) &&
        money_add(all->minor[CAMT_CRDT], all->minor[CAMT_DBIT], &both_of_all)) {
        check_total(camt, &stmt->all, booked->rows[CAMT_CRDT] + booked->rows[CAMT_DBIT],
                    all->rows[CAMT_CRDT] + all->rows[CAMT_DBIT], both, both_of_all, "entries");
    }
    int64_t told = 0, line = stmt->summary_line;
    enum camt_side side = CAMT_CRDT;
    if (stmt->net[0] == '\0' || !camt_number(camt, line, stmt->net, &told) ||
        (told != 0 && !camt_side(camt, line, stmt->net_side, &side))) {
        return;
    }
    told = side == CAMT_DBIT ? -told : told;
    if (told != booked->minor[CAMT_CRDT] - booked->minor[CAMT_DBIT] &&
        told != all->minor[CAMT_CRDT] - all->minor[CAMT_DBIT]) {
        camt_tell(camt, PROBLEM_TOTAL, line, "the net of the entries is not %s", stmt->net);
    }
}

/* ---- how it follows the one before ---- */

static int64_t told_number(const struct camt *camt, const char *text) {
    int64_t number = -1;
    struct err err;
    if (text[0] != '\0' && field_count(text, strlen(text), &number, &err) != 0) {
        camt_tell(camt, PROBLEM_BAD_VALUE, camt->stmt.line, "%s", err.detail);
        return -1;
    }
    return number;
}

static void check_chain(const struct camt *camt, const struct bank_account *last, int64_t number,
                        int64_t page) {
    bool numbered = number >= 0 && last->number >= 0;
    bool next_page = number == last->number && page > 0 && page == last->page + 1;
    if (numbered && number == last->number && !next_page) {
        camt_tell(camt, PROBLEM_REPEATED, camt->stmt.line,
                  "the statement with the number %lld is there twice", (long long)number);
    } else if (numbered && number != last->number + 1 && !next_page) {
        camt_tell(camt, PROBLEM_ORDER, camt->stmt.line, "the statement %lld follows %lld",
                  (long long)number, (long long)last->number);
    }
    if (camt->opening_minor != last->closing_minor) {
        camt_tell(camt, PROBLEM_ORDER, camt->stmt.line,
                  "it does not open with what the statement before closed with");
    }
}

static void enter_book(struct camt *camt, int64_t number, int64_t page, int64_t closed_us) {
    struct bank_account *account = bank_book_find(&camt->book, camt->stmt.account, camt->currency);
    if (account != NULL) {
        check_chain(camt, account, number, page);
    } else {
        account = bank_book_add(&camt->book, camt->stmt.account, camt->currency);
        if (account == NULL) {
            camt_tell(camt, PROBLEM_LIMIT, camt->stmt.line, "more accounts than are ever taken");
            return;
        }
        account->opening_minor = camt->opening_minor;
    }
    bank_book_close(account, number, page, camt->closing_minor, closed_us);
}

/* The end of the day of its closing balance; 0: it tells none that can be read. */
static int64_t closing_day(const struct camt *camt) {
    int64_t day_us = 0;
    bool told = strlen(camt->closed) >= CAMT_DAY_CHARS &&
                field_time(camt->closed, CAMT_DAY_CHARS, "YYYY-MM-DD", camt->zone, &day_us, NULL) ==
                    0;
    return told ? day_us + INT64_C(24) * 60 * 60 * US_PER_SECOND : 0;
}

/* Returns its end. The end of a period is the last second of it, or the midnight after it. */
static int64_t take_period(struct camt *camt) {
    const struct camt_stmt *stmt = &camt->stmt;
    struct statement_head *head = camt->head;
    int64_t from_us = 0, until_us = 0;
    if (stmt->from[0] == '\0' || stmt->until[0] == '\0' ||
        !camt_time(camt, stmt->line, stmt->from, &from_us) ||
        !camt_time(camt, stmt->line, stmt->until, &until_us)) {
        return closing_day(camt);
    }
    if (until_us < from_us) {
        camt_tell(camt, PROBLEM_PERIOD, stmt->line, "the period ends before it begins");
        return 0;
    }
    bool whole_day = until_us == from_us || strlen(stmt->until) == CAMT_DAY_CHARS;
    bool at_midnight = strstr(stmt->until, "T00:00:00") != NULL ||
                       strstr(stmt->until, "T24:00:00") != NULL;
    until_us += whole_day ? INT64_C(24) * 60 * 60 * US_PER_SECOND
                          : (at_midnight ? 0 : US_PER_SECOND);
    bool first = head->until_us == 0;
    head->from_us = first || from_us < head->from_us ? from_us : head->from_us;
    head->until_us = until_us > head->until_us ? until_us : head->until_us;
    return until_us;
}

void camt_end_stmt(struct camt *camt) {
    struct camt_stmt *stmt = &camt->stmt;
    struct statement_head *head = camt->head;
    char key[KEY_BYTES];
    int count = snprintf(key, sizeof key, "stmt|%s", stmt->id);
    int64_t before = seen_add(&camt->seen, key, (size_t)count, stmt->line);
    if (stmt->id[0] == '\0' || stmt->account[0] == '\0') {
        camt_tell(camt, PROBLEM_BAD_VALUE, stmt->line, "the statement has no %s",
                  stmt->id[0] == '\0' ? "Id" : "account");
    } else if (before != 0) {
        camt_tell(camt, PROBLEM_REPEATED, stmt->line,
                  "the statement '%s' is there on line %lld as well", stmt->id, (long long)before);
    }
    if (stmt->account_currency[0] != '\0') {
        (void)!take_currency(camt, stmt->line, stmt->account_currency);
    }
    int64_t number = told_number(camt, stmt->number), page = told_number(camt, stmt->page);
    if (camt->stmt_count == 1) {
        g_strlcpy(head->file_id, stmt->id, sizeof head->file_id);
        g_strlcpy(head->account, stmt->account, sizeof head->account);
        head->sequence = number;
    }
    int64_t closed_us = take_period(camt);
    if (camt->broken) {
        return; /* told: whatever does not add up now comes from that */
    }
    if (settle_balances(camt)) {
        check_balance(camt);
        enter_book(camt, number, page, closed_us);
    }
    check_summary(camt);
}

void camt_end_file(struct camt *camt, int64_t line) {
    if (camt->stmt_count == 0) {
        camt_tell(camt, PROBLEM_CUT, line, "there is no statement in it");
    }
    if (!bank_book_head(&camt->book, camt->head)) {
        camt_tell(camt, PROBLEM_LIMIT, 0, "balances larger than any amount");
    }
}
