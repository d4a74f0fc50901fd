/* SPDX-License-Identifier: Apache-2.0
 * test_brief.c: the brief of an incident at a known second, to the byte, in both languages; and
 * that each of its five parts stands in each of its forms. The goldens are tests/vectors/briefs. */
#include "brief_fixture.h"

#include "base/file.h"

enum { GOLDEN_BYTES_MAX = 64 * 1024 };

/* ---- goldens ---- */

static void assert_golden(const char *name, enum notice_language language) {
    static char expected[GOLDEN_BYTES_MAX + 1];
    char path[512];
    size_t count = 0;
    struct err err = {0};
    BUF_AUTO buf;
    brief_of(&buf, BRIEF_TEXT, language);
    snprintf(path, sizeof path, TESTS_DIR "/vectors/briefs/%s.%s.txt", name,
             notice_language_name(language));
    if (file_read(path, expected, GOLDEN_BYTES_MAX, &count, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    expected[count] = '\0';
    if (strcmp(buf.data, expected) != 0) {
        fail_msg("%s is another now:\n%s", path, buf.data);
    }
}

/* As wide as a terminal, but for commands. */
static void assert_narrow(const char *text) {
    char line[1024];
    while (*text != '\0') {
        size_t bytes = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)bytes, text);
        bool command = strncmp(line + strspn(line, " "), "holdfast ", 9) == 0;
        if (!command && said_width(line) > BRIEF_COLUMNS) {
            fail_msg("%d columns: %s", said_width(line), line);
        }
        text += bytes + (text[bytes] == '\n');
    }
}

/* Text of both languages as it was, and all five parts in all forms. */
static void assert_briefs(const char *name) {
    static const char *const members[] = {"severity_and_phase", "immediate_actions",
                                          "customer_impact", "next_update", "checklist"};
    for (int language = 0; language < NOTICE_LANGUAGES; language++) {
        assert_golden(name, (enum notice_language)language);
        BUF_AUTO text, markdown, json_text;
        brief_of(&text, BRIEF_TEXT, (enum notice_language)language);
        brief_of(&markdown, BRIEF_MARKDOWN, (enum notice_language)language);
        brief_of(&json_text, BRIEF_JSON, (enum notice_language)language);
        assert_narrow(text.data);
        JSON_AUTO json = json_loads(json_text.data, 0, NULL);
        assert_non_null(json);
        for (int part = 0; part < BRIEF_PARTS; part++) {
            char heading[200];
            const char *title = brief_part(part, (enum notice_language)language);
            snprintf(heading, sizeof heading, "\n%d  %s\n", part + 1, title);
            has(text.data, heading);
            snprintf(heading, sizeof heading, "\n## %d. %s\n", part + 1, title);
            has(markdown.data, heading);
            assert_non_null(json_object_get(json, members[part]));
        }
        assert_int_equal(json_array_size(json_object_get(json, "checklist")), GATE_CONDITIONS);
        assert_true(json_array_size(json_object_get(json, "immediate_actions")) <= 3);
    }
}

/* The names of the actions, in their order: "acknowledge contain update". */
static void assert_actions(const char *names) {
    char found[300] = "";
    size_t i;
    const json_t *row;
    BUF_AUTO text;
    brief_of(&text, BRIEF_JSON, NOTICE_EN);
    JSON_AUTO json = json_loads(text.data, 0, NULL);
    json_array_foreach(json_object_get(json, "immediate_actions"), i, row) {
        size_t used = strlen(found);
        snprintf(found + used, sizeof found - used, "%s%s", i > 0 ? " " : "",
                 json_string_value(json_object_get(row, "name")));
        assert_int_equal(json_integer_value(json_object_get(row, "rank")), (int)i + 1);
        assert_true(strncmp(json_string_value(json_object_get(row, "command")), "holdfast ", 9) ==
                    0);
    }
    assert_string_equal(found, names);
}

/* ---- a world ---- */

/* 50 payments in the last 12 minutes of which 10 succeed, and one that nobody knows about. */
static void failing_now(void) {
    int64_t noon_us = clock_wall_us();
    for (int i = 0; i < 40; i++) {
        plant(failed(noon_us - 12 * MINUTE_US + i * 10 * US_PER_SECOND));
        if (i % 4 == 0) {
            struct planted p = paid(noon_us - 12 * MINUTE_US + i * 10 * US_PER_SECOND);
            p.currency = "JPY";
            p.amount_minor = 123456;
            plant(p);
        }
    }
    plant((struct planted){.at_us = noon_us - 11 * MINUTE_US,
                           .state = PROCESSING,
                           .attempt_state = IS_UNKNOWN,
                           .amount_minor = 123456789});
}

static int switched(void *ctx, const char *incident_id, struct arena *arena,
                    struct brief_measures *ret_measures, struct err *err) {
    (void)ctx, (void)incident_id, (void)arena, (void)err;
    int64_t noon_us = clock_wall_us();
    ret_measures->count = 2;
    ret_measures->rows[0] = (struct brief_measure){
        "gateway", "stripe-a", {"gateway stripe-a is drained", "网关 stripe-a 已排空"},
        noon_us - 5 * MINUTE_US, 0, "ann", "bob", "holdfast gateway enable stripe-a"};
    ret_measures->rows[1] = (struct brief_measure){
        "mode", "", {"the ladder was held by hand", "降级阶梯曾由人工固定"},
        noon_us - 6 * MINUTE_US, noon_us - 2 * MINUTE_US, "ann", "", "holdfast mode set auto"};
    return 0;
}

static int items_of(void *ctx, const char *incident_id, struct arena *arena,
                    struct brief_items *ret_items, struct err *err) {
    (void)ctx, (void)incident_id, (void)arena, (void)err;
    ret_items->count = 1;
    ret_items->rows[0] = (struct brief_item){
        {"Ask stripe-a whether they know of it.", "询问 stripe-a 是否已知该问题。"},
        "holdfast incident playbook inc_X"};
    return 0;
}

/* ---- states ---- */

static void just_opened_it_knows_nothing_and_says_so(void **state) {
    (void)state;
    empty_world();
    open_before(0, 0, NOTICE_P2);
    assert_briefs("opened");
    assert_actions("acknowledge recon_owner comms_owner");
    sources = (struct brief_sources){0};
    BUF_AUTO text, zh, json_text;
    brief_of(&text, BRIEF_TEXT, NOTICE_EN);
    brief_of(&zh, BRIEF_TEXT, NOTICE_ZH);
    brief_of(&json_text, BRIEF_JSON, NOTICE_EN);
    has(text.data, "Not known: it has lasted for no time yet.");
    has(text.data, "Not known: nobody asked the gate.");
    has(text.data, "[??] Payments begun after the fix");
    has_not(text.data, "[ok]");
    has(zh.data, "未知:未进行关口检查。");
    has(json_text.data, "\"name\":\"recovered\",\"holds\":null");
    has(json_text.data, "\"still_on\":null");
    has(json_text.data, "\"customer_impact\":{\"known\":false");
}

static void failing_and_late_it_says_whom_it_hits_and_what_to_turn_off(void **state) {
    (void)state;
    empty_world();
    failing_now();
    open_before(11 * MINUTE_US, 12 * MINUTE_US, NOTICE_P1);
    assert_briefs("failing");
    assert_actions("acknowledge contain first_message");
    BUF_AUTO text;
    brief_of(&text, BRIEF_TEXT, NOTICE_EN);
    has(text.data, "holdfast gateway disable stripe-a --reason");
    has(text.data, "20.0 % of 50 finished payments succeeded");
    has(text.data, "1,234,567.89 USD at risk"); /* and the yen without decimals */
    has(text.data, "LATE by 1 min");
}

static void wrong_money_comes_before_all_but_that_somebody_has_it(void **state) {
    (void)state;
    empty_world();
    failing_now();
    open_before(11 * MINUTE_US, 12 * MINUTE_US, NOTICE_P1);
    move_before("user:usr_a", "acknowledge", 9 * MINUTE_US);
    PUT("INSERT INTO recon_break (id, version, gateway, class, subject, risk, side, movement_id, "
        "state, owner, kind, payment_id, currency, our_minor, their_minor, difference_minor, "
        "our_rows, their_rows, detail, at_us, opened_us, updated_us, closed_us, first_run, "
        "last_run, resolution, decided_by) VALUES ('brk_high', 1, 'stripe-a', 11, 'x', 4, 1, 'm', "
        "1, '', 1, '', 'USD', 10, 20, 10, 1, 1, '', $1, $1, $1, 0, '', '', '', '')",
        S_INT(clock_wall_us() - 5 * MINUTE_US));
    assert_actions("double_charges contain first_message");
    BUF_AUTO text;
    brief_of(&text, BRIEF_TEXT, NOTICE_EN);
    has(text.data, "holdfast break show brk_high");
    engine_exec(&engine, "DELETE FROM recon_break");
}

static void what_is_still_on_and_the_playbooks_next_item_stand_in_it(void **state) {
    (void)state;
    empty_world();
    failing_now();
    open_before(11 * MINUTE_US, 12 * MINUTE_US, NOTICE_P1);
    move_before("user:usr_a", "acknowledge", 9 * MINUTE_US);
    json_decref(role("user:usr_a", one, INCIDENT_ROLE_RECON, false, "bob"));
    json_decref(role("user:usr_a", one, INCIDENT_ROLE_COMMS, false, "cat"));
    json_decref(note("user:usr_c", one, LOGGED_COMMS, "told"));
    assert_actions("contain own_unknown");
    sources.measures = switched;
    sources.items = items_of;
    assert_actions("own_unknown playbook say_contained"); /* a measure is on */
    move_before("user:usr_a", "contain", 5 * MINUTE_US);
    assert_briefs("contained");
    assert_actions("own_unknown playbook find_cause");
    BUF_AUTO text;
    brief_of(&text, BRIEF_TEXT, NOTICE_EN);
    has(text.data, "Still on: gateway stripe-a is drained, handed to bob.");
    has_not(text.data, "the ladder was held");
    has(text.data, "Owner: cat.");
}

/* Of gate_world(): over since ten o'clock, proved but for the signatures. */
static void over_but_unsigned(void) {
    empty_world();
    gate_world();
    sources.gate = gate;
    open_before(235 * MINUTE_US, 240 * MINUTE_US, NOTICE_P0);
    json_t *json = role("user:usr_a", one, INCIDENT_ROLE_COMMANDER, false, "ann");
    json_decref(json);
    json_decref(role("user:usr_a", one, INCIDENT_ROLE_RECON, false, "bob"));
    json_decref(role("user:usr_a", one, INCIDENT_ROLE_COMMS, false, "cat"));
    json_decref(note("user:usr_c", one, LOGGED_COMMS, "told"));
    move_before("user:usr_a", "acknowledge", 230 * MINUTE_US);
    move_before("user:usr_a", "contain", 200 * MINUTE_US);
    move_before("user:usr_a", "mitigate", 120 * MINUTE_US);
}

static void proving_it_asks_for_what_the_gate_lacks(void **state) {
    (void)state;
    over_but_unsigned();
    assert_actions("say_reconciled sign");
    move_before("user:usr_a", "reconcile", 30 * MINUTE_US);
    assert_briefs("proving");
    assert_actions("sign");
    BUF_AUTO unsigned_text, half;
    brief_of(&unsigned_text, BRIEF_TEXT, NOTICE_EN);
    has(unsigned_text.data, "holdfast incident sign inc_X --role commander --reason");
    json_decref(sign("user:usr_a", one, INCIDENT_ROLE_COMMANDER));
    brief_of(&half, BRIEF_TEXT, NOTICE_EN);
    has(half.data, "holdfast incident sign inc_X --role recon --reason");
    json_decref(sign("user:usr_b", one, INCIDENT_ROLE_RECON));
    assert_actions("resolve");
    /* A charge made twice closes it again. */
    engine_exec(&engine, "UPDATE recon_window SET report = '{\"proved\":true,\"missing\":[],"
                         "\"double_charge_count\":1}'");
    BUF_AUTO text;
    brief_of(&text, BRIEF_TEXT, NOTICE_EN);
    has_not(text.data, "The gate would let it through");
}

static int let_through(void *ctx, struct store_tx *tx, const struct incident_facts *facts,
                       bool *ret_passed, char ret_missing[INCIDENT_MISSING_BYTES_MAX],
                       struct buf *evidence, struct err *err) {
    (void)ctx, (void)tx, (void)facts, (void)ret_missing, (void)err;
    *ret_passed = true;
    buf_add_text(evidence, "{}");
    return 0;
}

static void proved_it_asks_for_what_is_to_be_learnt(void **state) {
    (void)state;
    static const struct incident_gate open_gate = {let_through, NULL};
    over_but_unsigned();
    move_before("user:usr_a", "reconcile", 30 * MINUTE_US);
    json_decref(resolve("user:usr_a", one, &open_gate));
    assert_int_equal(W->err.code, 0);
    assert_briefs("learning");
    assert_actions("postmortem");
}

/* ---- what changed ---- */

static void digest_of(char ret_digest[80]) {
    BUF_AUTO text;
    brief_of(&text, BRIEF_JSON, NOTICE_EN);
    JSON_AUTO json = json_loads(text.data, 0, NULL);
    snprintf(ret_digest, 80, "%s", json_at(json, "digest"));
}

static void its_digest_changes_with_what_it_tells_and_with_nothing_else(void **state) {
    (void)state;
    char first[80], again[80], later[80], changed[80];
    over_but_unsigned();
    digest_of(first);
    digest_of(again);
    assert_string_equal(first, again);
    test_clock_wall_shift(US_PER_SECOND);
    digest_of(later);
    assert_string_equal(first, later);
    json_decref(severity("user:usr_a", one, NOTICE_P1));
    digest_of(changed);
    assert_string_not_equal(first, changed);
    test_clock_wall_shift(-US_PER_SECOND);
}

static void nobodys_incident_has_none(void **state) {
    (void)state;
    struct err err = {0};
    BUF_AUTO buf;
    empty_world();
    buf_init(&buf, BRIEF_BYTES_MAX);
    assert_int_equal(brief_write(incidents, &sources, "inc_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
                                 BRIEF_TEXT, NOTICE_EN, &buf, &err),
                     -ERR_NOT_FOUND);
    assert_int_equal(buf.len, 0);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(just_opened_it_knows_nothing_and_says_so, done),
        cmocka_unit_test_teardown(failing_and_late_it_says_whom_it_hits_and_what_to_turn_off, done),
        cmocka_unit_test_teardown(wrong_money_comes_before_all_but_that_somebody_has_it, done),
        cmocka_unit_test_teardown(what_is_still_on_and_the_playbooks_next_item_stand_in_it, done),
        cmocka_unit_test_teardown(proving_it_asks_for_what_the_gate_lacks, done),
        cmocka_unit_test_teardown(proved_it_asks_for_what_is_to_be_learnt, done),
        cmocka_unit_test_teardown(its_digest_changes_with_what_it_tells_and_with_nothing_else,
                                  done),
        cmocka_unit_test_teardown(nobodys_incident_has_none, done),
    };
    int failed = payment_world_run("brief", tests, COUNT_OF(tests));
    close_incidents();
    return failed;
}
