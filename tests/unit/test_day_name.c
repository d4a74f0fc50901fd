/* SPDX-License-Identifier: Apache-2.0
 * test_day_name.c: what a day's files are called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "statement/day_name.h"

static const struct day_date day = {2026, 11, 2};

static void a_name_is_a_days_or_it_is_not(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *name;
        bool fits;
        int64_t number;
    } rows[] = {
        {"TRR-%Y%m%d.%N.*.CSV", "TRR-20261102.01.011.CSV", true, 1},
        {"TRR-%Y%m%d.%N.*.CSV", "TRR-20261102.12.011.CSV", true, 12},
        {"TRR-%Y%m%d.%N.*.CSV", "TRR-20261103.01.011.CSV", false, 0},
        {"TRR-%Y%m%d.%N.*.CSV", "trr-20261102.01.011.csv", false, 0},
        {"TRR-%Y%m%d.%N.*.CSV", "TRR-20261102..011.CSV", false, 0},
        {"TRR-%Y%m%d.%N.*.CSV", "TRR-20261102.01.011.CSV.part", false, 0},
        {"TRR-%Y%m%d.%N.*.CSV", "XTRR-20261102.01.011.CSV", false, 0},
        {"TRR-%Y%m%d.%N.*.CSV", "TRR-20261102.1234567890.011.CSV", false, 0},
        {"*%y%m%d*", "261102", true, -1},
        {"*%y%m%d*", "a261102b", true, -1},
        {"*%y%m%d*", "aa26112611022b", true, -1},
        {"*%y%m%d*", "26110", false, -1},
        {"*%y%m%d*.xml", "a-261102-1.xml.xml", true, -1},
        {"*%y%m%d*.xml", "a-261102-1.xmlx", false, -1},
        {"%d.%m.%Y_%N", "02.11.2026_7", true, 7},
        {"%d.%m.%Y_%N", "02.11.2026_7x", false, 0},
        {"*_%N.%Y%m%d", "a_b_3.20261102", true, 3},
        {"a%%%Y%m%d", "a%20261102", true, -1},
        {"%Y%m%d", "20261102", true, -1},
        {"%Y%m%d", "", false, -1},
        {"%Y%m%d*", "20261102", true, -1},
        {"%Y%m%d*", "2026110", false, -1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t number = -2;
        bool numbered = false;
        struct err err = {0};
        assert_int_equal(day_name_check_file(rows[i].pattern, &numbered, &err), 0);
        assert_int_equal(numbered, strstr(rows[i].pattern, "%N") != NULL);
        bool fits = day_name_fits(rows[i].pattern, &day, rows[i].name, &number);
        if (fits != rows[i].fits || (fits && number != rows[i].number)) {
            fail_msg("%s and %s: %d, %lld", rows[i].pattern, rows[i].name, (int)fits,
                     (long long)number);
        }
    }
}

static void a_pattern_is_strict(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *says;
    } rows[] = {
        {"", "characters"},
        {"TRR.CSV", "the day must be in it"},
        {"TRR-%Y%m.CSV", "the day must be in it"},
        {"TRR-%Y%m%d%d.CSV", "each once"},
        {"TRR-%Y%y%m%d.CSV", "each once"},
        {"TRR-%Y%m%d-%H.CSV", "%H means nothing"},
        {"TRR-%Y%m%d.CSV%", "ends with a per cent sign"},
        {"in/TRR-%Y%m%d.CSV", "without '/'"},
        {"../%Y%m%d", "without '/'"},
        {".%Y%m%d", "dot"},
        {"a%Y%m%d\n", "control character"},
        {"%Y%m%d.%N.%N", "at most one %N"},
        {"%Y%m%d*a*a*a*a*a*a*a*a*", "8 '*'"},
        {"%Y%m%d%N", "beside %N"},
        {"%N%Y%m%d", "beside %N"},
        {"%Y%m%d.%N*", "beside %N"},
        {"%Y%m%d.*%N", "beside %N"},
        {"%Y%m%d.1%N", "beside %N"},
        {"%Y%m%d.%N1", "beside %N"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {0};
        bool numbered;
        assert_int_equal(day_name_check_file(rows[i].pattern, &numbered, &err), -ERR_CONFIG);
        if (strstr(err.detail, rows[i].says) == NULL) {
            fail_msg("%s: %s", rows[i].pattern, err.detail);
        }
    }
    char longest[DAY_NAME_CHARS_MAX + 2];
    struct err err = {0};
    bool numbered;
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "%Y%m%d", 6);
    longest[DAY_NAME_CHARS_MAX + 1] = '\0';
    assert_int_equal(day_name_check_file(longest, &numbered, &err), -ERR_CONFIG);
    longest[DAY_NAME_CHARS_MAX] = '\0';
    assert_int_equal(day_name_check_file(longest, &numbered, &err), 0);
}

static void a_url_has_the_day_or_a_number(void **state) {
    (void)state;
    static const char *const wrong[] = {"https://a/x.csv", "https://a/%Y%m%d_%N", "https://a/%Y%m",
                                        "https://a/%N/%N", "https://a/%20%N",     "https://a/ %N",
                                        "https://a/#%N",   "https://a/%d%N"};
    struct err err = {0};
    bool numbered = false;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(day_name_check_url(wrong[i], &numbered, &err), -ERR_CONFIG);
    }
    BUF_AUTO url;
    buf_init(&url, DAY_URL_CHARS_MAX);
    assert_int_equal(day_name_check_url("https://a/b_%N.csv", &numbered, &err), 0);
    assert_true(numbered);
    day_name_url("https://a/b_%N.csv", &day, 118, &url);
    assert_string_equal(url.data, "https://a/b_118.csv");
    buf_clear(&url);
    assert_int_equal(day_name_check_url("https://a/%%20/%Y-%m-%d", &numbered, &err), 0);
    assert_false(numbered);
    day_name_url("https://a/%%20/%Y-%m-%d", &day, 0, &url);
    assert_string_equal(url.data, "https://a/%20/2026-11-02");
    buf_clear(&url);
    day_name_show("a%y%m%d.%N.*", &day, &url);
    assert_string_equal(url.data, "a261102.%N.*");
}

/* However a name is made, a match takes no more than its length times the pattern's. */
static void names_that_nearly_fit_take_no_time(void **state) {
    (void)state;
    char name[256];
    int64_t number;
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (int i = 0; i < 2000; i++) {
        assert_false(day_name_fits("*a*a*a*a*a*a*a*%Y%m%d", &day, name, &number));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_a_days_or_it_is_not),
        cmocka_unit_test(a_pattern_is_strict),
        cmocka_unit_test(a_url_has_the_day_or_a_number),
        cmocka_unit_test(names_that_nearly_fit_take_no_time),
    };
    return cmocka_run_group_tests_name("names of a day's files", tests, NULL, NULL);
}
