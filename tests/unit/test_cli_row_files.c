/* SPDX-License-Identifier: Apache-2.0
 * test_cli_row_files.c: `statement export` and `reconcile export` against canned answers: pages
 * become one file, which has its name only when it is whole. */
#include "cli_fixture.h"

#include "base/file.h"

static char folder[] = "/tmp/holdfast-rows-XXXXXX";

static const char *path_of(const char *name) {
    static char path[100];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static struct ran export(const struct canned *answers, const char *what, const char *name,
                         const char *more) {
    char words[300];
    snprintf(words, sizeof words, "%s --out %s%s", what, path_of(name), more);
    return run(answers, words);
}

static void assert_file(const char *name, const char *text) {
    char bytes[4096];
    size_t count = 0;
    struct err err = {0};
    assert_int_equal(file_read(path_of(name), bytes, sizeof bytes - 1, &count, &err), 0);
    bytes[count] = '\0';
    assert_string_equal(bytes, text);
    assert_int_equal(unlink(path_of(name)), 0);
}

static void assert_no_file(const char *name) {
    char part[120];
    snprintf(part, sizeof part, "%s.part", path_of(name));
    assert_int_not_equal(access(path_of(name), F_OK), 0);
    assert_int_not_equal(access(part, F_OK), 0);
}

#define ROW(number, gross, text)                                                                   \
    "{\"number\":" number ",\"line\":2,\"kind\":\"charge\",\"status\":\"done\",\"currency\":"      \
    "\"EUR\",\"gross\":" gross ",\"fee\":null,\"net\":null,\"at\":\"2026-11-20T08:00:00Z\","       \
    "\"gateway_id\":null,\"reference\":null,\"original_id\":null,\"original_reference\":null,"     \
    "\"batch\":null,\"method\":null,\"native_kind\":null,\"description\":" text                    \
    ",\"account\":null,\"party\":null,\"class\":\"matched\",\"rule\":null,\"match_id\":null,"      \
    "\"run_id\":null,\"ours\":null}"
#define STATEMENT                                                                                  \
    { "GET", "/v1/statements/stm_1", 200, "{\"id\":\"stm_1\",\"row_count\":3}" }
#define FIRST                                                                                      \
    {                                                                                              \
        "GET", "/v1/statements/stm_1/rows?limit=500", 200,                                         \
            "{\"data\":[" ROW("1", "1050", "\"=1+1\"") "," ROW("2", "-50", "null") "],"            \
            "\"next_after\":2}"                                                                    \
    }
#define HEADER                                                                                     \
    "row,line,kind,status,at,currency,gross,fee,net,their id,our reference,their original,our "   \
    "original,batch,method,their kind,description,account,party,class,rule,match,run,ours\r\n"

static void pages_of_a_statement_become_one_file_with_totals(void **state) {
    (void)state;
    static const struct canned answers[] = {
        STATEMENT,
        FIRST,
        {"GET", "/v1/statements/stm_1/rows?after=2&limit=500", 200,
         "{\"data\":[" ROW("3", "7", "null") "],\"next_after\":null}"},
        {0}};
    RAN ran = export(answers, "statement export stm_1", "rows.csv", "");
    assert_int_equal(ran.status, CLI_DONE);
    assert_has(ran.out, "3 rows, ");
    assert_has(ran.out, " bytes in rows.csv.");
    assert_string_equal(ran.err, "");
    struct file_face face;
    struct err err = {0};
    assert_int_equal(file_look(path_of("rows.csv"), &face, &err), 0);
    assert_file("rows.csv",
                HEADER
                "1,2,charge,done,2026-11-20T08:00:00Z,EUR,10.50,,,,,,,,,,\"'=1+1\",,,matched,,,,"
                "\r\n"
                "2,2,charge,done,2026-11-20T08:00:00Z,EUR,-0.50,,,,,,,,,,,,,matched,,,,\r\n"
                "3,2,charge,done,2026-11-20T08:00:00Z,EUR,0.07,,,,,,,,,,,,,matched,,,,\r\n"
                "total of 3,,,,,EUR,10.07,0.00,0.00,,,,,,,,,,,,,,,\r\n");
    assert_no_file("rows.csv");
}

static void a_run_is_exported_by_its_cursor_and_told_as_json(void **state) {
    (void)state;
    static const struct canned answers[] = {
        {"GET", "/v1/reconciliations/rec_1", 200, "{\"id\":\"rec_1\"}"},
        {"GET", "/v1/reconciliations/rec_1/rows?class=matched&limit=500", 200,
         "{\"data\":[{\"side\":\"ours\",\"movement_id\":\"pst_1\",\"currency\":\"JPY\","
         "\"our_amount\":12,\"class\":\"matched\"}],\"next_cursor\":\"1:pst_1\"}"},
        {"GET", "/v1/reconciliations/rec_1/rows?class=matched&cursor=1%3Apst_1&limit=500", 200,
         "{\"data\":[],\"next_cursor\":null}"},
        {0}};
    RAN ran = export(answers, "reconcile export rec_1", "run.csv", " --class matched --json");
    assert_int_equal(ran.status, CLI_DONE);
    assert_has(ran.out, "{\"file\":\"run.csv\",\"rows\":1,\"bytes\":");
    assert_file("run.csv", "side,movement,kind,at,expected until,currency,ours,theirs,our fee,"
                           "their fee,class,rule,match,their id,our reference,payment\r\n"
                           "ours,pst_1,,,,JPY,12,,,,matched,,,,,\r\n"
                           "total of 1,,,,,JPY,12,0,0,0,,,,,,\r\n");
}

static void a_workbook_is_one(void **state) {
    (void)state;
    static const struct canned answers[] = {
        STATEMENT,
        {"GET", "/v1/statements/stm_1/rows?limit=500", 200, "{\"data\":[],\"next_after\":null}"},
        {0}};
    RAN ran = export(answers, "statement export stm_1", "rows.xlsx", " --format xlsx");
    assert_int_equal(ran.status, CLI_DONE);
    char bytes[16384];
    size_t count = 0;
    struct err err = {0};
    assert_int_equal(file_read(path_of("rows.xlsx"), bytes, sizeof bytes, &count, &err), 0);
    assert_memory_equal(bytes, "PK\x03\x04", 4);
    assert_int_equal(unlink(path_of("rows.xlsx")), 0);
}

/* The second page does not come. */
static void what_is_not_whole_is_no_file(void **state) {
    (void)state;
    static const struct canned answers[] = {STATEMENT, FIRST, {0}};
    RAN ran = export(answers, "statement export stm_1", "rows.csv", "");
    assert_int_equal(ran.status, CLI_PROBLEM);
    assert_no_file("rows.csv");
    static const struct canned none[] = {{0}};
    RAN absent = export(none, "statement export stm_1", "rows.csv", "");
    assert_int_equal(absent.status, CLI_PROBLEM);
    assert_no_file("rows.csv");
}

static void nothing_is_written_over(void **state) {
    (void)state;
    static const struct canned answers[] = {STATEMENT, FIRST, {0}};
    struct err err = {0};
    assert_int_equal(file_replace(path_of("rows.csv"), "mine", 4, 0600, &err), 0);
    RAN ran = export(answers, "statement export stm_1", "rows.csv", "");
    assert_int_equal(ran.status, CLI_PROBLEM);
    assert_has(ran.err, "is there already");
    assert_file("rows.csv", "mine");
}

static int begin(void **state) {
    assert_non_null(mkdtemp(folder));
    return set_up(state);
}

static int end(void **state) {
    (void)rmdir(folder);
    return tear_down(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_a_statement_become_one_file_with_totals),
        cmocka_unit_test(a_run_is_exported_by_its_cursor_and_told_as_json),
        cmocka_unit_test(a_workbook_is_one),
        cmocka_unit_test(what_is_not_whole_is_no_file),
        cmocka_unit_test(nothing_is_written_over),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
