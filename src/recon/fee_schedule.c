/* SPDX-License-Identifier: Apache-2.0
 * fee_schedule.c: the arithmetic of fees, and which line speaks of a movement. */
#include "recon/fee_schedule.h"

#include <string.h>

#include "base/clock.h"
#include "recon/fee_impl.h"

__extension__ typedef __int128 wide;
enum { PPM = 1000000 };

static const char *const kind_names[] = {
    [FEE_OF_CHARGE] = "charge", [FEE_OF_REFUND] = "refund", [FEE_OF_DISPUTE] = "dispute"};
static_assert(COUNT_OF(kind_names) == FEE_KIND_COUNT, "every kind has a name");

const char *fee_kind_name(enum fee_kind kind) {
    return kind_names[kind];
}

bool fee_kind_parse(const char *name, enum fee_kind *ret_kind) {
    for (int i = 0; i < FEE_KIND_COUNT; i++) {
        if (strcmp(kind_names[i], name) == 0) {
            *ret_kind = (enum fee_kind)i;
            return true;
        }
    }
    return false;
}

/* ---- arithmetic ---- */

/* value / by, both not below 0. */
static wide divide(wide value, wide by, enum fee_rounding rounding) {
    wide whole = value / by, twice = 2 * (value % by);
    switch (rounding) {
    case FEE_ROUND_HALF_UP:
        return whole + (twice >= by);
    case FEE_ROUND_HALF_EVEN:
        return whole + (twice > by || (twice == by && whole % 2 != 0));
    case FEE_ROUND_UP:
        return whole + (twice > 0);
    case FEE_ROUND_DOWN:
        break;
    }
    return whole;
}

static bool take(wide value, int64_t *ret_minor) {
    bool fits = value >= -INT64_MAX && value <= INT64_MAX;
    if (fits) {
        *ret_minor = (int64_t)value;
    }
    return fits;
}

static wide share_of(const struct fee_line *line, int64_t amount_minor) {
    return divide((wide)amount_minor * line->ppm, PPM, line->rounding);
}

bool fee_line_of(const struct fee_line *line, int64_t amount_minor, int64_t *ret_minor) {
    wide fee = share_of(line, amount_minor) + line->fixed_minor;
    fee = fee < line->minimum_minor ? line->minimum_minor : fee;
    bool capped = line->maximum_minor != INT64_MAX && fee > line->maximum_minor;
    fee = capped ? line->maximum_minor : fee;
    return take(fee, ret_minor);
}

/* What comes back of the charge's fee with a refund of so much. */
static bool returned_of(const struct fee_line *line, const struct fee_case *asked,
                        int64_t *ret_minor) {
    int64_t fee = asked->charge_fee_minor;
    if (fee < 0 && !fee_line_of(line, asked->charge_minor, &fee)) {
        return false;
    }
    if (line->on_refund == FEE_RETURN_SHARE) {
        fee = fee > line->fixed_minor ? fee - line->fixed_minor : 0;
    }
    wide part = (wide)fee * asked->amount_minor;
    return take(divide(part, asked->charge_minor, line->rounding), ret_minor);
}

/* ---- which line ---- */

static bool has_word(const char *const *words, int count, const char *word) {
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], word) == 0) {
            return true;
        }
    }
    return count == 0;
}

static bool has_currency(const struct fee_line *line, struct currency currency) {
    for (int i = 0; i < line->currency_count; i++) {
        if (currency_equal(line->currencies[i], currency)) {
            return true;
        }
    }
    return line->currency_count == 0;
}

static bool has_method(const struct fee_line *line, enum payment_method method) {
    bool any = true;
    for (int i = METHOD_CARD; i < METHOD_COUNT; i++) {
        any = any && !line->methods[i];
    }
    return any || ((int)method > 0 && method < METHOD_COUNT && line->methods[method]);
}

static const struct fee_line *find(const struct fee_schedule *schedule, enum fee_kind kind,
                                   const struct fee_case *asked, int64_t at_us) {
    for (int i = 0; i < schedule->count; i++) {
        const struct fee_line *line = &schedule->lines[i];
        if (line->kind == kind && line->from_us <= at_us && at_us < line->until_us &&
            has_method(line, asked->method) && has_currency(line, asked->currency) &&
            has_word(line->regions, line->region_count, asked->region) &&
            has_word(line->statement_methods, line->statement_method_count,
                     asked->statement_method)) {
            return line;
        }
    }
    return NULL;
}

static int expect_refund(const struct fee_schedule *schedule, const struct fee_case *asked,
                         struct fee_expected *expected) {
    int64_t back = 0;
    const struct fee_line *line = asked->charge_minor > 0
                                      ? find(schedule, FEE_OF_CHARGE, asked, asked->charge_at_us)
                                      : NULL;
    if (line != NULL && line->on_refund != FEE_RETURN_KEEP) {
        if (!returned_of(line, asked, &back)) {
            return 0;
        }
        expected->charge_line = line;
    }
    bool said = expected->line != NULL || line != NULL;
    return said && money_sub(expected->fee_minor, back, &expected->fee_minor) ? 1 : 0;
}

int fee_expect(const struct fee_schedule *schedule, const struct fee_case *asked,
               struct fee_expected *ret_expected) {
    struct fee_expected expected = {0};
    if (schedule == NULL || asked->amount_minor < 0) {
        return 0;
    }
    expected.line = find(schedule, asked->kind, asked, asked->at_us);
    if (expected.line != NULL &&
        !fee_line_of(expected.line, asked->amount_minor, &expected.fee_minor)) {
        return 0;
    }
    int said = asked->kind == FEE_OF_REFUND ? expect_refund(schedule, asked, &expected)
                                            : expected.line != NULL;
    if (said > 0) {
        *ret_expected = expected;
    }
    return said;
}

const struct fee_line *fee_schedule_lines(const struct fee_schedule *schedule, int *ret_count) {
    *ret_count = schedule != NULL ? schedule->count : 0;
    return schedule != NULL ? schedule->lines : NULL;
}

/* ---- in words ---- */

static const char *rounding_name(enum fee_rounding rounding) {
    static const char *const names[] = {
#define X(name, text, what) [FEE_ROUND_##name] = text,
#include "recon/fee_roundings.def"
#undef X
    };
    return names[rounding];
}

static const char *return_name(enum fee_return on_refund) {
    static const char *const names[] = {
#define X(name, text, what) [FEE_RETURN_##name] = text,
#include "recon/fee_returns.def"
#undef X
    };
    return names[on_refund];
}

/* 14000 → "1.4": millionths as a percentage, without zeros at the end. */
static void add_percent(struct buf *buf, int ppm) {
    char text[24];
    int chars = snprintf(text, sizeof text, "%d.%04d", ppm / 10000, ppm % 10000);
    while (chars > 0 && text[chars - 1] == '0') {
        chars--;
    }
    chars -= chars > 0 && text[chars - 1] == '.';
    buf_addf(buf, "%.*s", chars, text);
}

static void add_money(struct buf *buf, const struct fee_line *line, const char *before,
                      int64_t minor) {
    char text[MONEY_TEXT_MAX];
    buf_addf(buf, "%s%s", before, money_show(minor, line->currencies[0], text));
}

void fee_line_say(const struct fee_line *line, struct buf *buf) {
    bool money = line->currency_count == 1;
    add_percent(buf, line->ppm);
    buf_add_text(buf, " %");
    if (money && line->fixed_minor > 0) {
        add_money(buf, line, " + ", line->fixed_minor);
    }
    if (money && line->minimum_minor > 0) {
        add_money(buf, line, ", at least ", line->minimum_minor);
    }
    if (money && line->maximum_minor != INT64_MAX) {
        add_money(buf, line, ", at most ", line->maximum_minor);
    }
}

static void add_words(struct buf *buf, const char *key, const char *const *words, int count) {
    buf_addf(buf, ",\"%s\":[", key);
    for (int i = 0; i < count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        buf_add_json(buf, words[i]);
    }
    buf_add_char(buf, ']');
}

static void add_methods(struct buf *buf, const struct fee_line *line) {
    const char *comma = "";
    buf_add_text(buf, ",\"methods\":[");
    for (int i = METHOD_CARD; i < METHOD_COUNT; i++) {
        if (line->methods[i]) {
            buf_addf(buf, "%s\"%s\"", comma, method_name((enum payment_method)i));
            comma = ",";
        }
    }
    buf_add_text(buf, "],\"currencies\":[");
    for (int i = 0; i < line->currency_count; i++) {
        buf_addf(buf, "%s\"%s\"", i > 0 ? "," : "", line->currencies[i].code);
    }
    buf_add_char(buf, ']');
}

void fee_line_json(const struct fee_line *line, struct buf *buf) {
    char time[CLOCK_TEXT_MAX];
    buf_add_text(buf, "{\"name\":");
    buf_add_json(buf, line->name);
    buf_addf(buf, ",\"kind\":\"%s\"", fee_kind_name(line->kind));
    add_methods(buf, line);
    add_words(buf, "regions", line->regions, line->region_count);
    add_words(buf, "statement_methods", line->statement_methods, line->statement_method_count);
    if (line->from_us != INT64_MIN) {
        buf_addf(buf, ",\"from\":\"%s\"", clock_format(line->from_us, time));
    }
    if (line->until_us != INT64_MAX) {
        buf_addf(buf, ",\"until\":\"%s\"", clock_format(line->until_us, time));
    }
    buf_add_text(buf, ",\"percent\":\"");
    add_percent(buf, line->ppm);
    buf_addf(buf, "\",\"fixed\":%lld,\"minimum\":%lld", (long long)line->fixed_minor,
             (long long)line->minimum_minor);
    if (line->maximum_minor != INT64_MAX) {
        buf_addf(buf, ",\"maximum\":%lld", (long long)line->maximum_minor);
    }
    buf_addf(buf, ",\"rounding\":\"%s\",\"on_refund\":\"%s\",\"says\":\"",
             rounding_name(line->rounding), return_name(line->on_refund));
    fee_line_say(line, buf);
    buf_add_text(buf, "\"}");
}
