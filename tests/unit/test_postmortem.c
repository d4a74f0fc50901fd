/* SPDX-License-Identifier: Apache-2.0
 * test_postmortem.c: what is learnt from an incident: a postmortem of a whole one, from alert to
 * close; what is missing keeps it from closing; what was altered is said to be; the report for
 * outside names nobody and claims nothing before the gate. */
#include "brief_fixture.h"

#include "comms/lint.h"
#include "incident/postmortem_impl.h"

static int let_through(void *ctx, struct store_tx *tx, const struct incident_facts *facts,
                       bool *ret_passed, char ret_missing[INCIDENT_MISSING_BYTES_MAX],
                       struct buf *evidence, struct err *err) {
    (void)ctx, (void)tx, (void)facts, (void)ret_missing, (void)err;
    *ret_passed = true;
    buf_add_text(evidence, "{\"looked\":10}");
    return 0;
}
static const struct incident_gate open_gate = {let_through, NULL};

/* ---- by people ---- */

static json_t *edit(const char *actor, enum postmortem_part part, const char *text) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(postmortem_edit(incidents, &caller, one, part, text, &answer, &W->err), &answer);
}

static json_t *add(const char *actor, const struct action_request *request) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(action_add(incidents, &caller, one, request, &answer, &W->err), &answer);
}

static const struct action_request wanted = {
    .kind = ACTION_KIND_DETECTION,
    .what = "Alert within 60 s when callbacks stop",
    .owner = "bob",
    .proof_kind = PROOF_DRILL,
    .proof = "callbacks-stop",
};

static void assert_taken(json_t *json) {
    if (json == NULL) {
        fail_msg("%s: %s", W->err.place, W->err.detail);
    }
    json_decref(json);
}

static void write_all_parts(void) {
    assert_taken(
        edit("user:usr_a", PART_SUMMARY, "Cards failed for two hours.\nNobody lost money."));
    assert_taken(edit("user:usr_b", PART_ROOT_CAUSE, "A certificate <b>ended</b> & nobody knew."));
    assert_taken(edit("user:usr_a", PART_WELL, "Traffic was turned away in 30 minutes."));
    assert_taken(edit("user:usr_a", PART_BADLY, "Nobody owned the certificate."));
}

/* From eight, seen five past by an alert, over at ten, resolved at noon. */
static void a_whole_incident(void) {
    struct alert_about about = {.rule = GATEWAY_RULE, .gateway = "stripe-a"};
    empty_world();
    gate_world();
    sources.gate = gate;
    test_clock_wall_shift(-235 * MINUTE_US);
    about.first_symptom_us = clock_wall_us() - 5 * MINUTE_US;
    say(&about, true);
    test_clock_wall_shift(235 * MINUTE_US);
    open_before(234 * MINUTE_US, 240 * MINUTE_US, NOTICE_P1);
    char *alert = engine_text(&engine, "SELECT id FROM alert");
    json_decref(link_alert("user:usr_a", one, alert));
    free(alert);
    move_before("user:usr_a", "acknowledge", 230 * MINUTE_US);
    json_decref(role("user:usr_a", one, INCIDENT_ROLE_RECON, false, "bob"));
    json_decref(note("user:usr_a", one, LOGGED_DECISION, "We turn away from <stripe-a>."));
    json_decref(note("user:usr_a", one, LOGGED_COMMS, "The shop was told."));
    move_before("user:usr_a", "contain", 204 * MINUTE_US);
    move_before("user:usr_a", "mitigate", 120 * MINUTE_US);
    move_before("user:usr_b", "reconcile", 60 * MINUTE_US);
}

static void resolved_incident(void) {
    a_whole_incident();
    json_t *json = resolve("user:usr_a", one, &open_gate);
    assert_taken(json);
}

static void postmortem_of(struct buf *buf, enum postmortem_format format,
                          enum notice_language language) {
    struct err err = {0};
    buf_init(buf, POSTMORTEM_BYTES_MAX);
    if (postmortem_write(incidents, &sources, one, format, language, buf, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
}

static json_t *postmortem_parsed(void) {
    BUF_AUTO buf;
    postmortem_of(&buf, POSTMORTEM_JSON, NOTICE_EN);
    json_t *json = json_loads(buf.data, 0, NULL);
    if (json == NULL) {
        fail_msg("%s", buf.data);
    }
    return json;
}

/* ---- the whole of it ---- */

static void it_is_made_from_the_log_the_payments_and_what_people_wrote(void **state) {
    (void)state;
    resolved_incident();
    write_all_parts();
    assert_taken(add("user:usr_a", &wanted));
    JSON_AUTO json = postmortem_parsed();
    const json_t *spans = json_object_get(json, "durations");
    assert_string_equal(json_at(json, "noticed.by"), "machine");
    assert_int_equal(int_at(spans, "detect_s"), 6 * 60);
    assert_int_equal(int_at(spans, "acknowledge_s"), 4 * 60);
    assert_int_equal(int_at(spans, "contain_s"), 30 * 60);
    assert_int_equal(int_at(spans, "mitigate_s"), 114 * 60);
    assert_int_equal(int_at(spans, "reconcile_s"), 174 * 60);
    assert_int_equal(int_at(spans, "resolve_s"), 234 * 60);
    assert_int_equal(int_at(spans, "impact_s"), 120 * 60);
    assert_string_equal(json_at(json, "due_at"), "2026-11-25T12:00:00Z");
    assert_true(json_is_null(json_object_get(json, "missing")));
    assert_int_equal(int_at(json, "impact.affected"), 20);
    assert_int_equal(int_at(json, "impact.payments"), 40);
    struct incident_verdict log = verified(one);
    assert_string_equal(json_at(json, "log.head"), log.hash);
    assert_int_equal(json_array_size(json_object_get(json, "timeline")), log.entries);
    assert_true(json_is_true(json_object_get(json_object_get(json, "log"), "whole")));

    BUF_AUTO markdown;
    postmortem_of(&markdown, POSTMORTEM_MARKDOWN, NOTICE_EN);
    static const char *const told[] = {
        "# Postmortem \\#1: Cards fail at stripe-a",
        "## Summary\n\n> Cards failed for two hours.  \n> Nobody lost money.\n",
        "Written by ann, 2026-11-20 12:00:00Z, version 1.",
        "20 of 40 payments (50.0 %), 20 orders, 20 customers, from 2026-11-20 08:00:00Z until "
        "2026-11-20 10:00:00Z.",
        "| USD | 200.00 USD | 0.00 USD | 200.00 USD | 0.00 USD | 0.00 USD |",
        "| 2026-11-20 08:00:00Z | ",
        "The machine saw it first: PaymentServiceGatewayFailure",
        "6 min after it began. 0 customers had complained by then.",
        "| Fix in place | 2026-11-20 10:00:00Z | 1 h 24 min | 2 h 00 min |",
        "| Gate passed | 2026-11-20 12:00:00Z | 1 h 00 min | 4 h 00 min |",
        "| Postmortem | not reached |  |  |",
        "A certificate \\<b\\>ended\\</b\\> \\& nobody knew.",
        "| yes | That time is reconciled and proved |",
        "Nothing that was switched for it is still on.",
        "| 1 | Alert within 60 s when callbacks stop | Has it seen sooner | bob | 2026-12-20 "
        "12:00:00Z | drill: callbacks-stop | open |",
        "We turn away from \\<stripe-a\\>.",
    };
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        has(markdown.data, told[i]);
    }
    has(markdown.data, log.hash);
    has_not(markdown.data, "ALTERED");
    assert_whole(one);
}

static void its_page_has_a_picture_and_nothing_that_runs(void **state) {
    (void)state;
    resolved_incident();
    write_all_parts();
    for (int language = 0; language < NOTICE_LANGUAGES; language++) {
        BUF_AUTO page;
        postmortem_of(&page, POSTMORTEM_HTML, (enum notice_language)language);
        has(page.data, "<svg ");
        has(page.data, "<polyline ");
        has(page.data, said_milestone(MILESTONE_MITIGATED, (enum notice_language)language));
        has(page.data, "A certificate &lt;b&gt;ended&lt;/b&gt; &amp; nobody knew.");
        has(page.data, language == NOTICE_ZH ? "<html lang=\"zh-CN\">" : "<html lang=\"en\">");
        has_not(page.data, "<script");
        has_not(page.data, "http://localhost");
        has_not(page.data, "<b>");
        has_not(page.data, "src=");
        has_not(page.data, "href=");
    }
}

static void while_it_runs_it_says_what_is_not_reached_and_lacking(void **state) {
    (void)state;
    empty_world();
    open_before(0, 0, NOTICE_P2);
    sources = (struct brief_sources){0};
    JSON_AUTO json = postmortem_parsed();
    assert_string_equal(json_at(json, "noticed.by"), "staff");
    assert_true(json_is_null(json_object_get(json, "due_at")));
    assert_true(json_is_null(json_object_get(json, "impact")));
    assert_true(json_is_null(json_object_get(json, "gate")));
    assert_true(json_is_null(json_object_get(json, "measures")));
    assert_true(json_is_null(json_object_get(json_object_get(json, "durations"), "mitigate_s")));
    assert_string_equal(json_at(json, "missing"),
                        "summary, root_cause, went_well, went_badly, an action item (or the part "
                        "no_actions)");
    BUF_AUTO markdown;
    postmortem_of(&markdown, POSTMORTEM_MARKDOWN, NOTICE_EN);
    has(markdown.data, "Not done yet. It lacks: summary");
    has(markdown.data, "Not known: it has lasted for no time yet.");
    has(markdown.data, "Nobody has written this yet.");
    has(markdown.data, "Not known: nobody asked the gate.");
}

static void customers_who_complained_before_any_alert_were_first(void **state) {
    (void)state;
    empty_world();
    PUT("INSERT INTO complaint (id, at_us, created_us, payment_id, order_id, channel, kind, "
        "customer, gateway, method, region, currency, text, reference, actor) VALUES ('cpl_1', $1, "
        "$1, '', '', 'mail', 1, '', 'stripe-a', '', '', '', 'x', '', 'cli')",
        S_INT(clock_wall_us() - 2 * MINUTE_US));
    open_before(MINUTE_US, 10 * MINUTE_US, NOTICE_P2);
    JSON_AUTO json = postmortem_parsed();
    assert_string_equal(json_at(json, "noticed.by"), "customer");
    assert_int_equal(int_at(json, "noticed.complaints"), 1);
}

/* ---- closing ---- */

static void it_is_not_closed_before_all_is_written_and_done(void **state) {
    (void)state;
    resolved_incident();
    assert_no(move("user:usr_a", one, "close"), ERR_STATE,
              "lacks: summary, root_cause, went_well, went_badly, an action item");
    write_all_parts();
    assert_no(move("user:usr_a", one, "close"), ERR_STATE, "lacks: an action item");
    assert_taken(edit("user:usr_a", PART_NO_ACTIONS, "The gateway has replaced it for good."));
    assert_taken(edit("user:usr_a", PART_BADLY, ""));
    assert_no(move("user:usr_a", one, "close"), ERR_STATE, "lacks: went_badly");
    assert_taken(edit("user:usr_a", PART_BADLY, "Nobody owned the certificate."));
    assert_taken(edit("user:usr_a", PART_NO_ACTIONS, ""));
    assert_no(move("user:usr_a", one, "close"), ERR_STATE, "lacks: an action item");
    assert_taken(add("user:usr_a", &wanted));
    assert_state(move("user:usr_a", one, "close"), "closed");
    assert_whole(one);
    /* What the table refuses is refused as the table's. */
    assert_no(move("user:usr_a", one, "close"), ERR_STATE, "from where there is no");
}

static void a_part_is_kept_in_all_its_versions_with_who_wrote_it(void **state) {
    (void)state;
    resolved_incident();
    assert_at(edit("user:usr_a", PART_SUMMARY, "one"), "by", "ann");
    json_t *json = edit("user:usr_b", PART_SUMMARY, "two");
    assert_int_equal(int_at(json, "version"), 2);
    json_decref(json);
    json = edit("user:usr_c", PART_SUMMARY, "two"); /* the same: nothing is written */
    assert_int_equal(int_at(json, "version"), 2);
    assert_string_equal(json_at(json, "by"), "bob");
    json_decref(json);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM postmortem_part"), 2);
    assert_no(edit("key:nobodys", PART_SUMMARY, "three"), ERR_FORBIDDEN, "person with a name");
    assert_no(edit("user:usr_a", PART_SUMMARY, "a\x01"), ERR_VALIDATION, "control");
    char cancelled[ID_TEXT_MAX];
    opened(cancelled);
    json_decref(move("user:usr_a", cancelled, "cancel"));
    snprintf(one, sizeof one, "%s", cancelled);
    assert_no(edit("user:usr_a", PART_SUMMARY, "x"), ERR_STATE, "was none");
    assert_no(add("user:usr_a", &wanted), ERR_STATE, "was none");
}

/* ---- what was altered ---- */

static void what_was_altered_is_said_to_be(void **state) {
    (void)state;
    resolved_incident();
    write_all_parts();
    assert_taken(add("user:usr_a", &wanted));
    engine_exec(&engine, "UPDATE postmortem_part SET body = 'All was well.' WHERE name = "
                         "'root_cause'");
    engine_exec(&engine, "UPDATE action_item SET due_us = due_us + 1");
    BUF_AUTO parts, log, zh;
    postmortem_of(&parts, POSTMORTEM_MARKDOWN, NOTICE_EN);
    has(parts.data, "This text is not the one that the log has the digest of.");
    has(parts.data, "\\[NOT AS LOGGED\\]");
    has_not(parts.data, "THE LOG WAS ALTERED");
    JSON_AUTO before = postmortem_parsed();
    assert_true(json_is_true(json_object_get(json_object_get(before, "log"), "whole")));
    engine_exec(&engine, "UPDATE incident_log SET body = 'We did nothing.' WHERE seq = 4");
    postmortem_of(&log, POSTMORTEM_MARKDOWN, NOTICE_EN);
    postmortem_of(&zh, POSTMORTEM_HTML, NOTICE_ZH);
    has(log.data, "THE LOG WAS ALTERED. Entry 4");
    has(log.data, "| 4 | ");
    has(log.data, "\\[NOT PROVED\\] We did nothing.");
    has_not(log.data, "| 3 | \\[NOT PROVED\\]");
    has(zh.data, "日志已被篡改");
    JSON_AUTO after = postmortem_parsed();
    assert_int_equal(int_at(after, "log.broken_seq"), 4);
    assert_int_equal(int_at(after, "log.entries"), 3);
    /* A part that was put in beside the log is none of the log's. */
    engine_exec(&engine, "INSERT INTO postmortem_part (incident_id, name, version, body, actor, "
                         "author, at_us) SELECT incident_id, 'lucky', 1, 'x', actor, author, at_us "
                         "FROM postmortem_part WHERE name = 'summary'");
    JSON_AUTO planted_part = postmortem_parsed();
    const json_t *lucky = json_array_get(json_object_get(planted_part, "parts"), PART_LUCKY);
    assert_true(json_is_false(json_object_get(lucky, "whole")));
}

/* ---- the report ---- */

static struct lint *linter;

static void report_of(struct buf *buf, enum report_reader reader, enum report_format format,
                      enum notice_language language) {
    struct err err = {0};
    buf_init(buf, POSTMORTEM_BYTES_MAX);
    if (report_write(incidents, &sources, one, reader, format, language, buf, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
}

/* Nothing in it says that trouble is over, nor whose fault it is. */
static void assert_claims_nothing(const char *text, enum notice_language language) {
    const struct lint_facts facts = {.audience = AUDIENCE_REGULATOR,
                                     .language = language == NOTICE_ZH ? LANGUAGE_ZH
                                                                       : LANGUAGE_EN};
    struct lint_findings findings;
    (void)lint_text(linter, &facts, text, &findings);
    for (int i = 0; i < findings.count; i++) {
        enum lint_rule rule = findings.list[i].rule;
        if (rule == LINT_RECOVERY || rule == LINT_BLAME || rule == LINT_CARD ||
            rule == LINT_FIELD) {
            fail_msg("%s: \"%s\" in\n%s", lint_rule_name(rule), findings.list[i].quote, text);
        }
    }
}

static void assert_names_nobody(const char *text) {
    static const char *const personal[] = {"ann", "bob", "usr_", "@", "cus_", "order-"};
    for (size_t i = 0; i < COUNT_OF(personal); i++) {
        const char *at = strstr(text, personal[i]);
        while (at != NULL && at > text && ((at[-1] >= 'a' && at[-1] <= 'z'))) {
            at = strstr(at + 1, personal[i]); /* within another word */
        }
        if (at != NULL) {
            fail_msg("%s: %.60s", personal[i], at);
        }
    }
}

static void before_the_gate_the_report_claims_nothing_and_names_nobody(void **state) {
    (void)state;
    struct err err = {0};
    assert_int_equal(lint_open(&linter, &err), 0);
    a_whole_incident();
    assert_taken(edit("user:usr_a", PART_SUMMARY, "Ann turned it off and called bob."));
    assert_taken(edit("user:usr_a", PART_ROOT_CAUSE, "A certificate had ended."));
    assert_taken(add("user:usr_a", &wanted));
    for (int reader = 0; reader < REPORT_READERS; reader++) {
        for (int format = 0; format <= REPORT_CSV; format++) {
            for (int language = 0; language < NOTICE_LANGUAGES; language++) {
                BUF_AUTO text;
                report_of(&text, (enum report_reader)reader, (enum report_format)format,
                          (enum notice_language)language);
                has(text.data, language == NOTICE_ZH ? "尚未证明" : "NOT YET PROVED");
                const char *body = strstr(text.data, "<body>"); /* after the style's own "@" */
                assert_names_nobody(body != NULL ? body : text.data);
                if (format != REPORT_HTML) {
                    assert_claims_nothing(text.data, (enum notice_language)language);
                }
            }
        }
    }
    BUF_AUTO text;
    report_of(&text, READER_REGULATOR, REPORT_MARKDOWN, NOTICE_EN);
    has(text.data, "left out: it names a person");
    has(text.data, "A certificate had ended.");
    has(text.data, "| Payments affected | 20 |");
    has(text.data, "| Not taken | 200.00 USD |");
    has(text.data, "| Gate passed | not reached |");
    has(text.data, "Not yet proved: this is an interim report.");
    lint_close(linter);
    linter = NULL;
}

static void after_the_gate_it_says_what_is_proved(void **state) {
    (void)state;
    resolved_incident();
    write_all_parts();
    BUF_AUTO regulator, insurer, acquirer, csv;
    report_of(&regulator, READER_REGULATOR, REPORT_MARKDOWN, NOTICE_EN);
    report_of(&insurer, READER_INSURER, REPORT_MARKDOWN, NOTICE_EN);
    report_of(&acquirer, READER_ACQUIRER, REPORT_MARKDOWN, NOTICE_EN);
    report_of(&csv, READER_REGULATOR, REPORT_CSV, NOTICE_EN);
    has(regulator.data, "| The incident as a whole | proved, 2026-11-20 12:00:00Z |");
    has_not(regulator.data, "interim");
    has(regulator.data, verified(one).hash);
    has(acquirer.data, "| stripe-a timeout | 20 |");
    has_not(regulator.data, "stripe-a timeout");
    has_not(acquirer.data, "What will be done");
    has(insurer.data, "What will be done");
    has(csv.data, "section,item,value\r\n");
    has(csv.data, "How many,Payments affected,20\r\n");
    engine_exec(&engine, "UPDATE incident_log SET body = 'x' WHERE seq = 2");
    BUF_AUTO altered;
    report_of(&altered, READER_REGULATOR, REPORT_MARKDOWN, NOTICE_EN);
    has(altered.data, "ALTERED at entry 2");
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(it_is_made_from_the_log_the_payments_and_what_people_wrote, done),
        cmocka_unit_test_teardown(its_page_has_a_picture_and_nothing_that_runs, done),
        cmocka_unit_test_teardown(while_it_runs_it_says_what_is_not_reached_and_lacking, done),
        cmocka_unit_test_teardown(customers_who_complained_before_any_alert_were_first, done),
        cmocka_unit_test_teardown(it_is_not_closed_before_all_is_written_and_done, done),
        cmocka_unit_test_teardown(a_part_is_kept_in_all_its_versions_with_who_wrote_it, done),
        cmocka_unit_test_teardown(what_was_altered_is_said_to_be, done),
        cmocka_unit_test_teardown(before_the_gate_the_report_claims_nothing_and_names_nobody, done),
        cmocka_unit_test_teardown(after_the_gate_it_says_what_is_proved, done),
    };
    int failed = payment_world_run("postmortem", tests, COUNT_OF(tests));
    close_incidents();
    return failed;
}
