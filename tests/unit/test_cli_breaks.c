/* SPDX-License-Identifier: Apache-2.0
 * test_cli_breaks.c: `reconcile run|list|show|explain` and `break …` on the command line: what is
 * sent, what is shown, how the commands end. */
#include "cli_fixture.h"

#define BREAK(state, approval)                                                                     \
    "{\"id\":\"brk_1\",\"object\":\"break\",\"gateway\":\"stripe-eu\",\"class\":\"amount_under\"," \
    "\"class_means\":\"there it is less than here\",\"risk\":\"high\",\"risk_why\":\"medium by "   \
    "its class, age +1\",\"state\":\"" state                                                       \
    "\",\"owner\":\"user:usr_1\",\"owner_name\":\"ann\",\"payment_id\":\"pay_1\",\"order_id\":"    \
    "\"A-1\",\"currency\":\"USD\",\"difference\":-5,\"at_stake\":5,\"written_off\":0,"             \
    "\"movement_id\":\"pst_charge_1\",\"detail\":\"here 10.00 USD, there 9.95 USD\","              \
    "\"opened_at\":\"2026-11-20T08:00:00Z\",\"closed_at\":null,\"decided_by_name\":null,"          \
    "\"resolution\":null,\"approval\":" approval
#define WHOLE                                                                                      \
    ",\"members\":[{\"side\":\"ours\",\"id\":\"pst_charge_1\",\"gone\":false,\"kind\":\"charge\"," \
    "\"status\":\"done\",\"currency\":\"USD\",\"amount\":1000,\"fee\":20,\"at\":\"2026-11-20T08:"  \
    "00:00Z\",\"gateway_id\":\"ch_1\",\"reference\":\"att_1\"},{\"side\":\"theirs\",\"id\":"       \
    "\"stm_1#12\",\"gone\":true}],\"more_members\":3,\"history\":[{\"number\":1,\"at\":\"2026-11-" \
    "20T08:00:00Z\",\"actor\":\"system\",\"actor_name\":\"system\",\"what\":\"opened\","           \
    "\"detail\":\"found\"}]}"
#define WAITS                                                                                      \
    "{\"id\":\"apr_1\",\"asked_by\":\"user:usr_2\",\"asked_by_name\":\"bob\",\"reason\":"          \
    "\"small\"}"
#define LIST                                                                                       \
    "{\"data\":[" BREAK("open", "null") "}],\"next_cursor\":\"risk.3.brk_1\",\"totals\":{"         \
                                        "\"classes\":[{\"currency\":\"USD\",\"class\":"            \
                                        "\"amount_under\",\"count\":7,\"difference\":-12345,"      \
                                        "\"at_stake\":12345}],\"count\":7,\"ages\":{\"0-1\":1,"    \
                                        "\"2-3\":2,\"4-7\":4,\"8-30\":0,\"over_30\":0}}}"
#define DONE "{\"done\":1,\"waiting\":1,\"data\":[" BREAK("open", WAITS) "}]}"

static const struct canned desk[] = {
    {"GET", "/v1/breaks", 200, LIST},
    {"GET",
     "/v1/breaks?gateway=g&class=fee&risk=high&state=all&owner=me&age=8-30&payment_id=pay_1&q=A%20"
     "1",
     200, "{\"data\":[],\"next_cursor\":null}"},
    {"GET",
     "/v1/breaks?currency=USD&amount_min=1999&amount_max=100000&sort=amount&limit=3&cursor=c", 200,
     "{\"data\":[],\"next_cursor\":null}"},
    {"GET", "/v1/breaks?sort=oldest", 200, "{\"data\":[],\"next_cursor\":null}"},
    {"GET", "/v1/breaks?currency=JPY", 200, "{\"data\":[],\"next_cursor\":null}"},
    {"GET", "/v1/breaks/brk_1", 200, BREAK("open", WAITS) WHOLE},
    {"POST", "/v1/breaks/brk_1/assign", 200, BREAK("assigned", "null") WHOLE},
    {"POST", "/v1/breaks/brk_1/write-off", 202, BREAK("open", WAITS) WHOLE},
    {"POST", "/v1/breaks/brk_1/approve", 200, BREAK("written_off", "null") WHOLE},
    {"POST", "/v1/breaks/brk_1/reject", 200, BREAK("open", "null") WHOLE},
    {"POST", "/v1/breaks/brk_1/resolve", 200, BREAK("resolved", "null") WHOLE},
    {"POST", "/v1/breaks/brk_1/reopen", 200, BREAK("open", "null") WHOLE},
    {"POST", "/v1/breaks/bulk", 202, DONE},
    {"GET", "/v1/breaks/export?format=xlsx&class=fee", 200, "PK-a-workbook"},
    {0},
};

static void a_list_has_its_totals_and_says_how_to_go_on(void **state) {
    (void)state;
    RAN ran = run_to(CLI_DONE, desk, "break list");
    static const char *const parts[] = {
        "brk_1",           "high",  "amount_under",          "open", "-0.05",
        "pay_1",           "ann",   "--cursor risk.3.brk_1", "7",    "-123.45",
        "7 breaks in all", "2-3: 2"};
    assert_order(ran.out, parts, COUNT_OF(parts));
    assert_has_not(ran.out, "8-30"); /* no break is so old */
    RAN empty = run_to(CLI_DONE, desk, "break list --sort oldest");
    assert_has(empty.out, "No break is open.");
    RAN unfit = run_to(CLI_DONE, desk, "break list --currency JPY");
    assert_has(unfit.out, "No break fits.");
    ends(CLI_DONE, desk,
         "break list --gateway g --class fee --risk high --state all --owner me --age 8-30 "
         "--payment pay_1 --find A+1");
    ends(CLI_DONE, desk,
         "break list --currency USD --amount-from 19.99 --amount-to 1000 --sort amount --limit 3 "
         "--cursor c");
    RAN none = run_to(CLI_USAGE, desk, "break list --amount-from 5");
    assert_has(none.err, "--currency");
    assert_int_equal(service.seen, 0);
}

static void one_is_shown_with_its_rows_its_history_and_who_waits(void **state) {
    (void)state;
    RAN ran = run_to(CLI_DONE, desk, "break show brk_1");
    static const char *const parts[] = {"there it is less",
                                        "medium by its class, age +1",
                                        "bob wants to write it off: small",
                                        "10.00 USD",
                                        "ch_1",
                                        "2026-11-20 08:00:00Z",
                                        "no longer counts",
                                        "and 3 more rows",
                                        "`holdfast reconcile explain pst_charge_1`",
                                        "opened"};
    assert_order(ran.out, parts, COUNT_OF(parts));
}

static void one_is_decided_about_at_its_own_address(void **state) {
    (void)state;
    static const struct {
        const char *words, *sent;
    } rows[] = {
        {"break assign brk_1 --to ann --note vacation",
         "\"owner\":\"ann\",\"reason\":\"vacation\""},
        {"break assign brk_1 --to nobody", "\"owner\":\"\""},
        {"break write-off brk_1 --reason small", "\"reason\":\"small\""},
        {"break approve brk_1 --reason seen", "\"reason\":\"seen\""},
        {"break reject brk_1 --reason no", "\"reason\":\"no\""},
        {"break resolve brk_1 --reason late", "\"reason\":\"late\""},
        {"break reopen brk_1 --reason again", "\"reason\":\"again\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        RAN ran = run_to(CLI_DONE, desk, rows[i].words);
        assert_has(service.requests[0], rows[i].sent);
        assert_has(ran.out, "brk_1");
    }
    RAN waits = run_to(CLI_DONE, desk, "break write-off brk_1 --reason small");
    assert_has(waits.out, "`holdfast break approve brk_1 --reason TEXT`");
    ends(CLI_USAGE, desk, "break write-off brk_1");
    ends(CLI_USAGE, desk, "break assign brk_1");
}

static void several_go_by_ids_or_by_a_filter_with_how_many(void **state) {
    (void)state;
    RAN ids = run_to(CLI_DONE, desk, "break write-off brk_1,brk_2 --reason small");
    assert_has(service.requests[0], "\"action\":\"write_off\"");
    assert_has(service.requests[0], "\"ids\":[\"brk_1\",\"brk_2\"]");
    assert_has(ids.out, "1 break written off.");
    assert_has(ids.out, "1 break waits for another person");
    RAN filter = run_to(
        CLI_DONE, desk,
        "break resolve --class late --currency USD --amount-to 1 --expect 12 --reason slow");
    assert_has(service.requests[0], "\"expect\":12");
    assert_has(service.requests[0], "\"filter\":{");
    assert_has(service.requests[0], "\"class\":\"late\"");
    assert_has(service.requests[0], "\"amount_max\":100");
    assert_has(filter.out, "1 break resolved.");
    static const struct {
        const char *words, *says;
    } wrong[] = {
        {"break resolve --class late --reason x", "--expect 12"},
        {"break resolve --reason x", "which breaks"},
        {"break resolve brk_1,brk_2 --class late --reason x", "either"},
        {"break resolve brk_1 --expect 1 --reason x", "either"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        RAN ran = run_to(CLI_USAGE, desk, wrong[i].words);
        assert_has(ran.err, wrong[i].says);
        assert_int_equal(service.seen, 0);
    }
}

static void a_file_is_written_as_it_came_and_never_over_another(void **state) {
    (void)state;
    const char *const name = "breaks-of-a-test.xlsx";
    char bytes[100] = "";
    (void)unlink(name);
    RAN ran = run_to(CLI_DONE, desk,
                     "break export --format xlsx --class fee --out breaks-of-a-test.xlsx");
    assert_has(ran.out, "13 bytes in breaks-of-a-test.xlsx");
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, sizeof bytes - 1, file), 13);
    assert_string_equal(bytes, "PK-a-workbook");
    (void)fclose(file);
    RAN again = run_to(CLI_PROBLEM, desk,
                       "break export --format xlsx --class fee --out breaks-of-a-test.xlsx");
    assert_has(again.err, "is there already");
    (void)unlink(name);
}

/* ---- runs ---- */

#define FIGURES(ties)                                                                              \
    "{\"our_rows\":3,\"their_rows\":2,\"breaks_opened\":1,\"breaks_healed\":0,\"breaks_open\":1,"  \
    "\"ties_out\":" ties                                                                           \
    ",\"books\":[{\"currency\":\"USD\",\"opening\":1000,\"movements\":500,\"late\":7,\"closing\":" \
    "1507}],\"late_count\":4,\"late\":[{\"id\":\"pst_late\",\"currency\":\"USD\",\"amount\":7,"    \
    "\"at\":\"2026-11-19T08:00:00Z\"}],\"buckets\":[{\"currency\":\"USD\",\"class\":\"matched\","  \
    "\"our_rows\":3,\"our_amount\":1507,\"their_rows\":2,\"their_amount\":1500},{\"currency\":"    \
    "\"USD\",\"class\":\"fee\",\"our_rows\":0,\"our_amount\":0,\"their_rows\":0,\"their_amount\":" \
    "0}]}"
#define RUN(id, state, begun, figures)                                                             \
    "{\"id\":\"" id "\",\"gateway\":\"stripe-eu\",\"state\":\"" state "\",\"actor\":\"system\","   \
    "\"until\":\"2026-11-20T08:00:00Z\",\"begun_at\":\"" begun                                     \
    "\",\"ended_at\":\"2026-11-20T08:00:09Z\","                                                    \
    "\"groups_done\":0,\"groups_all\":0,\"figures\":" figures
#define PROOF(ties)                                                                                \
    ",\"proof\":{\"every_row_in_one_class\":true,\"our_rows\":3,\"their_rows\":2,\"ties_"          \
    "out\":" ties ",\"books\":[]}}"

static const struct canned runs[] = {
    {"POST", "/v1/reconciliations", 202,
     "{\"gateway\":\"stripe-eu\",\"asked_at\":\"2026-11-20T08:00:00.5Z\",\"until\":null}"},
    {"GET", "/v1/reconciliations?gateway=stripe-eu", 200,
     "{\"data\":[" RUN("rec_2", "done", "2026-11-20T08:00:00.7Z", FIGURES("true")) "}," RUN(
         "rec_1", "done", "2026-11-20T08:00:00.1Z", FIGURES("true")) "}],\"next_cursor\":null}"},
    {"GET", "/v1/reconciliations?gateway=g&limit=2&cursor=c", 200,
     "{\"data\":[" RUN("rec_1", "under_way", "2026-11-20T08:00:00Z",
                       "null") "}],\"next_cursor\":\"rec_1\"}"},
    {"GET", "/v1/reconciliations/rec_2", 200,
     RUN("rec_2", "done", "2026-11-20T08:00:00.7Z", FIGURES("true")) PROOF("true")},
    {"GET", "/v1/reconciliations/rec_3", 200,
     RUN("rec_3", "done", "2026-11-20T08:00:00.7Z", FIGURES("false")) PROOF("false")},
    {"GET", "/v1/reconciliations/rec_4", 200,
     RUN("rec_4", "done", "2026-11-20T08:00:00.7Z",
         "{\"our_rows\":0,\"their_rows\":0,\"ties_out\":true,\"books\":[],\"late\":[],"
         "\"balances_later\":false,\"balances\":[{\"currency\":\"USD\",\"opening\":100000,"
         "\"rows\":2300,\"closing\":102600,\"ours\":2000,\"items\":[{\"item\":\"before_first_"
         "statement\",\"amount\":100000,\"explains\":true},{\"item\":\"gap_between_statements\","
         "\"amount\":600,\"explains\":false}],\"unexplained\":600,\"proved\":false,\"broken_by\":"
         "\"stm_9 begins elsewhere\"}],\"buckets\":[]}")
         ",\"proof\":{\"every_row_in_one_class\":true,\"our_rows\":0,\"their_rows\":0,\"ties_out\":"
         "true,\"books\":[],\"balances_proved\":false}}"},
    {"GET", "/v1/movements/stm_1#12", 200,
     "{\"id\":\"stm_1#12\",\"class\":\"missing_here\",\"class_means\":\"a customer paid there\","
     "\"run_id\":\"rec_1\",\"break_id\":\"brk_1\",\"break_state\":\"assigned\",\"explanation\":["
     "\"by the rule ids: no row of ours\"],\"rows\":[{\"name\":\"theirs 1\",\"id\":\"stm_1#12\","
     "\"kind\":\"charge\",\"status\":\"done\",\"currency\":\"USD\",\"amount\":1999,\"at\":"
     "\"2026-11-20T08:00:00.25Z\"}]}"},
    {"GET", "/v1/reconciliations/rec_2/report.html", 200, "<!DOCTYPE html>"},
    {"GET", "/v1/reconciliations/rec_2/report.html?lang=zh", 200, "<!DOCTYPE html>zh"},
    {"GET", "/v1/reconciliations/rec_9/report.html", 404,
     "{\"title\":\"There is no such thing\",\"status\":404}"},
    {"GET", "/v1/reconciliations?gateway=none", 200, "{\"data\":[],\"next_cursor\":null}"},
    {0},
};

static void a_run_that_is_waited_for_is_the_one_that_began_after_it_was_asked_for(void **state) {
    (void)state;
    RAN asked = run_to(CLI_DONE, runs, "reconcile run --gateway stripe-eu");
    assert_has(asked.out, "is asked for");
    RAN waited = run_to(CLI_PROBLEM, runs, "reconcile run --gateway stripe-eu --until 1h --wait");
    assert_has(service.requests[0], "\"until\":\"1h\"");
    assert_has(waited.out, "rec_2");
    assert_has_not(waited.out, "rec_1");
    assert_has(waited.out, "break list --gateway stripe-eu");
    RAN machine = run_to(CLI_PROBLEM, runs, "reconcile run --gateway stripe-eu --wait --json");
    assert_has(machine.out, "{\"id\":\"rec_2\"");
    ends(CLI_USAGE, runs, "reconcile run");
}

static void a_run_shows_whether_its_books_tie_out_or_what_breaks_them(void **state) {
    (void)state;
    RAN whole = run_to(CLI_DONE, runs, "reconcile show rec_2");
    assert_has(whole.out, "10.00 USD");
    assert_has(whole.out, "15.07 USD");
    assert_has_not(whole.out, "pst_late");
    RAN broken = run_to(CLI_PROBLEM, runs, "reconcile show rec_3");
    assert_has(broken.out, "pst_late");
    assert_has(broken.out, "and 3 more");
    assert_has(whole.out, "No statement of it tells a balance");
    RAN apart = run_to(CLI_PROBLEM, runs, "reconcile show rec_4");
    assert_has(apart.out, "NOT PROVED");
    assert_has(apart.out, "gap_between_statements");
    assert_has(apart.out, "6.00 USD");
    assert_has(apart.out, "stm_9 begins elsewhere");
    RAN listed = run_to(CLI_DONE, runs, "reconcile list --gateway g --limit 2 --cursor c");
    assert_has(listed.out, "under_way");
    assert_has(listed.out, "--cursor rec_1");
    RAN why = run_to(CLI_DONE, runs, "reconcile explain stm_1#12");
    assert_has(why.out, "by the rule ids");
    assert_has(why.out, "brk_1 (assigned)");
    assert_has(why.out, "charge  done    19.99 USD  2026-11-20 08:00:00Z");
    RAN none = run_to(CLI_DONE, runs, "reconcile list --gateway none");
    assert_has(none.out, "There was no run of it yet: `holdfast reconcile run --gateway NAME`");
}

static void a_run_says_of_each_class_how_grave_it_is_and_what_is_proved(void **state) {
    (void)state;
    RAN ran = run_to(CLI_DONE, runs, "reconcile show rec_2");
    static const char *const parts[] = {
        "took",
        "matched",
        "fee",
        "low",
        "Every row is in one class (3 of ours, 2 of theirs): proved",
        "`holdfast break list --gateway stripe-eu`",
        "`holdfast reconcile report rec_2 --out FILE`"};
    assert_order(ran.out, parts, COUNT_OF(parts));
}

static void a_page_is_written_into_a_new_file_in_either_language(void **state) {
    (void)state;
    const char *const name = "page-of-a-test.html";
    (void)unlink(name);
    RAN ran = run_to(CLI_DONE, runs, "reconcile report rec_2 --out page-of-a-test.html");
    assert_has(ran.out, "15 bytes in page-of-a-test.html");
    RAN again = run_to(CLI_PROBLEM, runs, "reconcile report rec_2 --out page-of-a-test.html");
    assert_has(again.err, "is there already");
    assert_int_equal(service.seen, 0);
    (void)unlink(name);
    RAN chinese = run_to(CLI_DONE, runs,
                         "reconcile report rec_2 --out page-of-a-test.html --language zh --json");
    assert_string_equal(chinese.out, "{\"file\":\"page-of-a-test.html\",\"bytes\":17}\n");
    (void)unlink(name);
    ends(CLI_PROBLEM, runs, "reconcile report rec_9 --out page-of-a-test.html");
    assert_int_equal(access(name, F_OK), -1);
    ends(CLI_USAGE, runs, "reconcile report rec_2");
    ends(CLI_USAGE, runs, "reconcile report rec_2 --out x --language fr");
}

/* ---- windows ---- */

#define WINDOW(id, state, report)                                                                  \
    "{\"id\":\"" id                                                                                \
    "\",\"from\":\"2026-11-20T08:00:00.613805Z\",\"until\":\"2026-11-20T10:00:00Z\","              \
    "\"gateway\":null,\"state\":\"" state                                                          \
    "\",\"begun_at\":\"2026-11-20T10:00:00Z\",\"attempts\":{"                                      \
    "\"listed\":1,\"asked\":1},\"report\":" report "}"
#define OF_WINDOW(touched, differs, proved, missing)                                               \
    "{\"attempts\":{\"touched\":" touched ",\"agreed\":0,\"differs\":" differs "},\"money\":[],"   \
    "\"double_charges\":[],\"proved\":" proved ",\"missing\":[" missing "]}"

static const struct canned windows[] = {
    {"GET", "/v1/windows/win_1", 200,
     WINDOW("win_1", "done",
            OF_WINDOW("1", "1", "false",
                      "{\"what\":\"1 attempt is \\\"differs\\\"\",\"command\":\"holdfast x\"}"))},
    {"GET", "/v1/windows/win_2", 200, WINDOW("win_2", "done", OF_WINDOW("0", "0", "true", ""))},
    {"GET", "/v1/windows/win_3", 200, WINDOW("win_3", "asking", "null")},
    {0},
};

static void a_window_says_what_its_verdicts_mean_and_what_keeps_it_from_being_proved(void **state) {
    (void)state;
    RAN ran = run_to(CLI_PROBLEM, windows, "reconcile window win_1");
    static const char *const parts[] = {"win_1",
                                        "2026-11-20 08:00:00Z to 2026-11-20 10:00:00Z",
                                        "all",
                                        "differs",
                                        "Its gateway says otherwise than we have",
                                        "touched",
                                        "Not proved",
                                        "1 attempt is \"differs\"",
                                        "holdfast x"};
    assert_order(ran.out, parts, COUNT_OF(parts));
    RAN nothing = run_to(CLI_DONE, windows, "reconcile window win_2");
    assert_has(nothing.out, "No attempt was touched in that time.");
    assert_has(nothing.out, "Proved: nothing was left out");
    RAN waits = run_to(CLI_PROBLEM, windows, "reconcile window win_3");
    assert_has(waits.out, "1 of 1 attempt asked about so far.");
}

/* `reconcile` compares two files without any service, as before. */
static void verbs_stand_beside_the_command_of_two_files(void **state) {
    (void)state;
    RAN files = run_to(CLI_USAGE, runs, "reconcile --ours a.csv");
    assert_has(files.err, "--theirs");
    assert_int_equal(service.seen, 0);
    RAN wrong = run_to(CLI_USAGE, runs, "reconcile lst");
    assert_has(wrong.err, "Did you mean `holdfast reconcile list`?");
    RAN help = run_to(CLI_DONE, runs, "help reconcile");
    assert_has(help.out, "--theirs FILE");
    assert_has(help.out, "reconcile explain");
    RAN own = run_to(CLI_DONE, runs, "reconcile explain --help");
    assert_has(own.out, "rule by rule");
    RAN completion = run_to(CLI_DONE, runs, "completion bash");
    assert_has(completion.out, "\"reconcile explain\")");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_has_its_totals_and_says_how_to_go_on),
        cmocka_unit_test(one_is_shown_with_its_rows_its_history_and_who_waits),
        cmocka_unit_test(one_is_decided_about_at_its_own_address),
        cmocka_unit_test(several_go_by_ids_or_by_a_filter_with_how_many),
        cmocka_unit_test(a_file_is_written_as_it_came_and_never_over_another),
        cmocka_unit_test(a_run_that_is_waited_for_is_the_one_that_began_after_it_was_asked_for),
        cmocka_unit_test(a_run_shows_whether_its_books_tie_out_or_what_breaks_them),
        cmocka_unit_test(a_run_says_of_each_class_how_grave_it_is_and_what_is_proved),
        cmocka_unit_test(a_page_is_written_into_a_new_file_in_either_language),
        cmocka_unit_test(a_window_says_what_its_verdicts_mean_and_what_keeps_it_from_being_proved),
        cmocka_unit_test(verbs_stand_beside_the_command_of_two_files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
