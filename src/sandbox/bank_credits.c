/* SPDX-License-Identifier: Apache-2.0
 * bank_credits.c: what came to the bank account, as its statement tells it: each payout of a
 * gateway once, but for the faults of statements with operation=payout. A day that was handed out
 * is told without them, once it is to be corrected. */
#include "base/clock.h"
#include "sandbox/statement.h"

static int by_time(const void *a, const void *b) {
    const struct sb_credit *x = a, *y = b;
    return x->payout.at_us != y->payout.at_us ? (x->payout.at_us < y->payout.at_us ? -1 : 1)
                                              : strcmp(x->id, y->id);
}

void sb_bank_file(const char *kind, const char *date, char ret_name[SB_STATEMENT_NAME_MAX]) {
    snprintf(ret_name, SB_STATEMENT_NAME_MAX, "bank/%.20s/%.20s", kind, date);
}

bool sb_bank_corrected(struct sandbox *sandbox, const char *kind, const char *date) {
    char name[SB_STATEMENT_NAME_MAX];
    bool corrects = false;
    for (int i = 0; i < SB_GATEWAYS; i++) {
        struct sb_fault faults[SB_FAULTS_MAX];
        int count = sb_faults_statement(&sandbox->faults, (enum sb_gateway)i, faults);
        for (int k = 0; k < count; k++) {
            corrects |= faults[k].kind == SB_FAULT_STATEMENT_CORRECTED &&
                        sb_fault_of_bank(&faults[k]);
        }
    }
    sb_bank_file(kind, date, name);
    return corrects && sb_handed_has(sandbox, name);
}

/* ---- faults ---- */

struct telling {
    struct sandbox *sandbox;
    int64_t from_us;
    GArray *out, *planted;
};

static struct sb_line line_of(const struct sb_credit *credit) {
    struct sb_line line = {
        .kind = SB_MOVE_PAYOUT,
        .number = credit->payout.number,
        .at_us = credit->payout.at_us,
        .gross_minor = credit->payout.amount_minor,
        .currency = credit->payout.currency,
    };
    memcpy(line.id, credit->bank_id, sizeof(line.id));
    return line;
}

/* False: it does not strike this one. */
static bool plant(const struct telling *telling, const struct sb_fault *fault,
                  const struct sb_credit *credit) {
    struct sb_credit told = *credit;
    struct sb_planted planted = {.fault = fault->kind, .line = line_of(credit)};
    if (!sb_statement_strikes(telling->sandbox, fault, credit->id)) {
        return false;
    }
    switch (fault->kind) {
    case SB_FAULT_STATEMENT_MISSING:
        break;
    case SB_FAULT_STATEMENT_ALTERED:
        told.payout.amount_minor += fault->amount_minor;
        if (fault->code[0] != '\0' || told.payout.amount_minor <= 0) {
            return false;
        }
        g_array_append_val(telling->out, told);
        break;
    case SB_FAULT_STATEMENT_DUPLICATED:
        planted.copy = strcmp(fault->code, "copy") == 0;
        if (!planted.copy) {
            sb_other_name(told.bank_id);
        }
        g_array_append_val(telling->out, *credit);
        g_array_append_val(telling->out, told);
        break;
    default:
        return false;
    }
    planted.told = line_of(&told);
    if (telling->planted != NULL && credit->payout.at_us >= telling->from_us) {
        g_array_append_val(telling->planted, planted);
    }
    return true;
}

/* Faults that are counted are counted anew each day. */
struct day_faults {
    int64_t day;
    bool corrected;
    struct sb_fault of[SB_GATEWAYS][SB_FAULTS_MAX];
    int counts[SB_GATEWAYS];
};

static void begin_day(struct sandbox *sandbox, const char *kind, bool first,
                      struct day_faults *faults, int64_t at_us) {
    char date[CLOCK_TEXT_MAX];
    faults->day = at_us / SB_DAY_US;
    clock_format_at(at_us, 0, date);
    date[SB_DATE_CHARS] = '\0';
    faults->corrected = !first && sb_bank_corrected(sandbox, kind, date);
    for (int i = 0; i < SB_GATEWAYS; i++) {
        faults->counts[i] = sb_faults_statement(&sandbox->faults, (enum sb_gateway)i,
                                                faults->of[i]);
    }
}

static void tell(const struct telling *telling, struct day_faults *faults,
                 const struct sb_credit *credit) {
    struct sb_fault *list = faults->of[credit->gateway];
    bool struck = false;
    for (int i = 0; !faults->corrected && !struck && i < faults->counts[credit->gateway]; i++) {
        struck = sb_fault_of_bank(&list[i]) && list[i].count != 0 &&
                 plant(telling, &list[i], credit);
        list[i].count -= struck && list[i].count > 0 ? 1 : 0;
    }
    if (!struck) {
        g_array_append_val(telling->out, *credit);
    }
}

/* ---- all of them ---- */

static GArray *credits_paid(struct sandbox *sandbox, int64_t until_us) {
    GArray *credits = g_array_new(false, false, sizeof(struct sb_credit));
    for (int i = 0; i < SB_GATEWAYS; i++) {
        enum sb_gateway gateway = (enum sb_gateway)i;
        GArray *moves = sb_book_moves(&sandbox->book, gateway);
        GArray *payouts = sb_payouts(sandbox, gateway, moves, until_us);
        for (guint k = 0; k < payouts->len; k++) {
            struct sb_credit credit = {.payout = g_array_index(payouts, struct sb_payout, k),
                                       .gateway = gateway};
            struct sb_id id = sb_payout_id(sandbox, gateway, credit.payout.number);
            memcpy(credit.id, id.text, sizeof(credit.id));
            memcpy(credit.bank_id, id.text, sizeof(credit.bank_id));
            g_array_append_val(credits, credit);
        }
        g_array_unref(payouts);
        g_array_unref(moves);
    }
    g_array_sort(credits, by_time);
    return credits;
}

GArray *sb_bank_credits(struct sandbox *sandbox, const char *kind, int64_t from_us,
                        int64_t until_us, enum sb_statement_wish wish, GArray *planted) {
    GArray *paid = credits_paid(sandbox, until_us);
    struct day_faults *faults = g_new0(struct day_faults, 1);
    const struct telling telling = {sandbox, from_us,
                                    g_array_new(false, false, sizeof(struct sb_credit)), planted};
    faults->day = -1;
    for (guint i = 0; i < paid->len; i++) {
        const struct sb_credit *credit = &g_array_index(paid, struct sb_credit, i);
        if (credit->payout.at_us / SB_DAY_US != faults->day) {
            begin_day(sandbox, kind, wish == SB_FIRST, faults, credit->payout.at_us);
        }
        tell(&telling, faults, credit);
    }
    g_free(faults);
    g_array_unref(paid);
    return telling.out;
}
