/* SPDX-License-Identifier: Apache-2.0
 * test_templates.c: every text that ships is let through by the linter when it is filled in, and
 * needs what it holds; texts of a folder replace them, and wrong ones are refused with their
 * place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "comms/lint.h"
#include "comms/template.h"

#define REFERENCE "pay_01JD5R6Q6Y0V3M8X2K4N7T9BCF"
#define PAYMENTS "A-2291, 12.50 EUR, " REFERENCE

static struct templates *templates;
static struct lint *lint;

static int open_all(void **state) {
    struct err err = {0};
    if (templates_open(NULL, &templates, &err) < 0 || lint_open(&lint, &err) < 0) {
        print_error("%s at %s\n", err.detail, err.place);
        return -1;
    }
    return 0;
}

static int close_all(void **state) {
    templates_close(templates);
    lint_close(lint);
    return 0;
}

struct filled {
    char *of[FIELDS];
    struct field_values values;
};

static void fill(struct filled *filled, enum language language) {
    for (int i = 0; i < FIELDS; i++) {
        struct err err = {0};
        BUF_AUTO buf;
        buf_init(&buf, 4096);
        if (i == FIELD_PAYMENTS) {
            buf_add_text(&buf, PAYMENTS);
        } else if (field_show((enum field)i, language, 0,
                              field_row((enum field)i)->examples[language], &buf, &err) < 0) {
            fail_msg("%s", err.detail);
        }
        filled->of[i] = strdup(buf.data);
        filled->values.of[i] = filled->of[i];
    }
}

static void fill_release(struct filled *filled) {
    for (int i = 0; i < FIELDS; i++) {
        free(filled->of[i]);
    }
}

static int judge(const struct template *one, const struct filled *filled, const char *text,
                 const struct proof *proof, struct lint_findings *ret_findings) {
    static const char *const references[] = {REFERENCE};
    const char *times[FIELDS];
    struct lint_facts facts = {.audience = one->audience, .language = one->language};
    const struct situation_row *row = situation_row(one->situation);
    for (int i = 0; i < FIELDS; i++) {
        enum field_kind kind = field_row((enum field)i)->kind;
        if (kind == FIELD_KIND_TIME || kind == FIELD_KIND_SPAN) {
            times[facts.time_count++] = filled->values.of[i];
        }
    }
    facts.times = times;
    facts.references = references;
    facts.reference_count = row->personal;
    facts.next_update = row->next ? filled->values.of[FIELD_NEXT_UPDATE] : NULL;
    facts.proof = proof;
    BUF_AUTO buf;
    buf_init(&buf, 64 * 1024);
    template_fill(text, &filled->values, &buf);
    return lint_text(lint, &facts, buf.data, ret_findings);
}

static void expect_clean(const struct template *one, const struct filled *filled, const char *text,
                         const struct proof *proof) {
    struct lint_findings findings = {0};
    if (judge(one, filled, text, proof, &findings) > 0) {
        fail_msg("%s/%s.%s: %s: \"%s\"", audience_name(one->audience),
                 situation_row(one->situation)->name, language_name(one->language),
                 lint_rule_name(findings.list[0].rule), findings.list[0].quote);
    }
}

static void test_every_text_that_ships_passes(void **state) {
    static const struct proof proof = {.at_us = 1};
    int count = templates_count(templates);
    assert_true(count >= 40);
    for (int i = 0; i < count; i++) {
        const struct template *one = templates_at(templates, i);
        const struct situation_row *row = situation_row(one->situation);
        struct filled filled = {0};
        char whole[8192];
        assert_true(one->shipped);
        fill(&filled, one->language);
        snprintf(whole, sizeof whole, "%s\n\n%s", one->subject, one->text);
        expect_clean(one, &filled, whole, row->proof ? &proof : NULL);
        if (one->audience == AUDIENCE_CUSTOMER) {
            expect_clean(one, &filled, one->brief, row->proof ? &proof : NULL);
        }
        /* What says that it is over is refused without the proof. */
        struct lint_findings findings = {0};
        if (row->proof) {
            assert_true(judge(one, &filled, whole, NULL, &findings) > 0);
            assert_int_equal(findings.list[0].rule, LINT_RECOVERY);
        }
        /* And each field that it uses is needed. */
        for (int field = 0; field < FIELDS; field++) {
            if (template_has(whole, (enum field)field)) {
                filled.values.of[field] = NULL;
                assert_true(judge(one, &filled, whole, &proof, &findings) > 0);
                filled.values.of[field] = filled.of[field];
            }
        }
        fill_release(&filled);
    }
}

static void test_every_situation_is_there_for_customers_in_both_languages(void **state) {
    for (int situation = 1; situation < SITUATIONS; situation++) {
        for (int language = 0; language < LANGUAGES; language++) {
            const struct template *one =
                templates_find(templates, AUDIENCE_CUSTOMER, (enum situation)situation,
                               (enum language)language);
            const struct situation_row *row = situation_row((enum situation)situation);
            assert_non_null(one);
            assert_int_equal(row->personal, template_has(one->text, FIELD_PAYMENTS));
            assert_int_equal(row->next, template_has(one->text, FIELD_NEXT_UPDATE));
        }
    }
}

static void test_a_value_is_not_looked_at_for_fields(void **state) {
    struct field_values values = {0};
    values.of[FIELD_AFFECTED] = "{shop} {affected}";
    values.of[FIELD_SHOP] = "S";
    BUF_AUTO buf;
    buf_init(&buf, 4096);
    template_fill("{shop}: {affected} {gift} {nothing} {", &values, &buf);
    assert_string_equal(buf.data, "S: {shop} {affected} {gift} {nothing} {");
}

static void test_values_are_written_out_or_refused(void **state) {
    static const struct {
        enum field field;
        enum language language;
        int offset;
        const char *given, *shown; /* NULL: refused */
    } cases[] = {
        {FIELD_NEXT_UPDATE, LANGUAGE_EN, 0, "2026-11-23T14:30:00Z", "2026-11-23 14:30 UTC"},
        {FIELD_NEXT_UPDATE, LANGUAGE_ZH, 480, "2026-11-23T18:30:00Z", "2026-11-24 02:30 UTC+8"},
        {FIELD_NEXT_UPDATE, LANGUAGE_EN, -210, "2026-11-23T14:30:00Z", "2026-11-23 11:00 UTC-3:30"},
        {FIELD_NEXT_UPDATE, LANGUAGE_EN, 0, "in an hour", NULL},
        {FIELD_NEXT_UPDATE, LANGUAGE_EN, 0, "", NULL},
        {FIELD_ARRIVAL, LANGUAGE_EN, 0, "3-10", "3 to 10 working days"},
        {FIELD_ARRIVAL, LANGUAGE_ZH, 0, "5", "5 个工作日"},
        {FIELD_ARRIVAL, LANGUAGE_EN, 0, "10-3", NULL},
        {FIELD_ARRIVAL, LANGUAGE_EN, 0, "soon", NULL},
        {FIELD_ARRIVAL, LANGUAGE_EN, 0, "0", NULL},
        {FIELD_ARRIVAL, LANGUAGE_EN, 0, "3-", NULL},
        {FIELD_CHECKED, LANGUAGE_EN, 0, "1200", "1200"},
        {FIELD_CHECKED, LANGUAGE_EN, 0, "many", NULL},
        {FIELD_CHANGED, LANGUAGE_EN, 0, "", NULL},
        {FIELD_PAYMENTS, LANGUAGE_EN, 0, "x", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        BUF_AUTO buf;
        buf_init(&buf, 4096);
        int r = field_show(cases[i].field, cases[i].language, cases[i].offset, cases[i].given, &buf,
                           &err);
        if (cases[i].shown != NULL) {
            assert_int_equal(r, 0);
            assert_string_equal(buf.data, cases[i].shown);
        } else {
            assert_true(r < 0);
            assert_int_equal(err.code, ERR_VALIDATION);
            assert_memory_equal(err.place, "/fields/", 8);
        }
    }
}

/* ---- a folder ---- */

static char folder[64];

static void put(const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/customer/update.en.txt", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_a_folder_replaces_texts(void **state) {
    static const struct {
        const char *text, *problem;
    } wrong[] = {
        {"Hello\n\nText\n", "first line"},
        {"Subject: S\n\nText\n", "no line \"Short"},
        {"Subject: S\nShort: T\nText\n", "empty line"},
        {"Subject: S\nShort: T\n\n{nothing}\n", "no field \"{nothing}\""},
        {"Subject: {Shop}\nShort: T\n\nText\n", "no field"},
    };
    struct templates *own = NULL;
    struct err err = {0};
    char path[128];
    snprintf(folder, sizeof folder, "%s/templates-XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/customer", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    put("Subject: Ours\nShort: {shop} {next_update}\n\nOur own text, {next_update}.\n");
    assert_int_equal(templates_open(folder, &own, &err), 0);
    const struct template *one =
        templates_find(own, AUDIENCE_CUSTOMER, SITUATION_UPDATE, LANGUAGE_EN);
    assert_string_equal(one->subject, "Ours");
    assert_string_equal(one->text, "Our own text, {next_update}.");
    assert_false(one->shipped);
    assert_true(template_uses(one, FIELD_SHOP));
    assert_int_equal(templates_count(own), templates_count(templates));
    templates_close(own);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        put(wrong[i].text);
        assert_true(templates_open(folder, &own, &err) < 0);
        assert_int_equal(err.code, ERR_CONFIG);
        assert_non_null(strstr(err.detail, wrong[i].problem));
        assert_non_null(strstr(err.place, "update.en.txt"));
    }
    snprintf(path, sizeof path, "%s/customer/update.en.txt", folder);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/customer", folder);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_text_that_ships_passes),
        cmocka_unit_test(test_every_situation_is_there_for_customers_in_both_languages),
        cmocka_unit_test(test_a_value_is_not_looked_at_for_fields),
        cmocka_unit_test(test_values_are_written_out_or_refused),
        cmocka_unit_test(test_a_folder_replaces_texts),
    };
    return cmocka_run_group_tests_name("templates", tests, open_all, close_all);
}
