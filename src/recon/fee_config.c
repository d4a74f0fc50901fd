/* SPDX-License-Identifier: Apache-2.0
 * fee_config.c: the lines of a schedule as they are configured: read, checked, and refused with the
 * line's name when they cannot be. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "match/match.h"
#include "recon/fee_impl.h"
#include "recon/fee_schema.h"

enum { ARENA_BYTES = 1024 * 1024, PERCENT_DECIMALS = 4, TEXT_CHARS_MAX = 60 };

/* ---- the schema ---- */

#define OPTIONAL CYAML_FLAG_OPTIONAL
#define TEXT(key, member, flags)                                                                   \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), struct fee_settings, member, 1,      \
                           TEXT_CHARS_MAX)
#define TEXTS(key, member)                                                                         \
    CYAML_FIELD_SEQUENCE_COUNT(key, CYAML_FLAG_POINTER | OPTIONAL, struct fee_settings, member,    \
                               member##_count, &word_value, 0, FEE_WORDS_MAX)

static const cyaml_schema_value_t word_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, TEXT_CHARS_MAX),
};
static const cyaml_schema_field_t fields[] = {
    TEXT("name", name, 0),
    TEXT("kind", kind, OPTIONAL),
    TEXTS("methods", methods),
    TEXTS("regions", regions),
    TEXTS("currencies", currencies),
    TEXTS("statement_methods", statement_methods),
    TEXT("from", from, OPTIONAL),
    TEXT("until", until, OPTIONAL),
    TEXT("percent", percent, OPTIONAL),
    CYAML_FIELD_UINT("fixed", OPTIONAL, struct fee_settings, fixed),
    CYAML_FIELD_UINT("minimum", OPTIONAL, struct fee_settings, minimum),
    CYAML_FIELD_UINT_PTR("maximum", CYAML_FLAG_POINTER | OPTIONAL, struct fee_settings, maximum),
    TEXT("rounding", rounding, OPTIONAL),
    TEXT("on_refund", on_refund, OPTIONAL),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t fee_settings_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct fee_settings, fields),
};

static const cyaml_schema_field_t tolerance_fields[] = {
    CYAML_FIELD_STRING_PTR("currency", CYAML_FLAG_POINTER, struct fee_tolerance_settings, currency,
                           1, TEXT_CHARS_MAX),
    CYAML_FIELD_UINT("amount", CYAML_FLAG_DEFAULT, struct fee_tolerance_settings, amount),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t fee_tolerance_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct fee_tolerance_settings, tolerance_fields),
};

/* ---- what is no difference ---- */

static int read_tolerance(const struct fee_tolerance_settings *said,
                          struct match_tolerance *tolerances, int count, struct err *err) {
    if (currency_parse(said->currency, &tolerances[count].currency, NULL) < 0) {
        return err_set(err, ERR_CONFIG, "there is no currency \"%.40s\"", said->currency);
    }
    for (int i = 0; i < count; i++) {
        if (currency_equal(tolerances[i].currency, tolerances[count].currency)) {
            return err_set(err, ERR_CONFIG, "%s stands here twice", tolerances[i].currency.code);
        }
    }
    if (said->amount > AMOUNT_MINOR_MAX) {
        return err_set(err, ERR_CONFIG, "it is at most %lld minor units",
                       (long long)AMOUNT_MINOR_MAX);
    }
    tolerances[count].minor = (int64_t)said->amount;
    return 0;
}

int fee_tolerances_read(const char *gateway, const struct fee_tolerance_settings *settings,
                        int count, struct match_tolerance **ret_tolerances, struct err *err) {
    *ret_tolerances = NULL;
    if (count == 0) {
        return 0;
    }
    struct match_tolerance *tolerances = g_new0(struct match_tolerance, (size_t)count);
    int r = count > FEE_TOLERANCES_MAX
                ? err_set(err, ERR_CONFIG, "at most %d currencies", FEE_TOLERANCES_MAX)
                : 0;
    for (int i = 0; r >= 0 && i < count; i++) {
        r = read_tolerance(&settings[i], tolerances, i, err);
    }
    if (r < 0) {
        g_free(tolerances);
        return err_place(err, "gateways: %s: fee_tolerance", gateway);
    }
    *ret_tolerances = tolerances;
    return 0;
}

/* ---- one line ---- */

struct reading {
    const char *gateway;
    const struct fee_settings *said;
    const struct time_zone *zone;
    struct arena *arena;
    struct fee_line *line;
};

#define REFUSE(reading, key, err, ...)                                                             \
    (err_set(err, ERR_CONFIG, __VA_ARGS__),                                                        \
     err_place(err, "gateways: %s: fees: %s: %s", (reading)->gateway, (reading)->said->name, key))

static int find_name(const struct reading *reading, const char *key, const char *said,
                     const char *const *names, int count, struct err *err) {
    for (int i = 0; i < count; i++) {
        if (strcmp(said, names[i]) == 0) {
            return i;
        }
    }
    (void)REFUSE(reading, key, err, "there is no \"%.40s\" here", said);
    return -ERR_CONFIG;
}

static int read_names(const struct reading *reading, struct err *err) {
    static const char *const kinds[] = {"charge", "refund", "dispute"};
    static const char *const roundings[] = {
#define X(name, text, what) [FEE_ROUND_##name] = text,
#include "recon/fee_roundings.def"
#undef X
    };
    static const char *const returns[] = {
#define X(name, text, what) [FEE_RETURN_##name] = text,
#include "recon/fee_returns.def"
#undef X
    };
    const struct fee_settings *said = reading->said;
    int kind = said->kind == NULL ? FEE_OF_CHARGE
                                  : find_name(reading, "kind", said->kind, kinds,
                                              (int)COUNT_OF(kinds), err);
    int rounding = said->rounding == NULL ? FEE_ROUND_HALF_UP
                                          : find_name(reading, "rounding", said->rounding,
                                                      roundings, (int)COUNT_OF(roundings), err);
    int back = said->on_refund == NULL ? FEE_RETURN_KEEP
                                       : find_name(reading, "on_refund", said->on_refund, returns,
                                                   (int)COUNT_OF(returns), err);
    if (kind < 0 || rounding < 0 || back < 0) {
        return -ERR_CONFIG;
    }
    if (said->on_refund != NULL && kind != FEE_OF_CHARGE) {
        return REFUSE(reading, "on_refund", err, "it is of lines for charges");
    }
    reading->line->kind = (enum fee_kind)kind;
    reading->line->rounding = (enum fee_rounding)rounding;
    reading->line->on_refund = (enum fee_return)back;
    return 0;
}

static int read_methods(const struct reading *reading, struct err *err) {
    for (unsigned i = 0; i < reading->said->methods_count; i++) {
        enum payment_method method;
        if (!method_parse(reading->said->methods[i], &method)) {
            return REFUSE(reading, "methods", err, "there is no method \"%.40s\"",
                          reading->said->methods[i]);
        }
        reading->line->methods[method] = true;
    }
    return 0;
}

static const char *const *copy_words(const struct reading *reading, char *const *words,
                                     unsigned count) {
    const char **copies = arena_alloc(reading->arena, (count + 1) * sizeof *copies);
    for (unsigned i = 0; i < count; i++) {
        copies[i] = arena_copy(reading->arena, words[i]);
    }
    return copies;
}

static int read_currencies(const struct reading *reading, struct err *err) {
    unsigned count = reading->said->currencies_count;
    struct currency *currencies = arena_alloc(reading->arena, (count + 1) * sizeof *currencies);
    for (unsigned i = 0; i < count; i++) {
        if (currency_parse(reading->said->currencies[i], &currencies[i], NULL) < 0) {
            return REFUSE(reading, "currencies", err, "there is no currency \"%.40s\"",
                          reading->said->currencies[i]);
        }
    }
    reading->line->currencies = currencies;
    reading->line->currency_count = (int)count;
    return 0;
}

static int read_words(const struct reading *reading, struct err *err) {
    const struct fee_settings *said = reading->said;
    struct fee_line *line = reading->line;
    line->regions = copy_words(reading, said->regions, said->regions_count);
    line->region_count = (int)said->regions_count;
    line->statement_methods = copy_words(reading, said->statement_methods,
                                         said->statement_methods_count);
    line->statement_method_count = (int)said->statement_methods_count;
    int r = read_methods(reading, err);
    return r < 0 ? r : read_currencies(reading, err);
}

/* "1.4" → 14000 millionths. */
static int read_percent(const struct reading *reading, struct err *err) {
    const char *at = reading->said->percent;
    int64_t ppm = 0;
    int digits = 0, decimals = -1;
    for (; at != NULL && *at != '\0'; at++) {
        if (*at == '.' && decimals < 0 && digits > 0) {
            decimals = 0;
            continue;
        }
        if (*at < '0' || *at > '9' || digits > 8 || decimals == PERCENT_DECIMALS) {
            (void)REFUSE(reading, "percent", err, "it is no percentage with at most %d decimals",
                         PERCENT_DECIMALS);
            return err_hint(err, "For example 1.4, or 0.0025.");
        }
        ppm = ppm * 10 + (*at - '0');
        digits++;
        decimals += decimals >= 0;
    }
    for (int i = decimals < 0 ? 0 : decimals; i < PERCENT_DECIMALS; i++) {
        ppm *= 10;
    }
    if (decimals == 0 || ppm > FEE_PPM_MAX) {
        return REFUSE(reading, "percent", err, "it is a number up to 100");
    }
    reading->line->ppm = (int)ppm;
    return 0;
}

static int read_amount(const struct reading *reading, const char *key, uint64_t said,
                       int64_t *ret_minor, struct err *err) {
    if (said > AMOUNT_MINOR_MAX) {
        return REFUSE(reading, key, err, "it is at most %lld minor units",
                      (long long)AMOUNT_MINOR_MAX);
    }
    if (said > 0 && reading->line->currency_count != 1) {
        (void)REFUSE(reading, key, err, "an amount needs the one currency that it is of");
        return err_hint(err, "Write a line for each currency, with currencies: [EUR].");
    }
    *ret_minor = (int64_t)said;
    return 0;
}

static int read_amounts(const struct reading *reading, struct err *err) {
    const struct fee_settings *said = reading->said;
    struct fee_line *line = reading->line;
    int r = read_amount(reading, "fixed", said->fixed, &line->fixed_minor, err);
    r = r < 0 ? r : read_amount(reading, "minimum", said->minimum, &line->minimum_minor, err);
    if (r >= 0 && said->maximum != NULL) {
        r = read_amount(reading, "maximum", *said->maximum, &line->maximum_minor, err);
    }
    if (r >= 0 && line->maximum_minor < line->minimum_minor) {
        return REFUSE(reading, "maximum", err, "it is below the minimum");
    }
    return r;
}

/* "2026-07-01" → its first moment there. */
static int read_date(const struct reading *reading, const char *key, const char *said,
                     int64_t *ret_us, struct err *err) {
    if (said == NULL) {
        return 0;
    }
    int part[3] = {0};
    bool good = strlen(said) == 10;
    for (int i = 0, at = 0; good && i < 10; i++) {
        bool dash = i == 4 || i == 7;
        good = dash ? said[i] == '-' : said[i] >= '0' && said[i] <= '9';
        at += dash;
        part[at] = dash ? part[at] : part[at] * 10 + (said[i] - '0');
    }
    int64_t local_s = 0;
    if (!good || !calendar_date(part[0], part[1], part[2], &local_s)) {
        (void)REFUSE(reading, key, err, "it is no date");
        return err_hint(err, "Write it as 2026-07-01.");
    }
    *ret_us = wall_from_local(reading->zone, local_s);
    return 0;
}

static int read_dates(const struct reading *reading, struct err *err) {
    struct fee_line *line = reading->line;
    int r = read_date(reading, "from", reading->said->from, &line->from_us, err);
    r = r < 0 ? r : read_date(reading, "until", reading->said->until, &line->until_us, err);
    if (r >= 0 && line->until_us <= line->from_us) {
        (void)REFUSE(reading, "until", err, "the line ends before it begins");
        return err_hint(err, "until is the first day on which it no longer counts.");
    }
    return r;
}

static int read_line(const struct reading *reading, struct err *err) {
    struct fee_line *line = reading->line;
    *line = (struct fee_line){
        .name = arena_copy(reading->arena, reading->said->name),
        .from_us = INT64_MIN,
        .until_us = INT64_MAX,
        .maximum_minor = INT64_MAX,
    };
    int r = read_names(reading, err);
    r = r < 0 ? r : read_words(reading, err);
    r = r < 0 ? r : read_percent(reading, err);
    r = r < 0 ? r : read_amounts(reading, err);
    return r < 0 ? r : read_dates(reading, err);
}

/* ---- all lines ---- */

static bool all_words(const char *const *words, int count, const char *const *of, int of_count) {
    for (int i = 0; of_count > 0 && i < count; i++) {
        bool found = false;
        for (int j = 0; j < of_count; j++) {
            found = found || strcmp(words[i], of[j]) == 0;
        }
        if (!found) {
            return false;
        }
    }
    return of_count == 0 || count > 0;
}

static bool all_currencies(const struct fee_line *line, const struct fee_line *before) {
    for (int i = 0; before->currency_count > 0 && i < line->currency_count; i++) {
        bool found = false;
        for (int j = 0; j < before->currency_count; j++) {
            found = found || currency_equal(line->currencies[i], before->currencies[j]);
        }
        if (!found) {
            return false;
        }
    }
    return before->currency_count == 0 || line->currency_count > 0;
}

static bool all_methods(const struct fee_line *line, const struct fee_line *before) {
    bool any = true, every = true, some = false;
    for (int i = METHOD_CARD; i < METHOD_COUNT; i++) {
        any = any && !before->methods[i];
        some = some || line->methods[i];
        every = every && (!line->methods[i] || before->methods[i]);
    }
    return any || (some && every);
}

/* Whatever fits `line` fits `before`, which is tried first. */
static bool hides(const struct fee_line *before, const struct fee_line *line) {
    return before->kind == line->kind && before->from_us <= line->from_us &&
           before->until_us >= line->until_us && all_methods(line, before) &&
           all_currencies(line, before) &&
           all_words(line->regions, line->region_count, before->regions, before->region_count) &&
           all_words(line->statement_methods, line->statement_method_count,
                     before->statement_methods, before->statement_method_count);
}

static int check_against(const struct reading *reading, const struct fee_schedule *schedule,
                         struct err *err) {
    for (int i = 0; i < schedule->count; i++) {
        const struct fee_line *before = &schedule->lines[i];
        if (strcmp(before->name, reading->line->name) == 0) {
            return REFUSE(reading, "name", err, "two lines are called so");
        }
        if (hides(before, reading->line)) {
            (void)REFUSE(reading, "name", err, "it never counts: \"%s\" comes first and fits all "
                                               "that it fits",
                         before->name);
            return err_hint(err, "Write the special line above the general one, or give both "
                                 "their from and until.");
        }
    }
    return 0;
}

static int read_all(const char *gateway, const struct fee_settings *settings, int count,
                    const struct time_zone *zone, struct fee_schedule *schedule, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < count; i++) {
        struct reading reading = {
            .gateway = gateway,
            .said = &settings[i],
            .zone = zone,
            .arena = schedule->arena,
            .line = &schedule->lines[i],
        };
        r = read_line(&reading, err);
        r = r < 0 ? r : check_against(&reading, schedule, err);
        schedule->count += r >= 0;
    }
    return r;
}

int fee_schedule_open(const char *gateway, const struct fee_settings *settings, int count,
                      const char *zone_name, struct fee_schedule **ret_schedule, struct err *err) {
    TIME_ZONE_AUTO zone = NULL;
    *ret_schedule = NULL;
    if (count == 0) {
        return 0;
    }
    int r = time_zone_open(zone_name, &zone, err);
    if (r < 0) {
        return r;
    }
    struct fee_schedule *schedule = calloc(1, sizeof *schedule);
    INVARIANT(schedule != NULL, "out of memory");
    schedule->arena = arena_new(ARENA_BYTES);
    schedule->lines = arena_alloc(schedule->arena, (size_t)count * sizeof *schedule->lines);
    r = count > FEE_LINES_MAX ? err_set(err, ERR_CONFIG, "gateway %s: at most %d lines of fees",
                                        gateway, FEE_LINES_MAX)
                              : read_all(gateway, settings, count, zone, schedule, err);
    if (r < 0) {
        fee_schedule_free(schedule);
        return r;
    }
    *ret_schedule = schedule;
    return 0;
}

void fee_schedule_free(struct fee_schedule *schedule) {
    if (schedule != NULL) {
        arena_free(schedule->arena);
        free(schedule);
    }
}
