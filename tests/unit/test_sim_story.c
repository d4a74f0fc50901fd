/* SPDX-License-Identifier: Apache-2.0
 * test_sim_story.c: of a run's story, what is about one payment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/story.h"

#define PAYMENT "pay_01KJNFSNW2MWZT0S5A223AGWCF"
#define ATTEMPT "att_01KJNFSNW22FCBG0H1RAYKW0S7"

static const char story[] =
    "    0.001  service-1  life 1 serves\n"
    "    1.000  gateways   #7 asks for " ATTEMPT " of order-1-1\n"
    "    1.000  gateways   #7 POST /v1/payment_intents -> 200\n"
    "    1.500  gateways   #70 POST /v1/payment_intents -> 200\n"
    "    2.000  shop       order-1-1 pay: told 201 succeeded " PAYMENT "\n"
    "    2.100  shop       order-1-10 pay: told 201 failed pay_01KJNFS53FQXGK96NXQZTCNFM4\n"
    "    2.200  service-1  #8 GET /v1/payments/" PAYMENT " -> 200\n"
    "    3.000  trouble    stripe:down:for_s=3\n"
    "    4.000  director   all trouble ends\n"
    "    5.000  director   FAILED books order-1-1: order-1-1 is beside order-1-10\n";

static const char of_one[] =
    "    0.001  service-1  life 1 serves\n"
    "    1.000  gateways   #7 asks for " ATTEMPT " of order-1-1\n"
    "    1.000  gateways   #7 POST /v1/payment_intents -> 200\n"
    "    2.000  shop       order-1-1 pay: told 201 succeeded " PAYMENT "\n"
    "    2.200  service-1  #8 GET /v1/payments/" PAYMENT " -> 200\n"
    "    4.000  director   all trouble ends\n"
    "    5.000  director   FAILED books order-1-1: order-1-1 is beside order-1-10\n";

static void each_name_of_a_payment_leads_to_all_that_is_about_it(void **state) {
    static const char *const names[] = {"order-1-1 ", PAYMENT, ATTEMPT};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char *told = story_about(story, names[i]);
        assert_string_equal(told, of_one);
        free(told);
    }
}

static void a_text_that_names_nothing_of_ours_finds_its_lines(void **state) {
    (void)state;
    char *told = story_about(story, "stripe:down");
    assert_non_null(strstr(told, "stripe:down:for_s=3\n"));
    assert_null(strstr(told, "order-1-1 pay"));
    free(told);
}

static void without_a_text_it_is_the_whole_story(void **state) {
    (void)state;
    char *told = story_about(story, NULL);
    assert_string_equal(told, story);
    free(told);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_name_of_a_payment_leads_to_all_that_is_about_it),
        cmocka_unit_test(a_text_that_names_nothing_of_ours_finds_its_lines),
        cmocka_unit_test(without_a_text_it_is_the_whole_story),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
