/* SPDX-License-Identifier: Apache-2.0
 * test_kb.c: the knowledge base (TICKET-3): what it must have, how it is found, its versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "desk/kb_impl.h"
#include "desk/ticket_impl.h"
#include "support/payment_world.h"
#include "watch/alert.h"
#include "watch/guides.h"

#define W the_world
#define FRONT(title, tags)                                                                         \
    "---\ntitle: " title "\nkind: faq\ntags: " tags                                                \
    "\nfor: situation:test\nversion: 1\nreviewed: 2026-11-23\n---\n\n"

static struct kb *open_kb(const char *folder) {
    struct kb *kb = NULL;
    const struct kb_options options = {
        .store = W->engine.store, .payments = W->payments, .folder = folder};
    W->err = (struct err){0};
    int r = kb_open(&options, &kb, &W->err);
    return r < 0 ? NULL : kb;
}

static json_t *took(int r, struct answer *answer) {
    return world_take(W, r, answer);
}

static json_t *search(struct kb *kb, const char *text, const char *language) {
    struct answer answer = {0};
    const struct kb_query query = {.text = text, .language = language};
    W->err = (struct err){0};
    return took(kb_search(kb, &query, &answer, &W->err), &answer);
}

static json_t *get(struct kb *kb, const char *page, const char *language, int64_t version) {
    struct answer answer = {0};
    W->err = (struct err){0};
    return took(kb_get(kb, page, language, version, &answer, &W->err), &answer);
}

static json_t *put_as(struct kb *kb, const char *key, const struct kb_edit *edit) {
    struct answer answer = {0};
    struct caller caller = world_caller(key, key);
    W->err = (struct err){0};
    return took(kb_put(kb, &caller, edit, &answer, &W->err), &answer);
}

static json_t *put(struct kb *kb, const char *key, const char *text, int64_t if_version) {
    const struct kb_edit edit = {.page = "charged-twice",
                                 .language = "en",
                                 .text = text,
                                 .if_version = if_version,
                                 .reason = "because"};
    return put_as(kb, key, &edit);
}

/* ---- what there is ---- */

static void every_page_is_there_in_both_languages_and_fit_to_be_read(void **state) {
    struct kb *kb = open_kb(NULL);
    int pages = 0, kinds[KB_KINDS] = {0};
    for (int i = 0; i < kb->page_count; i++) {
        const struct kb_page *page = kb->pages[i];
        kinds[page->kind]++;
        if (page->kind == KB_RUNBOOK) {
            continue;
        }
        pages++;
        const char *other = strcmp(page->language, "en") == 0 ? "zh" : "en";
        const struct kb_page *same = kb_find(kb, page->page, other);
        if (same == NULL || same->kind != page->kind || strcmp(same->about, page->about) != 0) {
            fail_msg("%s: there is none in %s, or it is for something else", page->page, other);
        }
        char heading[KB_TITLE_CHARS_MAX * 4 + 4];
        snprintf(heading, sizeof heading, "# %s\n", page->title);
        if (page->kind != KB_SOP && strncmp(page->body, heading, strlen(heading)) != 0) {
            fail_msg("%s (%s) does not begin with its title", page->page, page->language);
        }
        if (strlen(page->body) < 300 || page->tags[0] == '\0' || page->about[0] == '\0') {
            fail_msg("%s (%s) says too little", page->page, page->language);
        }
    }
    assert_true(pages >= 2 * 16);
    assert_true(kinds[KB_SOP] >= 20 && kinds[KB_FAQ] >= 20 && kinds[KB_GATEWAY] >= 12);
    assert_int_equal(kinds[KB_RUNBOOK], guide_count);
    kb_close(kb);
}

static bool anything_is_for(const struct kb *kb, const char *what, const char *language) {
    for (int i = 0; i < kb->page_count; i++) {
        if (strcmp(kb->pages[i]->language, language) == 0 && kb_listed(kb->pages[i]->about, what)) {
            return true;
        }
    }
    return false;
}

static void breaks_tickets_gateways_and_alerts_all_lead_to_a_page(void **state) {
    static const char *const classes[] = {
#define X(class, page, suggestion) class,
#include "desk/ticket_classes.def"
#undef X
    };
    static const char *const kinds[] = {"break", "case", "ticket"};
    static const char *const languages[] = {"en", "zh"};
    static const char *const gateways[] = {"stripe", "paypal", "alipay", "wechatpay", "unionpay",
                                           "bank"};
    struct kb *kb = open_kb(NULL);
    char what[80];
    for (size_t l = 0; l < COUNT_OF(languages); l++) {
        for (size_t i = 0; i < COUNT_OF(classes); i++) {
            bool found = false;
            for (size_t j = 0; j < COUNT_OF(kinds); j++) {
                snprintf(what, sizeof what, "%s:%s", kinds[j], classes[i]);
                found = found || anything_is_for(kb, what, languages[l]);
            }
            const char *page = ticket_class_of(classes[i])->page;
            if (!found || kb_find(kb, page, languages[l]) == NULL) {
                fail_msg("no page in %s for %s", languages[l], classes[i]);
            }
        }
        for (size_t i = 0; i < COUNT_OF(gateways); i++) {
            snprintf(what, sizeof what, "gateway:%s", gateways[i]);
            assert_true(anything_is_for(kb, what, languages[l]));
        }
    }
    for (int i = 0; i < alert_rule_count(); i++) {
        assert_non_null(kb_find(kb, alert_rule_at(i)->guide, "en"));
    }
    kb_close(kb);
}

/* `holdfast noun verb --option …` between two `. */
static void check_command(const char *page, const char *text) {
    char words[12][60] = {{0}};
    int count = 0;
    for (const char *at = text; *at != '\0' && *at != '`' && count < 12; count++) {
        size_t chars = strcspn(at, " `");
        snprintf(words[count], sizeof words[count], "%.*s", (int)chars, at);
        at += chars + (at[chars] == ' ');
    }
    const char *verb = count > 1 && cli_has_verbs(words[0]) ? words[1] : NULL;
    const struct cli_command *command = cli_command_find(words[0], verb);
    if (command == NULL || command->handler == NULL) {
        fail_msg("%s: there is no `holdfast %s %s`", page, words[0], verb != NULL ? verb : "");
        return;
    }
    int min = 0, max = 0, arguments = 0;
    cli_argument_bounds(command, &min, &max);
    for (int i = verb != NULL ? 2 : 1; i < count; i++) {
        if (strncmp(words[i], "--", 2) == 0) {
            const struct cli_option *option = cli_option_find(command, words[i] + 2);
            if (option == NULL) {
                fail_msg("%s: `holdfast %s` has no %s", page, text, words[i]);
                return;
            }
            i += option->value != NULL;
        } else {
            arguments++;
        }
    }
    assert_in_range(arguments, 0, max);
}

static void every_command_on_a_page_can_be_given_and_every_link_leads_somewhere(void **state) {
    struct kb *kb = open_kb(NULL);
    int commands = 0, links = 0;
    for (int i = 0; i < kb->page_count; i++) {
        const struct kb_page *page = kb->pages[i];
        if (page->kind == KB_RUNBOOK) {
            continue;
        }
        for (const char *at = strstr(page->body, "`holdfast "); at != NULL;
             at = strstr(at + 1, "`holdfast ")) {
            check_command(page->page, at + strlen("`holdfast "));
            commands++;
        }
        for (const char *at = strstr(page->body, "]("); at != NULL; at = strstr(at + 1, "](")) {
            char name[KB_PAGE_CHARS_MAX + 1];
            snprintf(name, sizeof name, "%.*s", (int)strcspn(at + 2, ".)"), at + 2);
            if (kb_find(kb, name, page->language) == NULL) {
                fail_msg("%s (%s) links to %s", page->page, page->language, name);
            }
            links++;
        }
    }
    assert_true(commands > 60 && links > 20);
    kb_close(kb);
}

/* ---- finding ---- */

static void words_and_chinese_find_the_page_that_is_about_them(void **state) {
    static const struct {
        const char *query, *language, *page;
    } rows[] = {
        {"charged twice", "en", "faq-charged-twice"},
        {"paid_at_two_gateways", "en", "charged-twice"},
        {"Where is my refund?", "", "faq-refund-when"},
        {"refund failed card closed", "en", "faq-refund-failed"},
        {"REFUNDS failed", "en", "faq-refund-failed"}, /* a plural, capital letters */
        {"declined insufficient funds", "", "faq-declined"},
        {"pending checked unknown", "", "faq-payment-being-checked"},
        {"chargeback", "", "disputes"},
        {"IBAN reference", "", "gateway-bank"},
        {"alipay trade number", "", "gateway-alipay"},
        {"重复扣款", "", "charged-twice"},
        {"我被扣了两次款", "", "faq-charged-twice"},
        {"退款什么时候到账", "", "faq-refund-when"},
        {"退款失败", "", "faq-refund-failed"},
        {"微信支付 付款码", "zh", "gateway-wechatpay"},
        {"争议 举证", "", "disputes"},
        {"已付款，但订单没有更新", "", "faq-paid-order-open"},
        {"支付宝 交易号", "", "gateway-alipay"},
        {"ＰａｙＰａｌ", "zh", "gateway-paypal"}, /* full width */
        {"预授权", "zh", "gateway-unionpay"},
        {"卡", "zh", NULL}, /* one character alone finds something */
        {"gateway failure", "en", "gateway-failure"}, /* a runbook */
    };
    struct kb *kb = open_kb(NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *json = search(kb, rows[i].query, rows[i].language);
        const json_t *best = json_array_get(json_object_get(json, "data"), 0);
        if (best == NULL || (rows[i].page != NULL &&
                             strcmp(json_at(best, "page"), rows[i].page) != 0)) {
            fail_msg("\"%s\" finds %s first", rows[i].query,
                     best != NULL ? json_at(best, "page") : "nothing");
        }
        json_decref(json);
    }
    json_t *json = search(kb, "zzzznothing", "");
    assert_int_equal(int_at(json, "total"), 0);
    json_decref(json);
    kb_close(kb);
}

/* More of the words is better than one of them often; a title more than a line of text. */
static void the_ranking_is_as_it_is_written_down(void **state) {
    static const struct {
        const char *name, *text;
    } pages[] = {
        {"zz-body", FRONT("Something", "a") "# Something\n\nA quokka stands here once.\n"},
        {"zz-title", FRONT("Quokka", "a") "# Quokka\n\nNothing else.\n"},
        {"zz-often", FRONT("Other", "a") "quokka quokka quokka quokka quokka quokka quokka\n"},
        {"zz-both", FRONT("Third", "a") "A quokka and a numbat.\n"},
        {"zz-han", FRONT("Han", "a") "袋熊在这里。\n"},
        {"zz-bilby", FRONT("Bilby", "bilby") "# Bilby\n\nA bilby.\n"},
        {"zz-long", FRONT("Long", "a") "One two three four five six seven eight nine ten eleven "
                    "twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty "
                    "thirty forty fifty sixty seventy eighty ninety hundred thousand million red "
                    "green blue yellow white black brown grey pink violet bilby quokka.\n"},
        {"zz-apart", FRONT("Apart", "a") "袋子里有一只熊。\n"},
    };
    struct kb *kb = open_kb(NULL);
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        const struct kb_edit edit = {.page = pages[i].name, .language = "en",
                                     .text = pages[i].text, .reason = "a test"};
        json_decref(put_as(kb, pages[i].name, &edit));
        assert_int_equal(W->status, 201);
    }
    static const struct {
        const char *query, *order[4];
        bool alone;
    } rows[] = {
        {"quokka", {"zz-title", "zz-often", "zz-both"}},
        {"quokka numbat", {"zz-both", "zz-title"}},
        {"bilby quokka", {"zz-long"}}, /* all of the words before one of them */
        {"袋熊", {"zz-han"}, true}, /* two neighbours, not both characters somewhere */
        {"袋", {"zz-han", "zz-apart"}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *json = search(kb, rows[i].query, "en");
        const json_t *data = json_object_get(json, "data");
        for (size_t j = 0; j < 4 && rows[i].order[j] != NULL; j++) {
            assert_string_equal(json_at(json_array_get(data, j), "page"), rows[i].order[j]);
        }
        if (rows[i].alone) {
            assert_int_equal(json_array_size(data), 1);
        }
        json_decref(json);
    }
    kb_close(kb);
}

static void terms_are_folded_words_and_pairs_of_neighbours(void **state) {
    struct kb *kb = open_kb(NULL);
    static const char *const same[][2] = {{"Refunds", "refund"}, {"queries", "query"},
                                          {"ＡＢＣ", "abc"}, {"ÜBER", "über"}};
    static const char *const other[][2] = {{"status", "statu"}, {"process", "proces"},
                                           {"this", "thi"}};
    for (size_t i = 0; i < COUNT_OF(same) + COUNT_OF(other); i++) {
        bool alike = i < COUNT_OF(same);
        const char *const *pair = alike ? same[i] : other[i - COUNT_OF(same)];
        char text[400];
        const struct kb_edit edit = {.page = "zz-term", .language = "en", .text = text,
                                     .if_version = (int64_t)i, .reason = "a test"};
        snprintf(text, sizeof text, FRONT("T", "a") "%s\n", pair[0]);
        json_decref(put_as(kb, pair[0], &edit));
        json_t *json = search(kb, pair[1], "en");
        bool found = false;
        size_t at;
        json_t *row;
        json_array_foreach(json_object_get(json, "data"), at, row) {
            found = found || strcmp(json_at(row, "page"), "zz-term") == 0;
        }
        json_decref(json);
        if (found != alike) {
            fail_msg("%s and %s", pair[0], pair[1]);
        }
    }
    kb_close(kb);
}

/* ---- versions ---- */

#define NEW FRONT("Charged twice", "new") "# Charged twice\n\nSay wombat.\n"
#define NEWER FRONT("Charged twice", "newer") "# Charged twice\n\nSay bilby.\n"

static void an_edit_is_a_version_and_the_old_ones_stay(void **state) {
    struct kb *kb = open_kb(NULL), *elsewhere = open_kb(NULL);
    json_t *first = get(kb, "charged-twice", "en", 0);
    assert_int_equal(int_at(first, "version"), 1);
    json_t *json = put(kb, "k1", NEW, 1);
    assert_int_equal(W->status, 200);
    assert_int_equal(int_at(json, "version"), 2);
    json_decref(json);
    /* The same request is the same edit. */
    json_decref(put(kb, "k1", NEW, 1));
    assert_true(W->replayed);
    assert_null(put(kb, "k2", NEWER, 1)); /* who looked at what is gone */
    assert_int_equal(W->err.code, ERR_STATE);
    json_decref(put(kb, "k3", NEWER, 2));
    assert_int_equal(W->status, 200);
    /* Another instance has it too, by its words. */
    json = search(elsewhere, "bilby", "en");
    assert_string_equal(json_at(json_array_get(json_object_get(json, "data"), 0), "page"),
                        "charged-twice");
    json_decref(json);
    json = search(elsewhere, "wombat", "en");
    assert_int_equal(int_at(json, "total"), 0);
    json_decref(json);
    json = get(elsewhere, "charged-twice", "en", 1);
    assert_string_equal(json_at(json, "text"), json_at(first, "text"));
    json_decref(json);
    json = get(elsewhere, "charged-twice", "en", 2);
    assert_string_equal(json_at(json, "text"), NEW);
    assert_string_equal(json_at(json, "edited_by"), "key:test");
    assert_string_equal(json_at(json, "reason"), "because");
    assert_int_equal(int_at(json, "newest"), 3);
    json_decref(json);
    assert_null(get(kb, "charged-twice", "en", 9));
    assert_int_equal(W->err.code, ERR_NOT_FOUND);
    /* The other language stays as it was. */
    json = get(kb, "charged-twice", "zh", 0);
    assert_int_equal(int_at(json, "version"), 1);
    json_decref(json);
    assert_text(W,
                "SELECT action || ' ' || subject || ' ' || reason || ' ' || detail FROM "
                "audit_entry ORDER BY number DESC LIMIT 1",
                "kb.edit charged-twice en because {\"version\":3}");
    json_decref(first);
    kb_close(kb);
    kb_close(elsewhere);
}

static void a_restored_version_is_a_new_one_with_the_old_text(void **state) {
    struct kb *kb = open_kb(NULL);
    json_t *first = get(kb, "charged-twice", "en", 0), *json;
    json_decref(put(kb, "k1", NEW, 1));
    const struct kb_edit back = {.page = "charged-twice",
                                 .language = "en",
                                 .restore = 1,
                                 .if_version = 2,
                                 .reason = "it was better"};
    json = put_as(kb, "k2", &back);
    assert_int_equal(int_at(json, "version"), 3);
    json_decref(json);
    json = get(kb, "charged-twice", "en", 0);
    assert_string_equal(json_at(json, "text"), json_at(first, "text"));
    json_decref(json);
    struct answer answer = {0};
    json = took(kb_versions(kb, "charged-twice", "en", &answer, &W->err), &answer);
    const json_t *rows = json_object_get(json, "data");
    assert_int_equal(json_array_size(rows), 3);
    assert_string_equal(json_at(json_array_get(rows, 0), "reason"), "it was better");
    assert_string_equal(json_at(json_array_get(rows, 2), "author"), "holdfast");
    json_decref(json);
    const struct kb_edit nowhere = {.page = "charged-twice", .language = "en", .restore = 8,
                                    .if_version = 3, .reason = "x"};
    assert_null(put_as(kb, "k3", &nowhere));
    assert_int_equal(W->err.code, ERR_NOT_FOUND);
    json_decref(first);
    kb_close(kb);
}

static void what_is_no_page_is_refused_and_nothing_is_changed(void **state) {
    static const struct {
        const char *text, *place;
        int code;
    } rows[] = {
        {"# no front matter\n", "/text line 1", ERR_VALIDATION},
        {"---\ntitle: x\n", "/text line 3", ERR_VALIDATION},
        {"---\ntitle x\n---\n", "/text line 2", ERR_VALIDATION},
        {"---\nnothing: x\n---\n", "/text line 2", ERR_VALIDATION},
        {"---\ntitle: x\ntitle: y\n---\n", "/text line 3", ERR_VALIDATION},
        {"---\ntitle: x\nkind: runbook\n---\n", "/text line 3", ERR_VALIDATION},
        {"---\ntitle: x\nkind: sop\ntags: a\nversion: 0\n---\n", "/text line 5", ERR_VALIDATION},
        {"---\ntitle: x\nkind: sop\ntags: a\nversion: 1\nreviewed: soon\n---\n", "/text line 6",
         ERR_VALIDATION},
        {"---\ntitle: x\nkind: sop\nversion: 1\nreviewed: 2026-11-23\n---\n", "/text line 6",
         ERR_VALIDATION},
        {FRONT("x", "a") "card 4111 1111 1111 1111\n", "/text", ERR_CARD_NUMBER},
        {FRONT("x", "a") "bell \a\n", "/text line 1", ERR_VALIDATION},
        {FRONT("x", "a") "\xff\n", "/text line 1", ERR_VALIDATION},
    };
    struct kb *kb = open_kb(NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_null(put(kb, "k", rows[i].text, 1));
        assert_int_equal(W->err.code, rows[i].code);
        assert_string_equal(W->err.place, rows[i].place);
    }
    static const char *const names[] = {"", "a", "A-b", "../x", "a b", "-ab", "a/b"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct kb_edit edit = {.page = names[i], .language = "en", .text = NEW,
                                     .reason = "x"};
        assert_null(put_as(kb, "k", &edit));
        assert_int_equal(W->err.code, ERR_VALIDATION);
    }
    const struct kb_edit runbook = {.page = "gateway-failure", .language = "en", .text = NEW,
                                    .if_version = 1, .reason = "x"};
    assert_null(put_as(kb, "k", &runbook));
    assert_int_equal(W->err.code, ERR_STATE);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM kb_version"), 0);
    kb_close(kb);
}

/* ---- a folder of one's own ---- */

static void write_file(const char *name, const char *text) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", W->engine.folder, name);
    assert_int_equal(file_replace(path, text, strlen(text), 0600, &W->err), 0);
}

static void pages_of_a_folder_take_the_place_of_those_built_in(void **state) {
    write_file("charged-twice.md", NEW);
    write_file("our-own.zh-CN.md", FRONT("自己的", "a") "自己的页面。\n");
    write_file("README.md", "no page by its name\n");
    write_file("notes.txt", "nor this\n");
    struct kb *kb = open_kb(W->engine.folder);
    assert_non_null(kb);
    assert_non_null(strstr(kb_find(kb, "charged-twice", "en")->body, "wombat"));
    assert_non_null(kb_find(kb, "our-own", "zh"));
    assert_null(kb_find(kb, "our-own", "en"));
    kb_close(kb);
    write_file("bad.md", "---\ntitle: x\nkind: nothing\n---\n");
    assert_null(open_kb(W->engine.folder));
    assert_int_equal(W->err.code, ERR_CONFIG);
    assert_non_null(strstr(W->err.place, "/bad.md /text line 3"));
    assert_null(open_kb("/nonexistent"));
    assert_int_equal(W->err.code, ERR_CONFIG);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_is_there_in_both_languages_and_fit_to_be_read),
        cmocka_unit_test(breaks_tickets_gateways_and_alerts_all_lead_to_a_page),
        cmocka_unit_test(every_command_on_a_page_can_be_given_and_every_link_leads_somewhere),
        cmocka_unit_test(words_and_chinese_find_the_page_that_is_about_them),
        cmocka_unit_test(the_ranking_is_as_it_is_written_down),
        cmocka_unit_test(terms_are_folded_words_and_pairs_of_neighbours),
        cmocka_unit_test(an_edit_is_a_version_and_the_old_ones_stay),
        cmocka_unit_test(a_restored_version_is_a_new_one_with_the_old_text),
        cmocka_unit_test(what_is_no_page_is_refused_and_nothing_is_changed),
        cmocka_unit_test(pages_of_a_folder_take_the_place_of_those_built_in),
    };
    return payment_world_run("the knowledge base", tests, COUNT_OF(tests));
}
