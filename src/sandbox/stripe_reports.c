/* SPDX-License-Identifier: Apache-2.0
 * stripe_reports.c: the reports of the simulated Stripe, as CSV: the itemized change of the balance
 * (without payouts) and the itemized reconciliation of payouts; and the calls by which they are
 * asked for. A run is pending when it is made and when it is first asked about, then it has
 * succeeded. Files are fetched at the same port (the real ones are at files.stripe.com). Days and
 * times are UTC's. */
#include <inttypes.h>

#include "base/clock.h"
#include "sandbox/statement.h"
#include "sandbox/stripe.h"

enum { COLUMNS_MAX = 40, ASKS_PENDING = 1 };

/* ---- lines ---- */

static struct sb_shard *shard_of(struct sandbox *sandbox, const struct sb_charge *charge) {
    return sb_place_shard(sandbox->places[SB_STRIPE], charge->intent->number);
}

static const struct sb_charge *charge_of(const struct sb_line *line) {
    switch (line->kind) {
    case SB_MOVE_CHARGE:
        return line->object;
    case SB_MOVE_REFUND:
    case SB_MOVE_REFUND_BACK:
        return ((const struct sb_refund *)line->object)->charge;
    case SB_MOVE_DISPUTE:
    case SB_MOVE_DISPUTE_BACK:
        return ((const struct sb_dispute *)line->object)->charge;
    default:
        return NULL;
    }
}

static void set_id(struct sandbox *sandbox, enum sb_kind kind, uint32_t number,
                   char ret_text[SB_ID_CHARS_MAX + 1]) {
    struct sb_id id = sb_id_of(sandbox->places[SB_STRIPE], kind, number);
    memcpy(ret_text, id.text, sizeof(id.text));
}

/* The names of what moved, and of its balance transaction. What has no transaction in the API has
 * one of its own here. */
static void names_fill(struct sandbox *sandbox, const struct sb_move *move, struct sb_line *line) {
    const struct sb_charge *charge = charge_of(line);
    enum sb_kind source = SB_STRIPE_CHARGE, flow = SB_STRIPE_TXN_MOVE;
    uint32_t number = charge->number;
    if (move->kind == SB_MOVE_CHARGE) {
        flow = move->first ? SB_STRIPE_TXN_CHARGE : SB_STRIPE_TXN_MOVE;
    } else if (move->kind == SB_MOVE_REFUND || move->kind == SB_MOVE_REFUND_BACK) {
        source = SB_STRIPE_REFUND;
        number = ((const struct sb_refund *)move->object)->number;
        flow = move->kind == SB_MOVE_REFUND ? SB_STRIPE_TXN_REFUND : SB_STRIPE_TXN_MOVE;
    } else {
        source = SB_STRIPE_DISPUTE;
        number = ((const struct sb_dispute *)move->object)->number;
        flow = move->kind == SB_MOVE_DISPUTE ? SB_STRIPE_TXN_DISPUTE : SB_STRIPE_TXN_MOVE;
    }
    set_id(sandbox, source, number, line->id);
    set_id(sandbox, flow, flow == SB_STRIPE_TXN_MOVE ? move->number : number, line->flow);
}

bool sb_stripe_line_fill(struct sandbox *sandbox, const struct sb_move *move,
                         struct sb_line *line) {
    const struct sb_charge *charge = charge_of(line);
    names_fill(sandbox, move, line);
    set_id(sandbox, SB_STRIPE_INTENT, charge->intent->number, line->original_id);
    snprintf(line->original_reference, sizeof(line->original_reference), "%s",
             move->entry->reference);
    if (move->kind == SB_MOVE_CHARGE) {
        snprintf(line->reference, sizeof(line->reference), "%s", move->entry->reference);
    } else if (move->kind == SB_MOVE_REFUND || move->kind == SB_MOVE_REFUND_BACK) {
        const struct sb_refund *refund = move->object;
        lock_take(&shard_of(sandbox, charge)->lock);
        snprintf(line->reference, sizeof(line->reference), "%s",
                 sb_metadata_get(refund->metadata, "reference"));
        lock_give(&shard_of(sandbox, charge)->lock);
    }
    return true;
}

/* ---- columns ---- */

struct cell {
    const struct sb_statement *statement;
    const struct sb_line *line;
    struct buf *out;
};

static const char *category_of(const struct sb_line *line) {
    static const char *const names[SB_MOVE_KINDS] = {
        [SB_MOVE_CHARGE] = "charge",
        [SB_MOVE_REFUND] = "refund",
        [SB_MOVE_REFUND_BACK] = "refund_failure",
        [SB_MOVE_DISPUTE] = "dispute",
        [SB_MOVE_DISPUTE_BACK] = "dispute_reversal",
        [SB_MOVE_PAYOUT] = "payout",
    };
    return names[line->kind];
}

static void put_text(const struct cell *cell, const char *text) {
    bool quoted = strpbrk(text, ",\"\r\n") != NULL;
    buf_add_text(cell->out, quoted ? "\"" : "");
    for (; *text != '\0'; text++) {
        buf_add_text(cell->out, *text == '"' ? "\"" : "");
        buf_add_char(cell->out, *text);
    }
    buf_add_text(cell->out, quoted ? "\"" : "");
}

static void put_time(const struct cell *cell, int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    buf_add_text(cell->out, clock_format_at(wall_us, 0, text));
}

static void put_amount(const struct cell *cell, int64_t amount_minor) {
    char text[MONEY_TEXT_MAX];
    buf_add_text(cell->out, money_decimal(amount_minor, cell->line->currency, text));
}

static void put_payout(const struct cell *cell) {
    put_text(cell, cell->line->batch);
}

static void put_transaction(const struct cell *cell) {
    struct sb_id id = {{0}};
    if (cell->line->kind == SB_MOVE_PAYOUT) {
        id = sb_id_of(cell->statement->sandbox->places[SB_STRIPE], SB_STRIPE_TXN_PAYOUT,
                      cell->line->number);
    }
    put_text(cell, cell->line->kind == SB_MOVE_PAYOUT ? id.text : cell->line->flow);
}

static void put_created(const struct cell *cell) {
    put_time(cell, cell->line->at_us);
}

static void put_available(const struct cell *cell) {
    int64_t later_us = cell->line->kind == SB_MOVE_PAYOUT ? 0 : 2 * SB_DAY_US;
    put_time(cell, (cell->line->at_us + later_us) / SB_DAY_US * SB_DAY_US);
}

static void put_currency(const struct cell *cell) {
    char lower[CURRENCY_CHARS + 1];
    put_text(cell, currency_lower(cell->line->currency, lower));
}

static void put_gross(const struct cell *cell) {
    put_amount(cell, cell->line->gross_minor);
}

static void put_fee(const struct cell *cell) {
    put_amount(cell, cell->line->fee_minor);
}

static void put_net(const struct cell *cell) {
    put_amount(cell, cell->line->gross_minor - cell->line->fee_minor);
}

static void put_category(const struct cell *cell) {
    put_text(cell, category_of(cell->line));
}

static void put_source(const struct cell *cell) {
    put_text(cell, cell->line->id);
}

static void put_description(const struct cell *cell) {
    put_text(cell, cell->line->kind == SB_MOVE_PAYOUT ? "STRIPE PAYOUT" : "");
}

static void put_charge(const struct cell *cell) {
    const struct sb_line *line = cell->line;
    const struct sb_charge *charge = charge_of(line);
    struct sb_id id = {{0}};
    if (line->kind == SB_MOVE_CHARGE) {
        put_text(cell, line->id);
    } else if (charge != NULL) {
        id = sb_id_of(cell->statement->sandbox->places[SB_STRIPE], SB_STRIPE_CHARGE,
                      charge->number);
        put_text(cell, id.text);
    }
}

static void put_intent(const struct cell *cell) {
    put_text(cell, cell->line->original_id);
}

static void put_method(const struct cell *cell) {
    put_text(cell, charge_of(cell->line) != NULL ? "card" : "");
}

static void put_brand(const struct cell *cell) {
    const struct sb_charge *charge = charge_of(cell->line);
    put_text(cell, charge != NULL ? sb_method_row(charge->method)->brand : "");
}

static void put_payment_reference(const struct cell *cell) {
    put_text(cell, cell->line->original_reference);
}

static void put_order(const struct cell *cell) {
    put_text(cell, cell->line->entry != NULL ? cell->line->entry->order_id : "");
}

static void put_refund_reference(const struct cell *cell) {
    bool refund = cell->line->kind == SB_MOVE_REFUND || cell->line->kind == SB_MOVE_REFUND_BACK;
    put_text(cell, refund ? cell->line->reference : "");
}

/* `usual`: of a report whose columns nobody chose. */
static const struct {
    const char *name;
    bool usual;
    void (*put)(const struct cell *cell);
} columns[] = {
    {"automatic_payout_id", true, put_payout},
    {"balance_transaction_id", true, put_transaction},
    {"created_utc", true, put_created},
    {"created", true, put_created},
    {"available_on_utc", true, put_available},
    {"currency", true, put_currency},
    {"gross", true, put_gross},
    {"fee", true, put_fee},
    {"net", true, put_net},
    {"reporting_category", true, put_category},
    {"source_id", true, put_source},
    {"description", true, put_description},
    {"charge_id", true, put_charge},
    {"payment_intent_id", true, put_intent},
    {"payment_method_type", true, put_method},
    {"card_brand", true, put_brand},
    {"payment_metadata[reference]", true, put_payment_reference},
    {"payment_metadata[order_id]", false, put_order},
    {"refund_metadata[reference]", true, put_refund_reference},
};

static void csv_write(const struct sb_statement *statement, const int *chosen, int count,
                      struct buf *out) {
    struct cell cell = {statement, NULL, out};
    for (int i = 0; i < count; i++) {
        buf_add_text(out, i > 0 ? "," : "");
        put_text(&cell, columns[chosen[i]].name);
    }
    buf_add_char(out, '\n');
    for (guint row = 0; row < statement->lines->len; row++) {
        cell.line = sb_line_at(statement->lines, row);
        for (int i = 0; i < count; i++) {
            buf_add_text(out, i > 0 ? "," : "");
            columns[chosen[i]].put(&cell);
        }
        buf_add_char(out, '\n');
    }
}

static int columns_usual(int chosen[COLUMNS_MAX]) {
    int count = 0;
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        if (columns[i].usual) {
            chosen[count++] = (int)i;
        }
    }
    return count;
}

static void write_usual(const struct sb_statement *statement, struct buf *out) {
    int chosen[COLUMNS_MAX];
    int count = columns_usual(chosen);
    csv_write(statement, chosen, count, out);
}

static void name_file(const struct sb_statement *statement, char *ret_name, size_t bytes) {
    snprintf(ret_name, bytes, "stripe_%s_%s.csv", statement->kind->name, statement->date);
}

enum { ACTIVITY, PAYOUT, ADYEN };
const struct sb_statement_kind sb_stripe_statements[] = {
    [ACTIVITY] = {.name = "activity",
                  .help = "balance_change_from_activity.itemized",
                  .empty = true,
                  .write = write_usual,
                  .name_file = name_file},
    [PAYOUT] = {.name = "payout",
                .help = "payout_reconciliation.itemized",
                .by_payout = true,
                .payouts = true,
                .empty = true,
                .write = write_usual,
                .name_file = name_file},
    [ADYEN] = {.name = "adyen",
               .help = "the same as settlement details in Adyen's layout",
               .by_payout = true,
               .payouts = true,
               .write = sb_adyen_write,
               .name_file = sb_adyen_name},
    {.name = NULL},
};

/* ---- the calls ---- */

struct sb_report {
    uint32_t number;
    int64_t created_us, from_us, until_us; /* wall */
    const struct sb_statement_kind *kind;
    const char *type;
    int chosen[COLUMNS_MAX];
    int count, asked; /* asked: under the shard's lock */
    bool corrected;
};

/* "payout_reconciliation.itemized.5", of any version. */
static const struct sb_statement_kind *kind_of(const char *type) {
    for (const struct sb_statement_kind *kind = sb_stripe_statements; kind->name != NULL; kind++) {
        size_t count = strlen(kind->help);
        if (type != NULL && strncmp(type, kind->help, count) == 0 && type[count] == '.' &&
            strspn(type + count + 1, "0123456789") == strlen(type + count + 1)) {
            return kind;
        }
    }
    return NULL;
}

static void wrong(struct sb_stripe_call *call, const char *param, const char *message) {
    struct sb_stripe_error error = {400, "invalid_request_error", NULL, param};
    sb_stripe_fail(call, &error, "%s", message);
}

/* Until when there is data: what was published late is not there yet. */
static int64_t available_us(struct sandbox *sandbox) {
    struct sb_fault faults[SB_FAULTS_MAX];
    int count = sb_faults_statement(&sandbox->faults, SB_STRIPE, faults);
    int64_t late_us = 0;
    for (int i = 0; i < count; i++) {
        bool late = faults[i].kind == SB_FAULT_STATEMENT_LATE && !sb_fault_of_bank(&faults[i]);
        late_us = late && faults[i].later_us > late_us
                      ? faults[i].later_us
                      : late_us;
    }
    return clock_wall_us() - late_us;
}

static bool columns_read(struct sb_stripe_call *call, struct sb_report *report) {
    static const char list[] = "parameters[columns]";
    for (int i = 0; i < call->form.count; i++) {
        const struct sb_param *param = &call->form.params[i];
        size_t at = 0;
        if (strncmp(param->name, list, sizeof(list) - 1) != 0) {
            continue;
        }
        while (at < COUNT_OF(columns) && strcmp(columns[at].name, param->value) != 0) {
            at++;
        }
        if (at == COUNT_OF(columns) || report->count == COLUMNS_MAX) {
            wrong(call, list, "One of the columns is not available in this report.");
            return false;
        }
        report->chosen[report->count++] = (int)at;
    }
    report->count = report->count > 0 ? report->count : columns_usual(report->chosen);
    return true;
}

static bool interval_read(struct sb_stripe_call *call, struct sb_report *report) {
    int64_t from_s = -1, until_s = -1;
    const char *zone = sb_form_get(&call->form, "parameters[timezone]");
    if (!sb_param_int(call, "parameters[interval_start]", &from_s) ||
        !sb_param_int(call, "parameters[interval_end]", &until_s)) {
        return false;
    }
    if (from_s < 0 || until_s <= from_s || until_s > INT64_C(1) << 40) {
        wrong(call, "parameters[interval_end]", "The interval has no end after its beginning.");
        return false;
    }
    if (zone != NULL && strcmp(zone, "Etc/UTC") != 0 && strcmp(zone, "UTC") != 0) {
        wrong(call, "parameters[timezone]", "The sandbox writes reports in Etc/UTC.");
        return false;
    }
    report->from_us = from_s * US_PER_SECOND;
    report->until_us = until_s * US_PER_SECOND;
    if (report->until_us > available_us(call->sandbox)) {
        wrong(call, "parameters[interval_end]",
              "There is no data until that time yet; see data_available_end of the report type.");
        return false;
    }
    return true;
}

static void file_write(struct sb_stripe_call *call, const struct sb_report *report,
                       struct buf *out) {
    struct sb_id id = sb_id_of(call->place, SB_STRIPE_FILE, report->number);
    struct sb_id run = sb_id_of(call->place, SB_STRIPE_REPORT, report->number);
    buf_addf(out,
             "{\"id\":\"%s\",\"object\":\"file\",\"created\":%" PRId64
             ",\"filename\":\"%s.csv\",\"purpose\":\"finance_report_run\",\"type\":\"csv\","
             "\"url\":\"%s/v1/files/%s/contents\"}",
             id.text, report->created_us / US_PER_SECOND, run.text,
             call->sandbox->base_urls[SB_STRIPE], id.text);
}

static void report_write(struct sb_stripe_call *call, const struct sb_report *report, bool done,
                         struct buf *out) {
    struct sb_id id = sb_id_of(call->place, SB_STRIPE_REPORT, report->number);
    int64_t created_s = report->created_us / US_PER_SECOND;
    buf_addf(out,
             "{\"id\":\"%s\",\"object\":\"reporting.report_run\",\"created\":%" PRId64
             ",\"error\":null,\"livemode\":false,\"parameters\":{\"interval_end\":%" PRId64
             ",\"interval_start\":%" PRId64 ",\"columns\":[",
             id.text, created_s, report->until_us / US_PER_SECOND, report->from_us / US_PER_SECOND);
    for (int i = 0; i < report->count; i++) {
        buf_addf(out, "%s\"%s\"", i > 0 ? "," : "", columns[report->chosen[i]].name);
    }
    buf_addf(out, "]},\"report_type\":\"%s\",\"result\":", report->type);
    if (done) {
        file_write(call, report, out);
        buf_addf(out, ",\"status\":\"succeeded\",\"succeeded_at\":%" PRId64 "}", created_s + 1);
    } else {
        buf_add_text(out, "null,\"status\":\"pending\",\"succeeded_at\":null}");
    }
}

/* What is asked for again, for the same day, may have been corrected since. */
static void look_for_correction(struct sb_stripe_call *call, struct sb_report *report) {
    char text[CLOCK_TEXT_MAX], date[SB_DATE_CHARS + 1];
    const char *kind = report->kind->name;
    if (report->from_us % SB_DAY_US != 0 || report->until_us - report->from_us != SB_DAY_US) {
        return;
    }
    snprintf(date, sizeof(date), "%.10s", clock_format_at(report->from_us, 0, text));
    report->corrected = sb_statement_corrected(call->sandbox, SB_STRIPE, kind, date);
    sb_statement_handed(call->sandbox, SB_STRIPE, kind, date);
}

void sb_report_create(struct sb_stripe_call *call) {
    const char *type = sb_form_get(&call->form, "report_type");
    struct sb_report draft = {.kind = kind_of(type)};
    if (draft.kind == NULL) {
        wrong(call, "report_type", "There is no such report type.");
        return;
    }
    if (!columns_read(call, &draft) || !interval_read(call, &draft) || !sb_stripe_begin(call)) {
        return;
    }
    if (!sb_place_add(call->place, SB_STRIPE_REPORT, &draft.number, &draft.created_us)) {
        sb_stripe_full(call);
        return;
    }
    look_for_correction(call, &draft);
    BUF_AUTO text;
    buf_init(&text, SB_BODY_BYTES_MAX);
    struct sb_shard *shard = sb_place_shard(call->place, draft.number);
    lock_take(&shard->lock);
    struct sb_report *report = sb_hoard_take(&shard->hoard, sizeof(*report));
    *report = draft;
    report->type = sb_hoard_text(&shard->hoard, type);
    sb_place_put(call->place, SB_STRIPE_REPORT, report->number, report);
    report_write(call, report, false, &text);
    struct sb_outcome outcome = {200, SB_SHAPE_TEXT, 0, sb_hoard_text(&shard->hoard, text.data),
                                 NULL};
    lock_give(&shard->lock);
    sb_stripe_answer(call, &outcome);
}

static struct buf *begin(struct sb_stripe_call *call) {
    call->reply->status = 200;
    http_reply_header(call->reply, "Content-Type", "application/json");
    return &call->reply->body;
}

void sb_report_retrieve(struct sb_stripe_call *call) {
    struct sb_report *report = sb_place_find(call->place, SB_STRIPE_REPORT, call->id);
    if (report == NULL) {
        sb_stripe_missing(call, "report run", "id", call->id);
        return;
    }
    struct sb_shard *shard = sb_place_shard(call->place, report->number);
    lock_take(&shard->lock);
    bool done = report->asked++ >= ASKS_PENDING;
    lock_give(&shard->lock);
    report_write(call, report, done, begin(call));
}

void sb_report_type(struct sb_stripe_call *call) {
    const struct sb_statement_kind *kind = kind_of(call->id);
    if (kind == NULL) {
        sb_stripe_missing(call, "report type", "id", call->id);
        return;
    }
    struct buf *out = begin(call);
    buf_addf(out,
             "{\"id\":\"%s\",\"object\":\"reporting.report_type\",\"data_available_end\":%" PRId64
             ",\"data_available_start\":0,\"default_columns\":[",
             call->id, available_us(call->sandbox) / US_PER_SECOND);
    int chosen[COLUMNS_MAX];
    int count = columns_usual(chosen);
    for (int i = 0; i < count; i++) {
        buf_addf(out, "%s\"%s\"", i > 0 ? "," : "", columns[chosen[i]].name);
    }
    buf_addf(out, "],\"livemode\":false,\"name\":\"%s\",\"version\":1}", kind->help);
}

void sb_report_file(struct sb_stripe_call *call) {
    uint32_t number = 0;
    const struct sb_report *report = NULL;
    if (sb_id_number(call->place, SB_STRIPE_FILE, call->id, &number)) {
        report = sb_place_get(call->place, SB_STRIPE_REPORT, number);
    }
    if (report == NULL) {
        sb_stripe_missing(call, "file", "id", call->id);
        return;
    }
    BUF_AUTO text;
    buf_init(&text, SB_STATEMENT_BYTES_MAX);
    struct sb_statement *statement = sb_statement_between(call->sandbox, SB_STRIPE, report->kind,
                                                          report->from_us, report->until_us,
                                                          report->corrected);
    csv_write(statement, report->chosen, report->count, &text);
    if (!report->corrected) {
        char name[SB_STATEMENT_NAME_MAX];
        snprintf(name, sizeof(name), "stripe/%s/%" PRId64, report->kind->name, report->from_us);
        sb_statement_truncate(call->sandbox, SB_STRIPE, false, name, &text);
    }
    bool whole = buf_ok(&text) && !statement->full;
    sb_statement_free(statement);
    call->reply->status = whole ? 200 : 500;
    http_reply_body(call->reply, "text/csv", text.data, whole ? text.len : 0);
}
