/* SPDX-License-Identifier: Apache-2.0
 * bank_days.c: the bank to which the simulated gateways pay out: its statement of a day (UTC) as
 * ISO 20022 camt.053 and as SWIFT MT940. Each payout of a gateway is one credit on the day on which
 * it was made, as the faults leave it (bank_credits.c); nothing else moves on the account, and
 * nothing was on it at the beginning. Layouts: the public message definitions. */
#include <inttypes.h>

#include "base/clock.h"
#include "sandbox/statement.h"

enum { CURRENCIES_MAX = 64, MT_REFERENCE_CHARS = 16 };
#define ACCOUNT "HOLDFAST-SANDBOX-1"
/* Statements are numbered by days, from 2020-01-01 on. */
#define FIRST_DAY INT64_C(18262)

struct day {
    GArray *credits; /* of struct sb_credit, up to the day's end, the oldest first */
    int64_t from_us, until_us;
    char date[SB_DATE_CHARS + 1];
};

static const struct sb_credit *credit_at(const struct day *day, guint i) {
    return &g_array_index(day->credits, struct sb_credit, i);
}

/* The currencies that the account ever had, at least one. */
static int currencies_of(const struct day *day, struct currency list[CURRENCIES_MAX]) {
    int count = 0;
    for (guint i = 0; i < day->credits->len; i++) {
        struct currency currency = credit_at(day, i)->payout.currency;
        int at = 0;
        while (at < count && !currency_equal(list[at], currency)) {
            at++;
        }
        if (at == count && count < CURRENCIES_MAX) {
            list[count++] = currency;
        }
    }
    if (count == 0) {
        list[count++] = currency_stored("EUR");
    }
    return count;
}

/* What one currency's account had, and what came. */
struct account {
    struct currency currency;
    int64_t opening_minor, came_minor, came;
};

static struct account account_of(const struct day *day, struct currency currency) {
    struct account account = {.currency = currency};
    for (guint i = 0; i < day->credits->len; i++) {
        const struct sb_payout *payout = &credit_at(day, i)->payout;
        if (!currency_equal(payout->currency, currency)) {
            continue;
        }
        if (payout->at_us < day->from_us) {
            account.opening_minor += payout->amount_minor;
        } else {
            account.came_minor += payout->amount_minor;
            account.came++;
        }
    }
    return account;
}

static bool came_now(const struct day *day, const struct sb_credit *credit,
                     struct currency currency) {
    return credit->payout.at_us >= day->from_us &&
           currency_equal(credit->payout.currency, currency);
}

/* ---- camt.053 ---- */

static void camt_amount(const char *tag, int64_t amount_minor, struct currency currency,
                        struct buf *out) {
    char text[MONEY_TEXT_MAX];
    buf_addf(out, "<%s Ccy=\"%s\">%s</%s>", tag, currency.code,
             money_decimal(amount_minor, currency, text), tag);
}

static void camt_balance(const struct day *day, const char *code, int64_t amount_minor,
                         struct currency currency, struct buf *out) {
    buf_addf(out, "<Bal><Tp><CdOrPrtry><Cd>%s</Cd></CdOrPrtry></Tp>", code);
    camt_amount("Amt", amount_minor, currency, out);
    buf_addf(out, "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>%s</Dt></Dt></Bal>\n", day->date);
}

static void camt_entry(const struct day *day, const struct sb_credit *credit, int number,
                       struct buf *out) {
    struct currency currency = credit->payout.currency;
    buf_addf(out, "<Ntry><NtryRef>%d</NtryRef>", number);
    camt_amount("Amt", credit->payout.amount_minor, currency, out);
    buf_addf(out,
             "<CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>%s</Dt></BookgDt>"
             "<ValDt><Dt>%s</Dt></ValDt><AcctSvcrRef>BANK-%s</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT"
             "</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>"
             "<NtryDtls><TxDtls><Refs><EndToEndId>%s</EndToEndId></Refs>",
             day->date, day->date, credit->bank_id, credit->id);
    camt_amount("Amt", credit->payout.amount_minor, currency, out);
    buf_addf(out,
             "<CdtDbtInd>CRDT</CdtDbtInd><RltdPties><Dbtr><Pty><Nm>%s</Nm></Pty></Dbtr></RltdPties>"
             "<RmtInf><Ustrd>PAYOUT %s</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n",
             sb_gateway_title(credit->gateway), credit->id);
}

static void camt_statement(const struct day *day, const struct account *account, struct buf *out) {
    struct currency currency = account->currency;
    char sum[MONEY_TEXT_MAX];
    int number = 0;
    buf_addf(out,
             "<Stmt><Id>%s-%s</Id><ElctrncSeqNb>%" PRId64 "</ElctrncSeqNb><CreDtTm>%sT23:59:59"
             "</CreDtTm><FrToDt><FrDtTm>%sT00:00:00</FrDtTm><ToDtTm>%sT23:59:59</ToDtTm></FrToDt>"
             "<Acct><Id><Othr><Id>" ACCOUNT "</Id></Othr></Id><Ccy>%s</Ccy></Acct>\n",
             currency.code, day->date, day->from_us / SB_DAY_US - FIRST_DAY, day->date, day->date,
             day->date, currency.code);
    camt_balance(day, "OPBD", account->opening_minor, currency, out);
    camt_balance(day, "CLBD", account->opening_minor + account->came_minor, currency, out);
    buf_addf(out,
             "<TxsSummry><TtlCdtNtries><NbOfNtries>%" PRId64 "</NbOfNtries><Sum>%s</Sum>"
             "</TtlCdtNtries></TxsSummry>\n",
             account->came, money_decimal(account->came_minor, currency, sum));
    for (guint i = 0; i < day->credits->len; i++) {
        if (came_now(day, credit_at(day, i), currency)) {
            camt_entry(day, credit_at(day, i), ++number, out);
        }
    }
    buf_add_text(out, "</Stmt>\n");
}

static void camt_write(const struct day *day, struct buf *out) {
    struct currency list[CURRENCIES_MAX];
    int count = currencies_of(day, list);
    buf_addf(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:"
        "tech:xsd:camt.053.001.08\"><BkToCstmrStmt>\n<GrpHdr><MsgId>SANDBOX-%s</MsgId><CreDtTm>"
        "%sT23:59:59</CreDtTm></GrpHdr>\n",
        day->date, day->date);
    for (int i = 0; i < count; i++) {
        const struct account account = account_of(day, list[i]);
        camt_statement(day, &account, out);
    }
    buf_add_text(out, "</BkToCstmrStmt></Document>\n");
}

/* ---- MT940 ---- */

/* "1234,50": a comma, which stands there even when nothing follows. */
static const char *mt_amount(int64_t amount_minor, struct currency currency,
                             char text[MONEY_TEXT_MAX]) {
    money_decimal(amount_minor, currency, text);
    char *point = strchr(text, '.');
    if (point != NULL) {
        *point = ',';
    } else {
        size_t count = strlen(text);
        INVARIANT(count + 1 < MONEY_TEXT_MAX, "an amount has room for a comma");
        text[count] = ',';
        text[count + 1] = '\0';
    }
    return text;
}

/* "251121" */
static const char *mt_date(const char *date, char text[8]) {
    snprintf(text, 8, "%.2s%.2s%.2s", date + 2, date + 5, date + 8);
    return text;
}

static void mt_balance(const char *tag, const char *date, int64_t amount_minor,
                       struct currency currency, struct buf *out) {
    char amount[MONEY_TEXT_MAX], day[8];
    buf_addf(out, ":%s:C%s%s%s\r\n", tag, mt_date(date, day), currency.code,
             mt_amount(amount_minor, currency, amount));
}

/* The payout's name is longer than a reference there may be, so that it stands in :86:. */
static void mt_entry(const struct day *day, const struct sb_credit *credit, struct buf *out) {
    char amount[MONEY_TEXT_MAX], date[8];
    buf_addf(out, ":61:%s%.4sC%sNTRFNONREF//%.*s\r\n:86:/EREF/%s/NAME/%s\r\n",
             mt_date(day->date, date), date + 2,
             mt_amount(credit->payout.amount_minor, credit->payout.currency, amount),
             MT_REFERENCE_CHARS, credit->bank_id, credit->id, sb_gateway_title(credit->gateway));
}

static void mt_write(const struct day *day, struct buf *out) {
    struct currency list[CURRENCIES_MAX];
    int count = currencies_of(day, list);
    char before[CLOCK_TEXT_MAX];
    clock_format_at(day->from_us - SB_DAY_US, 0, before);
    for (int i = 0; i < count; i++) {
        const struct account account = account_of(day, list[i]);
        buf_addf(out, ":20:SANDBOX%s\r\n:25:" ACCOUNT "\r\n:28C:%05" PRId64 "/001\r\n",
                 list[i].code, day->from_us / SB_DAY_US - FIRST_DAY);
        mt_balance("60F", before, account.opening_minor, list[i], out);
        for (guint k = 0; k < day->credits->len; k++) {
            if (came_now(day, credit_at(day, k), list[i])) {
                mt_entry(day, credit_at(day, k), out);
            }
        }
        mt_balance("62F", day->date, account.opening_minor + account.came_minor, list[i], out);
        buf_add_text(out, "-\r\n");
    }
}

/* ---- the file ---- */

/* The day's bounds, once it is known that there is such a kind and such a day. */
static int day_read(const char *kind, const char *date, struct day *day, struct err *err) {
    char text[CLOCK_TEXT_MAX];
    if (strcmp(kind, "camt053") != 0 && strcmp(kind, "mt940") != 0) {
        return err_set(err, ERR_VALIDATION, "the bank has camt053 and mt940");
    }
    snprintf(text, sizeof(text), "%.10s 00:00:00", date);
    if (strlen(date) != SB_DATE_CHARS || !clock_parse_at(text, 0, &day->from_us)) {
        return err_set(err, ERR_VALIDATION, "'%.20s' is no day like 2026-11-21", date);
    }
    day->until_us = day->from_us + SB_DAY_US;
    memcpy(day->date, date, SB_DATE_CHARS);
    return 0;
}

/* What is late for one gateway's payouts is late as a whole. */
static int published(struct sandbox *sandbox, const struct day *day, const char *name,
                     struct err *err) {
    int64_t late_us = 0;
    for (int i = 0; i < SB_GATEWAYS; i++) {
        struct sb_fault faults[SB_FAULTS_MAX];
        int count = sb_faults_statement(&sandbox->faults, (enum sb_gateway)i, faults);
        for (int k = 0; k < count; k++) {
            bool late = faults[k].kind == SB_FAULT_STATEMENT_LATE && sb_fault_of_bank(&faults[k]) &&
                        sb_statement_strikes(sandbox, &faults[k], name);
            late_us = late && faults[k].later_us > late_us ? faults[k].later_us : late_us;
        }
    }
    return clock_wall_us() >= day->until_us + late_us
               ? 0
               : err_set(err, ERR_NOT_FOUND, "the bank tells of %s when it is over%s", day->date,
                         late_us > 0 ? ", and is late" : "");
}

int sb_bank_day(struct sandbox *sandbox, const char *kind, const char *date,
                enum sb_statement_wish wish, struct buf *out, char ret_name[SB_STATEMENT_NAME_MAX],
                struct err *err) {
    struct day day = {.credits = NULL};
    char name[SB_STATEMENT_NAME_MAX];
    bool camt = strcmp(kind, "camt053") == 0;
    int rc = day_read(kind, date, &day, err);
    if (rc < 0) {
        return rc;
    }
    sb_bank_file(kind, day.date, name);
    rc = wish == SB_PUBLISHED ? published(sandbox, &day, name, err) : 0;
    if (rc < 0) {
        return rc;
    }
    day.credits = sb_bank_credits(sandbox, kind, day.from_us, day.until_us, wish, NULL);
    if (camt) {
        camt_write(&day, out);
    } else {
        mt_write(&day, out);
    }
    g_array_unref(day.credits);
    for (int i = 0; i < SB_GATEWAYS && !sb_bank_corrected(sandbox, kind, day.date); i++) {
        sb_statement_truncate(sandbox, (enum sb_gateway)i, true, name, out);
    }
    snprintf(ret_name, SB_STATEMENT_NAME_MAX, "bank_%s.%s", day.date, camt ? "xml" : "sta");
    return buf_ok(out) ? 0 : err_set(err, ERR_TOO_LARGE, "the file is too large");
}

int sb_bank_planted(struct sandbox *sandbox, const char *kind, const char *date,
                    GArray **ret_planted, unsigned *ret_rows, bool *ret_corrected,
                    struct err *err) {
    struct day day = {.credits = NULL};
    int rc = day_read(kind, date, &day, err);
    if (rc < 0) {
        return rc;
    }
    GArray *planted = g_array_new(false, false, sizeof(struct sb_planted));
    day.credits = sb_bank_credits(sandbox, kind, day.from_us, day.until_us, SB_FIRST, planted);
    *ret_rows = 0;
    for (guint i = 0; i < day.credits->len; i++) {
        *ret_rows += credit_at(&day, i)->payout.at_us >= day.from_us;
    }
    *ret_corrected = sb_bank_corrected(sandbox, kind, day.date);
    g_array_unref(day.credits);
    *ret_planted = planted;
    return 0;
}
