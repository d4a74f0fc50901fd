/* SPDX-License-Identifier: Apache-2.0
 * statement_damage.c: see statement_damage.h. */
#include "support/statement_damage.h"

#include <stdlib.h>

#include "support/fuzz_seed.h"

/* ---- reading ---- */

char *damage_encode(const struct damage_target *target, const char *text, size_t count,
                    size_t *ret_count) {
    gsize written = count;
    char *bytes = target->charset == NULL ? g_memdup2(text, count)
                                          : g_convert(text, (gssize)count, target->charset, "UTF-8",
                                                      NULL, &written, NULL);
    assert_true(bytes != NULL || count == 0);
    *ret_count = written;
    return bytes;
}

struct told damage_read(const struct damage_target *target, const void *bytes, size_t count) {
    char *exact = malloc(count > 0 ? count : 1);
    assert_non_null(exact);
    if (count > 0) {
        memcpy(exact, bytes, count);
    }
    const struct statement_source source = {
        .name = target->file_name, .bytes = exact, .count = count, .map = target->map};
    struct told told = told_read(target->reader, &source);
    free(exact);
    return told;
}

struct told damage_read_text(const struct damage_target *target, const GString *text) {
    size_t count = 0;
    char *bytes = damage_encode(target, text->str, text->len, &count);
    struct told told = damage_read(target, bytes, count);
    g_free(bytes);
    return told;
}

/* ---- comparing ---- */

static bool same_amounts(const struct statement_row *a, const struct statement_row *b) {
    return a->gross_minor == b->gross_minor && a->fee_minor == b->fee_minor &&
           a->net_minor == b->net_minor && currency_equal(a->currency, b->currency);
}

/* All that a row tells but its line, which a tolerated change may move, and its description. */
static bool same_row(const struct statement_row *a, const struct statement_row *b) {
    const char *const texts[][2] = {{a->gateway_id, b->gateway_id},
                                    {a->reference, b->reference},
                                    {a->original_id, b->original_id},
                                    {a->original_reference, b->original_reference},
                                    {a->batch, b->batch},
                                    {a->method, b->method},
                                    {a->native_kind, b->native_kind}};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (strcmp(texts[i][0], texts[i][1]) != 0) {
            return false;
        }
    }
    return a->kind == b->kind && a->status == b->status && a->at_us == b->at_us &&
           same_amounts(a, b);
}

static bool same_rows(const struct told *told, const struct told *good) {
    bool same = told->rows->len == good->rows->len;
    for (guint i = 0; same && i < good->rows->len; i++) {
        same = same_row(told_at(told, i), told_at(good, i));
    }
    return same;
}

bool damage_same_money(const struct told *told, const struct told *good) {
    bool same = told->rows->len == good->rows->len &&
                told->head.balance_count == good->head.balance_count;
    for (guint i = 0; same && i < good->rows->len; i++) {
        same = same_amounts(told_at(told, i), told_at(good, i));
    }
    for (int i = 0; same && i < good->head.balance_count; i++) {
        const struct statement_balance *is = &told->head.balances[i];
        const struct statement_balance *was = &good->head.balances[i];
        same = is->opening_minor == was->opening_minor && is->closing_minor == was->closing_minor &&
               currency_equal(is->currency, was->currency);
    }
    return same;
}

/* ---- spoiling ---- */

/* The line's first byte; the file's end when there are fewer. */
static size_t line_begin(const GString *text, int line) {
    const char *at = text->str;
    for (int i = 1; i < line; i++) {
        const char *end = strchr(at, '\n');
        if (end == NULL) {
            return text->len;
        }
        at = end + 1;
    }
    return (size_t)(at - text->str);
}

static void replace(GString *text, const struct damage *damage, size_t begin, size_t end) {
    const char *found = strstr(text->str + begin, damage->from);
    for (int i = 0; found != NULL && i < damage->number; i++) {
        found = strstr(found + 1, damage->from);
    }
    if (found == NULL || (damage->line != 0 && found >= text->str + end)) {
        fail_msg("%s: the good file has no such '%s'", damage->name, damage->from);
    }
    size_t at = (size_t)(found - text->str);
    g_string_erase(text, (gssize)at, (gssize)strlen(damage->from));
    g_string_insert(text, (gssize)at, damage->to);
}

GString *damage_apply(const GString *good, const struct damage *damage) {
    GString *text = g_string_new_len(good->str, (gssize)good->len);
    int lines = damage->how != REPLACE && damage->number > 0 ? damage->number : 1;
    size_t begin = line_begin(text, damage->line);
    size_t end = line_begin(text, damage->line + lines);
    g_autofree char *line = g_strndup(text->str + begin, end - begin);
    switch (damage->how) {
    case REPLACE:
        replace(text, damage, begin, end);
        break;
    case EVERYWHERE:
        assert_true(g_string_replace(text, damage->from, damage->to, 0) > 0);
        break;
    case DROP:
        assert_true(end > begin);
        g_string_erase(text, (gssize)begin, (gssize)(end - begin));
        break;
    case TWICE:
        g_string_insert(text, (gssize)begin, line);
        break;
    case SWAP:
        g_string_erase(text, (gssize)begin, (gssize)(end - begin));
        g_string_insert(text, (gssize)line_begin(text, damage->line + 1), line);
        break;
    case BEFORE:
        g_string_insert(text, (gssize)begin, damage->to);
        break;
    case AT_END:
        g_string_append(text, damage->to);
        break;
    case AT_BEGIN:
        g_string_prepend(text, damage->to);
        break;
    }
    return text;
}

char *damage_bytes(const char *good, size_t count, uint32_t seed) {
    static const char likely[] = "0123456789,;:\"\n-.'\t /+<>&CDR";
    GRand *random = g_rand_new_with_seed(seed);
    char *bytes = g_memdup2(good, count);
    int changes = g_rand_int_range(random, 1, 4);
    for (int i = 0; i < changes; i++) {
        int at = g_rand_int_range(random, 0, (gint32)count);
        bytes[at] = g_rand_boolean(random)
                        ? likely[g_rand_int_range(random, 0, (gint32)sizeof likely - 1)]
                        : (char)g_rand_int_range(random, 0, 256);
    }
    g_rand_free(random);
    return bytes;
}

bool damage_is_torn(const char *good, size_t count, char delimiter, int fields) {
    size_t begin = count;
    int delimiters = 0;
    bool quoted = false;
    while (begin > 0 && good[begin - 1] != '\n') {
        begin--;
    }
    for (size_t i = begin; i < count; i++) {
        quoted = quoted != (good[i] == '"');
        delimiters += !quoted && good[i] == delimiter;
    }
    return begin < count && (quoted || delimiters < fields - 1);
}

/* ---- checking ---- */

/* Words, on one line, no more of them than a sink takes. */
static bool all_say_what(const struct told *told) {
    enum { SHORTEST = 10, LONGEST = 200 };
    for (guint i = 0; i < told->problems->len; i++) {
        const char *text = g_array_index(told->problems, struct told_problem, i).text;
        size_t bytes = strlen(text);
        if (bytes < SHORTEST || bytes > LONGEST || strchr(text, '\n') != NULL ||
            !g_utf8_validate(text, (gssize)bytes, NULL)) {
            return false;
        }
    }
    return true;
}

static bool as_wanted(const struct damage *damage, const struct told *told,
                      const struct told *clean) {
    switch (damage->problem) {
    case TOLERATED:
        return told->problems->len == 0 && same_rows(told, clean) && damage_same_money(told, clean);
    case SAME_MONEY:
        return told->problems->len == 0 && damage_same_money(told, clean);
    case ACCEPTED:
        return told->problems->len == 0;
    default:
        return told_has(told, (enum statement_problem)damage->problem, damage->told_line) &&
               all_say_what(told);
    }
}

/* As inputs for the fuzzer: the good file, and the first damage of each that is told otherwise. */
static void seed(const struct damage_target *target, const GString *text, const char *name) {
    size_t count = 0;
    g_autofree char *bytes = damage_encode(target, text->str, text->len, &count);
    fuzz_seed_write(target->reader->name, name, target->file_name, NULL, bytes, count);
}

static void seed_all(const struct damage_target *target, const GString *good,
                     const struct damage *damages, size_t count) {
    if (!fuzz_seeds_wanted() || target->map != NULL) {
        return;
    }
    seed(target, good, "good");
    for (size_t i = 0; i < count; i++) {
        bool first = true;
        for (size_t j = 0; j < i; j++) {
            first = first && damages[j].problem != damages[i].problem;
        }
        if (first) {
            GString *text = damage_apply(good, &damages[i]);
            seed(target, text, damages[i].name);
            g_string_free(text, true);
        }
    }
}

/* All of them, so that a run names each that is not as it should be. */
void damage_check_all(const struct damage_target *target, const GString *good,
                      const struct damage *damages, size_t count) {
    struct told clean = damage_read_text(target, good);
    int failed = 0;
    seed_all(target, good, damages, count);
    assert_int_equal(clean.problems->len, 0);
    for (size_t i = 0; i < count; i++) {
        GString *text = damage_apply(good, &damages[i]);
        struct told told = damage_read_text(target, text);
        if (!as_wanted(&damages[i], &told, &clean)) {
            print_message("%s: told otherwise:\n", damages[i].name);
            told_print(&told);
            failed++;
        }
        told_free(&told);
        g_string_free(text, true);
    }
    told_free(&clean);
    assert_int_equal(failed, 0);
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool spoils_alike(const struct damage *a, const struct damage *b) {
    return a->how == b->how && a->line == b->line && a->number == b->number &&
           same_text(a->from, b->from) && same_text(a->to, b->to);
}

/* How many changes are refused with their line; two rows may look at one change. */
static int kinds_of(const struct damage *damages, size_t count) {
    int kinds = 0;
    for (size_t i = 0; i < count; i++) {
        bool counts = damages[i].problem >= 0 && damages[i].told_line > 0;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(damages[i].name, damages[j].name) == 0) {
                fail_msg("two kinds of damage have the name '%s'", damages[i].name);
            }
            counts = counts && !spoils_alike(&damages[i], &damages[j]);
        }
        kinds += counts;
    }
    return kinds;
}

void damage_check_layout(const struct damage_target *target, const GString *good,
                         const struct damage *damages, size_t count) {
    damage_check_all(target, good, damages, count);
    int kinds = kinds_of(damages, count);
    if (kinds < DAMAGE_KINDS_MIN) {
        fail_msg("only %d kinds of damage are refused with their line", kinds);
    }
}

void damage_check_text(const struct damage_target *target, const char *good,
                       const struct damage *damages, size_t count) {
    GString *text = g_string_new(good);
    damage_check_layout(target, text, damages, count);
    g_string_free(text, true);
}

void damage_check_cuts(const struct damage_target *target, const char *bytes, size_t count,
                       size_t needed, bool may_be_whole) {
    struct told clean = damage_read(target, bytes, count);
    for (size_t i = 0; i < needed; i++) {
        struct told told = damage_read(target, bytes, i);
        size_t ends = i;
        while (ends < count && (bytes[ends] == '\r' || bytes[ends] == '\n')) {
            ends++;
        }
        bool whole = may_be_whole && damage_same_money(&told, &clean);
        if (told.problems->len == 0 && ends < count && !whole) {
            fail_msg("cut after %zu of %zu bytes, and nothing was told", i, count);
        }
        told_free(&told);
    }
    told_free(&clean);
}

/* Each with what stands before it. */
static void print_changes(const char *was, const char *is, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (was[i] != is[i]) {
            size_t from = i > 60 ? i - 60 : 0;
            print_message("byte %zu from 0x%02x to 0x%02x behind: %.*s\n", i, (unsigned char)was[i],
                          (unsigned char)is[i], (int)(i - from), was + from);
        }
    }
}

void damage_check_changes(const struct damage_target *target, const char *bytes, size_t count,
                          uint32_t seed, int rounds) {
    struct told clean = damage_read(target, bytes, count);
    int quiet = 0;
    assert_int_equal(clean.problems->len, 0);
    for (int i = 0; i < rounds; i++) {
        char *changed = damage_bytes(bytes, count, seed + (uint32_t)i);
        struct told told = damage_read(target, changed, count);
        if (told.problems->len == 0) {
            quiet++;
            if (!damage_same_money(&told, &clean)) {
                print_changes(bytes, changed, count);
                fail_msg("round %d changed an amount, and nothing was told", i);
            }
        }
        told_free(&told);
        g_free(changed);
    }
    assert_true(quiet < rounds);
    told_free(&clean);
}
