/* SPDX-License-Identifier: Apache-2.0
 * test_guides.c: every rule's guide is there and every guide is a rule's (WATCH-6); what they
 * become
 * as HTML holds nothing that a browser would run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/guide_html.h"
#include "watch/alert.h"
#include "watch/guides.h"

static void every_rule_has_its_page_and_every_page_a_rule(void **state) {
    (void)state;
    for (int i = 0; i < alert_rule_count(); i++) {
        const struct alert_rule *rule = alert_rule_at(i);
        const struct guide *guide = guide_find(rule->guide, "en");
        if (guide == NULL || strncmp(guide->text, "# ", 2) != 0) {
            fail_msg("%s has no page %s", rule->name, rule->guide);
        }
        if (guide != NULL && strcmp(rule->name, ALERT_RULE_OTHER) != 0 &&
            strstr(guide->text, rule->name) == NULL) {
            fail_msg("the page %s does not name %s", rule->guide, rule->name);
        }
    }
    for (int i = 0; i < guide_count; i++) {
        bool used = false;
        for (int j = 0; j < alert_rule_count(); j++) {
            used = used || strcmp(alert_rule_at(j)->guide, guides[i].page) == 0;
        }
        if (!used) {
            fail_msg("no rule has the page %s", guides[i].page);
        }
    }
}

static void the_four_named_ones_are_in_chinese_as_well(void **state) {
    (void)state;
    static const char *const names[] = {
        "PaymentServiceHighErrorRate", "PaymentServiceGatewayFailure",
        "PaymentServiceHighLatency", "PaymentServiceDatabaseIssues"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct guide *guide = guide_find(alert_rule_find(names[i])->guide, "zh");
        assert_string_equal(guide->language, "zh");
    }
    assert_string_equal(guide_find("volume", "zh")->language, "en"); /* where there is none */
    assert_null(guide_find("nowhere", "en"));
}

static const char *pages; /* to which is linked */

static void html_is(const char *text, const char *body) {
    BUF_AUTO html;
    buf_init(&html, 1 << 20);
    guide_html(text, "en", pages, &html);
    const char *found = strstr(html.data, "<body>\n");
    assert_non_null(found);
    char *end = strstr(found, "</body>");
    *end = '\0';
    assert_string_equal(found + strlen("<body>\n"), body);
}

static void what_the_pages_use_becomes_html_and_all_else_is_text(void **state) {
    (void)state;
    html_is("# A & B\n\ntext\ngoes on\n", "<h1>A &amp; B</h1>\n<p>text goes on</p>\n");
    html_is("1. one `a<b`\n   more\n2. **two**\n",
            "<ol><li>one <code>a&lt;b</code> more</li>\n<li><b>two</b></li></ol>\n");
    html_is("- x\n\nnext", "<ul><li>x</li></ul>\n<p>next</p>\n");
    html_is("```\n1. <b>\n# x\n```\nend", "<pre>1. &lt;b&gt;\n# x\n</pre>\n<p>end</p>\n");
    html_is("<script>alert(\"1\")</script> 'x'",
            "<p>&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &#39;x&#39;</p>\n");
    html_is("`open **both", "<p><code>open **both</code></p>\n");
    html_is("a **open\n\nb", "<p>a <b>open</b></p>\n<p>b</p>\n");
    html_is("", "");
}

static void a_link_leads_to_a_page_of_ours_or_is_text(void **state) {
    (void)state;
    html_is("[a](charged-twice)", "<p>[a](charged-twice)</p>\n");
    pages = "/kb/";
    html_is("see [a <b>](charged-twice).",
            "<p>see <a href=\"/kb/charged-twice?lang=en\">a &lt;b&gt;</a>.</p>\n");
    html_is("- **[a](x-1)**", "<ul><li><b><a href=\"/kb/x-1?lang=en\">a</a></b></li></ul>\n");
    static const char *const plain[] = {
        "[a](javascript:alert)", "[a](https://x.example)", "[a](//x.example)", "[a](x y)",
        "[a](x", "[a] (x)", "[](x)", "[a", "[a](", "[a]()", "[a](X)", "[a](../x)",
    };
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        char wanted[200];
        snprintf(wanted, sizeof wanted, "<p>%s</p>\n", plain[i]);
        html_is(plain[i], wanted);
    }
    html_is("`[a](x)`", "<p><code>[a](x)</code></p>\n");
    html_is("[a](x\"onclick=)", "<p>[a](x&quot;onclick=)</p>\n");
    pages = NULL;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_has_its_page_and_every_page_a_rule),
        cmocka_unit_test(the_four_named_ones_are_in_chinese_as_well),
        cmocka_unit_test(what_the_pages_use_becomes_html_and_all_else_is_text),
        cmocka_unit_test(a_link_leads_to_a_page_of_ours_or_is_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
