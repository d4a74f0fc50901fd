/* SPDX-License-Identifier: Apache-2.0
 * test_reconciled_sandbox.c: the whole way of a statement, on both engines: payments through the
 * service and the simulated gateways, the gateways' statements by our adapters, the readers, the
 * intake, the matcher. Without a fault nothing is found; with one, exactly what was planted. */
#define WALLETS_AND_PAYPAL
#include "wallets_fixture.h"

#include "base/buf.h"
#include "gateway/keyring.h"
#include "ledger/ledger.h"
#include "recon/intake.h"
#include "recon/run.h"
#include "statement/unwrap.h"

#define DAY_US (INT64_C(86400) * US_PER_SECOND)
enum { FILE_BYTES_MAX = 4 << 20 };

/* Each gateway with each file of its own that tells of our movements. */
static const struct source {
    const char *gateway, *control, *kind;
    int minutes;  /* of its days, east of UTC */
    bool fetched; /* by the adapter; else from the control port */
    bool fees;    /* both sides tell them, movement by movement */
    bool balances;
} sources[] = {
    {"alipay", "alipay", "trade", BEIJING_MINUTES, true, false, false},
    {"wechatpay", "wechat", "fund", BEIJING_MINUTES, true, false, true},
    {"wechatpay", "wechat", "trade", BEIJING_MINUTES, true, false, false},
    {"unionpay", "unionpay", "settlement", BEIJING_MINUTES, true, false, false},
    {"stripe", "stripe", "activity", 0, true, true, false},
    {"stripe", "stripe", "payout", 0, true, true, false},
    {"paypal", "paypal", "trr", 0, false, true, true},
    {"paypal", "paypal", "stl", 0, false, true, true},
};

static struct run_figures figures;

/* ---- a book ---- */

static char *paid_by_wallet(enum wallet wallet) {
    char *id = waiting(wallet, wallet == UNIONPAY ? FLOW_PAGE : FLOW_QR);
    open_action(wallet, id);
    customer(wallet, id, "pay");
    work();
    assert_payment(W, id, "succeeded");
    return id;
}

static char *paid_by(enum payment_method method, const char *token, const char *currency,
                     int64_t amount_minor, bool capture_later) {
    struct payment_order order = order_by(method, 0, token);
    order.currency = currency_stored(currency);
    order.amount_minor = amount_minor;
    order.capture_later = capture_later;
    json_t *json = world_pay(W, NULL, &order);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    return id;
}

static void give_back(const char *id, int64_t amount_minor) {
    json_t *json = world_refund(W, NULL, id, amount_minor);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    json_decref(json);
    work();
    world_pass(W, 5 * US_PER_SECOND);
    work();
}

static void capture(const char *id, int64_t amount_minor, bool final) {
    json_t *json = world_capture(W, NULL, id, amount_minor, final);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    json_decref(json);
}

/* Of a wallet: two payments, of which one goes back in part and one as a whole; one that nobody
 * pays. */
static void wallet_book(enum wallet wallet) {
    char *whole = paid_by_wallet(wallet), *part = paid_by_wallet(wallet);
    char *kept_whole = paid_by_wallet(wallet);
    char *open = waiting(wallet, wallet == UNIONPAY ? FLOW_PAGE : FLOW_QR);
    give_back(whole, AMOUNT);
    give_back(part, 700);
    free(open);
    free(kept_whole);
    free(whole);
    free(part);
}

/* The same by card or PayPal, in two currencies, with one that is captured in two parts and one
 * that is declined. */
static void token_book(enum payment_method method, const char *token, const char *declined) {
    char *dollars = paid_by(method, token, "USD", 10000, false);
    char *yen = paid_by(method, token, "JPY", 5000, false);
    char *held = paid_by(method, token, "USD", 3000, true);
    char *canceled = paid_by(method, token, "USD", 800, true);
    free(paid_by(method, declined, "USD", 900, false));
    give_back(dollars, 2500);
    give_back(yen, 2000);
    capture(held, 1000, false);
    capture(held, 2000, true);
    json_decref(world_cancel(W, NULL, canceled));
    work();
    free(dollars);
    free(yen);
    free(held);
    free(canceled);
}

static void book_of(const struct source *source) {
    for (int i = 0; i < WALLETS; i++) {
        if (strcmp(wallets[i].control, source->control) == 0) {
            wallet_book((enum wallet)i);
        }
    }
    if (strcmp(source->gateway, "stripe") == 0) {
        token_book(METHOD_CARD, "pm_card_visa", "pm_card_chargeDeclined");
    } else if (strcmp(source->gateway, "paypal") == 0) {
        token_book(METHOD_PAYPAL, "vault_good", "vault_declined");
    }
}

/* ---- its statement ---- */

static const char *date_of(const struct source *source, int64_t wall_us,
                           char text[CLOCK_TEXT_MAX]) {
    clock_format_at(wall_us, source->minutes, text);
    text[10] = '\0';
    return text;
}

static int fetch(const struct source *source, const char *date, struct buf *file, struct err *err) {
    struct gateway_statement statement = {.kind = source->kind};
    struct gateway *gateway = keyring_take(gateway_find(W->registry, source->gateway));
    const struct gateway_call call = {.gateway = gateway,
                                      .client = fixture.client,
                                      .deadline_us = clock_mono_us() + 60 * US_PER_SECOND};
    assert_int_equal(sscanf(date, "%d-%d-%d", &statement.year, &statement.month, &statement.day),
                     3);
    int r = gateway->adapter->fetch_statement(&call, &statement, file, err);
    keyring_drop(gateway);
    return r;
}

/* The control port's file and its name. */
static int handed(const struct source *source, const char *date, struct buf *file,
                  char name[STATEMENT_NAME_CHARS_MAX]) {
    HTTP_ANSWER_AUTO answer = {0};
    char path[200];
    snprintf(path, sizeof path, "/statement?gateway=%s&kind=%s&day=%s", source->control,
             source->kind, date);
    const struct ask ask = {.port = SANDBOX_CONTROL, .method = "GET", .path = path};
    assert_int_equal(ask_raw(&ask, &answer), 0);
    const char *header = http_header_find(answer.headers, answer.header_count,
                                          "Content-Disposition");
    if (answer.status == 200) {
        assert_non_null(header);
        assert_int_equal(sscanf(header, "attachment; filename=\"%190[^\"]", name), 1);
        buf_add(file, answer.body, answer.body_bytes);
    }
    return answer.status;
}

static struct statement_taken taken_now;

static int take_one(const struct source *source, const struct unwrapped_file *file,
                    const char *supersedes) {
    struct err err = {0};
    const struct statement_request request = {
        .gateway = source->gateway,
        .source = {.name = file->name, .bytes = file->bytes, .count = file->count},
        .supersedes = supersedes,
        .reason = supersedes[0] != '\0' ? "it was corrected" : "",
        .actor = "user:usr_1",
    };
    return statement_take(W->engine.store, &request, &taken_now, &err);
}

/* Takes what there is of that day; empty members of an archive are nothing. Returns the code of the
 * last file, with its problems in taken_now. */
static int take_day(const struct source *source, int64_t wall_us, const char *supersedes) {
    char date[CLOCK_TEXT_MAX], name[STATEMENT_NAME_CHARS_MAX] = "statement";
    struct err err = {0};
    BUF_AUTO file;
    buf_init(&file, FILE_BYTES_MAX);
    date_of(source, wall_us, date);
    int r = source->fetched ? fetch(source, date, &file, &err) : 0;
    if (!source->fetched) {
        assert_int_equal(handed(source, date, &file, name), 200);
    }
    if (r < 0) {
        fail_msg("%s: %s", source->gateway, err.detail);
    }
    UNWRAPPED_AUTO unwrapped = {0};
    must(statement_unwrap(name, file.data, file.len, &unwrapped, &err), &err);
    for (int i = 0; r == 0 && i < unwrapped.count; i++) {
        r = unwrapped.files[i].count > 0 ? take_one(source, &unwrapped.files[i], supersedes) : 0;
    }
    return r;
}

static void taken_day(const struct source *source, int64_t wall_us, const char *supersedes) {
    if (take_day(source, wall_us, supersedes) < 0) {
        fail_msg("%s %s: %lld problems: %s", source->gateway, source->kind,
                 (long long)taken_now.problems, taken_now.told[0].text);
    }
}

/* Days that have a statement: all since the beginning, and such as payouts of them are in. */
static void take_days(const struct source *source, int64_t from_us) {
    for (int64_t at_us = from_us; at_us + DAY_US < clock_wall_us(); at_us += DAY_US) {
        char date[CLOCK_TEXT_MAX];
        struct err err = {0};
        BUF_AUTO file;
        buf_init(&file, FILE_BYTES_MAX);
        date_of(source, at_us, date);
        int r = source->fetched ? fetch(source, date, &file, &err) : 0;
        if (r == -ERR_NOT_FOUND || r == -ERR_GONE) {
            continue; /* nothing moved */
        }
        taken_day(source, at_us, "");
    }
}

/* ---- and what comes out ---- */

static const char *pays_out_to; /* each gateway */

static void run_of(const struct source *source) {
    struct reconciliation_id id;
    struct err err = {0};
    bool bank = strcmp(source->control, "bank") == 0;
    const struct run_request request = {
        .gateway = source->gateway,
        .actor = "user:usr_1",
        .until_us = clock_wall_us(),
        .business_days = RUN_BUSINESS_DAYS_USUAL,
        .time_zone = source->minutes != 0 ? "Asia/Shanghai" : "UTC",
        .bank = bank,
        .pays_out_to = bank ? NULL : pays_out_to,
        .payout_days = 3,
    };
    test_clock_advance(US_PER_SECOND);
    must(reconcile_run(W->engine.store, &request, &id, &figures, &err), &err);
}

static int64_t rows_in(enum match_class class, enum match_side side) {
    int64_t rows = 0;
    for (int i = 0; i < figures.sum_count; i++) {
        rows += figures.sums[i].class == class ? figures.sums[i].rows[side] : 0;
    }
    return rows;
}

static int64_t breaks_of(enum match_class class) {
    char sql[120];
    snprintf(sql, sizeof sql,
             "SELECT COUNT(*) FROM recon_break WHERE state IN (1, 2) AND class = %d", (int)class);
    return world_int(W, sql);
}

#define ALL_BREAKS "SELECT COUNT(*) FROM recon_break WHERE state IN (1, 2)"

static void say_breaks(const struct source *source) {
    for (int i = 0; i < figures.sum_count; i++) {
        print_message("%s %s: %s %s: %lld of ours, %lld of theirs\n", source->gateway, source->kind,
                      match_class_name(figures.sums[i].class), figures.sums[i].currency.code,
                      (long long)figures.sums[i].rows[OURS],
                      (long long)figures.sums[i].rows[THEIRS]);
    }
    fail_msg("%lld breaks", (long long)world_int(W, ALL_BREAKS));
}

/* Rows that are the gateway's own and move nothing: authorizations, and what is not done. */
#define OWN_UNMOVED                                                                                \
    world_int(W, "SELECT COUNT(*) FROM statement_row WHERE kind > 5 AND kind NOT IN (14, 15) AND " \
                 "(status <> 1 OR kind = 16 OR (gross_minor = 0 AND COALESCE(fee_minor, 0) = 0))")

/* Where the file tells balances, they and our books are explained, with nothing expected. */
static void assert_balanced(const struct source *source) {
    assert_int_equal(figures.balance_count > 0, source->balances);
    for (int i = 0; i < figures.balance_count; i++) {
        const struct run_balance *balance = &figures.balances[i];
        if (!balance->proved) {
            fail_msg("%s %s %s: %s", source->gateway, source->kind, balance->currency.code,
                     balance->broken_by);
        }
        int64_t apart = balance->closing_minor - balance->ours_minor;
        assert_int_equal(apart, balance->items_minor[RUN_ITEM_BEFORE] +
                                    balance->items_minor[RUN_ITEM_FEES]);
        assert_int_equal(balance->closing_minor, balance->opening_minor + balance->rows_minor);
        if (source->fees) {
            assert_int_equal(balance->items_minor[RUN_ITEM_FEES], 0);
        }
    }
}

/* Everything of ours is settled, with rows of theirs. */
static void assert_square(const struct source *source, int64_t ours) {
    if (world_int(W, ALL_BREAKS) != 0) {
        say_breaks(source);
    }
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), ours);
    assert_int_equal(figures.rows[OURS], ours + rows_in(CLASS_GATEWAYS_OWN, OURS));
    assert_int_equal(rows_in(CLASS_EXPECTED, OURS), 0);
    assert_true(rows_in(CLASS_MATCHED, THEIRS) == ours);
    assert_true(figures.ties_out);
    /* What is the gateway's own is booked once, row by row. */
    assert_int_equal(rows_in(CLASS_GATEWAYS_OWN, OURS), world_int(W, "SELECT COUNT(*) FROM "
                                                                     "own_booking"));
    /* The fee of a payment in a row of its own is booked as a part of that. */
    int64_t of_payments =
        world_int(W, "SELECT COUNT(*) FROM recon_fee_row WHERE movement_id <> ''");
    assert_int_equal(rows_in(CLASS_GATEWAYS_OWN, THEIRS) - OWN_UNMOVED - of_payments,
                     rows_in(CLASS_GATEWAYS_OWN, OURS));
    assert_balanced(source);
}

static int64_t movements_of(const struct source *source) {
    char sql[2 * ACCOUNT_CHARS_MAX + 300], account[ACCOUNT_CHARS_MAX];
    ledger_account(ACCOUNT_RECEIVABLE, source->gateway, account);
    snprintf(sql, sizeof sql,
             "SELECT COUNT(*) FROM posting WHERE kind IN (1, 2, 3, 4, 6, 7, 10, 11) AND "
             "(debit_account = '%s' OR credit_account = '%s')",
             account, account);
    return world_int(W, sql);
}

/* Two files of one gateway tell the same; each begins with nothing reconciled. */
static void again(void) {
    static const char *const tables[] = {
        "movement",       "recon_break_event", "recon_break", "reconciliation_book",
        "reconciliation", "statement_row",     "statement",   "statement_balance",
        "own_booking",    "recon_fee",        "recon_fee_row",
        "payout_charge",  "posting WHERE kind BETWEEN 26 AND 55"};
    char sql[100];
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        snprintf(sql, sizeof sql, "DELETE FROM %s", tables[i]);
        (void)engine_exec(&W->engine, sql);
    }
    (void)engine_exec(&W->engine, "DELETE FROM posting WHERE kind IN (50, 51)");
}

/* The gateway's account in our books has what its statement comes to, net of what it kept: in every
 * currency, to the unit. */
static void assert_net(const struct source *source) {
    char sql[3 * ACCOUNT_CHARS_MAX + 1000], account[ACCOUNT_CHARS_MAX];
    ledger_account(ACCOUNT_RECEIVABLE, source->gateway, account);
    snprintf(sql, sizeof sql,
             "SELECT COUNT(*) FROM (SELECT SUM(minor) AS off FROM (SELECT r.currency, "
             "r.gross_minor - COALESCE(r.fee_minor, 0) AS minor FROM statement_row r JOIN "
             "statement s ON s.id = r.statement_id WHERE s.gateway = '%s' AND s.state = 2 AND "
             "r.status = 1 AND r.kind <> 16 UNION ALL SELECT currency, "
             "-amount_minor FROM posting WHERE debit_account = '%s' UNION ALL SELECT currency, "
             "amount_minor FROM posting WHERE credit_account = '%s') legs GROUP BY currency) sums "
             "WHERE off <> 0",
             source->gateway, account, account);
    if (world_int(W, sql) != 0) {
        fail_msg("%s %s: its account is not what the statement comes to", source->gateway,
                 source->kind);
    }
    ledger_account(ACCOUNT_FEES, source->gateway, account);
    snprintf(sql, sizeof sql,
             "SELECT CAST(COALESCE(SUM(amount_minor), 0) AS bigint) FROM posting WHERE "
             "debit_account = '%s'",
             account);
    assert_true(world_int(W, sql) > 0);
}

static int64_t begun_us;

/* All the gateways' books of one day, and the days after it on which they are paid out. */
static void begin(void) {
    begun_us = clock_wall_us();
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        if (i == 0 || strcmp(sources[i].gateway, sources[i - 1].gateway) != 0) {
            book_of(&sources[i]);
        }
    }
    world_verify(W);
    pass(8 * DAY_US);
}

static void without_a_fault_nothing_is_found(void **state) {
    (void)state;
    begin();
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        again();
        take_days(&sources[i], begun_us);
        run_of(&sources[i]);
        assert_square(&sources[i], movements_of(&sources[i]));
        assert_net(&sources[i]);
    }
}

/* What the gateways pay out, by their own statements, is what the bank received by its own; and the
 * balances of both prove it. (UnionPay's file tells no payout.) */
static void what_gateways_pay_out_is_found_at_the_bank(void **state) {
    (void)state;
    static const size_t paying[] = {1, 5, 6};
    static const char *const kinds[] = {"camt053", "mt940"};
    begun_us = clock_wall_us();
    for (size_t i = 0; i < COUNT_OF(paying); i++) {
        book_of(&sources[paying[i]]);
    }
    pass(8 * DAY_US);
    pays_out_to = "bank-eu";
    for (size_t kind = 0; kind < COUNT_OF(kinds); kind++) {
        const struct source bank = {"bank-eu", "bank", kinds[kind], 0, false, false, true};
        again();
        for (size_t i = 0; i < COUNT_OF(paying); i++) {
            take_days(&sources[paying[i]], begun_us);
            run_of(&sources[paying[i]]);
        }
        int64_t due = world_int(W, "SELECT COUNT(*) FROM own_booking WHERE bank = 'bank-eu'");
        assert_true(due > 4);
        run_of(&bank);
        assert_int_equal(rows_in(CLASS_EXPECTED, OURS) + rows_in(CLASS_BANK_MISSING, OURS), due);
        take_days(&bank, begun_us);
        run_of(&bank);
        if (world_int(W, ALL_BREAKS) != 0) {
            say_breaks(&bank);
        }
        assert_int_equal(rows_in(CLASS_MATCHED, OURS), due);
        assert_int_equal(rows_in(CLASS_MATCHED, THEIRS), due);
        assert_int_equal(figures.rows[OURS], due);
        assert_balanced(&bank);
        for (int i = 0; i < figures.balance_count; i++) {
            assert_int_equal(figures.balances[i].closing_minor, figures.balances[i].ours_minor);
        }
    }
    pays_out_to = NULL;
}

/* ---- faults ---- */

static json_t *planted_of(const struct source *source) {
    char path[200], date[CLOCK_TEXT_MAX];
    snprintf(path, sizeof path, "/statement/planted?gateway=%s&kind=%s&day=%s", source->control,
             source->kind, date_of(source, begun_us, date));
    return control("GET", path, NULL, 200);
}

static int64_t planted_count(const struct source *source) {
    json_t *json = planted_of(source);
    int64_t count = (int64_t)json_array_size(json_object_get(json, "planted"));
    json_decref(json);
    return count;
}

/* What a fault of rows turns out as. */
static const struct planted {
    const char *fault;
    enum match_class class;
    bool fees, currencies, copies; /* needs such a file; copies: the file is refused */
} planted[] = {
    {"statement_missing:operation=charge,count=1", CLASS_MISSING_THERE, false, false, false},
    {"statement_missing:operation=refund,count=1", CLASS_REFUND_LOST, false, false, false},
    {"statement_altered:operation=charge,count=1", CLASS_AMOUNT_OVER, false, false, false},
    {"statement_altered:operation=charge,count=1,amount_minor=-40", CLASS_AMOUNT_UNDER, false,
     false, false},
    {"statement_altered:operation=refund,count=1", CLASS_REFUND_MISMATCH, false, false, false},
    {"statement_altered:code=fee,count=1,amount_minor=3", CLASS_FEE, true, false, false},
    {"statement_altered:code=currency,operation=charge,count=1", CLASS_CURRENCY, false, true,
     false},
    {"statement_duplicated:count=1", CLASS_DOUBLE_CHARGE, false, false, false},
    {"statement_duplicated:code=copy,count=1", CLASS_DUPLICATE_THERE, false, false, true},
};

static bool applies(const struct planted *fault_of, const struct source *source) {
    bool payout = strcmp(source->kind, "payout") == 0; /* of one currency a payout */
    bool currencies = source->minutes == 0 && !payout;
    return (!fault_of->fees || source->fees) && (!fault_of->currencies || currencies) && !payout;
}

static void strike(const struct source *source, const struct planted *fault_of) {
    char spec[120];
    snprintf(spec, sizeof spec, "%s:%s", source->control, fault_of->fault);
    again();
    fault(spec);
    int64_t count = planted_count(source);
    assert_int_equal(count, 1);
    if (fault_of->copies) {
        /* In the bill of funds the second row's balance does not follow from the first's. */
        bool funds = strcmp(source->kind, "fund") == 0;
        assert_int_equal(take_day(source, begun_us, ""), -ERR_VALIDATION);
        assert_int_equal(taken_now.told[0].problem, funds ? PROBLEM_BALANCE : PROBLEM_REPEATED);
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement WHERE state = 2"), 0);
    } else {
        taken_day(source, begun_us, "");
        run_of(source);
        if (breaks_of(fault_of->class) != count || world_int(W, ALL_BREAKS) != count) {
            print_message("%s %s %s: \n", source->gateway, source->kind, fault_of->fault);
            say_breaks(source);
        }
        assert_true(figures.ties_out);
    }
    sandbox_heal(fixture.sandbox);
}

static void each_fault_is_found_as_what_it_is_and_nothing_else(void **state) {
    (void)state;
    begin();
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        for (size_t k = 0; k < COUNT_OF(planted); k++) {
            if (applies(&planted[k], &sources[i])) {
                strike(&sources[i], &planted[k]);
            }
        }
    }
}

/* The break is named after the very row that was planted, and its difference is the planted one. */
static void a_break_is_about_the_row_that_was_planted(void **state) {
    (void)state;
    const struct source *source = &sources[0];
    begin();
    fault("alipay:statement_altered:operation=charge,count=1,amount_minor=123");
    json_t *json = planted_of(source);
    const json_t *one = json_array_get(json_object_get(json, "planted"), 0);
    char sql[300];
    snprintf(sql, sizeof sql, "SELECT payment_id FROM attempt WHERE id = '%s'",
             json_peek_text(one, "truth", "reference", NULL));
    char *wanted = world_text(W, sql);
    taken_day(source, begun_us, "");
    run_of(source);
    assert_text(W, "SELECT payment_id FROM recon_break", wanted);
    assert_int_equal(world_int(W, "SELECT difference_minor FROM recon_break"), 123);
    assert_int_equal(json_peek_int(one, 0, "told", "amount_minor", NULL) -
                         json_peek_int(one, 0, "truth", "amount_minor", NULL),
                     123);
    free(wanted);
    json_decref(json);
}

/* A payment that the shop's people made or gave back there, of which nothing here tells. */
static void what_was_done_at_the_gateway_s_own_desk_is_found(void **state) {
    (void)state;
    const struct source *source = &sources[0];
    char path[160];
    begun_us = clock_wall_us();
    char *id = paid_by_wallet(ALIPAY);
    char *trade = world_text(W, "SELECT gateway_id FROM attempt");
    snprintf(path, sizeof path, "/alipay/charges/%s/refund", trade);
    fault("alipay:callback_lost");
    json_decref(control("POST", path, "{\"amount_minor\":300}", 201));
    json_decref(
        control("POST", "/alipay/charges", "{\"amount_minor\":900,\"currency\":\"CNY\"}", 201));
    pass(2 * DAY_US);
    taken_day(source, begun_us, "");
    run_of(source);
    assert_int_equal(breaks_of(CLASS_ORPHAN_REFUND), 1);
    assert_int_equal(breaks_of(CLASS_MISSING_HERE), 1);
    assert_int_equal(world_int(W, ALL_BREAKS), 2);
    free(trade);
    free(id);
}

/* Refunds that fail in the end, at the gateways that have such: nothing is missing and nothing is
 * too much, whichever file tells of it. */
static void a_refund_that_fails_is_no_break(void **state) {
    (void)state;
    begun_us = clock_wall_us();
    char *wechat = paid_by_wallet(WECHAT), *unionpay = paid_by_wallet(UNIONPAY);
    fault("wechat:decline:operation=refund,code=CLOSED");
    fault("unionpay:decline:operation=refund,code=61");
    give_back(wechat, 900);
    give_back(unionpay, 900);
    sandbox_heal(fixture.sandbox);
    pass(8 * DAY_US);
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        again();
        take_days(&sources[i], begun_us);
        run_of(&sources[i]);
        if (world_int(W, ALL_BREAKS) != 0) {
            say_breaks(&sources[i]);
        }
    }
    free(wechat);
    free(unionpay);
}

/* A gateway that takes an order twice by itself says so in its statement. */
/* Its callback may come before its statement: then the money is in suspense already, its case names
 * it, and the statement agrees. */
static bool was_told_by_callback(const struct source *source) {
    char sql[160];
    snprintf(sql, sizeof sql,
             "SELECT COUNT(*) FROM review_case WHERE kind = 'duplicate_charge' AND gateway = '%s'",
             source->gateway);
    return world_int(W, sql) == 1 && world_int(W, ALL_BREAKS) == 0;
}

static void what_a_gateway_took_twice_is_found(void **state) {
    (void)state;
    static const size_t taken_twice[] = {0, 1, 2, 3, 4};
    begun_us = clock_wall_us();
    fault("alipay:double_charge");
    fault("wechat:double_charge:operation=create");
    fault("unionpay:double_charge");
    fault("stripe:double_charge");
    char *till = asked(ALIPAY, 0, "280000000000011111", 201, "succeeded");
    char *ids[] = {till, paid_by_wallet(WECHAT), paid_by_wallet(UNIONPAY),
                   paid_by(METHOD_CARD, "pm_card_visa", "USD", 2000, false)};
    sandbox_heal(fixture.sandbox);
    pass(8 * DAY_US);
    for (size_t i = 0; i < COUNT_OF(taken_twice); i++) {
        const struct source *source = &sources[taken_twice[i]];
        again();
        take_days(source, begun_us);
        run_of(source);
        bool by_statement = breaks_of(CLASS_DOUBLE_CHARGE) == 1 && world_int(W, ALL_BREAKS) == 1;
        if (!by_statement && !was_told_by_callback(source)) {
            say_breaks(source);
        }
    }
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        free(ids[i]);
    }
}

/* The first file of a day is wrong; the next one is right and takes its place. */
static void a_corrected_statement_heals_what_the_first_one_broke(void **state) {
    (void)state;
    begin();
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        const struct source *source = &sources[i];
        char spec[120], first[ID_TEXT_MAX];
        bool payout = strcmp(source->kind, "payout") == 0;
        if (payout) {
            continue;
        }
        again();
        snprintf(spec, sizeof spec, "%s:statement_corrected", source->control);
        fault(spec);
        snprintf(spec, sizeof spec, "%s:statement_altered:operation=charge,count=1",
                 source->control);
        fault(spec);
        taken_day(source, begun_us, "");
        snprintf(first, sizeof first, "%s", taken_now.id.text);
        run_of(source);
        if (world_int(W, ALL_BREAKS) != 1) {
            say_breaks(source);
        }
        /* Stripe's next run is another one only when the hour is. */
        test_clock_advance(3600 * US_PER_SECOND);
        taken_day(source, begun_us, first);
        run_of(source);
        assert_int_equal(world_int(W, ALL_BREAKS), 0);
        assert_int_equal(figures.breaks_healed, 1);
        sandbox_heal(fixture.sandbox);
    }
}

static void a_late_statement_is_not_there_until_its_time(void **state) {
    (void)state;
    begun_us = clock_wall_us();
    free(paid_by_wallet(ALIPAY));
    free(paid_by(METHOD_CARD, "pm_card_visa", "USD", 1000, false));
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        char spec[120];
        snprintf(spec, sizeof spec, "%s:statement_late:seconds=200000", sources[i].control);
        fault(spec);
    }
    pass(2 * DAY_US);
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        char date[CLOCK_TEXT_MAX];
        struct err err = {0};
        BUF_AUTO file;
        buf_init(&file, FILE_BYTES_MAX);
        if (sources[i].fetched) {
            date_of(&sources[i], begun_us, date);
            if (fetch(&sources[i], date, &file, &err) != -ERR_NOT_FOUND) {
                fail_msg("%s %s: %s", sources[i].gateway, sources[i].kind, err.detail);
            }
        }
    }
    pass(3 * DAY_US);
    taken_day(&sources[0], begun_us, "");
    taken_day(&sources[4], begun_us, "");
}

/* ---- what was captured, and not by the answer of a call of ours ---- */

struct there {
    struct arena *arena;
    const char *payment_id, *operation_id; /* "": somebody at the gateway's own desk */
    struct payment_row payment;
    struct attempt_row attempt;
    struct operation_row operation;
};

static int there_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct there *there = ctx;
    int r = payment_row_load(tx, there->arena, there->payment_id, false, &there->payment, err);
    r = r < 0 ? r : attempt_row_live(tx, there->arena, there->payment_id, &there->attempt, err);
    return r < 0 || there->operation_id[0] == '\0'
               ? r
               : operation_row_load(tx, there->arena, there->operation_id, false, &there->operation,
                                    err);
}

static int any_target(void *ctx, const char *target, struct err *err) {
    (void)ctx, (void)target, (void)err;
    return 0;
}

/* The request of that operation arrives once more. The machine learns of it by a callback alone. */
static void captured_there(const char *payment_id, const char *operation_id, int64_t amount_minor) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct there there = {arena, payment_id, operation_id, .payment = {.version = 0}};
    struct gateway_change change;
    struct gateway_result result;
    struct err err = {0};
    bool open = false;
    must(store_read(W->engine.store, there_tx, &there, &err), &err);
    change_of(&there.payment, &there.attempt, &there.operation, &change);
    if (operation_id[0] == '\0') {
        change.reference = payment_id;
        change.amount_minor = amount_minor;
        change.final = true;
        change.reason = "";
        change.refund_id = "";
    }
    change.target = "";
    struct gateway_ask ask = {
        .gateway = gateway_find(W->registry, there.attempt.gateway),
        .operation = OP_CAPTURE,
        .method = there.payment.method,
        .change = &change,
        .past_breaker = true,
        .persist = any_target,
    };
    gateway_ask(W->payments, &ask, &result);
    assert_int_equal(result.outcome, GW_CHARGED);
    must(resolve_attempt(W->payments, there.attempt.id.text, "callback", &open, &result, &err),
         &err);
    assert_payment(W, payment_id, "succeeded");
}

static void declined_capture(const char *payment_id, int64_t amount_minor) {
    json_decref(world_capture(W, NULL, payment_id, amount_minor, true));
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM operation WHERE state <> 5"), 0);
}

/* The book of a gateway whose statements name a capture by itself or by its payment. */
static void assert_square_at(const char *gateway) {
    pass(8 * DAY_US);
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        if (strcmp(sources[i].gateway, gateway) == 0) {
            again();
            take_days(&sources[i], begun_us);
            run_of(&sources[i]);
            assert_square(&sources[i], movements_of(&sources[i]));
        }
    }
    world_verify(W);
}

/* Two of one amount, so that nothing but names tells them apart. */
static void what_was_captured_at_a_gateway_s_own_desk_is_found_by_its_names(void **state) {
    (void)state;
    begun_us = clock_wall_us();
    for (int i = 0; i < 2; i++) {
        char *stripe = paid_by(METHOD_CARD, "pm_card_visa", "USD", 3000, true);
        char *paypal = paid_by(METHOD_PAYPAL, "vault_good", "USD", 4000, true);
        captured_there(stripe, "", 3000);
        captured_there(paypal, "", 4000);
        free(stripe);
        free(paypal);
    }
    assert_square_at("stripe");
    assert_square_at("paypal");
}

/* PayPal keeps no refusals: two captures of a hold were declined, and then a copy of the first one
 * that had been held up on its way was done. Its callback comes before it is asked about. */
static void a_capture_that_was_done_after_its_refusal_is_found_by_its_names(void **state) {
    (void)state;
    begun_us = clock_wall_us();
    for (int i = 0; i < 2; i++) {
        char *id = paid_by(METHOD_PAYPAL, "vault_good", "EUR", 14591, true);
        fault("paypal:decline:operation=capture");
        declined_capture(id, 14591);
        char *first = world_text(W, "SELECT id FROM operation ORDER BY created_us DESC LIMIT 1");
        declined_capture(id, 14591);
        sandbox_heal(fixture.sandbox);
        captured_there(id, first, 14591);
        free(first);
        free(id);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case"), 0);
    assert_square_at("paypal");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(without_a_fault_nothing_is_found),
        BOTH(what_gateways_pay_out_is_found_at_the_bank),
        BOTH(each_fault_is_found_as_what_it_is_and_nothing_else),
        BOTH(a_break_is_about_the_row_that_was_planted),
        BOTH(what_was_done_at_the_gateway_s_own_desk_is_found),
        BOTH(a_refund_that_fails_is_no_break),
        BOTH(what_a_gateway_took_twice_is_found),
        BOTH(a_corrected_statement_heals_what_the_first_one_broke),
        BOTH(a_late_statement_is_not_there_until_its_time),
        BOTH(what_was_captured_at_a_gateway_s_own_desk_is_found_by_its_names),
        BOTH(a_capture_that_was_done_after_its_refusal_is_found_by_its_names),
    };
    return wallets_run(tests, COUNT_OF(tests));
}
