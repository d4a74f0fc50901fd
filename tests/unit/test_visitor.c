/* SPDX-License-Identifier: Apache-2.0
 * test_visitor.c: whose word counts when a page asks where its visitor is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/visitor.h"

static void assert_visitor(const char *peer, const struct http_header *headers, int count,
                           const char *wanted) {
    const struct http_request request = {.peer = peer, .headers = headers, .header_count = count};
    char address[IP_TEXT_CHARS_MAX] = "before";
    visitor_address(&request, address);
    assert_string_equal(address, wanted);
}

static void a_public_peer_is_the_visitor_whatever_headers_say(void **state) {
    (void)state;
    static const struct http_header says[] = {{"X-Forwarded-For", "198.51.100.7"}};
    assert_visitor("203.0.113.9", NULL, 0, "203.0.113.9");
    assert_visitor("203.0.113.9", says, 1, "203.0.113.9");
    assert_visitor("2001:db8::7", says, 1, "2001:db8::7");
    assert_visitor("::ffff:203.0.113.9", says, 1, "203.0.113.9");
}

static void behind_a_front_it_is_what_the_front_saw(void **state) {
    (void)state;
    static const char *const fronts[] = {"127.0.0.1", "::1",        "10.1.2.3", "172.31.0.1",
                                         "fd00::5",   "100.64.0.9", "::ffff:192.168.0.1"};
    static const struct {
        const char *first, *last, *wanted;
    } rows[] = {
        {"198.51.100.7", NULL, "198.51.100.7"},
        {"1.1.1.1, 198.51.100.7", NULL, "198.51.100.7"}, /* he wrote the first one himself */
        {"1.1.1.1", "198.51.100.7", "198.51.100.7"},
        {"  2001:DB8::7 ", NULL, "2001:db8::7"},
        {"198.51.100.7", "unknown", ""},
        {"198.51.100.7:443", NULL, ""},
        {"198.51.100.0/24", NULL, ""},
        {"198.51.100.7, 10.0.0.8", NULL, ""},
        {"198.51.100.7,", NULL, ""},
        {"", NULL, ""},
        {"99999999999999999999999999999999999999999999999999999999999999999999999999", NULL, ""},
    };
    for (size_t i = 0; i < COUNT_OF(fronts); i++) {
        assert_visitor(fronts[i], NULL, 0, "");
        for (size_t k = 0; k < COUNT_OF(rows); k++) {
            const struct http_header headers[] = {{"Host", "pay.test"},
                                                  {"X-Forwarded-For", rows[k].first},
                                                  {"x-forwarded-for", rows[k].last}};
            assert_visitor(fronts[i], headers, rows[k].last != NULL ? 3 : 2, rows[k].wanted);
        }
    }
    assert_visitor("", NULL, 0, "");
    assert_visitor("unix", NULL, 0, "");
}

static void neighbours_of_private_networks_are_public(void **state) {
    (void)state;
    static const char *const open[] = {"9.255.255.255",  "11.0.0.0",    "172.15.255.255",
                                       "172.32.0.0",     "192.167.1.1", "100.63.255.255",
                                       "100.128.0.0",    "128.0.0.0",   "169.253.1.1",
                                       "fec0::1",        "fbff::1"};
    for (size_t i = 0; i < COUNT_OF(open); i++) {
        assert_visitor(open[i], NULL, 0, open[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_public_peer_is_the_visitor_whatever_headers_say),
        cmocka_unit_test(behind_a_front_it_is_what_the_front_saw),
        cmocka_unit_test(neighbours_of_private_networks_are_public),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
