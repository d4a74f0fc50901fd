/* SPDX-License-Identifier: Apache-2.0
 * kb_terms.c: a text as the terms that it is found by (kb.h). A term is told by its FNV-1a hash of
 * 64 bits: two of some hundred thousand that are the same by chance would rank a page wrongly, and
 * nothing else. */
#include <glib.h>
#include <string.h>

#include "desk/kb_impl.h"

enum { WORD_CHARS_MAX = 40 };
#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static gunichar folded(gunichar c) {
    if (c >= 0xFF01 && c <= 0xFF5E) { /* full width */
        c -= 0xFEE0;
    }
    return g_unichar_tolower(c);
}

static bool is_cjk(gunichar c) {
    if (!g_unichar_isalpha(c)) {
        return false;
    }
    switch (g_unichar_get_script(c)) {
    case G_UNICODE_SCRIPT_HAN:
    case G_UNICODE_SCRIPT_HIRAGANA:
    case G_UNICODE_SCRIPT_KATAKANA:
    case G_UNICODE_SCRIPT_HANGUL:
    case G_UNICODE_SCRIPT_BOPOMOFO:
        return true;
    default:
        return false;
    }
}

static uint64_t hash_of(const gunichar *chars, int count) {
    uint64_t hash = FNV_START;
    for (int i = 0; i < count; i++) {
        for (int shift = 0; shift < 32; shift += 8) {
            hash = (hash ^ ((chars[i] >> shift) & 0xff)) * FNV_PRIME;
        }
    }
    return hash;
}

/* "refunds" is "refund", "queries" is "query"; "status", "process" and "ids" stay. */
static int without_plural(gunichar *word, int count) {
    bool s = count > 3 && word[count - 1] == 's';
    gunichar before = count > 3 ? word[count - 2] : 0;
    if (!s || before == 's' || before == 'u' || before == 'i') {
        return count;
    }
    if (before == 'e' && word[count - 3] == 'i') {
        word[count - 3] = 'y';
        return count - 2;
    }
    return count - 1;
}

struct run {
    gunichar chars[WORD_CHARS_MAX];
    int count;
    bool cjk;
};

static void end_run(struct run *run, kb_term_fn *fn, void *ctx) {
    if (run->count == 0) {
        return;
    }
    if (!run->cjk) {
        run->count = without_plural(run->chars, run->count);
        fn(ctx, hash_of(run->chars, run->count), KB_WORD);
    } else if (run->count == 1) {
        fn(ctx, hash_of(run->chars, 1), KB_ALONE);
    }
    run->count = 0;
}

static void take_cjk(struct run *run, gunichar c, kb_term_fn *fn, void *ctx) {
    if (run->count == 1) { /* the first is seen to have a neighbour only now */
        fn(ctx, hash_of(run->chars, 1), KB_SINGLE);
    }
    if (run->count > 0) {
        const gunichar pair[] = {run->chars[0], c};
        fn(ctx, hash_of(pair, 2), KB_PAIR);
        fn(ctx, hash_of(&c, 1), KB_SINGLE);
    }
    run->chars[0] = c;
    run->count = run->count > 0 ? 2 : 1;
}

void kb_terms(const char *text, size_t bytes, kb_term_fn *fn, void *ctx) {
    struct run run = {.count = 0};
    const char *end = text + bytes;
    while (text < end) {
        gunichar c = folded(g_utf8_get_char(text));
        bool cjk = is_cjk(c), word = !cjk && (g_unichar_isalnum(c) || c == '_');
        if (run.count > 0 && (run.cjk ? !cjk : !word)) {
            end_run(&run, fn, ctx);
        }
        run.cjk = cjk;
        if (cjk) {
            take_cjk(&run, c, fn, ctx);
        } else if (word && run.count < WORD_CHARS_MAX) {
            run.chars[run.count++] = c;
        }
        text = g_utf8_next_char(text);
    }
    end_run(&run, fn, ctx);
}
