/* SPDX-License-Identifier: Apache-2.0
 * test_payout_lines.c: payouts that do not arrive as one line of their very amount: in parts, with
 * another amount, less what the bank deducts; and what is told of how they were put together. On
 * both engines. */
#include "own_fixture.h"

#include "base/random.h"
#include "gateway/bank/bank_reference.h"
#include "match/match_set.h"
#include "recon/payouts_impl.h"
#include "recon/sources.h"

#define BANK_FEES "gateway:bank-eu:fees"
#define CURRENT_BREAK " FROM recon_break WHERE state IN (1, 2)"

static char usd[] = "USD", no_currency[] = "XXX";

/* ---- given ---- */

/* `less_minor`: what the bank may deduct of what it names; 0: nothing is configured. */
static void start_allowing(uint64_t less_minor) {
    static const unsigned days = 3;
    static const bool no = false;
    static struct match_tolerance_config less[] = {{usd, 0}};
    static struct source_settings settings[] = {
        {.gateway = "stripe-a", .pays_out_to = "bank-eu", .pays_out_days = &days},
        {.gateway = "bank-eu", .payout_tolerance = less},
    };
    start_own();
    less[0].amount = less_minor;
    settings[0].fetch = &no;
    settings[1].payout_tolerance_count = less_minor > 0;
    recon_sources = settings;
    recon_source_count = (int)COUNT_OF(settings);
    recon_restart();
}

/* A statement of one payout, or of one that came back. */
static char *pays(const char *id, const char *kind, int day, int64_t minor) {
    struct file file;
    file_begin(&file);
    file_row(&file, id, kind, day, minor, 0, "");
    return file_take(&file, "");
}

static void pays_out(const char *id, int day, int64_t minor) {
    free(pays(id, "payout", day, -minor));
}

struct arrival {
    const char *id, *text;
    int64_t minor;
};

static void arrive(int day, const struct arrival *arrivals, size_t count) {
    struct bank_file file;
    bank_begin(&file, day, 100000);
    for (size_t i = 0; i < count; i++) {
        bank_row(&file, arrivals[i].id, arrivals[i].minor, arrivals[i].text);
    }
    (void)bank_take(&file);
}

static void arrives(int day, const char *id, int64_t minor, const char *text) {
    arrive(day, &(struct arrival){id, text, minor}, 1);
}

/* ---- what came of it ---- */

static void assert_settled(int64_t at_bank) {
    only_breaks("bank_missing", 0);
    assert_int_equal(open_cases(), 0);
    assert_int_equal(suspense(), 0);
    assert_int_equal(balance(AT_BANK), at_bank);
    assert_int_equal(balance(IN_TRANSIT), 0);
    assert_int_equal(in_class("bank-eu", "expected", "our_rows"), 0);
    world_check(W);
}

/* The payout is found, by this rule. */
static void found_by(const char *rule) {
    char *told = world_text(W, "SELECT rule FROM movement WHERE side = 1 AND gateway = 'bank-eu' "
                               "AND open IS NULL ORDER BY id LIMIT 1");
    assert_string_equal(told, rule);
    free(told);
}

static json_t *explained(const char *id) {
    struct answer answer = {0};
    W->err = (struct err){0};
    json_t *json = world_take(W, movement_explain(recon, id, &answer, &W->err), &answer);
    if (json == NULL) {
        fail_msg("%s: %s", id, W->err.detail);
    }
    return json;
}

/* Each of these stands in one of its lines. */
static void says(const json_t *json, const char *const *texts, size_t count) {
    const json_t *lines = json_object_get(json, "explanation");
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        size_t at;
        json_t *line;
        json_array_foreach((json_t *)lines, at, line) {
            found = found || strstr(json_string_value(line), texts[i]) != NULL;
        }
        if (!found) {
            char *text = json_dumps(lines, JSON_INDENT(1));
            fail_msg("\"%s\" is not in %s", texts[i], text);
        }
    }
}

/* ---- names ---- */

/* By chance: one name of a payout in a hundred or so reads like a customer's reference. It is no
 * payment's of ours, so it says nothing. */
static void letters_that_look_like_a_reference_are_none(void **state) {
    (void)state;
    char reference[BANK_REFERENCE_CHARS + 1], text[80];
    start_own();
    bank_reference_make("att_that_there_is_not", reference);
    snprintf(text, sizeof text, "PAYOUT po_000001 %s", reference);
    arrives(1, "BR1", 50000, text);
    one_case("unmatched_transfer", 50000);
    char *named = world_text(W, "SELECT named FROM bank_row");
    assert_string_equal(named, reference);
    free(named);
    pays_out("po_000001", 0, 50000);
    assert_settled(50000);
}

/* ---- another amount ---- */

/* The line came first: it stays where it is, and the payout says that it is named there. */
static void a_line_of_another_amount_stays_in_suspense(void **state) {
    (void)state;
    start_own();
    arrives(1, "BR1", 49000, "STRIPE PO po_000001");
    one_case("unmatched_transfer", 49000);
    pays_out("po_000001", 0, 50000);
    for (int i = 0; i < 2; i++) { /* and a second run finds the same break */
        row_is("BR1", "suspense");
        one_case("unmatched_transfer", 49000);
        assert_int_equal(suspense(), 49000);
        only_breaks("payout", 1);
        run_asked("bank-eu");
    }
    assert_int_equal(world_int(W, "SELECT our_minor" CURRENT_BREAK), -50000);
    assert_int_equal(world_int(W, "SELECT their_minor" CURRENT_BREAK), 49000);
    assert_int_equal(world_int(W, "SELECT difference_minor" CURRENT_BREAK), -1000);
    char *detail = world_text(W, "SELECT detail" CURRENT_BREAK);
    assert_non_null(strstr(detail, "lies in suspense"));
    assert_non_null(strstr(detail, "490.00 USD received"));
    free(detail);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM recon_break_member"), 2);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM recon_break"), 1);
    days_pass(1);
    arrives(2, "BR2", 50000, "STRIPE"); /* this was it */
    only_breaks("payout", 0);
    assert_int_equal(world_int(W, "SELECT state FROM recon_break"), 3);
    one_case("unmatched_transfer", 49000);
    world_check(W);
}

/* The payout came first: one break with both rows, and every run looks at it again. */
static void a_line_of_another_amount_is_a_break_beside_its_payout(void **state) {
    (void)state;
    start_own();
    pays_out("po_000001", 0, 50000);
    days_pass(1);
    arrives(1, "BR1", 49000, "STRIPE PO po_000001");
    run_asked("bank-eu");
    only_breaks("payout", 1);
    assert_int_equal(world_int(W, "SELECT difference_minor" CURRENT_BREAK), -1000);
    assert_int_equal(open_cases(), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM movement WHERE gateway = 'bank-eu' AND "
                                  "class = 28 AND open = 1 AND match_id <> ''"),
                     2);
    days_pass(1);
    arrives(2, "BR2", 1000, "REST OF po_000001");
    assert_settled(50000);
    assert_int_equal(world_int(W, "SELECT state FROM recon_break"), 3);
}

/* ---- parts ---- */

static void parts_that_bear_the_name_are_one_payout(void **state) {
    (void)state;
    static const struct arrival parts[] = {{"BR1", "po_000001 1/2", 30000},
                                           {"BR2", "po_000001 2/2", 20000}};
    for (int lines_first = 0; lines_first < 2; lines_first++) {
        payment_world_forget(W);
        start_own();
        if (!lines_first) {
            pays_out("po_000001", 0, 50000);
        }
        days_pass(1);
        arrive(1, parts, COUNT_OF(parts));
        if (lines_first) {
            assert_int_equal(open_cases(), 2);
            pays_out("po_000001", 0, 50000);
            row_is("BR1", "payout");
            row_is("BR2", "payout");
        }
        assert_int_equal(in_class("bank-eu", "matched", "their_rows"), 2);
        found_by("the bank's line names the payout");
        assert_settled(50000);
    }
}

/* One came before the payout was known, one after. */
static void parts_that_bear_the_name_may_come_on_both_sides_of_it(void **state) {
    (void)state;
    start_own();
    arrives(1, "BR1", 30000, "po_000001 1/2");
    one_case("unmatched_transfer", 30000);
    pays_out("po_000001", 0, 50000);
    one_case("unmatched_transfer", 30000);
    only_breaks("payout", 1);
    days_pass(1);
    arrives(2, "BR2", 20000, "po_000001 2/2");
    run_asked("bank-eu");
    row_is("BR1", "payout");
    assert_settled(50000);
}

#define OF(party, text) "166?20" text "?32" party

static void parts_without_a_name_are_found_by_their_only_sum(void **state) {
    (void)state;
    static const struct arrival parts[] = {{"BR1", OF("STRIPE", "SETTLEMENT"), 30000},
                                           {"BR2", OF("STRIPE", "SETTLEMENT"), 15000},
                                           {"BR3", OF("STRIPE", "SETTLEMENT"), 5000}};
    for (int lines_first = 0; lines_first < 2; lines_first++) {
        payment_world_forget(W);
        start_own();
        if (!lines_first) {
            pays_out("po_000001", 0, 50000);
        }
        days_pass(2);
        arrive(2, parts, COUNT_OF(parts));
        if (lines_first) {
            assert_int_equal(open_cases(), 3);
            pays_out("po_000001", 0, 50000);
        }
        run_asked("bank-eu"); /* lines are looked for customers' payments first */
        found_by("one payout in several lines");
        assert_settled(50000);
        run_asked("bank-eu");
        assert_settled(50000);
    }
}

/* What somebody else sent beside them stays his. */
static void another_sender_does_not_stand_in_the_way(void **state) {
    (void)state;
    static const struct arrival lines[] = {{"BR1", OF("STRIPE", "X"), 30000},
                                           {"BR2", OF("BOB", "X"), 20000},
                                           {"BR3", OF("STRIPE", "X"), 20000}};
    start_own();
    pays_out("po_000001", 0, 50000);
    days_pass(1);
    arrive(1, lines, COUNT_OF(lines));
    run_asked("bank-eu");
    found_by("one payout in several lines");
    row_is("BR2", "suspense");
    one_case("unmatched_transfer", 20000);
    assert_int_equal(suspense(), 20000);
}

/* Nobody is taken for the gateway because two customers' transfers add up. */
static void no_sum_is_guessed(void **state) {
    (void)state;
    static const struct {
        const char *what;
        struct arrival parts[3];
        size_t count;
    } none[] = {
        {"two senders",
         {{"BR1", OF("ANN", "X"), 30000}, {"BR2", OF("BOB", "X"), 20000}},
         2},
        {"nobody says who sent it", {{"BR1", "X", 30000}, {"BR2", "X", 20000}}, 2},
        {"two sums",
         {{"BR1", OF("STRIPE", "X"), 30000},
          {"BR2", OF("STRIPE", "X"), 20000},
          {"BR3", OF("STRIPE", "Y"), 20000}},
         3},
        {"another sum", {{"BR1", OF("STRIPE", "X"), 30000}, {"BR2", OF("STRIPE", "X"), 20001}}, 2},
    };
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        payment_world_forget(W);
        start_own();
        pays_out("po_000001", 0, 50000);
        days_pass(1);
        arrive(1, none[i].parts, none[i].count);
        if (open_cases() != (int64_t)none[i].count) {
            fail_msg("%s: %lld cases", none[i].what, (long long)open_cases());
        }
        assert_int_equal(in_class("bank-eu", "expected", "our_rows"), 1);
    }
}

/* Two payouts of one amount, and lines that come to it once. */
static void a_sum_that_may_be_either_payout_is_none(void **state) {
    (void)state;
    static const struct arrival parts[] = {{"BR1", OF("STRIPE", "X"), 30000},
                                           {"BR2", OF("STRIPE", "X"), 20000}};
    start_own();
    pays_out("po_000001", 0, 50000);
    pays_out("po_000002", 1, 50000);
    days_pass(1);
    arrive(1, parts, COUNT_OF(parts));
    run_asked("bank-eu");
    assert_int_equal(open_cases(), 2);
    assert_int_equal(in_class("bank-eu", "expected", "our_rows"), 2);
    /* Nor would a run guess, were they known as payouts. */
    (void)engine_exec(&W->engine, "UPDATE bank_row SET state = 8");
    (void)engine_exec(&W->engine, "UPDATE movement SET open = 1, match_id = '' WHERE side = 2 AND "
                                  "gateway = 'bank-eu'");
    run_asked("bank-eu");
    assert_int_equal(in_class("bank-eu", "expected", "our_rows"), 2);
    assert_int_equal(in_class("bank-eu", "bank_unknown", "their_rows"), 2);
}

/* Two customers, each with a payout's very amount: neither is. */
static void of_two_lines_in_suspense_neither_is_guessed(void **state) {
    (void)state;
    static const struct arrival equal[] = {{"BR1", "A", 50000}, {"BR2", "B", 50000}};
    start_own();
    arrive(1, equal, COUNT_OF(equal));
    pays_out("po_000001", 0, 50000);
    assert_int_equal(open_cases(), 2);
    assert_int_equal(suspense(), 100000);
    assert_int_equal(in_class("bank-eu", "expected", "our_rows"), 1);
}

/* ---- what the bank deducts ---- */

static void what_the_bank_deducts_is_booked_as_its_charge(void **state) {
    (void)state;
    for (int lines_first = 0; lines_first < 2; lines_first++) {
        payment_world_forget(W);
        start_allowing(20);
        char *id = lines_first ? NULL : pays("po_000001", "payout", 0, -50000);
        days_pass(1);
        arrives(1, "BR1", 49985, "po_000001");
        id = lines_first ? pays("po_000001", "payout", 0, -50000) : id;
        assert_int_equal(in_class("bank-eu", "matched_tolerance", "our_rows"), 1);
        for (int i = 0; i < 2; i++) {
            assert_settled(49985);
            assert_int_equal(balance(BANK_FEES), 15);
            run_asked("bank-eu");
        }
        json_t *json = last_run("bank-eu");
        assert_true(json_is_true(json_object_get(json_object_get(json, "proof"),
                                                 "balances_proved")));
        json_decref(json);
        withdraw(id); /* there never was such a payout */
        run_asked("bank-eu");
        assert_int_equal(balance(BANK_FEES), 0);
        assert_int_equal(balance(AT_BANK), 0);
        world_check(W);
        free(id);
    }
}

static void a_charge_goes_with_the_statement_that_told_it(void **state) {
    (void)state;
    start_allowing(20);
    pays_out("po_000001", 0, 50000);
    days_pass(1);
    arrives(1, "BR1", 49985, "po_000001");
    assert_int_equal(balance(BANK_FEES), 15);
    char *id = world_text(W, "SELECT id FROM statement WHERE gateway = 'bank-eu'");
    withdraw(id);
    free(id);
    run_asked("bank-eu");
    assert_int_equal(balance(BANK_FEES), 0);
    assert_int_equal(balance(AT_BANK), 50000);
    assert_int_equal(in_class("bank-eu", "expected", "our_rows"), 1);
    struct bank_file file; /* a better file: the charge is another one */
    bank_begin(&file, 2, 100000);
    bank_row(&file, "BR9", 49990, "po_000001");
    (void)bank_take(&file);
    assert_settled(49990);
    assert_int_equal(balance(BANK_FEES), 10);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind IN (54, 55)"), 3);
}

/* To the unit; and never more than was paid out, nor a line that does not name it. */
static void no_more_is_let_pass_than_is_allowed(void **state) {
    (void)state;
    static const struct {
        int64_t minor;
        const char *text, *class;
    } lines[] = {
        {49980, "po_000001", NULL},
        {49979, "po_000001", "payout"},
        {50001, "po_000001", "payout"},
        {49985, "STRIPE", "expected"},
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        payment_world_forget(W);
        start_allowing(20);
        pays_out("po_000001", 0, 50000);
        days_pass(1);
        arrives(1, "BR1", lines[i].minor, lines[i].text);
        if (lines[i].class == NULL) {
            assert_settled(49980);
        } else if (strcmp(lines[i].class, "payout") == 0) {
            only_breaks("payout", 1);
            assert_int_equal(balance(BANK_FEES), 0);
        } else {
            assert_int_equal(in_class("bank-eu", lines[i].class, "our_rows"), 1);
            one_case("unmatched_transfer", lines[i].minor);
        }
    }
}

/* ---- what is told ---- */

static void it_is_told_rule_by_rule_how_they_were_put_together(void **state) {
    (void)state;
    static const struct {
        struct arrival lines[2];
        size_t lines_count;
        const char *const says[4];
    } cases[] = {
        {{{"BR1", "po_000001 AND po_000002", 70000}},
         1,
         {"rule 1 \"the bank's line names the payout\" (payout_name): took it",
          "ours: 700.00 USD; theirs: 700.00 USD", "\"po_000001\" stands in its text",
          "\"po_000002\" stands in its text"}},
        {{{"BR1", "STRIPE", 70000}},
         1,
         {"(payout_name): ", "(gateway_id): ",
          "\"several payouts in one line\" (payout_sum): took it",
          "ours: 700.00 USD; theirs: 700.00 USD"}},
        {{{"BR1", OF("STRIPE", "X"), 40000}, {"BR2", OF("STRIPE", "X"), 10000}},
         2,
         {"(payout_name): ", "(payout_sum): ",
          "\"one payout in several lines\" (payout_parts): took it",
          "ours: 500.00 USD; theirs: 500.00 USD"}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        payment_world_forget(W);
        start_own();
        pays_out("po_000001", 0, 50000);
        pays_out("po_000002", 1, 20000);
        days_pass(2);
        arrive(2, cases[i].lines, cases[i].lines_count);
        run_asked("bank-eu"); /* lines are looked for customers' payments first */
        for (int side = 1; side <= 2; side++) {
            char sql[160];
            snprintf(sql, sizeof sql,
                     "SELECT MIN(id) FROM movement WHERE gateway = 'bank-eu' AND side = %d AND "
                     "open IS NULL AND match_id <> ''",
                     side);
            char *id = world_text(W, sql);
            json_t *json = explained(id);
            assert_string_equal(json_at(json, "class"), "matched");
            assert_true(json_is_true(json_object_get(json, "same_today")));
            assert_true(json_is_false(json_object_get(json, "rules_changed")));
            says(json, cases[i].says, COUNT_OF(cases[i].says));
            json_decref(json);
            free(id);
        }
    }
}

static void why_a_payout_stands_alone_is_told_as_well(void **state) {
    (void)state;
    static const char *const alone[] = {
        "no line that was free bears the name of this payout",
        "it is part of no sum of payouts that is a line's amount, or of more than one",
        "it is the sum of no lines within its time, or of several such"};
    start_own();
    pays_out("po_000001", 0, 50000);
    char *id = world_text(W, "SELECT id FROM movement WHERE gateway = 'bank-eu'");
    json_t *json = explained(id);
    says(json, alone, COUNT_OF(alone));
    json_decref(json);
    arrives(1, "BR1", 49000, "po_000001");
    json = explained(id);
    assert_string_equal(json_at(json, "class"), "payout");
    assert_true(json_is_true(json_object_get(json, "same_today")));
    json_decref(json);
    free(id);
}

/* Of one that is named by a line in suspense that is said, with the line. */
static void what_lies_in_suspense_is_told_of_the_payout(void **state) {
    (void)state;
    start_own();
    arrives(1, "BR1", 49000, "po_000001");
    pays_out("po_000001", 0, 50000);
    char *id = world_text(W, "SELECT movement_id" CURRENT_BREAK);
    char *row = world_text(W, "SELECT id FROM bank_row");
    char said[160];
    snprintf(said, sizeof said, "Its name stands in %s", row);
    json_t *json = explained(id);
    assert_string_equal(json_at(json, "class"), "payout");
    assert_true(json_is_true(json_object_get(json, "same_today")));
    says(json, (const char *const[]){said}, 1);
    json_decref(json);
    free(row);
    free(id);
}

/* A run and the list of rules name those for payouts, of banks alone, with what they let pass. */
static void the_rules_for_payouts_are_listed(void **state) {
    (void)state;
    static const char *const ways[] = {"payout_name", "gateway_id", "reference",    "original",
                                       "amount_time", "payout_sum", "payout_parts", "amount_time"};
    struct answer answer = {0};
    start_allowing(20);
    pays_out("po_000001", 0, 50000);
    json_t *rules = world_take(W, reconciliation_rules(recon, "bank-eu", &answer, &W->err),
                               &answer);
    json_t *run = last_run("bank-eu");
    const json_t *listed = json_object_get(
        json_array_get(json_object_get(rules, "data"), 0), "rules");
    assert_true(json_equal(listed, json_object_get(run, "rules")));
    assert_true(json_is_false(json_object_get(run, "rules_changed")));
    assert_int_equal(json_array_size(listed), COUNT_OF(ways));
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        const json_t *rule = json_array_get(listed, i);
        assert_string_equal(json_at(rule, "by"), ways[i]);
        bool payouts = i == 0 || (i >= 4 && i <= 6);
        assert_int_equal(json_is_true(json_object_get(rule, "payouts")), payouts);
    }
    assert_int_equal(int_at(json_array_get(listed, 0), "tolerance.0.amount"), 20);
    json_decref(run);
    json_decref(rules);
    rules = world_take(W, reconciliation_rules(recon, "stripe-a", &answer, &W->err), &answer);
    listed = json_object_get(json_array_get(json_object_get(rules, "data"), 0), "rules");
    assert_int_equal(json_array_size(listed), 4);
    json_decref(rules);
    /* One from before they were kept went by them all the same, exact to the unit. */
    (void)engine_exec(&W->engine, "UPDATE reconciliation SET rules = ''");
    run = last_run("bank-eu");
    assert_int_equal(json_array_size(json_object_get(run, "rules")), COUNT_OF(ways));
    assert_true(json_is_true(json_object_get(run, "rules_changed")));
    json_decref(run);
}

static void a_tolerance_that_cannot_be_is_refused(void **state) {
    (void)state;
    static const unsigned tenth = 100001;
    static struct match_tolerance_config odd[] = {{no_currency, 5}},
                                         twice[] = {{usd, 5}, {usd, 6}};
    const struct {
        struct source_settings settings;
        const char *what;
    } bad[] = {
        {{.gateway = "stripe-a", .payout_tolerance = twice, .payout_tolerance_count = 1},
         "is of a bank account"},
        {{.gateway = "bank-eu", .payout_tolerance = odd, .payout_tolerance_count = 1},
         "no such currency"},
        {{.gateway = "bank-eu", .payout_tolerance = twice, .payout_tolerance_count = 2},
         "stands there twice"},
        {{.gateway = "bank-eu", .payout_tolerance_ppm = &tenth}, "at most 100000"},
    };
    open_banks();
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct source sources[GATEWAYS_MAX];
        struct err err = {0};
        int count = 0;
        assert_int_equal(
            sources_open(W->registry, &bad[i].settings, 1, sources, &count, &err), -ERR_CONFIG);
        assert_non_null(strstr(err.detail, bad[i].what));
    }
}

/* ---- what comes back, and another currency ---- */

static void a_payout_that_bounces_is_two_movements_at_the_bank(void **state) {
    (void)state;
    static const struct arrival both[] = {{"BR1", "po_000001", 50000},
                                          {"BR2", "RETURNED po_000001", -50000}};
    start_own();
    pays_out("po_000001", 0, 50000);
    free(pays("re_000001", "payout_returned", 1, 50000));
    assert_int_equal(in_class("bank-eu", "expected", "our_rows"), 2);
    assert_int_equal(balance(RECEIVABLE) + balance(IN_TRANSIT) + balance(AT_BANK), 0);
    days_pass(1);
    arrive(1, both, COUNT_OF(both));
    assert_settled(0);
}

/* Money that leaves is no payout, whatever it names. */
static void a_debit_that_bears_the_name_is_not_the_payout(void **state) {
    (void)state;
    start_own();
    pays_out("po_000001", 0, 50000);
    days_pass(1);
    arrives(1, "BR1", -50000, "po_000001");
    only_breaks("bank_unknown", 1);
    assert_int_equal(in_class("bank-eu", "expected", "our_rows"), 1);
}

static void a_payout_in_another_currency_is_a_break(void **state) {
    (void)state;
    start_own();
    struct file file;
    char time[CLOCK_TEXT_MAX];
    file_begin(&file);
    file.used += (size_t)snprintf(file.text + file.used, FILE_BYTES - file.used,
                                  "po_000001,,,,,payout,done,EUR,-50000,,,%s,,\n",
                                  clock_format(first_us, time));
    free(file_take(&file, ""));
    days_pass(1);
    arrives(1, "BR1", 54000, "po_000001"); /* USD */
    only_breaks("currency", 1);
    assert_int_equal(open_cases(), 0);
}

/* ---- the search by itself ---- */

enum { LINES = 12, ROUNDS = 400 };

static int sums_of(const struct line *lines, guint count, int64_t wanted) {
    int sums = 0;
    for (unsigned set = 0; set < 1U << count; set++) {
        int64_t sum = 0;
        int members = __builtin_popcount(set);
        for (guint i = 0; i < count; i++) {
            sum += (set & 1U << i) != 0 ? lines[i].what.amount_minor : 0;
        }
        sums += sum == wanted && members > 1 && members <= PAYOUT_PARTS_MAX;
    }
    return sums;
}

static void a_sum_is_found_where_there_is_exactly_one(void **state) {
    (void)state;
    struct prng prng;
    prng_init(&prng, 20261123);
    int found = 0, none = 0;
    for (int round = 0; round < ROUNDS; round++) {
        GArray *lines = g_array_new(false, true, sizeof(struct line));
        guint count = 2 + (guint)prng_below(&prng, LINES - 1), parts[PAYOUT_PARTS_MAX];
        for (guint i = 0; i < count; i++) {
            struct line line = {.what = {.currency = {"USD"},
                                         .amount_minor = 1 + (int64_t)prng_below(&prng, 60),
                                         .reference = "",
                                         .description = ""},
                                .id = "",
                                .party = ""};
            g_array_append_val(lines, line);
        }
        const struct due due = {
            .currency = {"USD"}, .amount_minor = 61 + (int64_t)prng_below(&prng, 120)};
        int sums = sums_of(line_at(lines, 0), count, due.amount_minor);
        int told = due_parts(&due, lines, false, parts);
        int64_t sum = 0;
        for (int i = 0; i < told; i++) {
            sum += line_at(lines, parts[i])->what.amount_minor;
        }
        assert_int_equal(told > 0, sums == 1);
        assert_true(told == 0 || sum == due.amount_minor);
        found += told > 0;
        none += told == 0;
        assert_int_equal(due_parts(&due, lines, true, parts), 0); /* nobody says who sent them */
        g_array_free(lines, true);
    }
    assert_true(found > ROUNDS / 20 && none > ROUNDS / 20);
}

static void of_too_many_lines_no_sum_is_looked_for(void **state) {
    (void)state;
    guint parts[PAYOUT_PARTS_MAX];
    GArray *lines = g_array_new(false, true, sizeof(struct line));
    const struct due due = {.currency = {"USD"}, .amount_minor = 3000};
    for (int i = 0; i <= PAYOUT_LINES_MAX; i++) {
        struct line line = {.what = {.currency = {"USD"},
                                     .amount_minor = i == 0 ? 2900 : i == 1 ? 100 : 201,
                                     .reference = "",
                                     .description = ""},
                            .id = "",
                            .party = ""};
        g_array_append_val(lines, line);
        int wanted = i >= 1 && i < PAYOUT_LINES_MAX ? 2 : 0;
        assert_int_equal(due_parts(&due, lines, false, parts), wanted);
    }
    g_array_free(lines, true);
}

/* ---- what was joined, by itself ---- */

static enum match_class class_of_joined(enum match_by by, int64_t arrived, const char *currency) {
    static const struct match_tolerance less[] = {{{"USD"}, 10}};
    const struct match_rule rule = {.by = by,
                                    .name = "joined",
                                    .families = MATCH_PAYOUTS,
                                    .less_only = true,
                                    .tolerances = less,
                                    .tolerance_count = 1};
    const struct match_options options = {.rules = &rule, .rule_count = 1};
    struct match_row ours = {.number = 1,
                             .kind = ROW_PAYOUT,
                             .status = ROW_DONE,
                             .currency = {"USD"},
                             .amount_minor = -1000,
                             .fee_minor = AMOUNT_UNSAID,
                             .due_us = INT64_MAX,
                             .join = 7,
                             .join_by = (unsigned)by & 15U};
    struct match_row theirs = ours;
    struct match *match = NULL;
    struct err err = {0};
    theirs.kind = ROW_BANK_CREDIT;
    theirs.amount_minor = arrived;
    snprintf(theirs.currency.code, sizeof theirs.currency.code, "%s", currency);
    assert_int_equal(match_run(&ours, 1, &theirs, 1, &options, &match, &err), 0);
    enum match_class class = match->groups[match->group_of[OURS][0]].class;
    match_free(match);
    return class;
}

static void what_was_put_together_is_compared_by_its_rule(void **state) {
    (void)state;
    static const struct {
        enum match_by by;
        int64_t arrived;
        const char *currency;
        enum match_class class;
    } cases[] = {
        {BY_PAYOUT_NAME, 1000, "USD", CLASS_MATCHED},
        {BY_PAYOUT_NAME, 990, "USD", CLASS_MATCHED_TOLERANCE},
        {BY_PAYOUT_NAME, 989, "USD", CLASS_PAYOUT},
        {BY_PAYOUT_NAME, 1001, "USD", CLASS_PAYOUT},
        {BY_PAYOUT_NAME, 1000, "EUR", CLASS_CURRENCY},
        {BY_PAYOUT_SUM, 1000, "USD", CLASS_MATCHED},
        {BY_PAYOUT_SUM, 999, "USD", CLASS_EXPECTED}, /* not taken at all */
        {BY_PAYOUT_SUM, 1000, "EUR", CLASS_EXPECTED},
        {BY_PAYOUT_PARTS, 1000, "USD", CLASS_MATCHED},
        {BY_PAYOUT_PARTS, 999, "USD", CLASS_EXPECTED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum match_class class = class_of_joined(cases[i].by, cases[i].arrived, cases[i].currency);
        if (class != cases[i].class) {
            fail_msg("%zu: %s", i, match_class_name(class));
        }
    }
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        OWN_TEST(letters_that_look_like_a_reference_are_none),
        OWN_TEST(a_line_of_another_amount_stays_in_suspense),
        OWN_TEST(a_line_of_another_amount_is_a_break_beside_its_payout),
        OWN_TEST(parts_that_bear_the_name_are_one_payout),
        OWN_TEST(parts_that_bear_the_name_may_come_on_both_sides_of_it),
        OWN_TEST(parts_without_a_name_are_found_by_their_only_sum),
        OWN_TEST(another_sender_does_not_stand_in_the_way),
        OWN_TEST(no_sum_is_guessed),
        OWN_TEST(a_sum_that_may_be_either_payout_is_none),
        OWN_TEST(of_two_lines_in_suspense_neither_is_guessed),
        OWN_TEST(what_the_bank_deducts_is_booked_as_its_charge),
        OWN_TEST(a_charge_goes_with_the_statement_that_told_it),
        OWN_TEST(no_more_is_let_pass_than_is_allowed),
        OWN_TEST(it_is_told_rule_by_rule_how_they_were_put_together),
        OWN_TEST(why_a_payout_stands_alone_is_told_as_well),
        OWN_TEST(what_lies_in_suspense_is_told_of_the_payout),
        OWN_TEST(the_rules_for_payouts_are_listed),
        OWN_TEST(a_tolerance_that_cannot_be_is_refused),
        OWN_TEST(a_payout_that_bounces_is_two_movements_at_the_bank),
        OWN_TEST(a_debit_that_bears_the_name_is_not_the_payout),
        OWN_TEST(a_payout_in_another_currency_is_a_break),
        cmocka_unit_test(what_was_put_together_is_compared_by_its_rule),
        cmocka_unit_test(a_sum_is_found_where_there_is_exactly_one),
        cmocka_unit_test(of_too_many_lines_no_sum_is_looked_for),
    };
    return payment_world_run("payouts in other lines than one", tests, COUNT_OF(tests));
}
