/* SPDX-License-Identifier: Apache-2.0
 * statement.c: what a day's statement has in it: the journal's lines, as the faults leave them. */
#include "sandbox/statement.h"

#include "base/clock.h"
#include "base/random.h"

/* ---- which file ---- */

static const struct sb_statement_kind *kind_find(enum sb_gateway gateway, const char *name) {
    const struct sb_statement_kind *kinds = sb_gateway_kind(gateway)->statements;
    for (; kinds != NULL && kinds->name != NULL; kinds++) {
        if (strcmp(kinds->name, name) == 0) {
            return kinds;
        }
    }
    return NULL;
}

static int kind_unknown(enum sb_gateway gateway, const char *name, struct err *err) {
    BUF_AUTO names;
    buf_init(&names, 400);
    const struct sb_statement_kind *kinds = sb_gateway_kind(gateway)->statements;
    for (; kinds != NULL && kinds->name != NULL; kinds++) {
        buf_addf(&names, "%s%s", names.len > 0 ? ", " : "", kinds->name);
    }
    return err_set(err, ERR_VALIDATION, "%s has no statement '%.20s'; it has %s",
                   sb_gateway_title(gateway), name, names.len > 0 ? names.data : "none");
}

/* The day's first moment there. */
static bool day_read(enum sb_gateway gateway, const char *date, int64_t *ret_from_us) {
    char text[CLOCK_TEXT_MAX];
    if (strlen(date) != SB_DATE_CHARS) {
        return false;
    }
    snprintf(text, sizeof(text), "%.10s 00:00:00", date);
    return clock_parse_at(text, sb_gateway_kind(gateway)->place_minutes, ret_from_us);
}

bool sb_statement_strikes(const struct sandbox *sandbox, const struct sb_fault *fault,
                          const char *name) {
    struct prng prng;
    uint64_t digest = sb_digest(sandbox->seed + (uint64_t)fault->kind, name, strlen(name));
    prng_init(&prng, digest);
    return fault->probability >= 1 || prng_unit(&prng) < fault->probability;
}

static void handed_name(enum sb_gateway gateway, const char *kind, const char *date,
                        char ret_name[SB_STATEMENT_NAME_MAX]) {
    snprintf(ret_name, SB_STATEMENT_NAME_MAX, "%s/%s/%s", sb_gateway_name(gateway), kind, date);
}

/* 0 when the file is there. `from_us` is the day's begin. */
static int published(struct sandbox *sandbox, enum sb_gateway gateway, const char *kind,
                     const char *date, int64_t from_us, struct err *err) {
    struct sb_fault faults[SB_FAULTS_MAX];
    char name[SB_STATEMENT_NAME_MAX], when[CLOCK_TEXT_MAX];
    const struct sb_gateway_kind *row = sb_gateway_kind(gateway);
    bool at_once = row->statement_at_once != NULL && row->statement_at_once(sandbox);
    int64_t at_us = at_once ? from_us : from_us + SB_DAY_US;
    int count = sb_faults_statement(&sandbox->faults, gateway, faults);
    handed_name(gateway, kind, date, name);
    for (int i = 0; i < count; i++) {
        int64_t late_us = from_us + SB_DAY_US + faults[i].later_us;
        if (faults[i].kind == SB_FAULT_STATEMENT_LATE && !sb_fault_of_bank(&faults[i]) &&
            sb_statement_strikes(sandbox, &faults[i], name)) {
            at_us = late_us > at_us ? late_us : at_us;
        }
    }
    return clock_wall_us() >= at_us
               ? 0
               : err_set(err, ERR_NOT_FOUND, "the statement of %.10s is published at %s", date,
                         clock_format(at_us, when));
}

bool sb_handed_has(struct sandbox *sandbox, const char *name) {
    lock_take(&sandbox->handed_lock);
    bool has = g_hash_table_contains(sandbox->handed, name);
    lock_give(&sandbox->handed_lock);
    return has;
}

void sb_handed_add(struct sandbox *sandbox, const char *name) {
    lock_take(&sandbox->handed_lock);
    (void)g_hash_table_add(sandbox->handed, g_strdup(name));
    lock_give(&sandbox->handed_lock);
}

bool sb_statement_corrected(struct sandbox *sandbox, enum sb_gateway gateway, const char *kind,
                            const char *date) {
    struct sb_fault faults[SB_FAULTS_MAX];
    char name[SB_STATEMENT_NAME_MAX];
    int count = sb_faults_statement(&sandbox->faults, gateway, faults);
    bool corrects = false;
    for (int i = 0; i < count; i++) {
        corrects |= faults[i].kind == SB_FAULT_STATEMENT_CORRECTED && !sb_fault_of_bank(&faults[i]);
    }
    handed_name(gateway, kind, date, name);
    return corrects && sb_handed_has(sandbox, name);
}

void sb_statement_handed(struct sandbox *sandbox, enum sb_gateway gateway, const char *kind,
                         const char *date) {
    char name[SB_STATEMENT_NAME_MAX];
    handed_name(gateway, kind, date, name);
    sb_handed_add(sandbox, name);
}

void sb_statement_forget(struct sandbox *sandbox) {
    lock_take(&sandbox->handed_lock);
    g_hash_table_remove_all(sandbox->handed);
    lock_give(&sandbox->handed_lock);
}

/* ---- lines ---- */

static void line_of_move(const struct sb_move *move, struct sb_line *line) {
    bool comes = move->kind == SB_MOVE_CHARGE || move->kind == SB_MOVE_REFUND_BACK ||
                 move->kind == SB_MOVE_DISPUTE_BACK;
    *line = (struct sb_line){
        .kind = (enum sb_move_kind)move->kind,
        .number = move->number,
        .at_us = move->at_us,
        .begun_us = move->at_us,
        .gross_minor = comes ? move->amount_minor : -move->amount_minor,
        .fee_minor = move->fee_minor,
        .currency = move->entry->currency,
        .entry = move->entry,
        .object = move->object,
    };
}

static void add_move(struct sb_statement *statement, const struct sb_move *move,
                     const char *batch) {
    struct sb_line line;
    line_of_move(move, &line);
    bool told = sb_gateway_kind(statement->gateway)->line_fill(statement->sandbox, move, &line) &&
                (statement->kind->keeps == NULL || statement->kind->keeps(&line));
    statement->full = statement->full || statement->truth->len == SB_LINES_MAX;
    if (told && !statement->full) {
        snprintf(line.batch, sizeof(line.batch), "%s", batch);
        g_array_append_val(statement->truth, line);
    }
}

static void add_payout(const struct sb_statement *statement, const struct sb_payout *payout) {
    struct sb_id id = sb_payout_id(statement->sandbox, statement->gateway, payout->number);
    struct sb_line line = {
        .kind = SB_MOVE_PAYOUT,
        .number = payout->number,
        .at_us = payout->at_us,
        .begun_us = payout->at_us,
        .gross_minor = -payout->amount_minor,
        .currency = payout->currency,
    };
    memcpy(line.id, id.text, sizeof(line.id));
    memcpy(line.batch, id.text, sizeof(line.batch));
    g_array_append_val(statement->truth, line);
}

static bool is_of(const struct sb_statement *statement, int64_t at_us) {
    return at_us >= statement->from_us && at_us < statement->until_us;
}

/* Payouts of the time, each after all that is in it. */
static void collect_by_payout(struct sb_statement *statement) {
    for (guint i = 0; i < statement->payouts->len; i++) {
        const struct sb_payout *payout = &g_array_index(statement->payouts, struct sb_payout, i);
        struct sb_id id = sb_payout_id(statement->sandbox, statement->gateway, payout->number);
        if (!is_of(statement, payout->at_us)) {
            continue;
        }
        for (guint k = 0; k < statement->moves->len; k++) {
            const struct sb_move *move = &g_array_index(statement->moves, struct sb_move, k);
            if (sb_payout_has(statement->gateway, payout, move)) {
                add_move(statement, move, id.text);
            }
        }
        add_payout(statement, payout);
    }
}

/* Payouts are made at the beginning of a day, before anything else moves. */
static void collect_by_day(struct sb_statement *statement) {
    for (guint i = 0; statement->kind->payouts && i < statement->payouts->len; i++) {
        const struct sb_payout *payout = &g_array_index(statement->payouts, struct sb_payout, i);
        if (is_of(statement, payout->at_us)) {
            add_payout(statement, payout);
        }
    }
    for (guint i = 0; i < statement->moves->len; i++) {
        const struct sb_move *move = &g_array_index(statement->moves, struct sb_move, i);
        if (is_of(statement, move->at_us)) {
            add_move(statement, move, "");
        }
    }
}

/* ---- faults ---- */

void sb_other_name(char *id) {
    size_t count = strlen(id);
    char *last = count > 0 ? &id[count - 1] : NULL;
    if (last != NULL) {
        *last = *last == '9'                    ? '0'
                : *last == 'Z'                  ? 'A'
                : *last == 'z'                  ? 'a'
                : g_ascii_isalnum((gchar)*last) ? (char)(*last + 1)
                                                : 'x';
    }
}

static unsigned operations_of(const struct sb_line *line) {
    switch (line->kind) {
    case SB_MOVE_CHARGE:
        return 1U << SB_OP_CHARGE | 1U << SB_OP_CAPTURE;
    case SB_MOVE_REFUND:
    case SB_MOVE_REFUND_BACK:
        return 1U << SB_OP_REFUND;
    case SB_MOVE_DISPUTE:
    case SB_MOVE_DISPUTE_BACK:
        return 1U << SB_OP_OTHER;
    default:
        return 0;
    }
}

/* What the file tells instead; false: this line cannot be told so. */
static bool alter(const struct sb_fault *fault, struct sb_line *line) {
    if (strcmp(fault->code, "currency") == 0) {
        bool euro = strcmp(line->currency.code, "EUR") == 0;
        line->currency = currency_stored(euro ? "USD" : "EUR");
        return true;
    }
    if (strcmp(fault->code, "fee") == 0) {
        line->fee_minor += fault->amount_minor;
        return line->kind == SB_MOVE_CHARGE && line->fee_minor >= 0;
    }
    bool goes = line->gross_minor < 0;
    line->gross_minor += goes ? -fault->amount_minor : fault->amount_minor;
    return goes ? line->gross_minor < 0 : line->gross_minor > 0;
}

/* One fault on one line; false: it does not strike it. */
static bool plant_one(struct sb_statement *statement, const struct sb_fault *fault,
                      const struct sb_line *line) {
    struct sb_planted planted = {.fault = fault->kind, .line = *line, .told = *line};
    char name[2 * SB_REFERENCE_CHARS_MAX];
    snprintf(name, sizeof(name), "%s %s %d", line->id, line->reference, (int)line->kind);
    if (sb_fault_of_bank(fault) || (fault->operations & operations_of(line)) == 0 ||
        !sb_statement_strikes(statement->sandbox, fault, name)) {
        return false;
    }
    if (fault->kind == SB_FAULT_STATEMENT_ALTERED) {
        bool mixes = statement->kind->by_payout && strcmp(fault->code, "currency") == 0;
        if (mixes || !alter(fault, &planted.told)) {
            return false;
        }
    } else if (fault->kind == SB_FAULT_STATEMENT_DUPLICATED) {
        planted.copy = planted.told.copy = strcmp(fault->code, "copy") == 0;
        if (!planted.copy) {
            sb_other_name(planted.told.id);
            sb_other_name(planted.told.flow);
        }
        g_array_append_val(statement->lines, *line);
    }
    if (fault->kind != SB_FAULT_STATEMENT_MISSING) {
        g_array_append_val(statement->lines, planted.told);
    }
    statement->totals_kept = statement->totals_kept || fault->totals_kept;
    g_array_append_val(statement->planted, planted);
    return true;
}

static void plant(struct sb_statement *statement, struct sb_fault *faults, int count) {
    for (guint i = 0; i < statement->truth->len; i++) {
        const struct sb_line *line = sb_line_at(statement->truth, i);
        bool struck = false;
        for (int k = 0; k < count && !struck; k++) {
            bool rows = faults[k].kind == SB_FAULT_STATEMENT_MISSING ||
                        faults[k].kind == SB_FAULT_STATEMENT_ALTERED ||
                        faults[k].kind == SB_FAULT_STATEMENT_DUPLICATED;
            struck = rows && faults[k].count != 0 && plant_one(statement, &faults[k], line);
            faults[k].count -= struck && faults[k].count > 0 ? 1 : 0;
        }
        if (!struck) {
            g_array_append_val(statement->lines, *line);
        }
    }
}

/* A payout is what its rows add up to, in a file that is wrong in itself as well. */
static void adjust_payouts(const struct sb_statement *statement) {
    int64_t sum = 0;
    for (guint i = 0; i < statement->lines->len; i++) {
        struct sb_line *line = sb_line_at(statement->lines, i);
        if (line->kind == SB_MOVE_PAYOUT) {
            line->gross_minor = -sum;
            sum = 0;
        } else {
            sum += sb_line_net(line);
        }
    }
}

/* ---- opening ---- */

static GArray *lines_new(void) {
    return g_array_new(false, false, sizeof(struct sb_line));
}

struct sb_statement *sb_statement_between(struct sandbox *sandbox, enum sb_gateway gateway,
                                          const struct sb_statement_kind *kind, int64_t from_us,
                                          int64_t until_us, bool corrected) {
    struct sb_fault faults[SB_FAULTS_MAX];
    struct sb_statement *statement = g_new0(struct sb_statement, 1);
    *statement = (struct sb_statement){
        .sandbox = sandbox,
        .gateway = gateway,
        .kind = kind,
        .from_us = from_us,
        .until_us = until_us,
        .corrected = corrected,
        .lines = lines_new(),
        .truth = lines_new(),
        .planted = g_array_new(false, false, sizeof(struct sb_planted)),
        .moves = sb_book_moves(&sandbox->book, gateway),
    };
    statement->payouts = sb_payouts(sandbox, gateway, statement->moves, until_us);
    if (kind->by_payout) {
        collect_by_payout(statement);
    } else {
        collect_by_day(statement);
    }
    int count = corrected ? 0 : sb_faults_statement(&sandbox->faults, gateway, faults);
    plant(statement, faults, count);
    if (kind->by_payout && !statement->totals_kept) {
        adjust_payouts(statement);
    }
    return statement;
}

int sb_statement_open(struct sandbox *sandbox, enum sb_gateway gateway, const char *kind,
                      const char *date, enum sb_statement_wish wish,
                      struct sb_statement **ret_statement, struct err *err) {
    const struct sb_statement_kind *found = kind_find(gateway, kind);
    int64_t from_us = 0;
    if (found == NULL) {
        return kind_unknown(gateway, kind, err);
    }
    if (!day_read(gateway, date, &from_us)) {
        return err_set(err, ERR_VALIDATION, "'%.20s' is no day like 2026-11-21", date);
    }
    int rc = wish == SB_PUBLISHED ? published(sandbox, gateway, kind, date, from_us, err) : 0;
    if (rc < 0) {
        return rc;
    }
    bool corrected = wish != SB_FIRST && sb_statement_corrected(sandbox, gateway, kind, date);
    struct sb_statement *statement = sb_statement_between(sandbox, gateway, found, from_us,
                                                          from_us + SB_DAY_US, corrected);
    memcpy(statement->date, date, SB_DATE_CHARS);
    if (statement->truth->len == 0 && !found->empty) {
        sb_statement_free(statement);
        return err_set(err, ERR_GONE, "nothing moved on %.10s", date);
    }
    *ret_statement = statement;
    return 0;
}

void sb_statement_free(struct sb_statement *statement) {
    if (statement == NULL) {
        return;
    }
    g_array_unref(statement->lines);
    g_array_unref(statement->truth);
    g_array_unref(statement->planted);
    g_array_unref(statement->moves);
    g_array_unref(statement->payouts);
    g_free(statement);
}

/* ---- for those who write ---- */

bool sb_statement_write(const struct sb_statement *statement, struct buf *out,
                        char ret_name[SB_STATEMENT_NAME_MAX]) {
    char name[SB_STATEMENT_NAME_MAX];
    statement->kind->write(statement, out);
    statement->kind->name_file(statement, ret_name, SB_STATEMENT_NAME_MAX);
    handed_name(statement->gateway, statement->kind->name, statement->date, name);
    if (!statement->corrected) {
        sb_statement_truncate(statement->sandbox, statement->gateway, false, name, out);
    }
    return buf_ok(out) && !statement->full;
}

void sb_statement_truncate(struct sandbox *sandbox, enum sb_gateway gateway, bool bank,
                           const char *name, struct buf *out) {
    struct sb_fault faults[SB_FAULTS_MAX];
    int count = sb_faults_statement(&sandbox->faults, gateway, faults);
    bool cut = false;
    for (int i = 0; i < count; i++) {
        cut = cut || (faults[i].kind == SB_FAULT_STATEMENT_TRUNCATED &&
                      sb_fault_of_bank(&faults[i]) == bank &&
                      sb_statement_strikes(sandbox, &faults[i], name));
    }
    if (cut && buf_ok(out)) {
        out->len -= out->len / 3;
        out->data[out->len] = '\0';
    }
}

const GArray *sb_statement_totals(const struct sb_statement *statement) {
    return statement->totals_kept ? statement->truth : statement->lines;
}

void sb_statement_plain(const char *text, const char *comma, struct buf *out) {
    for (; text != NULL && *text != '\0'; text++) {
        if (*text == ',') {
            buf_add_text(out, comma);
        } else {
            buf_add_char(out, (unsigned char)*text < ' ' ? ' ' : *text);
        }
    }
}

int sb_statement_currencies(const GArray *lines, struct currency *ret_list, int max) {
    int count = 0;
    for (guint i = 0; i < lines->len; i++) {
        struct currency currency = sb_line_at(lines, i)->currency;
        int at = 0;
        while (at < count && !currency_equal(ret_list[at], currency)) {
            at++;
        }
        if (at == count && count < max) {
            ret_list[count++] = currency;
        }
    }
    return count;
}

int64_t sb_statement_opening(const struct sb_statement *statement, struct currency currency) {
    const struct sb_gateway_kind *row = sb_gateway_kind(statement->gateway);
    int64_t opening = 0;
    for (guint i = 0; i < statement->moves->len; i++) {
        const struct sb_move *move = &g_array_index(statement->moves, struct sb_move, i);
        struct sb_line line;
        line_of_move(move, &line);
        bool counts = row->moves_funds == NULL || row->moves_funds(move);
        opening += counts && move->at_us < statement->from_us &&
                           currency_equal(line.currency, currency)
                       ? line.gross_minor - line.fee_minor
                       : 0;
    }
    for (guint i = 0; i < statement->payouts->len; i++) {
        const struct sb_payout *payout = &g_array_index(statement->payouts, struct sb_payout, i);
        opening -= payout->at_us < statement->from_us && currency_equal(payout->currency, currency)
                       ? payout->amount_minor
                       : 0;
    }
    return opening;
}
