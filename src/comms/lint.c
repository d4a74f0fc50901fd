/* SPDX-License-Identifier: Apache-2.0
 * lint.c: see lint.h. */
#include "comms/lint.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pan.h"
#include "base/text.h"
#include "comms/fold.h"

enum pattern_kind { HONEST, CLAIM, STEM, PROMISE, JARGON, BLAME, PATTERN_KINDS };
enum {
    C = 1 << AUDIENCE_CUSTOMER,
    S = 1 << AUDIENCE_SUPPORT,
    E = 1 << AUDIENCE_EXECUTIVE,
    P = 1 << AUDIENCE_PROVIDER,
    ALL = (1 << AUDIENCES) - 1,
    ARENA_BYTES_MAX = 16 * 1024 * 1024,
    PATTERN_BYTES_MAX = 64 * 1024,
    VIEWS_MAX = 8,
};

static const struct {
    enum pattern_kind kind;
    unsigned audiences;
    const char *text;
} patterns[] = {
#define X(KIND, audiences, pattern) {KIND, audiences, pattern},
#include "comms/lint_patterns.def"
#undef X
};

static const struct {
    const char *name, *what, *fix;
} rules[LINT_RULES] = {
#define X(NAME, name, what, fix) {name, what, fix},
#include "comms/lint_rules.def"
#undef X
};

const char *lint_rule_name(enum lint_rule rule) {
    return rules[rule].name;
}
const char *lint_rule_what(enum lint_rule rule) {
    return rules[rule].what;
}
const char *lint_rule_fix(enum lint_rule rule) {
    return rules[rule].fix;
}

/* ---- patterns ---- */

/* All patterns of a kind that are for an audience, as one expression; NULL: there is none. */
struct lint {
    GRegex *regex[PATTERN_KINDS][AUDIENCES];
};

static int compile(struct lint *lint, enum pattern_kind kind, int audience, struct err *err) {
    BUF_AUTO all;
    buf_init(&all, PATTERN_BYTES_MAX);
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        if (patterns[i].kind == kind && (patterns[i].audiences & (1U << audience)) != 0) {
            buf_addf(&all, "%s(?:%s)", all.len > 0 ? "|" : "", patterns[i].text);
        }
    }
    if (all.len == 0) {
        return 0;
    }
    GError *error = NULL;
    lint->regex[kind][audience] = g_regex_new(all.data, G_REGEX_OPTIMIZE, 0, &error);
    if (error != NULL) {
        int r = err_set(err, ERR_CONFIG, "a pattern of lint_patterns.def: %s", error->message);
        g_error_free(error);
        return r;
    }
    return 0;
}

int lint_open(struct lint **ret_lint, struct err *err) {
    struct lint *lint = g_new0(struct lint, 1);
    int r = 0;
    for (int kind = 0; r >= 0 && kind < PATTERN_KINDS; kind++) {
        for (int audience = 1; r >= 0 && audience < AUDIENCES; audience++) {
            r = compile(lint, (enum pattern_kind)kind, audience, err);
        }
    }
    if (r < 0) {
        lint_close(lint);
        return r;
    }
    *ret_lint = lint;
    return 0;
}

void lint_close(struct lint *lint) {
    for (int kind = 0; lint != NULL && kind < PATTERN_KINDS; kind++) {
        for (int audience = 0; audience < AUDIENCES; audience++) {
            if (lint->regex[kind][audience] != NULL) {
                g_regex_unref(lint->regex[kind][audience]);
            }
        }
    }
    g_free(lint);
}

/* ---- findings ---- */

struct look {
    const struct lint *lint;
    const struct lint_facts *facts;
    const char *text;
    size_t bytes;
    struct arena *arena;
    struct lint_findings *findings;
};

static void found(struct look *look, enum lint_rule rule, size_t at, size_t bytes,
                  const char *quote) {
    struct lint_findings *findings = look->findings;
    for (int i = 0; i < findings->count; i++) {
        const struct lint_finding *other = &findings->list[i];
        if (other->rule == rule && at < other->at + other->bytes && other->at < at + bytes) {
            return; /* another view of the same place */
        }
    }
    if (findings->count == LINT_FINDINGS_MAX) {
        findings->more = true;
        return;
    }
    struct lint_finding *finding = &findings->list[findings->count++];
    *finding = (struct lint_finding){.rule = rule, .at = at, .bytes = bytes};
    text_shown(quote != NULL ? quote : look->text + at,
               quote != NULL ? strlen(quote) : bytes, finding->quote, sizeof finding->quote);
}

/* Every match of a kind in a view, where the original has it. */
static void match_all(struct look *look, enum pattern_kind kind, enum lint_rule rule,
                      const struct view *view) {
    const GRegex *regex = look->lint->regex[kind][look->facts->audience];
    GMatchInfo *info = NULL;
    if (regex == NULL) {
        return;
    }
    g_regex_match_full(regex, view->text, (gssize)view->len, 0, 0, &info, NULL);
    while (g_match_info_matches(info) && !look->findings->more) {
        gint begin = 0, end = 0;
        g_match_info_fetch_pos(info, 0, &begin, &end);
        size_t at = view->at[begin], to = view->at[end];
        found(look, rule, at, to > at ? to - at : 1, NULL);
        if (!g_match_info_next(info, NULL)) {
            break;
        }
    }
    g_match_info_free(info);
}

/* ---- what must be there ---- */

static bool is_word_byte(char c) {
    return g_ascii_isalnum(c) || c == '_' || c == '-';
}

/* Where `word` stands with nothing of a longer one around it, from `from`; NULL: nowhere. */
static const char *word_at(const char *from, const char *text, const char *word) {
    size_t bytes = strlen(word);
    for (const char *at = from; bytes > 0 && (at = strstr(at, word)) != NULL; at++) {
        bool left = at == text || !is_word_byte(at[-1]) || !is_word_byte(word[0]);
        bool right = !is_word_byte(at[bytes]) || !is_word_byte(word[bytes - 1]);
        if (left && right) {
            return at;
        }
    }
    return NULL;
}

static void look_needed(struct look *look) {
    const struct lint_facts *facts = look->facts;
    for (int i = 0; i < facts->reference_count; i++) {
        const char *reference = facts->references[i];
        if (reference[0] == '\0' || word_at(look->text, look->text, reference) == NULL) {
            found(look, LINT_REFERENCE, 0, 0, reference[0] != '\0' ? reference : "there is none");
        }
    }
    if (facts->next_update != NULL &&
        word_at(look->text, look->text, facts->next_update) == NULL) {
        found(look, LINT_NEXT_UPDATE, 0, 0, facts->next_update);
    }
}

/* ---- what must not be there ---- */

/* A view with holes where approved times and references stand: a date in an order's number is no
 * promise. */
static struct view without_known(struct look *look, const struct view *plain) {
    const struct lint_facts *facts = look->facts;
    struct view view = fold_copy(look->arena, plain);
    char *known = arena_alloc(look->arena, look->bytes + 1);
    for (int i = 0; i < facts->time_count + facts->reference_count + 1; i++) {
        const char *word = i < facts->time_count ? facts->times[i]
                           : i < facts->time_count + facts->reference_count
                               ? facts->references[i - facts->time_count]
                               : facts->next_update;
        for (const char *at = look->text;
             word != NULL && (at = word_at(at, look->text, word)) != NULL; at += strlen(word)) {
            memset(known + (at - look->text), 1, strlen(word));
        }
    }
    for (size_t i = 0; i < view.len; i++) {
        if (known[view.at[i]] != 0) {
            view.text[i] = FOLD_HOLE;
        }
    }
    return view;
}

static struct view without_honest(struct look *look, const struct view *plain) {
    struct view view = fold_copy(look->arena, plain);
    GMatchInfo *info = NULL;
    g_regex_match_full(look->lint->regex[HONEST][look->facts->audience], plain->text,
                       (gssize)plain->len, 0, 0, &info, NULL);
    while (g_match_info_matches(info)) {
        gint begin = 0, end = 0;
        g_match_info_fetch_pos(info, 0, &begin, &end);
        memset(view.text + begin, FOLD_HOLE, (size_t)(end - begin));
        if (!g_match_info_next(info, NULL)) {
            break;
        }
    }
    g_match_info_free(info);
    return view;
}

static void look_claims(struct look *look, const struct view *plain) {
    if (look->facts->proof != NULL) {
        return;
    }
    struct view views[VIEWS_MAX];
    int count = 0;
    views[count++] = without_honest(look, plain);
    struct view joined = fold_joined(look->arena, &views[0]);
    struct view collapsed = fold_collapsed(look->arena, &views[0]);
    views[count++] = joined;
    views[count++] = collapsed;
    views[count++] = fold_digits(look->arena, &joined, 'l');
    views[count++] = fold_digits(look->arena, &joined, 'i');
    views[count++] = fold_digits(look->arena, &collapsed, 'l');
    views[count++] = fold_digits(look->arena, &collapsed, 'i');
    for (int i = 0; i < count; i++) {
        bool known = false;
        for (int j = 0; j < i; j++) {
            known = known || strcmp(views[i].text, views[j].text) == 0;
        }
        if (!known) {
            match_all(look, CLAIM, LINT_RECOVERY, &views[i]);
        }
    }
    for (int i = 3; i <= 4; i++) {
        struct view squeezed = fold_squeezed(look->arena, &views[i]);
        match_all(look, STEM, LINT_RECOVERY, &squeezed);
    }
}

static void look_fields(struct look *look) {
    /* Two of them in halves, as they mark what is unfinished in a source too. */
    static const char *const left[] = {
        "{", "}", "TBD", "TO" "DO", "XX" "X", "lorem ipsum", "<<", ">>",
    };
    for (size_t i = 0; i < COUNT_OF(left); i++) {
        const char *at = strstr(look->text, left[i]);
        if (at != NULL) {
            size_t bytes = left[i][0] == '{' ? strcspn(at, " \n}") + 1 : strlen(left[i]);
            size_t place = (size_t)(at - look->text);
            found(look, LINT_FIELD, place,
                  bytes <= look->bytes - place ? bytes : look->bytes - place, NULL);
        }
    }
}

/* Letters of the language, digits and signs: no other scripts, no pictures (a tick says that it is
 * over, too). */
static bool is_fit(uint32_t c, enum language language) {
    switch (g_unichar_type(c)) {
    case G_UNICODE_OTHER_SYMBOL:
        return c == 0x00A9 || c == 0x00AE || c == 0x2116 || c == 0x00B0;
    case G_UNICODE_MODIFIER_SYMBOL:
    case G_UNICODE_NON_SPACING_MARK:
    case G_UNICODE_ENCLOSING_MARK:
    case G_UNICODE_SPACING_MARK:
    case G_UNICODE_OTHER_NUMBER:
    case G_UNICODE_LETTER_NUMBER:
        return c == '`' || c == '^' || c == 0x00B2 || c == 0x00B3;
    case G_UNICODE_DECIMAL_NUMBER:
        return c < 0x80 || (c >= 0xFF10 && c <= 0xFF19);
    default:
        break;
    }
    if (!g_unichar_isalpha(c)) {
        return true;
    }
    bool latin = c < 0x180;
    bool han = g_unichar_get_script(c) == G_UNICODE_SCRIPT_HAN;
    return latin || (language == LANGUAGE_ZH && han);
}

static void look_letters(struct look *look) {
    for (size_t at = 0; at < look->bytes;) {
        size_t bytes = 0;
        bool entity = false;
        uint32_t c = fold_char(look->text + at, &bytes, &entity);
        char quote[16];
        if (entity) {
            found(look, LINT_MARKUP, at, bytes, NULL);
        }
        if (fold_is_hidden(c)) {
            snprintf(quote, sizeof quote, "U+%04X", (unsigned)c);
            found(look, LINT_HIDDEN, at, bytes, quote);
        } else if (!is_fit(c, look->facts->language)) {
            found(look, LINT_LETTERS, at, bytes, NULL);
        }
        bool tag = c == '<' && (g_ascii_isalpha(look->text[at + 1]) || look->text[at + 1] == '/' ||
                                look->text[at + 1] == '!');
        if (tag && !entity) {
            found(look, LINT_MARKUP, at, bytes, NULL);
        }
        at += bytes;
    }
}

static void look_card(struct look *look) {
    size_t at = 0, bytes = 0;
    if (pan_find(look->text, look->bytes, &at, &bytes)) {
        found(look, LINT_CARD, at, bytes, "not shown");
    }
}

static int by_rule(const void *one, const void *other) {
    const struct lint_finding *a = one, *b = other;
    return a->rule != b->rule ? (int)a->rule - (int)b->rule : a->at < b->at ? -1 : a->at > b->at;
}

int lint_text(const struct lint *lint, const struct lint_facts *facts, const char *text,
              struct lint_findings *ret_findings) {
    ARENA_AUTO arena = arena_new(ARENA_BYTES_MAX);
    struct look look = {lint, facts, text, strlen(text), arena, ret_findings};
    ret_findings->count = 0;
    ret_findings->more = false;
    const char *end = NULL;
    if (look.bytes > LINT_TEXT_BYTES_MAX) {
        found(&look, LINT_LENGTH, LINT_TEXT_BYTES_MAX, look.bytes - LINT_TEXT_BYTES_MAX, "");
        return ret_findings->count;
    }
    if (!g_utf8_validate(text, (gssize)look.bytes, &end)) {
        found(&look, LINT_LETTERS, (size_t)(end - text), 1, "not UTF-8");
        return ret_findings->count;
    }
    struct view plain = fold_text(arena, text);
    struct view known = without_known(&look, &plain);
    look_needed(&look);
    look_claims(&look, &plain);
    match_all(&look, PROMISE, LINT_PROMISE, &known);
    match_all(&look, JARGON, LINT_JARGON, &known);
    match_all(&look, BLAME, LINT_BLAME, &plain);
    look_fields(&look);
    look_card(&look);
    look_letters(&look);
    qsort(ret_findings->list, (size_t)ret_findings->count, sizeof ret_findings->list[0], by_rule);
    return ret_findings->count;
}

void lint_render(const struct lint_findings *findings, struct buf *buf) {
    buf_add_char(buf, '[');
    for (int i = 0; i < findings->count; i++) {
        const struct lint_finding *finding = &findings->list[i];
        buf_addf(buf, "%s{\"rule\":\"%s\",\"what\":", i > 0 ? "," : "",
                 rules[finding->rule].name);
        buf_add_json(buf, rules[finding->rule].what);
        buf_add_text(buf, ",\"fix\":");
        buf_add_json(buf, rules[finding->rule].fix);
        buf_addf(buf, ",\"at\":%zu,\"bytes\":%zu,\"quote\":", finding->at, finding->bytes);
        buf_add_json(buf, finding->quote);
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
}
