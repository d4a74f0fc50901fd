/* SPDX-License-Identifier: Apache-2.0
 * show.c: small things as people read them. */
#include "cli/show.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/money.h"

const char *show_style_on(enum show_style style, bool colour) {
    static const char *const on[] = {
        [STYLE_PLAIN] = "",        [STYLE_BOLD] = "\033[1m", [STYLE_DIM] = "\033[2m",
        [STYLE_GOOD] = "\033[32m", [STYLE_BAD] = "\033[31m", [STYLE_WARN] = "\033[33m",
    };
    return colour ? on[style] : "";
}

const char *show_style_off(enum show_style style, bool colour) {
    return colour && style != STYLE_PLAIN ? "\033[0m" : "";
}

enum show_style show_state_style(const char *word) {
    static const struct {
        const char *word;
        enum show_style style;
    } words[] = {
        {"succeeded", STYLE_GOOD},
        {"charged", STYLE_GOOD},
        {"authorized", STYLE_GOOD},
        {"enabled", STYLE_GOOD},
        {"ok", STYLE_GOOD},
        {"closed", STYLE_GOOD},
        {"applied", STYLE_GOOD},
        {"delivered", STYLE_GOOD},
        {"up", STYLE_GOOD},
        {"yes", STYLE_GOOD},
        {"on", STYLE_WARN},
        {"failed", STYLE_BAD},
        {"declined", STYLE_BAD},
        {"disabled", STYLE_BAD},
        {"open", STYLE_BAD},
        {"parked", STYLE_BAD},
        {"down", STYLE_BAD},
        {"broken", STYLE_BAD},
        {"missing", STYLE_BAD},
        {"altered", STYLE_BAD},
        {"unavailable", STYLE_BAD},
        {"not_charged", STYLE_BAD},
        {"unknown", STYLE_WARN},
        {"processing", STYLE_WARN},
        {"pending", STYLE_WARN},
        {"sending", STYLE_WARN},
        {"requires_action", STYLE_WARN},
        {"draining", STYLE_WARN},
        {"half_open", STYLE_WARN},
        {"waiting", STYLE_WARN},
        {"degraded", STYLE_WARN},
        {"warning", STYLE_WARN},
        {"critical", STYLE_BAD},
        {"action_needed", STYLE_WARN},
        {"stored", STYLE_WARN},
        {"revoked", STYLE_BAD},
        {"locked", STYLE_WARN},
        {"canceled", STYLE_DIM},
        {"ignored", STYLE_DIM},
        {"no", STYLE_DIM},
    };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcmp(words[i].word, word) == 0) {
            return words[i].style;
        }
    }
    return STYLE_PLAIN;
}

const char *show_money(int64_t amount_minor, const char *currency, char text[SHOW_CHARS_MAX]) {
    struct currency known;
    struct err err = {0};
    const char *code = currency != NULL ? currency : "";
    if (currency_parse(code, &known, &err) < 0) {
        snprintf(text, SHOW_CHARS_MAX, "%lld (minor) %.8s", (long long)amount_minor, code);
        return text;
    }
    char plain[MONEY_TEXT_MAX];
    snprintf(text, SHOW_CHARS_MAX, "%s", money_show(amount_minor, known, plain));
    return text;
}

const char *show_sum(int64_t amount_minor, const char *currency, char text[SHOW_CHARS_MAX]) {
    char plain[SHOW_CHARS_MAX];
    show_money(amount_minor, currency, plain);
    const char *from = plain;
    char *to = text, *end = text + SHOW_CHARS_MAX - 1;
    size_t digits = strspn(plain + (plain[0] == '-'), "0123456789");
    for (; *from != '\0' && to < end; from++) {
        bool digit = digits > 0 && *from != '-';
        *to++ = *from;
        digits -= digit;
        if (digit && digits > 0 && digits % 3 == 0 && to < end) {
            *to++ = ',';
        }
    }
    *to = '\0';
    return text;
}

const char *show_count(int64_t count, char text[SHOW_CHARS_MAX]) {
    char plain[32];
    int length = snprintf(plain, sizeof plain, "%lld", (long long)count);
    char *to = text;
    for (int i = 0; i < length; i++) {
        *to++ = plain[i];
        int left = length - 1 - i;
        if (left > 0 && left % 3 == 0 && plain[i] != '-') {
            *to++ = ',';
        }
    }
    *to = '\0';
    return text;
}

const char *show_many(int64_t count, const char *one, const char *many, char text[SHOW_CHARS_MAX]) {
    char number[SHOW_CHARS_MAX];
    snprintf(text, SHOW_CHARS_MAX, "%.30s %.30s", show_count(count, number),
             count == 1 ? one : many);
    return text;
}

const char *show_span(int64_t span_us, char text[SHOW_CHARS_MAX]) {
    long long seconds = (long long)(span_us > 0 ? span_us / US_PER_SECOND : 0);
    if (seconds < 60) {
        snprintf(text, SHOW_CHARS_MAX, "%llds", seconds);
    } else if (seconds < 3600) {
        snprintf(text, SHOW_CHARS_MAX, "%lldm", seconds / 60);
    } else if (seconds < 86400) {
        long long minutes = seconds % 3600 / 60;
        if (minutes > 0) {
            snprintf(text, SHOW_CHARS_MAX, "%lldh%02lldm", seconds / 3600, minutes);
        } else {
            snprintf(text, SHOW_CHARS_MAX, "%lldh", seconds / 3600);
        }
    } else {
        snprintf(text, SHOW_CHARS_MAX, "%lldd", seconds / 86400);
    }
    return text;
}

const char *show_latency(int64_t span_us, char text[SHOW_CHARS_MAX]) {
    long long us = (long long)span_us;
    if (us < 0) {
        snprintf(text, SHOW_CHARS_MAX, "-");
    } else if (us < 1000) {
        snprintf(text, SHOW_CHARS_MAX, "%lld µs", us);
    } else if (us < 10000) {
        snprintf(text, SHOW_CHARS_MAX, "%lld.%02lld ms", us / 1000, us % 1000 / 10);
    } else if (us < 1000000) {
        snprintf(text, SHOW_CHARS_MAX, "%lld.%lld ms", us / 1000, us % 1000 / 100);
    } else {
        snprintf(text, SHOW_CHARS_MAX, "%lld.%02lld s", us / 1000000, us % 1000000 / 10000);
    }
    return text;
}

const char *show_age(const char *time, char text[SHOW_CHARS_MAX]) {
    int64_t then_us = 0;
    if (time == NULL || !clock_parse(time, &then_us)) {
        snprintf(text, SHOW_CHARS_MAX, "-");
        return text;
    }
    int64_t age_us = clock_wall_us() - then_us;
    /* Two machines' clocks differ a little: that is not the future yet. */
    if (age_us < -2 * US_PER_SECOND) {
        char span[SHOW_CHARS_MAX];
        snprintf(text, SHOW_CHARS_MAX, "in %.40s", show_span(-age_us, span));
        return text;
    }
    return show_span(age_us > 0 ? age_us : 0, text);
}

const char *show_time(const char *time, char text[SHOW_CHARS_MAX]) {
    int64_t then_us = 0;
    if (time == NULL || !clock_parse(time, &then_us)) {
        snprintf(text, SHOW_CHARS_MAX, "-");
    } else {
        snprintf(text, SHOW_CHARS_MAX, "%.10s %.8sZ", time, time + 11);
    }
    return text;
}

const char *show_moment(const char *time, char text[SHOW_CHARS_MAX]) {
    char age[SHOW_CHARS_MAX], at[SHOW_CHARS_MAX];
    show_time(time, at);
    if (strcmp(at, "-") == 0) {
        snprintf(text, SHOW_CHARS_MAX, "-");
        return text;
    }
    show_age(time, age);
    bool future = strncmp(age, "in ", 3) == 0;
    snprintf(text, SHOW_CHARS_MAX, "%.24s (%.24s%s)", at, age, future ? "" : " ago");
    return text;
}

static bool turns_direction(gunichar c) {
    return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x200E ||
           c == 0x200F || c == 0x061C;
}

char *show_clean(const char *text) {
    char *valid = g_utf8_make_valid(text, -1);
    GString *clean = g_string_sized_new(strlen(valid) + 1);
    for (const char *at = valid; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        if (g_unichar_iscntrl(c) || turns_direction(c) || c == 0x2028 || c == 0x2029) {
            g_string_append_c(clean, c == '\n' || c == '\t' ? ' ' : '?');
        } else {
            g_string_append_unichar(clean, c);
        }
    }
    g_free(valid);
    /* g_free() and free() are one since GLib 2.46. */
    return g_string_free(clean, FALSE);
}

int show_width(const char *text) {
    int width = 0;
    for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        width += g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
    }
    return width;
}
