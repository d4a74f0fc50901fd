/* SPDX-License-Identifier: Apache-2.0
 * fold.c: see fold.h. Unicode's own compatibility forms (NFKD) undo most disguises; the table below
 * has what looks alike without being a form of the same letter. */
#include "comms/fold.h"

#include <glib.h>
#include <string.h>

enum {
    FORMS_MAX = 18, /* of one character, which Unicode bounds */
    GROWS_MAX = 11, /* bytes of those for one of it */
    ENTITY_BYTES_MAX = 12,
};

/* A character and what it is taken for, one after the other. */
static const char look_alikes[] =
    "аaвbгrеeзeкkмmнhоoпnрpсcтtуyхxіiїiѕsјjԁdһhӏlԛqԝwѵvьbёeбbєe" /* Cyrillic */
    "αaβbεeηnιiκkνvοoρpτtυuχxωwσoγyϲcϳj"                         /* Greek */
    "ɑaʙbᴄcᴅdᴇeꜰfɡgɢgʜhɪiıiᴊjᴋkʟlᴍmɴnᴏoᴘpʀrꜱsᴛtᴜuᴠvᴡwʏyᴢzᴀaɩiʋvɛe" /* Latin, ornamental */
    "øołlđdðdßsæaœo’'‘'ʼ'`'"
    "復复複复決决問问題题經经處处結结預预計计時时鐘钟點点個个開开運运轉转網网關关數数據据庫库調调"
    "銀银聯联員员責责誤误為为業业務务暫暂響响應应啟启過过現现斷断穩稳暢畅關关閉闭異异無无內内後后"
    "幾几兩两週周馬马將将盡尽儘尽";

static const struct {
    const char *name;
    uint32_t c;
} entities[] = {
    {"nbsp", ' '}, {"amp", '&'},    {"lt", '<'},      {"gt", '>'},     {"quot", '"'},
    {"apos", '\''}, {"shy", 0x00AD}, {"zwnj", 0x200C}, {"zwj", 0x200D}, {"ensp", ' '},
    {"emsp", ' '}, {"thinsp", ' '}, {"period", '.'},  {"hyphen", '-'}, {"NewLine", '\n'},
};

/* ---- characters ---- */

/* "&#114;", "&#x72;", "&nbsp;": the bytes it takes, or 0. */
static size_t entity(const char *text, uint32_t *ret_c) {
    char name[ENTITY_BYTES_MAX] = "";
    size_t length = 0;
    while (length + 1 < sizeof name && text[1 + length] != '\0' && text[1 + length] != ';') {
        name[length] = text[1 + length];
        length++;
    }
    if (length == 0 || text[1 + length] != ';') {
        return 0;
    }
    if (name[0] == '#') {
        bool hex = name[1] == 'x' || name[1] == 'X';
        char *end = NULL;
        guint64 c = g_ascii_strtoull(name + 1 + hex, &end, hex ? 16 : 10);
        if (end != name + length || !g_ascii_isxdigit(name[1 + hex]) || c == 0 ||
            !g_unichar_validate((gunichar)c) || c > 0x10FFFF) {
            return 0;
        }
        *ret_c = (uint32_t)c;
        return length + 2;
    }
    for (size_t i = 0; i < COUNT_OF(entities); i++) {
        if (strcmp(entities[i].name, name) == 0) {
            *ret_c = entities[i].c;
            return length + 2;
        }
    }
    return 0;
}

uint32_t fold_char(const char *text, size_t *ret_bytes, bool *ret_entity) {
    uint32_t c = (unsigned char)*text;
    size_t bytes = c == '&' ? entity(text, &c) : 0;
    *ret_entity = bytes > 0;
    if (bytes == 0) {
        bytes = 1;
        if (c >= 0x80) {
            c = g_utf8_get_char(text);
            bytes = (size_t)(g_utf8_next_char(text) - text);
        }
    }
    *ret_bytes = bytes;
    return c;
}

bool fold_is_hidden(uint32_t c) {
    static const uint32_t blanks[] = {0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0};
    if (c == '\n' || c == '\t' || (c >= ' ' && c < 0x7F)) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(blanks); i++) {
        if (c == blanks[i]) {
            return true;
        }
    }
    GUnicodeType type = g_unichar_type(c);
    return type == G_UNICODE_FORMAT || type == G_UNICODE_CONTROL ||
           type == G_UNICODE_PRIVATE_USE || type == G_UNICODE_UNASSIGNED ||
           (c >= 0xFE00 && c <= 0xFE0F) || (c >= 0xE0000 && c <= 0xE0FFF);
}

static uint32_t taken_for(uint32_t c) {
    for (const char *at = look_alikes; *at != '\0';) {
        const char *plain = g_utf8_next_char(at);
        if (g_utf8_get_char(at) == c) {
            return g_utf8_get_char(plain);
        }
        at = g_utf8_next_char(plain);
    }
    return c;
}

static bool is_han(uint32_t c) {
    return (c >= 0x3400 && c <= 0x9FFF) || (c >= 0x20000 && c <= 0x3FFFF);
}

/* ---- views ---- */

static struct view view_new(struct arena *arena, size_t room) {
    return (struct view){
        .text = arena_alloc(arena, room + 8),
        .at = arena_alloc(arena, (room + 8) * sizeof(uint32_t)),
        .room = room,
    };
}

static void view_add(struct view *view, uint32_t c, uint32_t at) {
    char bytes[6];
    int count = g_unichar_to_utf8(c, bytes);
    if (view->len + (size_t)count > view->room) {
        return;
    }
    for (int i = 0; i < count; i++) {
        view->text[view->len] = bytes[i];
        view->at[view->len++] = at;
    }
}

static void view_end(struct view *view, uint32_t at) {
    view->text[view->len] = '\0';
    view->at[view->len] = at;
}

static void add_folded(struct view *view, uint32_t c, uint32_t at) {
    gunichar forms[FORMS_MAX];
    if (c < 0x80) {
        view_add(view, (uint32_t)g_ascii_tolower((gchar)c), at);
        return;
    }
    gsize count = g_unichar_fully_decompose(c, TRUE, forms, FORMS_MAX);
    for (gsize i = 0; i < count && i < FORMS_MAX; i++) {
        if (!g_unichar_ismark(forms[i])) {
            uint32_t small = g_unichar_tolower(forms[i]);
            view_add(view, g_unichar_isspace(small) ? ' ' : taken_for(small), at);
        }
    }
}

struct view fold_text(struct arena *arena, const char *text) {
    size_t bytes = strlen(text);
    INVARIANT(bytes <= FOLD_BYTES_MAX, "a text has a length");
    struct view view = view_new(arena, bytes * GROWS_MAX + 64);
    for (size_t at = 0; at < bytes;) {
        size_t step = 0;
        bool coded = false;
        uint32_t c = fold_char(text + at, &step, &coded);
        if (!fold_is_hidden(c)) {
            add_folded(&view, c, (uint32_t)at);
        }
        at += step;
    }
    view_end(&view, (uint32_t)bytes);
    return view;
}

static bool is_letter(uint32_t c) {
    return g_unichar_isalpha(c) || (c >= '0' && c <= '9');
}

struct view fold_joined(struct arena *arena, const struct view *view) {
    struct view joined = view_new(arena, view->len);
    uint32_t before = 0; /* the last letter that was kept */
    for (const char *c = view->text; *c != '\0';) {
        const char *run = c; /* what stands between two letters */
        while (*run != '\0' && *run != FOLD_HOLE && !is_letter(g_utf8_get_char(run))) {
            run = g_utf8_next_char(run);
        }
        uint32_t after = *run != '\0' && *run != FOLD_HOLE ? g_utf8_get_char(run) : 0;
        bool chinese = is_han(before) && is_han(after);
        bool one = run == g_utf8_next_char(c) && strchr(" \n\t", *c) == NULL;
        bool inside = before != 0 && after != 0 && run > c && (chinese || one);
        for (; c < run; c = g_utf8_next_char(c)) {
            if (!inside) {
                view_add(&joined, g_utf8_get_char(c), view->at[c - view->text]);
            }
        }
        if (*c != '\0') {
            before = after;
            view_add(&joined, g_utf8_get_char(c), view->at[c - view->text]);
            c = g_utf8_next_char(c);
        }
    }
    view_end(&joined, view->at[view->len]);
    return joined;
}

/* The next letter that has none on either side, at or after `c`, and no hole before it; or NULL. */
static const char *next_alone(const char *c) {
    while (*c != '\0' && *c != FOLD_HOLE && !is_letter(g_utf8_get_char(c))) {
        c = g_utf8_next_char(c);
    }
    if (*c == '\0' || *c == FOLD_HOLE) {
        return NULL;
    }
    const char *next = g_utf8_next_char(c);
    return *next != '\0' && is_letter(g_utf8_get_char(next)) ? NULL : c;
}

struct view fold_collapsed(struct arena *arena, const struct view *view) {
    enum { RUN_MIN = 3 };
    struct view collapsed = view_new(arena, view->len);
    bool inside = false; /* a letter stands before this place */
    for (const char *c = view->text; *c != '\0';) {
        int run = 0;
        const char *end = c;
        const char *one = inside ? NULL : next_alone(c);
        for (; one == end || (run > 0 && one != NULL); one = next_alone(end)) {
            end = g_utf8_next_char(one);
            run++;
        }
        const char *stop = run >= RUN_MIN ? end : g_utf8_next_char(c);
        for (; c < stop; c = g_utf8_next_char(c)) {
            uint32_t letter = g_utf8_get_char(c);
            if (run < RUN_MIN || is_letter(letter)) {
                view_add(&collapsed, letter, view->at[c - view->text]);
            }
            inside = is_letter(letter);
        }
    }
    view_end(&collapsed, view->at[view->len]);
    return collapsed;
}

struct view fold_squeezed(struct arena *arena, const struct view *view) {
    struct view squeezed = view_new(arena, view->len);
    for (const char *c = view->text; *c != '\0'; c = g_utf8_next_char(c)) {
        uint32_t letter = g_utf8_get_char(c);
        if (is_letter(letter) || *c == FOLD_HOLE) {
            view_add(&squeezed, letter, view->at[c - view->text]);
        }
    }
    view_end(&squeezed, view->at[view->len]);
    return squeezed;
}

struct view fold_copy(struct arena *arena, const struct view *view) {
    struct view copy = view_new(arena, view->len);
    memcpy(copy.text, view->text, view->len + 1);
    memcpy(copy.at, view->at, (view->len + 1) * sizeof view->at[0]);
    copy.len = view->len;
    return copy;
}

struct view fold_digits(struct arena *arena, const struct view *view, char one) {
    static const char from[] = "03457@$!|", to[] = "oeastasil";
    struct view read = fold_copy(arena, view);
    for (size_t i = 0; i < read.len; i++) {
        const char *found = strchr(from, read.text[i]);
        bool beside = (i > 0 && g_ascii_isalpha(read.text[i - 1])) ||
                      g_ascii_isalpha(view->text[i + 1]) ||
                      (i > 0 && strchr("0134", view->text[i - 1]) != NULL && i > 1 &&
                       g_ascii_isalpha(read.text[i - 2]));
        if (beside && (found != NULL || read.text[i] == '1')) {
            read.text[i] = found != NULL ? to[found - from] : one;
        }
    }
    return read;
}
