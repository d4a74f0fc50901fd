/* SPDX-License-Identifier: Apache-2.0
 * incident_words.c: numbers, money, times and names as people read them, in either language. */
#include <glib.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/money.h"
#include "incident/incident_view.h"

const char *said_count(struct arena *arena, int64_t count) {
    char digits[32], text[48];
    int length = snprintf(digits, sizeof digits, "%" PRId64, count), at = 0;
    for (int i = 0; i < length; i++) {
        bool first = i == 0 || (i == 1 && digits[0] == '-');
        if (!first && (length - i) % 3 == 0) {
            text[at++] = ',';
        }
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return arena_copy(arena, text);
}

const char *said_money(struct arena *arena, int64_t amount_minor, const char *currency) {
    char text[MONEY_TEXT_MAX];
    struct currency known;
    if (currency_parse(currency, &known, NULL) < 0) {
        return arena_printf(arena, "%s (minor) %.3s", said_count(arena, amount_minor), currency);
    }
    money_decimal(amount_minor, known, text);
    char *point = strchr(text, '.');
    const char *fraction = point != NULL ? arena_copy(arena, point) : "";
    if (point != NULL) {
        *point = '\0';
    }
    bool minus = text[0] == '-';
    return arena_printf(arena, "%s%s%s %s", minus ? "-" : "",
                        said_count(arena, strtoll(text + minus, NULL, 10)), fraction, known.code);
}

const char *said_percent(struct arena *arena, int64_t part, int64_t all) {
    int64_t tenths = all > 0 ? part * 1000 / all : 0;
    return arena_printf(arena, "%" PRId64 ".%" PRId64 " %%", tenths / 10, tenths % 10);
}

const char *said_span(struct arena *arena, int64_t us, enum notice_language language) {
    int64_t s = us > 0 ? us / US_PER_SECOND : 0, minutes = s / 60, hours = minutes / 60;
    bool chinese = language == NOTICE_ZH;
    if (s < 60) {
        return arena_printf(arena, chinese ? "%" PRId64 " 秒" : "%" PRId64 " s", s);
    }
    if (minutes < 60) {
        return arena_printf(arena, chinese ? "%" PRId64 " 分钟" : "%" PRId64 " min", minutes);
    }
    if (hours < 48) {
        return arena_printf(arena,
                            chinese ? "%" PRId64 " 小时 %02" PRId64 " 分钟"
                                    : "%" PRId64 " h %02" PRId64 " min",
                            hours, minutes % 60);
    }
    return arena_printf(arena,
                        chinese ? "%" PRId64 " 天 %" PRId64 " 小时"
                                : "%" PRId64 " d %" PRId64 " h",
                        hours / 24, hours % 24);
}

const char *said_time(struct arena *arena, int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    if (wall_us <= 0) {
        return "-";
    }
    char *copy = arena_copy(arena, clock_format(wall_us - wall_us % US_PER_SECOND, text));
    copy[10] = ' ';
    return copy;
}

const char *said_scope(struct arena *arena, const struct incident_scope *scope,
                       enum notice_language language) {
    static const char *const kinds[][NOTICE_LANGUAGES] = {
        {"gateway", "网关"}, {"method", "支付方式"}, {"region", "地区"}, {"currency", "币种"}};
    const struct scope_names *const names[] = {&scope->gateways, &scope->methods, &scope->regions,
                                               &scope->currencies};
    BUF_AUTO buf;
    buf_init(&buf, 16 * SCOPE_LIST_BYTES_MAX);
    for (size_t kind = 0; kind < COUNT_OF(names); kind++) {
        for (int i = 0; i < names[kind]->count; i++) {
            buf_add_text(&buf, i > 0 ? ", " : buf.len > 0 ? "; " : "");
            if (i == 0) {
                buf_addf(&buf, "%s ", kinds[kind][language]);
            }
            buf_add_text(&buf, names[kind]->names[i]);
        }
    }
    return buf.len > 0 ? arena_copy(arena, buf.data)
                       : language == NOTICE_ZH ? "全部支付" : "all payments";
}

static const char *const milestones[MILESTONES][NOTICE_LANGUAGES] = {
#define MILESTONE(NAME, en, zh) [MILESTONE_##NAME] = {en, zh},
#include "incident/incident_words.def"
#undef MILESTONE
};

const char *said_milestone(enum incident_milestone milestone, enum notice_language language) {
    return milestones[milestone][language];
}

const char *said_cause(int64_t cause, enum notice_language language) {
    static const struct {
        int64_t cause;
        const char *name[NOTICE_LANGUAGES];
    } causes[] = {
#define CAUSE(NAME, en, zh) {CAUSE_##NAME, {en, zh}},
#include "incident/incident_words.def"
#undef CAUSE
    };
    for (size_t i = 0; i < COUNT_OF(causes); i++) {
        if (causes[i].cause == cause) {
            return causes[i].name[language];
        }
    }
    return "?";
}

int said_width(const char *text) {
    int width = 0;
    for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        width += g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
    }
    return width;
}
