/* SPDX-License-Identifier: Apache-2.0
 * test_sandbox_statements.c: the statements that the simulated gateways and their bank hand out,
 * read by the readers and held against the sandbox's own journal: every movement is there exactly
 * once, to the unit; what is altered by a fault is altered as it says. */
#include "sandbox_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "sandbox/sandbox_impl.h"
#include "statement/statement.h"
#include "statement/unwrap.h"
#include "support/test_clock.h"

#define DAY_US (INT64_C(86400) * US_PER_SECOND)
enum { ROWS_MAX = 400, DAYS = 6, NAME_MAX_CHARS = 200, PATH_MAX_CHARS = 300 };

/* ---- reading ---- */

struct row {
    struct statement_row row;
    char gateway_id[ROW_ID_CHARS_MAX + 1], reference[ROW_ID_CHARS_MAX + 1];
    char original_id[ROW_ID_CHARS_MAX + 1], batch[ROW_ID_CHARS_MAX + 1];
    bool met;
};
static struct file {
    int status; /* of the control port */
    char name[NAME_MAX_CHARS];
    struct buf bytes;
    struct statement_head head;
    int count, problems;
    enum statement_problem first_problem;
    char problem[201];
    struct row rows[ROWS_MAX];
} file;

static int take_row(void *ctx, const struct statement_row *row, struct err *err) {
    (void)ctx;
    (void)err;
    assert_true(file.count < ROWS_MAX);
    struct row *kept = &file.rows[file.count++];
    *kept = (struct row){.row = *row};
    snprintf(kept->gateway_id, sizeof kept->gateway_id, "%s", row->gateway_id);
    snprintf(kept->reference, sizeof kept->reference, "%s", row->reference);
    snprintf(kept->original_id, sizeof kept->original_id, "%s", row->original_id);
    snprintf(kept->batch, sizeof kept->batch, "%s", row->batch);
    return 0;
}

static void take_problem(void *ctx, enum statement_problem problem, int64_t line,
                         const char *text) {
    (void)ctx;
    if (file.problems++ == 0) {
        file.first_problem = problem;
        snprintf(file.problem, sizeof file.problem, "line %lld: %s", (long long)line, text);
    }
}

static void read_member(const struct unwrapped_file *member) {
    const struct statement_sink sink = {NULL, take_row, take_problem};
    const struct statement_source source = {
        .name = member->name, .bytes = member->bytes, .count = member->count};
    struct err err = {0};
    int sure = 0;
    const struct statement_reader *reader = statement_detect(member->name, member->bytes,
                                                             member->count, &sure, &err);
    if (reader == NULL) {
        fail_msg("%s: %s", member->name, err.detail);
    }
    assert_int_equal(reader->read(&source, &sink, &file.head, &err), 0);
}

static int get(const char *path) {
    HTTP_ANSWER_AUTO answer = {0};
    const struct ask ask = {.port = SANDBOX_CONTROL, .method = "GET", .path = path};
    assert_int_equal(ask_raw(&ask, &answer), 0);
    buf_clear(&file.bytes);
    buf_add(&file.bytes, answer.body, answer.body_bytes);
    const char *header = http_header_find(answer.headers, answer.header_count,
                                          "Content-Disposition");
    if (answer.status == 200 && header != NULL) {
        assert_int_equal(sscanf(header, "attachment; filename=\"%190[^\"]", file.name), 1);
    }
    return answer.status;
}

/* The file of that day into `file`, as it is read; false: there is none. */
static bool fetched(const char *gateway, const char *kind, const char *date) {
    char path[PATH_MAX_CHARS];
    UNWRAPPED_AUTO unwrapped = {0};
    struct err err = {0};
    snprintf(path, sizeof path, "/statement?gateway=%s&kind=%s&day=%s", gateway, kind, date);
    file.count = file.problems = 0;
    file.status = get(path);
    if (file.status != 200) {
        assert_true(file.status == 404 || file.status == 410);
        return false;
    }
    if (statement_unwrap(file.name, file.bytes.data, file.bytes.len, &unwrapped, &err) < 0) {
        fail_msg("%s: %s", file.name, err.detail);
    }
    for (int i = 0; i < unwrapped.count; i++) {
        if (unwrapped.files[i].count > 0) {
            read_member(&unwrapped.files[i]);
        }
    }
    return true;
}

static bool read_whole(const char *gateway, const char *kind, const char *date) {
    bool there = fetched(gateway, kind, date);
    if (there && file.problems > 0) {
        fail_msg("%s %s %s: %s", gateway, kind, date, file.problem);
    }
    return there;
}

static const char *date_at(int64_t wall_us, int minutes, char text[CLOCK_TEXT_MAX]) {
    clock_format_at(wall_us, minutes, text);
    text[10] = '\0';
    return text;
}

/* ---- a book of several days ---- */

static int64_t begun_us;

static void post(const char *path, const char *body, int status, char *ret_id) {
    json_t *json = control("POST", path, body, status);
    const char *id = json_peek_text(json, "id", NULL);
    if (ret_id != NULL) {
        assert_non_null(id);
        snprintf(ret_id, ROW_ID_CHARS_MAX + 1, "%s", id);
    }
    json_decref(json);
}

static void charged(const char *gateway, const char *currency, int amount_minor, char *ret_id) {
    char path[PATH_MAX_CHARS], body[120];
    snprintf(path, sizeof path, "/%s/charges", gateway);
    snprintf(body, sizeof body, "{\"amount_minor\":%d,\"currency\":\"%s\"}", amount_minor,
             currency);
    post(path, body, 201, ret_id);
}

static void refunded(const char *gateway, const char *charge, int amount_minor) {
    char path[PATH_MAX_CHARS], body[120];
    snprintf(path, sizeof path, "/%s/charges/%s/refund", gateway, charge);
    snprintf(body, sizeof body, "{\"amount_minor\":%d}", amount_minor);
    post(path, body, 201, NULL);
}

static void disputed(const char *gateway, const char *charge, const char *outcome) {
    char path[PATH_MAX_CHARS], body[120], id[ROW_ID_CHARS_MAX + 1];
    snprintf(path, sizeof path, "/%s/charges/%s/dispute", gateway, charge);
    post(path, "{}", 201, id);
    snprintf(path, sizeof path, "/%s/disputes/%s/close", gateway, id);
    snprintf(body, sizeof body, "{\"outcome\":\"%s\"}", outcome);
    post(path, body, 200, NULL);
}

static void next_day(void) {
    json_decref(control("POST", "/callbacks/flush", NULL, 200));
    await_quiet();
    test_clock_advance(DAY_US);
}

/* Stripe's calls: a hold taken in two parts, one that is released, a card that is declined, and a
 * card whose refund comes back. */
static void stripe_calls(void) {
    static const char card[] = "currency=usd&confirm=true&payment_method_types[]=card";
    char form[PATH_MAX_CHARS], path[PATH_MAX_CHARS];
    const struct {
        const char *more;
        int status;
    } charges[] = {
        {"amount=3000&payment_method=pm_card_visa&capture_method=manual", 200},
        {"amount=800&payment_method=pm_card_visa&capture_method=manual", 200},
        {"amount=900&payment_method=pm_card_chargeDeclined", 402},
        {"amount=1200&payment_method=pm_card_refundFail&metadata[reference]=att_back", 200},
    };
    char ids[COUNT_OF(charges)][ROW_ID_CHARS_MAX + 1];
    for (size_t i = 0; i < COUNT_OF(charges); i++) {
        snprintf(form, sizeof form, "%s&%s", card, charges[i].more);
        json_t *json = stripe_post("/v1/payment_intents", form, NULL, charges[i].status);
        const char *id = json_peek_text(json, "id", NULL);
        snprintf(ids[i], sizeof ids[i], "%s", id != NULL ? id : "");
        json_decref(json);
    }
    snprintf(path, sizeof path, "/v1/payment_intents/%s/capture", ids[0]);
    json_decref(stripe_post(path, "amount_to_capture=1000&final_capture=false", NULL, 200));
    json_decref(stripe_post(path, "amount_to_capture=1700", NULL, 200));
    snprintf(path, sizeof path, "/v1/payment_intents/%s/cancel", ids[1]);
    json_decref(stripe_post(path, "", NULL, 200));
    snprintf(form, sizeof form, "payment_intent=%s&amount=500&metadata[reference]=re_back", ids[3]);
    json_decref(stripe_post("/v1/refunds", form, NULL, 200));
}

static void book_day(int day) {
    static const char *const wallets[] = {"alipay", "wechat", "unionpay"};
    static const char *const others[] = {"stripe", "paypal"};
    char id[ROW_ID_CHARS_MAX + 1];
    for (size_t i = 0; i < COUNT_OF(wallets); i++) {
        charged(wallets[i], "CNY", 1250 + day, id);
        charged(wallets[i], "CNY", 99900 + day, id);
        refunded(wallets[i], id, 300);
        refunded(wallets[i], id, 99600 + day);
        charged(wallets[i], "CNY", 5001, id);
    }
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        charged(others[i], "USD", 4999, id);
        refunded(others[i], id, 1001);
        charged(others[i], "JPY", 5000 + day, id);
        charged(others[i], "EUR", 777, id);
        refunded(others[i], id, 777);
        charged(others[i], "USD", 25000, id);
        disputed(others[i], id, day % 2 == 0 ? "won" : "lost");
    }
    stripe_calls();
}

/* Two days of book, one without anything, one more; then so long that all of it is paid out. */
static int begin(void **state) {
    (void)state;
    struct sandbox_options options = fixture_options();
    fixture_start(&options);
    buf_init(&file.bytes, 1 << 24);
    begun_us = clock_wall_us();
    return 0;
}

static void write_book(void) {
    book_day(0);
    next_day();
    book_day(1);
    next_day();
    next_day();
    book_day(3);
    for (int day = 3; day < DAYS; day++) {
        next_day();
    }
}

static int end(void **state) {
    (void)state;
    buf_release(&file.bytes);
    fixture_stop();
    return 0;
}

/* ---- held against the journal ---- */

static const struct source {
    const char *gateway, *kind;
    enum sb_gateway number;
    int minutes;
    bool fees;    /* of a movement in its row; else rows of their own */
    bool payouts; /* have rows */
    bool balances;
} sources[] = {
    {"alipay", "trade", SB_ALIPAY, BEIJING_MINUTES, true, false, false},
    {"alipay", "signcustomer", SB_ALIPAY, BEIJING_MINUTES, false, true, true},
    {"wechat", "trade", SB_WECHAT, BEIJING_MINUTES, true, false, false},
    {"wechat", "fund", SB_WECHAT, BEIJING_MINUTES, false, true, true},
    {"unionpay", "settlement", SB_UNIONPAY, BEIJING_MINUTES, true, false, false},
    {"stripe", "activity", SB_STRIPE, 0, true, false, false},
    {"paypal", "trr", SB_PAYPAL, 0, true, true, true},
    {"paypal", "stl", SB_PAYPAL, 0, true, true, true},
};

static enum row_kind kind_of(const struct sb_move *move) {
    static const enum row_kind kinds[SB_MOVE_KINDS] = {
        [SB_MOVE_CHARGE] = ROW_CHARGE,
        [SB_MOVE_REFUND] = ROW_REFUND,
        [SB_MOVE_REFUND_BACK] = ROW_REFUND_RETURNED,
        [SB_MOVE_DISPUTE] = ROW_CHARGEBACK,
        [SB_MOVE_DISPUTE_BACK] = ROW_CHARGEBACK_RETURNED,
    };
    return kinds[move->kind];
}

static int64_t gross_of(const struct sb_move *move) {
    return row_kind_sign(kind_of(move)) * move->amount_minor;
}

/* Under which names: of a charge its own, of a refund that of the charge (Stripe tells the intent
 * there, WeChat's bill of funds nothing). */
static bool is_named(const struct source *source, const struct sb_move *move,
                     const struct row *row) {
    const char *charge = move->entry->id;
    bool unsaid = source->number == SB_STRIPE || strcmp(source->kind, "fund") == 0;
    if (move->kind == SB_MOVE_CHARGE) {
        return strcmp(row->gateway_id, charge) == 0 &&
               strcmp(row->reference, move->entry->reference) == 0;
    }
    return unsaid || strcmp(row->original_id, charge) == 0;
}

static void meet(const struct source *source, const struct sb_move *move) {
    for (int i = 0; i < file.count; i++) {
        struct row *row = &file.rows[i];
        bool fees = !source->fees || row->row.fee_minor == move->fee_minor;
        if (!row->met && row->row.kind == kind_of(move) && row->row.status == ROW_DONE &&
            row->row.gross_minor == gross_of(move) && fees &&
            row->row.at_us / US_PER_SECOND == move->at_us / US_PER_SECOND &&
            is_named(source, move, row) &&
            currency_equal(row->row.currency, move->entry->currency)) {
            row->met = true;
            return;
        }
    }
    fail_msg("%s %s: a movement of %lld %s is in no row", source->gateway, source->kind,
             (long long)gross_of(move), move->entry->currency.code);
}

/* All movements of the day are in the file that was read, and nothing else is. Returns how many. */
static int meet_day(const struct source *source, const char *date) {
    char text[CLOCK_TEXT_MAX];
    int64_t fees_minor = 0;
    int count = 0;
    GArray *moves = sb_book_moves(&fixture.sandbox->book, source->number);
    for (guint i = 0; i < moves->len; i++) {
        const struct sb_move *move = &g_array_index(moves, struct sb_move, i);
        if (strcmp(date_at(move->at_us, source->minutes, text), date) == 0) {
            meet(source, move);
            fees_minor += move->fee_minor;
            count++;
        }
    }
    g_array_unref(moves);
    for (int i = 0; i < file.count; i++) {
        const struct row *row = &file.rows[i];
        bool payout = row->row.kind == ROW_PAYOUT && source->payouts;
        bool fee = row->row.kind == ROW_FEE && !source->fees;
        if (!row->met && !payout && !fee) {
            fail_msg("%s %s: a row is of no movement: %s", source->gateway, source->kind,
                     row->gateway_id);
        }
        fees_minor += fee ? row->row.gross_minor : 0;
    }
    assert_true(source->fees || fees_minor == 0);
    return count;
}

/* Each file opens with what the one before closed with. */
static void follow(const struct source *source, struct statement_head *before) {
    for (int i = 0; source->balances && i < file.head.balance_count; i++) {
        const struct statement_balance *now = &file.head.balances[i];
        int at = 0;
        while (at < before->balance_count &&
               !currency_equal(before->balances[at].currency, now->currency)) {
            at++;
        }
        if (at == before->balance_count) {
            before->balances[before->balance_count++] = (struct statement_balance){now->currency, 0,
                                                                                   0};
        }
        assert_int_equal(now->opening_minor, before->balances[at].closing_minor);
        before->balances[at].closing_minor = now->closing_minor;
    }
}

/* What the journal and the payouts in the files leave on the account. */
static int64_t left_of(const struct source *source, struct currency currency) {
    int64_t left_minor = 0;
    GArray *moves = sb_book_moves(&fixture.sandbox->book, source->number);
    for (guint i = 0; i < moves->len; i++) {
        const struct sb_move *move = &g_array_index(moves, struct sb_move, i);
        bool counts = currency_equal(move->entry->currency, currency);
        left_minor += counts ? gross_of(move) - move->fee_minor : 0;
    }
    g_array_unref(moves);
    for (int day = 0; day < DAYS; day++) {
        char date[CLOCK_TEXT_MAX];
        date_at(begun_us + day * DAY_US, source->minutes, date);
        for (int i = 0; read_whole(source->gateway, source->kind, date) && i < file.count; i++) {
            const struct statement_row *row = &file.rows[i].row;
            bool counts = row->kind == ROW_PAYOUT && currency_equal(row->currency, currency);
            left_minor += counts ? row->gross_minor : 0;
        }
    }
    return left_minor;
}

static void every_movement_is_in_its_day_s_file_exactly_once(void **state) {
    (void)state;
    write_book();
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        struct statement_head before = {.balance_count = 0};
        int met = 0;
        for (int day = 0; day < DAYS; day++) {
            char date[CLOCK_TEXT_MAX];
            date_at(begun_us + day * DAY_US, sources[i].minutes, date);
            if (read_whole(sources[i].gateway, sources[i].kind, date)) {
                met += meet_day(&sources[i], date);
                follow(&sources[i], &before);
            }
        }
        GArray *moves = sb_book_moves(&fixture.sandbox->book, sources[i].number);
        assert_int_equal(met, moves->len);
        g_array_unref(moves);
        for (int k = 0; k < before.balance_count; k++) {
            assert_int_equal(before.balances[k].closing_minor,
                             left_of(&sources[i], before.balances[k].currency));
        }
    }
}

/* ---- payouts and the bank ---- */

struct sum {
    char id[ROW_ID_CHARS_MAX + 1];
    int64_t amount_minor;
    struct currency currency;
    bool at_bank[2];
};
static struct sum paid_out[ROWS_MAX];
static int paid_out_count;

static void payouts_of(const char *gateway, const char *kind, int minutes) {
    for (int day = 0; day < DAYS; day++) {
        char date[CLOCK_TEXT_MAX];
        date_at(begun_us + day * DAY_US, minutes, date);
        for (int i = 0; read_whole(gateway, kind, date) && i < file.count; i++) {
            const struct row *row = &file.rows[i];
            if (row->row.kind == ROW_PAYOUT) {
                struct sum *sum = &paid_out[paid_out_count++];
                *sum = (struct sum){.amount_minor = -row->row.gross_minor,
                                    .currency = row->row.currency};
                snprintf(sum->id, sizeof sum->id, "%s", row->gateway_id);
            }
        }
    }
}

/* Each credit at the bank is a payout that a gateway tells; those of UnionPay are told by none. */
static int credits_of(const char *kind, int which) {
    static const struct source bank = {.balances = true};
    struct statement_head before = {.balance_count = 0};
    int credits = 0;
    for (int day = 0; day < DAYS; day++) {
        char date[CLOCK_TEXT_MAX];
        date_at(begun_us + day * DAY_US, 0, date);
        assert_true(read_whole("bank", kind, date));
        follow(&bank, &before);
        for (int i = 0; i < file.count; i++) {
            const struct row *row = &file.rows[i];
            assert_int_equal(row->row.kind, ROW_BANK_CREDIT);
            for (int k = 0; k < paid_out_count; k++) {
                struct sum *sum = &paid_out[k];
                if (strcmp(sum->id, row->reference) == 0) {
                    assert_false(sum->at_bank[which]);
                    sum->at_bank[which] = true;
                    assert_int_equal(sum->amount_minor, row->row.gross_minor);
                    assert_true(currency_equal(sum->currency, row->row.currency));
                }
            }
            credits += strncmp(row->reference, "UP", 2) != 0;
        }
    }
    return credits;
}

static void what_gateways_pay_out_arrives_at_the_bank(void **state) {
    (void)state;
    write_book();
    paid_out_count = 0;
    payouts_of("alipay", "signcustomer", BEIJING_MINUTES);
    payouts_of("wechat", "fund", BEIJING_MINUTES);
    payouts_of("paypal", "stl", 0);
    payouts_of("stripe", "payout", 0);
    assert_true(paid_out_count > 10);
    assert_int_equal(credits_of("camt053", 0), paid_out_count);
    assert_int_equal(credits_of("mt940", 1), paid_out_count);
    for (int i = 0; i < paid_out_count; i++) {
        assert_true(paid_out[i].at_bank[0] && paid_out[i].at_bank[1]);
    }
}

/* T+2: what moved on one day is paid out two days later, each currency by itself; the reader has
 * held each payout against its rows. */
static void stripe_pays_out_two_days_later(void **state) {
    (void)state;
    char date[CLOCK_TEXT_MAX], moved[CLOCK_TEXT_MAX];
    int payouts = 0;
    write_book();
    date_at(begun_us, 0, moved);
    assert_true(read_whole("stripe", "payout", date_at(begun_us + DAY_US, 0, date)));
    assert_int_equal(file.count, 0);
    assert_true(read_whole("stripe", "payout", date_at(begun_us + 2 * DAY_US, 0, date)));
    for (int i = 0; i < file.count; i++) {
        const struct row *row = &file.rows[i];
        payouts += row->row.kind == ROW_PAYOUT;
        assert_true(row->batch[0] != '\0');
        if (row->row.kind != ROW_PAYOUT) {
            char text[CLOCK_TEXT_MAX];
            assert_string_equal(date_at(row->row.at_us, 0, text), moved);
        }
    }
    assert_int_equal(payouts, 2); /* of euros nothing was left */
}

/* ---- faults ---- */

static json_t *planted_of(const struct source *source, const char *date) {
    char path[PATH_MAX_CHARS];
    snprintf(path, sizeof path, "/statement/planted?gateway=%s&kind=%s&day=%s", source->gateway,
             source->kind, date);
    return control("GET", path, NULL, 200);
}

static int planted_in(const struct source *source, const char *date) {
    json_t *json = planted_of(source, date);
    int count = (int)json_array_size(json_object_get(json, "planted"));
    json_decref(json);
    return count;
}

static void strike(const struct source *source, const char *what) {
    char spec[120];
    snprintf(spec, sizeof spec, "%s:%s", source->gateway, what);
    fault(spec);
}

static void the_same_file_is_the_same_bytes_whatever_was_planted(void **state) {
    (void)state;
    write_book();
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        char date[CLOCK_TEXT_MAX];
        date_at(begun_us, sources[i].minutes, date);
        strike(&sources[i], "statement_missing:probability=0.3");
        strike(&sources[i], "statement_altered:probability=0.3");
        strike(&sources[i], "statement_duplicated:probability=0.3");
        assert_true(read_whole(sources[i].gateway, sources[i].kind, date));
        int planted = planted_in(&sources[i], date);
        assert_true(planted > 0);
        BUF_AUTO first;
        buf_init(&first, 1 << 24);
        buf_add(&first, file.bytes.data, file.bytes.len);
        assert_true(read_whole(sources[i].gateway, sources[i].kind, date));
        assert_int_equal(file.bytes.len, first.len);
        assert_memory_equal(file.bytes.data, first.data, first.len);
        assert_int_equal(planted_in(&sources[i], date), planted);
        sandbox_heal(fixture.sandbox);
        assert_int_equal(planted_in(&sources[i], date), 0);
    }
}

/* Totals that have what the rows lack are what a reader is there to see. ZM has none. */
static void a_file_whose_totals_are_kept_contradicts_itself(void **state) {
    (void)state;
    write_book();
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        char date[CLOCK_TEXT_MAX];
        bool none = sources[i].number == SB_UNIONPAY || strcmp(sources[i].kind, "activity") == 0;
        date_at(begun_us, sources[i].minutes, date);
        strike(&sources[i], "statement_missing:operation=charge,count=1,totals=kept");
        assert_true(fetched(sources[i].gateway, sources[i].kind, date));
        assert_int_equal(file.problems > 0, !none);
        sandbox_heal(fixture.sandbox);
    }
    const struct source payout = {"stripe", "payout", SB_STRIPE, 0, true, true, false};
    char date[CLOCK_TEXT_MAX];
    date_at(begun_us + 2 * DAY_US, 0, date);
    strike(&payout, "statement_missing:count=1");
    assert_true(read_whole("stripe", "payout", date));
    strike(&payout, "statement_altered:count=1,totals=kept");
    assert_true(fetched("stripe", "payout", date));
    assert_int_equal(file.first_problem, PROBLEM_TOTAL);
}

static void what_is_told_of_a_planted_row_is_the_truth_and_the_file(void **state) {
    (void)state;
    const struct source *alipay = &sources[0];
    char date[CLOCK_TEXT_MAX];
    write_book();
    date_at(begun_us, alipay->minutes, date);
    strike(alipay, "statement_altered:operation=refund,count=2,amount_minor=50");
    json_t *json = planted_of(alipay, date);
    const json_t *planted = json_object_get(json, "planted");
    assert_int_equal(json_array_size(planted), 2);
    assert_true(read_whole("alipay", "trade", date));
    for (size_t i = 0; i < 2; i++) {
        const json_t *one = json_array_get(planted, i);
        assert_string_equal(json_peek_text(one, "fault", NULL), "statement_altered");
        assert_string_equal(json_peek_text(one, "kind", NULL), "refund");
        int64_t told = json_peek_int(one, 0, "told", "amount_minor", NULL);
        assert_int_equal(told - json_peek_int(one, 0, "truth", "amount_minor", NULL), -50);
        int found = 0;
        for (int k = 0; k < file.count; k++) {
            found += strcmp(file.rows[k].reference,
                            json_peek_text(one, "truth", "reference", NULL)) == 0 &&
                     file.rows[k].row.gross_minor == told;
        }
        assert_int_equal(found, 1);
    }
    json_decref(json);
}

static void a_day_is_there_when_it_is_over_and_not_when_it_is_late(void **state) {
    (void)state;
    char path[PATH_MAX_CHARS], date[CLOCK_TEXT_MAX];
    charged("stripe", "USD", 1000, (char[ROW_ID_CHARS_MAX + 1]){0});
    date_at(clock_wall_us(), 0, date);
    snprintf(path, sizeof path, "/statement?gateway=stripe&kind=activity&day=%s", date);
    assert_int_equal(get(path), 404);
    snprintf(path, sizeof path, "/statement?gateway=stripe&kind=activity&day=%s&unfinished=true",
             date);
    assert_int_equal(get(path), 200);
    fault("stripe:statement_late:seconds=86400");
    test_clock_advance(DAY_US);
    assert_false(fetched("stripe", "activity", date));
    test_clock_advance(DAY_US);
    assert_true(read_whole("stripe", "activity", date));
    assert_int_equal(file.count, 1);
    assert_int_equal(get("/statement?gateway=stripe&kind=trade&day=2026-01-01"), 422);
    assert_int_equal(get("/statement?gateway=alipay&kind=trade&day=2026-02-30"), 422);
    assert_int_equal(get("/statement?gateway=bank&kind=trade&day=2026-01-01"), 422);
    assert_int_equal(get("/statement?gateway=alipay&kind=trade&day=2020-01-01"), 410);
    assert_int_equal(get("/statement"), 200);
}

static void only_what_can_go_wrong_with_a_statement_is_taken(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "alipay:statement_altered:code=currency",
        "alipay:statement_altered:code=time",
        "stripe:statement_duplicated:code=fee",
        "stripe:statement_missing:totals=some",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct err err = {0};
        assert_int_equal(sandbox_fault(fixture.sandbox, wrong[i], &err), -ERR_VALIDATION);
    }
    fault("stripe:statement_altered:code=currency,totals=kept");
    json_t *json = control("GET", "/faults/stripe", NULL, 200);
    const json_t *one = json_array_get(json_object_get(json, "faults"), 0);
    assert_string_equal(json_peek_text(one, "totals", NULL), "kept");
    json_decref(json);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(every_movement_is_in_its_day_s_file_exactly_once),
        IN_SANDBOX(what_gateways_pay_out_arrives_at_the_bank),
        IN_SANDBOX(stripe_pays_out_two_days_later),
        IN_SANDBOX(the_same_file_is_the_same_bytes_whatever_was_planted),
        IN_SANDBOX(a_file_whose_totals_are_kept_contradicts_itself),
        IN_SANDBOX(what_is_told_of_a_planted_row_is_the_truth_and_the_file),
        IN_SANDBOX(a_day_is_there_when_it_is_over_and_not_when_it_is_late),
        IN_SANDBOX(only_what_can_go_wrong_with_a_statement_is_taken),
    };
    test_clock_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
