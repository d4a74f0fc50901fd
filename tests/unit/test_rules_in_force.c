/* SPDX-License-Identifier: Apache-2.0
 * test_rules_in_force.c: rules as they are configured: what may be said, and what a run makes of
 * them: what is late, what is let pass, and what it went by when others are in force. On both
 * engines. */
#include "recon_fixture.h"

#include "match/match_set.h"
#include "recon/run_look.h"

static struct match_sets sets;
static unsigned half_a_day = 12 * 60, ten = 10, much = MATCH_SET_PPM_MAX + 1;
static unsigned long_ago = MATCH_SET_MINUTES_MAX + 1, a_window = AMOUNT_TIME_MINUTES_MAX + 1, none;
static struct match_tolerance_config five_cents[] = {{"USD", 5}, {"EUR", 1}};

/* As the service with these rules. */
static void start(const struct match_rule_config *rules, unsigned count,
                  const struct match_gateway_config *own, unsigned own_count) {
    if (recon != NULL) {
        payment_world_restart(W);
    }
    match_sets_release(&sets);
    if (match_sets_read(rules, count, own, own_count, &sets, &W->err) < 0) {
        fail_msg("%s (%s)", W->err.detail, W->err.place);
    }
    const struct recon_options options = {
        .store = W->engine.store,
        .payments = W->payments,
        .registry = W->registry,
        .client = fake_gateway_client(W->fake),
        .seal = W->seal,
        .match_sets = &sets,
        .no_days = true,
    };
    recon_close(recon);
    recon = NULL;
    assert_int_equal(recon_open(&options, &recon, &W->err), 0);
}

static int let_go(void **state) {
    (void)state;
    recon_close(recon);
    recon = NULL;
    match_sets_release(&sets);
    return 0;
}

/* The charge of this payment as the gateway tells it now, and what it comes to. */
static void tell_as(const char *charge_id, int64_t gross_minor, const char *status) {
    static int number;
    static char text[1000];
    char name[24], now[CLOCK_TEXT_MAX];
    clock_format(clock_wall_us(), now);
    int count = snprintf(text, sizeof text,
                         CANONICAL "%s,,,,,charge,%s,USD,%lld,,,%s,card,row %d\n", charge_id,
                         status, (long long)gross_minor, now, number);
    snprintf(name, sizeof name, "day-%d.csv", number++);
    struct given given = given_file("stripe-a", name, text, (size_t)count);
    hand_in(&given);
    assert_outcome(&given, "taken");
}

static void tell(const char *charge_id, int64_t gross_minor) {
    tell_as(charge_id, gross_minor, "done");
}

static char *charge_of(const char *payment_id) {
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT charge_id FROM attempt WHERE payment_id = '%s'", payment_id);
    return world_text(W, sql);
}

/* A payment of ten dollars, told so many hours later with that amount. */
static void paid_and_told(const char *order, int hours, int64_t gross_minor) {
    char *payment = world_paid(W, order, 1000);
    char *charge = charge_of(payment);
    test_clock_advance(hours * HOUR_US);
    tell(charge, gross_minor);
    free(charge);
    free(payment);
}

#define CLASS_OF_THEIRS                                                                            \
    "SELECT CAST(class AS text) FROM movement WHERE side = 2 ORDER BY first_us DESC, id DESC "     \
    "LIMIT 1"
#define BREAKS "SELECT COUNT(*) FROM recon_break WHERE state IN (1, 2)"

static void assert_class(enum match_class class) {
    char *text = world_text(W, CLASS_OF_THEIRS);
    assert_string_equal(match_class_name((enum match_class)strtol(text, NULL, 10)),
                        match_class_name(class));
    free(text);
}

static json_t *last_run(void) {
    struct answer answer = {0};
    char *id = world_text(W, "SELECT id FROM reconciliation ORDER BY id DESC LIMIT 1");
    json_t *json = world_take(W, reconciliation_get(recon, id, &answer, &W->err), &answer);
    free(id);
    assert_non_null(json);
    return json;
}

static json_t *explained(void) {
    struct answer answer = {0};
    char *id = world_text(W, "SELECT id FROM movement WHERE side = 2 ORDER BY first_us DESC, id "
                             "DESC LIMIT 1");
    json_t *json = world_take(W, movement_explain(recon, id, &answer, &W->err), &answer);
    free(id);
    assert_non_null(json);
    return json;
}

static void assert_told(const json_t *explanation, const char *words) {
    char *text = json_dumps(explanation, 0);
    if (strstr(text, words) == NULL) {
        fail_msg("\"%s\" is not in %s", words, text);
    }
    free(text);
}

/* ---- time ---- */

static void a_row_that_comes_a_day_after_what_is_usual_is_late(void **state) {
    (void)state;
    const struct match_rule_config rules[] = {
        {.by = "gateway_id", .after_minutes = &half_a_day},
        {.by = "reference"},
    };
    start(rules, 2, NULL, 0);
    paid_and_told("order-1", 11, 1000);
    assert_class(CLASS_MATCHED);
    assert_int_equal(world_int(W, BREAKS), 0);
    paid_and_told("order-2", 24, 1000);
    assert_class(CLASS_LATE);
    assert_int_equal(world_int(W, BREAKS), 1);
    json_t *json = explained();
    assert_string_equal(json_at(json, "class"), "late");
    assert_told(json_object_get(json, "explanation"), "at most 720 min after");
    assert_told(json_object_get(json, "explanation"), "any time before");
    json_decref(json);
    world_check(W);
}

static void without_a_word_about_time_nothing_is_late(void **state) {
    (void)state;
    start(NULL, 0, NULL, 0);
    paid_and_told("order-1", 24, 1000);
    assert_class(CLASS_MATCHED);
    assert_int_equal(world_int(W, BREAKS), 0);
}

/* ---- tolerances ---- */

static void what_a_tolerance_lets_pass_is_named_in_the_proof(void **state) {
    (void)state;
    const struct match_rule_config rules[] = {
        {.by = "gateway_id", .tolerance = five_cents, .tolerance_count = 2},
        {.by = "reference"},
    };
    start(rules, 2, NULL, 0);
    paid_and_told("order-1", 1, 995);
    assert_class(CLASS_MATCHED_TOLERANCE);
    assert_int_equal(world_int(W, BREAKS), 0);
    json_t *run = last_run();
    json_t *sum = json_array_get(
        json_object_get(json_object_get(run, "proof"), "tolerated"), 0);
    assert_string_equal(json_at(sum, "currency"), "USD");
    assert_int_equal(int_at(sum, "groups"), 1);
    assert_int_equal(int_at(sum, "over"), 0);
    assert_int_equal(int_at(sum, "under"), 5);
    assert_int_equal(int_at(sum, "difference"), -5);
    json_t *rule = json_array_get(json_object_get(run, "rules"), 0);
    assert_int_equal(int_at(json_array_get(json_object_get(rule, "tolerance"), 0), "amount"), 5);
    json_decref(run);
    json_t *json = explained();
    assert_told(json_object_get(json, "explanation"), "allowed: 0.05 USD");
    json_decref(json);
    /* What earlier runs let pass is theirs. */
    paid_and_told("order-2", 1, 1003);
    run = last_run();
    sum = json_array_get(json_object_get(json_object_get(run, "proof"), "tolerated"), 0);
    assert_int_equal(int_at(sum, "over"), 3);
    assert_int_equal(int_at(sum, "under"), 0);
    json_decref(run);
    /* Also when a row of the same name has it compared once more. */
    char *charge = world_text(W, "SELECT charge_id FROM attempt ORDER BY id LIMIT 1");
    tell_as(charge, 995, "failed");
    free(charge);
    assert_class(CLASS_NOTHING_MOVED);
    run = last_run();
    assert_int_equal(json_array_size(json_object_get(json_object_get(run, "proof"), "tolerated")),
                     0);
    json_decref(run);
    world_check(W);
}

static void a_cent_more_than_the_tolerance_is_a_break(void **state) {
    (void)state;
    const struct match_rule_config rules[] = {
        {.by = "gateway_id", .tolerance = five_cents, .tolerance_count = 2},
    };
    start(rules, 1, NULL, 0);
    paid_and_told("order-1", 1, 994);
    assert_class(CLASS_AMOUNT_UNDER);
    assert_int_equal(world_int(W, BREAKS), 1);
    json_t *run = last_run();
    assert_int_equal(json_array_size(json_object_get(json_object_get(run, "proof"), "tolerated")),
                     0);
    json_decref(run);
}

static void a_share_of_the_amount_counts_where_it_is_more(void **state) {
    (void)state;
    unsigned ppm = 6000; /* 0.6 percent of ten dollars is six cents */
    const struct match_rule_config rules[] = {
        {.by = "gateway_id",
         .tolerance = five_cents,
         .tolerance_count = 2,
         .tolerance_ppm = &ppm},
    };
    start(rules, 1, NULL, 0);
    paid_and_told("order-1", 1, 994);
    assert_class(CLASS_MATCHED_TOLERANCE);
    paid_and_told("order-2", 1, 993);
    assert_class(CLASS_AMOUNT_UNDER);
}

/* ---- amount and time ---- */

static void by_amount_and_time_is_tried_where_it_is_said_and_never_guesses(void **state) {
    (void)state;
    const struct match_rule_config without[] = {{.by = "gateway_id"}, {.by = "reference"}};
    const struct match_rule_config with[] = {
        {.by = "gateway_id"},
        {.by = "reference"},
        {.by = "amount_time", .before_minutes = &ten, .after_minutes = &half_a_day},
    };
    start(without, 2, NULL, 0);
    free(world_paid(W, "order-1", 1000));
    tell("", 1000);
    assert_class(CLASS_MISSING_HERE);
    payment_world_forget(W);
    start(with, 3, NULL, 0);
    free(world_paid(W, "order-1", 1000));
    tell("", 1000);
    assert_class(CLASS_MATCHED);
    /* Two fit one of ours equally well: neither is taken. */
    payment_world_forget(W);
    start(with, 3, NULL, 0);
    free(world_paid(W, "order-1", 1000));
    char text[1000], now[CLOCK_TEXT_MAX];
    clock_format(clock_wall_us(), now);
    int count = snprintf(text, sizeof text,
                         CANONICAL ",,,,,charge,done,USD,1000,,,%s,card,one\n"
                                   ",,,,,charge,done,USD,1000,,,%s,card,two\n",
                         now, now);
    struct given given = given_file("stripe-a", "two.csv", text, (size_t)count);
    hand_in(&given);
    assert_outcome(&given, "taken");
    assert_class(CLASS_MISSING_HERE);
    char *class = world_text(W, "SELECT CAST(class AS text) FROM movement WHERE side = 1");
    assert_string_equal(match_class_name((enum match_class)strtol(class, NULL, 10)), "ambiguous");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM movement WHERE match_id <> ''"), 0);
    free(class);
}

/* ---- which are in force ---- */

static void a_run_keeps_its_rules_and_says_when_others_are_in_force(void **state) {
    (void)state;
    const struct match_rule_config strict[] = {{.by = "gateway_id"}, {.by = "reference"}};
    const struct match_rule_config lenient[] = {
        {.by = "gateway_id", .tolerance = five_cents, .tolerance_count = 2},
        {.by = "reference"},
    };
    start(strict, 2, NULL, 0);
    paid_and_told("order-1", 1, 996);
    assert_class(CLASS_AMOUNT_UNDER);
    json_t *json = explained(), *run = last_run();
    assert_false(json_is_true(json_object_get(json, "rules_changed")));
    assert_false(json_is_true(json_object_get(run, "rules_changed")));
    json_decref(json);
    json_decref(run);
    start(lenient, 2, NULL, 0);
    json = explained();
    run = last_run();
    assert_true(json_is_true(json_object_get(json, "rules_changed")));
    assert_true(json_is_true(json_object_get(json, "same_today")));
    assert_told(json_object_get(json, "explanation"), "it would be matched_tolerance");
    assert_true(json_is_true(json_object_get(run, "rules_changed")));
    json_t *rule = json_array_get(json_object_get(run, "rules"), 0);
    assert_int_equal(json_array_size(json_object_get(rule, "tolerance")), 0);
    json_decref(json);
    json_decref(run);
    /* A run from before rules were kept went by the usual ones. */
    test_store_exec(W->engine.store, "UPDATE reconciliation SET rules = ''");
    run = last_run();
    assert_int_equal(json_array_size(json_object_get(run, "rules")), 4);
    json_decref(run);
}

static void a_gateway_with_rules_of_its_own_has_no_others(void **state) {
    (void)state;
    struct match_rule_config lenient[] = {
        {.by = "reference", .tolerance = five_cents, .tolerance_count = 2},
    };
    const struct match_gateway_config own[] = {{"stripe-b", lenient, 1}};
    struct answer answer = {0};
    start(NULL, 0, own, 1);
    json_t *json = world_take(W, reconciliation_rules(recon, "", &answer, &W->err), &answer);
    json_t *data = json_object_get(json, "data");
    for (size_t i = 0; i < json_array_size(data); i++) {
        json_t *row = json_array_get(data, i);
        bool has_own = strcmp(json_at(row, "gateway"), "stripe-b") == 0;
        assert_int_equal(json_array_size(json_object_get(row, "rules")), has_own ? 1 : 4);
        assert_true(json_is_true(json_object_get(row, "usual")) == !has_own);
    }
    json_decref(json);
    assert_int_equal(reconciliation_rules(recon, "nobody", &answer, &W->err), -ERR_NOT_FOUND);
    paid_and_told("order-1", 1, 995);
    assert_class(CLASS_AMOUNT_UNDER);
}

/* ---- what may be said ---- */

static void what_cannot_be_is_refused_with_its_place(void **state) {
    (void)state;
    static struct match_tolerance_config twice[] = {{"USD", 5}, {"USD", 1}};
    static struct match_tolerance_config nowhere[] = {{"US1", 5}};
    static struct match_tolerance_config large[] = {{"USD", (uint64_t)AMOUNT_MINOR_MAX + 1}};
    static const struct {
        struct match_rule_config rules[3];
        unsigned count;
        const char *place, *words;
    } rows[] = {
        {{{.by = "guess"}}, 1, "reconciliation.rules, rule 1: by", "no such rule"},
        {{{.by = "batch"}}, 1, "rule 1: by", "of two files"},
        {{{.by = "reference"}, {.by = "reference"}}, 2, "rule 2: by", "rule 1 is by reference"},
        {{{.by = "amount_time"}, {.by = "reference"}}, 2, "rule 2: by", "behind a rule by amount"},
        {{{.by = "original"}}, 1, "reconciliation.rules", "no rule is by gateway_id"},
        {{{.by = "reference", .tolerance = twice, .tolerance_count = 2}}, 1, "tolerance", "twice"},
        {{{.by = "reference", .tolerance = nowhere, .tolerance_count = 1}}, 1, "rule 1: tolerance",
         "no such currency"},
        {{{.by = "reference", .tolerance = large, .tolerance_count = 1}}, 1, "tolerance",
         "at most"},
        {{{.by = "reference", .tolerance_ppm = &much}}, 1, "tolerance_ppm", "a tenth"},
        {{{.by = "reference"}, {.by = "original", .tolerance_ppm = &ten}}, 2,
         "rule 2: tolerance_ppm", "the very amount"},
        {{{.by = "reference"}, {.by = "amount_time", .tolerance = five_cents,
                                .tolerance_count = 1}}, 2, "rule 2: tolerance", "the very amount"},
        {{{.by = "reference", .before_minutes = &long_ago}}, 1, "before_minutes", "at most"},
        {{{.by = "reference"}, {.by = "amount_time", .after_minutes = &a_window}}, 2,
         "rule 2: after_minutes", "31 days"},
        {{{.by = "reference", .before_minutes = &none, .after_minutes = &none}}, 1,
         "after_minutes", "every row would be late"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct match_sets wrong;
        struct err err = {0};
        assert_int_equal(match_sets_read(rows[i].rules, rows[i].count, NULL, 0, &wrong, &err),
                         -ERR_CONFIG);
        if (strstr(err.place, rows[i].place) == NULL || strstr(err.detail, rows[i].words) == NULL) {
            fail_msg("row %zu: %s: %s", i, err.place, err.detail);
        }
        match_sets_release(&wrong);
    }
    struct match_rule_config fine[] = {{.by = "reference"}};
    const struct match_gateway_config own[] = {{"stripe-a", fine, 1}, {"stripe-a", fine, 1}};
    struct match_sets wrong;
    struct err err = {0};
    assert_int_equal(match_sets_read(NULL, 0, own, 2, &wrong, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "twice"));
    match_sets_release(&wrong);
}

/* What was kept of a run is read back as it was. */
static void rules_that_are_kept_are_the_same_when_they_are_read(void **state) {
    (void)state;
    const struct match_rule_config rules[] = {
        {.by = "reference", .tolerance = five_cents, .tolerance_count = 2, .tolerance_ppm = &ten},
        {.by = "gateway_id", .before_minutes = &none, .after_minutes = &half_a_day},
        {.by = "original"},
        {.by = "amount_time", .before_minutes = &none, .after_minutes = &ten},
    };
    for (unsigned count = 0; count <= 4; count++) {
        static struct match_set said, read;
        BUF_AUTO text;
        buf_init(&text, MATCH_SET_BYTES_MAX);
        assert_int_equal(match_set_read(rules, count, "here", &said, &W->err), 0);
        match_set_json(said.rules, said.count, &text);
        assert_int_equal(match_set_parse(text.data, &read, &W->err), 0);
        assert_int_equal(read.count, said.count);
        const struct match_options a = {.rules = said.rules, .rule_count = said.count};
        const struct match_options b = {.rules = read.rules, .rule_count = read.count};
        assert_true(match_rules_same(&a, &b));
        for (int i = 0; i < said.count; i++) {
            assert_int_equal(said.rules[i].by, read.rules[i].by);
            assert_int_equal(said.rules[i].before_us, read.rules[i].before_us);
            assert_int_equal(said.rules[i].after_us, read.rules[i].after_us);
            assert_int_equal(said.rules[i].tolerance_ppm, read.rules[i].tolerance_ppm);
            assert_int_equal(match_allowed_minor(&said.rules[i], (struct currency){"EUR"}),
                             match_allowed_minor(&read.rules[i], (struct currency){"EUR"}));
            assert_string_equal(said.rules[i].name, read.rules[i].name);
        }
    }
}

#define T(name) cmocka_unit_test_teardown(name, let_go)

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        T(a_row_that_comes_a_day_after_what_is_usual_is_late),
        T(without_a_word_about_time_nothing_is_late),
        T(what_a_tolerance_lets_pass_is_named_in_the_proof),
        T(a_cent_more_than_the_tolerance_is_a_break),
        T(a_share_of_the_amount_counts_where_it_is_more),
        T(by_amount_and_time_is_tried_where_it_is_said_and_never_guesses),
        T(a_run_keeps_its_rules_and_says_when_others_are_in_force),
        T(a_gateway_with_rules_of_its_own_has_no_others),
        T(what_cannot_be_is_refused_with_its_place),
        T(rules_that_are_kept_are_the_same_when_they_are_read),
    };
    return payment_world_run("rules in force", tests, COUNT_OF(tests));
}
