/* SPDX-License-Identifier: Apache-2.0
 * test_lint.c: what the linter refuses and lets through: each rule has a text that it alone
 * refuses; claims are found in other words, other languages and in hiding; honest texts pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "comms/lint.h"

#define REFERENCE "pay_01JD5R6Q6Y0V3M8X2K4N7T9BCF"
#define NEXT "2026-11-23 14:30 UTC"

static struct lint *lint;

static int open_lint(void **state) {
    struct err err = {0};
    if (lint_open(&lint, &err) < 0) {
        print_error("%s\n", err.detail);
        return -1;
    }
    return 0;
}

static int close_lint(void **state) {
    lint_close(lint);
    return 0;
}

static struct lint_facts facts_of(enum audience audience, enum language language) {
    static const char *const times[] = {NEXT, "2026-11-23 14:00 UTC", "3 to 10 working days"};
    return (struct lint_facts){
        .audience = audience, .language = language, .times = times, .time_count = 3};
}

static void show(const char *text, const struct lint_findings *findings) {
    for (int i = 0; i < findings->count; i++) {
        print_error("  %s: \"%s\" in \"%s\"\n", lint_rule_name(findings->list[i].rule),
                    findings->list[i].quote, text);
    }
}

/* ---- each rule alone ---- */

struct rule_case {
    enum lint_rule rule;
    enum language language;
    const char *text;
};
static const struct rule_case rule_cases[] = {
    {LINT_REFERENCE, LANGUAGE_EN, "We ask the bank. We write again by " NEXT "."},
    {LINT_NEXT_UPDATE, LANGUAGE_EN, "We ask the bank about " REFERENCE "."},
    {LINT_PROMISE, LANGUAGE_EN, REFERENCE ": it goes on by 17:00. Next word: " NEXT "."},
    {LINT_RECOVERY, LANGUAGE_EN, REFERENCE ": it is fixed. Next word: " NEXT "."},
    {LINT_JARGON, LANGUAGE_EN, REFERENCE ": our webhook is slow. Next word: " NEXT "."},
    {LINT_BLAME, LANGUAGE_EN, REFERENCE ": it is your bank's fault. Next word: " NEXT "."},
    {LINT_FIELD, LANGUAGE_EN, REFERENCE ": {what}. Next word: " NEXT "."},
    {LINT_CARD, LANGUAGE_EN, REFERENCE ": card 4242 4242 4242 4242. Next word: " NEXT "."},
    {LINT_LETTERS, LANGUAGE_EN, REFERENCE ": bзgin. Next word: " NEXT "."},
    {LINT_HIDDEN, LANGUAGE_EN, REFERENCE ": or\u200bder. Next word: " NEXT "."},
    {LINT_MARKUP, LANGUAGE_EN, REFERENCE ": <b>order. Next word: " NEXT "."},
    {LINT_LENGTH, LANGUAGE_EN, NULL},
    {LINT_REFERENCE, LANGUAGE_ZH, "我们正在向银行核实。下次通知:" NEXT "。"},
    {LINT_NEXT_UPDATE, LANGUAGE_ZH, "我们正在向银行核实 " REFERENCE "。"},
    {LINT_PROMISE, LANGUAGE_ZH, REFERENCE ":三小时内会继续。下次通知:" NEXT "。"},
    {LINT_RECOVERY, LANGUAGE_ZH, REFERENCE ":已恢复。下次通知:" NEXT "。"},
    {LINT_JARGON, LANGUAGE_ZH, REFERENCE ":数据库很慢。下次通知:" NEXT "。"},
    {LINT_BLAME, LANGUAGE_ZH, REFERENCE ":是银行的错。下次通知:" NEXT "。"},
};

static void test_each_rule_alone_refuses_a_text(void **state) {
    static const char *const references[] = {REFERENCE};
    bool seen[LINT_RULES] = {false};
    char *longest = calloc(1, LINT_TEXT_BYTES_MAX + 2);
    memset(longest, 'a', LINT_TEXT_BYTES_MAX + 1);
    memcpy(longest, REFERENCE " " NEXT " ", strlen(REFERENCE " " NEXT " "));
    for (size_t i = 0; i < COUNT_OF(rule_cases); i++) {
        const struct rule_case *one = &rule_cases[i];
        struct lint_facts facts = facts_of(AUDIENCE_CUSTOMER, one->language);
        struct lint_findings findings = {0};
        const char *text = one->text != NULL ? one->text : longest;
        facts.references = references;
        facts.reference_count = 1;
        facts.next_update = NEXT;
        int count = lint_text(lint, &facts, text, &findings);
        if (count == 0) {
            fail_msg("%s passes: %s", lint_rule_name(one->rule), text);
        }
        for (int j = 0; j < count; j++) {
            if (findings.list[j].rule != one->rule) {
                show(text, &findings);
                fail_msg("%s is not alone", lint_rule_name(one->rule));
            }
        }
        seen[one->rule] = true;
    }
    for (int i = 0; i < LINT_RULES; i++) {
        assert_true(seen[i]);
    }
    free(longest);
}

/* ---- claims ---- */

static const char *const claims[] = {
    "The problem is resolved.", "The issue has been fixed.", "Payments are restored.",
    "Payments have recovered.", "All systems are back to normal.", "We are back online.",
    "Payments are working again.", "Everything works normally.", "Everything is working as usual.",
    "Checkout is up and running.", "The incident is over.", "This is now behind us.",
    "The outage has ended.", "There are no further problems.", "Payments no longer fail.",
    "All clear!", "The trouble is gone.", "Our engineers solved it.",
    "It's been sorted out: the issue was sorted.",
    "The fix has been deployed.", "We have completed the repair.", "Recovery is complete.",
    "Normal service has resumed.", "You can pay as usual.", "You can now pay without any problems.",
    "Everything is fine.", "All good.", "Payments have stabilised.", "Payments are operational.",
    "The failures have stopped, and the problem disappeared.", "We removed the problem.",
    "Service returned to normal.", "It has been remediated.", "Payments are available again.",
    "Payments flow normally.", "Things are good as new.", "We have eliminated the error.",
    "Not to worry: it is fixed.", "You asked whether it is fixed: it is fixed.",
    "It was not only found but resolved.", "Payments stopped failing.", "The worst is over.",
    "RESOLVED", "Status: Resolved", "Re-solved.", "The case is closed: incident closed.",
    /* hidden */
    "It is r e s o l v e d.", "It is r.e.s.o.l.v.e.d.", "It is re-solved.", "It is re.sol.ved.",
    "It is resol ved now.", "It is RE\nSOLVED now.", "It is f-i-x-e-d.", "It is f i x e d.",
    "It is res0lved.", "It is reso1ved.", "It is f1xed.", "It is r3solved.", "It is re$olved.",
    "It is re\u200bsolved.", "It is re\u00adsolved.", "It is re\u2060solved.", "It is fi\ufeffxed.",
    "It is re\u0301solved.", "It is résolvéd.", "It is ｒｅｓｏｌｖｅｄ.",
    "It is rеѕоlvеd." /* Cyrillic */, "It is fіxеd.", "It is ʀᴇꜱᴏʟᴠᴇᴅ.", "It is 𝐫𝐞𝐬𝐨𝐥𝐯𝐞𝐝.",
    "It is 𝓯𝓲𝔁𝓮𝓭.", "It is ⓕⓘⓧⓔⓓ.", "It is &#102;ixed.", "It is re&shy;solved.",
    "It is re&#x200b;solved.", "It is &#x66;&#x69;&#x78;&#x65;&#x64;.", "It is re&zwnj;solved.",
    "It is fixed\u202e.", "It is ﬁxed." /* a ligature */, "It is r_e_s_o_l_v_e_d.",
    "It is r*esol*ved.", "It is fix\u3164ed.", "It is ＦＩＸＥＤ.",
    /* other languages */
    "El problema está resuelto.", "Los pagos se han restablecido.", "Le problème est résolu.",
    "Das Problem ist gelöst.", "Die Störung ist behoben.", "Il problema è risolto.",
    "O problema foi resolvido.", "Het probleem is opgelost.",
    "Problem został rozwiązany: naprawiony.",
    "Problém je vyřešen.", "Sorun çözüldü.",
    /* Chinese, in a text that is said to be English as well */
    "已恢复", "已恢复正常", "已修复", "问题已解决", "故障已排除", "支付恢复正常", "服务已经恢复",
    "一切正常", "系统运行正常", "支付功能正常", "现已全面恢复", "问题已经得到解决", "修复完成",
    "已经修好", "恢复如常", "可以正常支付", "支付重新可用", "故障已消除", "问题不复存在", "没事了",
    "已全部处理完毕", "故障结束", "回归正常", "支付已恢復", "問題已解決", "已 恢 复", "已.恢.复",
    "已，恢，复", "已\u200b恢复", "已-修-复", "恢 复 正 常", "已&#24674;复", "不再受影响",
    "业务均已正常", "支付通道畅通",
};

static bool has_rule(const struct lint_findings *findings, enum lint_rule rule) {
    for (int i = 0; i < findings->count; i++) {
        if (findings->list[i].rule == rule) {
            return true;
        }
    }
    return false;
}

static void test_claims_are_found_in_other_words_and_in_hiding(void **state) {
    int passed = 0;
    for (size_t i = 0; i < COUNT_OF(claims); i++) {
        for (int language = 0; language < LANGUAGES; language++) {
            struct lint_facts facts = facts_of(AUDIENCE_INTERNAL, (enum language)language);
            struct lint_findings findings = {0};
            (void)lint_text(lint, &facts, claims[i], &findings);
            if (!has_rule(&findings, LINT_RECOVERY)) {
                print_error("passes as %s: %s\n", language_name((enum language)language),
                            claims[i]);
                passed++;
            }
        }
    }
    assert_int_equal(passed, 0);
}

static void test_a_proof_lets_claims_through_and_nothing_else(void **state) {
    static const struct proof proof = {.incident_id = "inc_01JD5R6Q6Y0V3M8X2K4N7T9BCF"};
    struct lint_facts facts = facts_of(AUDIENCE_CUSTOMER, LANGUAGE_EN);
    struct lint_findings findings = {0};
    facts.proof = &proof;
    assert_int_equal(lint_text(lint, &facts, "Payments are back to normal.", &findings), 0);
    assert_int_equal(lint_text(lint, &facts, "Fixed, and your bank's fault.", &findings), 1);
    assert_int_equal(findings.list[0].rule, LINT_BLAME);
}

static void test_letters_of_other_scripts_and_pictures_are_refused(void **state) {
    static const char *const texts[] = {"Проблема решена", "復旧しました", "해결되었습니다", "تم الحل",
                                        "✅", "🆗", "Τέλος", "🅵🅸🆇🅴🅳", "pəxıɟ", "①"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        for (int language = 0; language < LANGUAGES; language++) {
            struct lint_facts facts = facts_of(AUDIENCE_INTERNAL, (enum language)language);
            struct lint_findings findings = {0};
            (void)lint_text(lint, &facts, texts[i], &findings);
            if (!has_rule(&findings, LINT_LETTERS)) {
                fail_msg("passes: %s", texts[i]);
            }
        }
    }
}

/* ---- promises ---- */

static void test_times_that_nobody_approved_are_refused(void **state) {
    static const char *const promises[] = {
        "It will go on within an hour.", "within 2 hours", "in 30 minutes", "in about half an hour",
        "in a few minutes", "We write soon.", "shortly", "It will be there tomorrow.", "by Monday",
        "later today", "at 15:00", "at 3 pm", "by 3 p.m.", "on 24 November", "on Nov 24",
        "by the end of the day",
        "ETA one hour", "2026-11-24", "24/11/2026", "takes 3-5 business days", "1h", "overnight",
        "in the next couple of hours", "We expect it to be done by noon.", "any minute now",
        "tonight",
        "预计今晚", "两小时内", "30分钟后", "马上", "很快就好", "明天", "下午3点", "11月24日", "预计恢复",
        "3-5个工作日", "周一前", "稍后", "即将", "半小时", "三天之内", "14:00前", "within １ hour",
        "2026-11-23 14:31 UTC" /* nearly an approved one */,
    };
    int passed = 0;
    for (size_t i = 0; i < COUNT_OF(promises); i++) {
        struct lint_facts facts = facts_of(AUDIENCE_CUSTOMER, LANGUAGE_ZH);
        struct lint_findings findings = {0};
        (void)lint_text(lint, &facts, promises[i], &findings);
        if (!has_rule(&findings, LINT_PROMISE)) {
            print_error("passes: %s\n", promises[i]);
            passed++;
        }
    }
    assert_int_equal(passed, 0);
}

/* ---- honest texts ---- */

static void test_honest_texts_pass(void **state) {
    static const struct {
        enum audience audience;
        enum language language;
        const char *text;
    } honest[] = {
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "The problem is not resolved yet."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "Payments have not been restored."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "This isn't fixed yet, and we keep working on it."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "We will write to you once the problem is resolved."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "Please do not pay again until it is fixed."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "We are working to get payments back to normal."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "We are working to resolve the problem."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "We are trying to fix it."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "Cards and PayPal are not affected."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "Payments take longer than usual."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "No further payment is needed for this order."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "Your payment has reached us."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "We sent the money back to you: 12.50 EUR."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "Your order A-2291 is complete and on its way."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "There is a fixed fee of 2.00 EUR."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "Please pay again, with another card."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "We write again by " NEXT "."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "It began around 2026-11-23 14:00 UTC."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "Banks take 3 to 10 working days for that."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "Was there a second charge? Tell us its reference."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "Call +49 30 1234567 or write to help@shop.example."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "Amount: 1,200.00 CNY. Order: 10023-7."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "You will hear from us at any rate."},
        {AUDIENCE_CUSTOMER, LANGUAGE_EN, "Café Zoë: your order is with us."},
        {AUDIENCE_INTERNAL, LANGUAGE_EN, "4 of 5 calls to the gateway time out; queue at 1,200."},
        {AUDIENCE_INTERNAL, LANGUAGE_EN, "Rolled back 4711; error rate went from 80% to 12%."},
        {AUDIENCE_INTERNAL, LANGUAGE_EN, "Not known: whether the provider sees it, and the cause."},
        {AUDIENCE_EXECUTIVE, LANGUAGE_EN, "Fewer payments fail than before: 12% now, 80% before."},
        {AUDIENCE_REGULATOR, LANGUAGE_EN, "The database of the service lost its connections."},
        {AUDIENCE_CUSTOMER, LANGUAGE_ZH, "问题尚未解决,我们仍在处理。"},
        {AUDIENCE_CUSTOMER, LANGUAGE_ZH, "支付尚未恢复正常。"},
        {AUDIENCE_CUSTOMER, LANGUAGE_ZH, "恢复后我们会通知您。"},
        {AUDIENCE_CUSTOMER, LANGUAGE_ZH, "我们正在全力修复。"},
        {AUDIENCE_CUSTOMER, LANGUAGE_ZH, "目前无法确认何时恢复。"},
        {AUDIENCE_CUSTOMER, LANGUAGE_ZH, "我们已收到您的付款,请不要再次付款。"},
        {AUDIENCE_CUSTOMER, LANGUAGE_ZH, "退款已提交,银行处理需要 3 to 10 working days。"},
        {AUDIENCE_CUSTOMER, LANGUAGE_ZH, "银行卡和支付宝不受影响。"},
        {AUDIENCE_CUSTOMER, LANGUAGE_ZH, "我们会在 " NEXT " 前再次通知您。"},
        {AUDIENCE_CUSTOMER, LANGUAGE_ZH, "预计在 " NEXT " 前继续。"},
        {AUDIENCE_CUSTOMER, LANGUAGE_ZH, "您的付款没有成功,您没有被扣款。"},
        {AUDIENCE_CUSTOMER, LANGUAGE_ZH, "请提供付款编号,金额 1,200.00 元(CNY)。"},
    };
    int refused = 0;
    for (size_t i = 0; i < COUNT_OF(honest); i++) {
        struct lint_facts facts = facts_of(honest[i].audience, honest[i].language);
        struct lint_findings findings = {0};
        if (lint_text(lint, &facts, honest[i].text, &findings) > 0) {
            show(honest[i].text, &findings);
            refused++;
        }
    }
    assert_int_equal(refused, 0);
}

/* ---- references ---- */

static void test_a_reference_is_a_word_of_its_own(void **state) {
    static const char *const references[] = {"A-1", "A-12"};
    struct lint_facts facts = facts_of(AUDIENCE_CUSTOMER, LANGUAGE_EN);
    struct lint_findings findings = {0};
    facts.references = references;
    facts.reference_count = 2;
    assert_int_equal(lint_text(lint, &facts, "Orders A-1, A-12.", &findings), 0);
    assert_int_equal(lint_text(lint, &facts, "Order A-12.", &findings), 1);
    assert_string_equal(findings.list[0].quote, "A-1");
    static const char *const none[] = {""};
    facts.references = none;
    facts.reference_count = 1;
    assert_int_equal(lint_text(lint, &facts, "Order.", &findings), 1);
    assert_int_equal(findings.list[0].rule, LINT_REFERENCE);
    /* A date in a reference is no promise. */
    static const char *const dated[] = {"2026-11-23-0007"};
    facts.references = dated;
    assert_int_equal(lint_text(lint, &facts, "Order 2026-11-23-0007.", &findings), 0);
    /* A claim in one is a claim. */
    static const char *const claiming[] = {"resolved"};
    facts.references = claiming;
    assert_int_equal(lint_text(lint, &facts, "Order: resolved", &findings), 1);
    assert_int_equal(findings.list[0].rule, LINT_RECOVERY);
}

static void test_a_finding_says_where(void **state) {
    struct lint_facts facts = facts_of(AUDIENCE_CUSTOMER, LANGUAGE_ZH);
    struct lint_findings findings = {0};
    static const char text[] = "您好:支付已恢复。";
    assert_int_equal(lint_text(lint, &facts, text, &findings), 1);
    assert_int_equal(findings.list[0].at, strlen("您好:支付"));
    assert_int_equal(findings.list[0].bytes, strlen("已恢复"));
    assert_string_equal(findings.list[0].quote, "已恢复");
    /* Bytes that are no text, and any bytes at all, end in a finding and nothing else. */
    assert_int_equal(lint_text(lint, &facts, "\xff\xfe", &findings), 1);
    unsigned seed = 1;
    for (int i = 0; i < 2000; i++) {
        char any[64] = "";
        for (size_t j = 0; j < sizeof any - 1; j++) {
            seed = seed * 1103515245 + 12345;
            any[j] = (char)((seed >> 16) % 250 + 1);
            any[j] = i % 2 == 0 ? (char)(any[j] & 0x7F) : any[j];
            any[j] = any[j] == '\0' ? '&' : any[j];
        }
        (void)lint_text(lint, &facts, any, &findings);
    }
}

static void test_many_findings_are_bounded(void **state) {
    struct lint_facts facts = facts_of(AUDIENCE_CUSTOMER, LANGUAGE_EN);
    struct lint_findings findings = {0};
    char text[LINT_TEXT_BYTES_MAX + 1] = "";
    for (size_t at = 0; at + 8 < sizeof text; at += 7) {
        memcpy(text + at, "fixed. ", 8);
    }
    assert_int_equal(lint_text(lint, &facts, text, &findings), LINT_FINDINGS_MAX);
    assert_true(findings.more);
    BUF_AUTO json;
    buf_init(&json, 64 * 1024);
    lint_render(&findings, &json);
    assert_non_null(strstr(json.data, "{\"rule\":\"recovery\",\"what\":\"It says"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_alone_refuses_a_text),
        cmocka_unit_test(test_claims_are_found_in_other_words_and_in_hiding),
        cmocka_unit_test(test_a_proof_lets_claims_through_and_nothing_else),
        cmocka_unit_test(test_letters_of_other_scripts_and_pictures_are_refused),
        cmocka_unit_test(test_times_that_nobody_approved_are_refused),
        cmocka_unit_test(test_honest_texts_pass),
        cmocka_unit_test(test_a_reference_is_a_word_of_its_own),
        cmocka_unit_test(test_a_finding_says_where),
        cmocka_unit_test(test_many_findings_are_bounded),
    };
    return cmocka_run_group_tests_name("lint", tests, open_lint, close_lint);
}
