/* SPDX-License-Identifier: Apache-2.0
 * settle.c: the windows of a gateway and of its methods, as configured. */
#include "recon/settle.h"

#include <stdlib.h>
#include <string.h>

#include "recon/settle_schema.h"

enum { WORD_CHARS_MAX = 60, PATH_CHARS_MAX = 4000, WEEKEND_MAX = 7 };

/* ---- the schema ---- */

#define OPTIONAL CYAML_FLAG_OPTIONAL
#define TEXT(key, type, member, flags, chars)                                                      \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), type, member, 1, chars)
#define TEXTS(key, member, most)                                                                   \
    CYAML_FIELD_SEQUENCE_COUNT(key, CYAML_FLAG_POINTER | OPTIONAL, struct workdays_settings,       \
                               member, member##_count, &word_value, 0, most)

static const cyaml_schema_value_t word_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, WORD_CHARS_MAX),
};
static const cyaml_schema_field_t workdays_fields[] = {
    TEXT("name", struct workdays_settings, name, 0, WORKDAYS_NAME_CHARS_MAX),
    TEXTS("weekend", weekend, WEEKEND_MAX),
    TEXTS("holidays", holidays, WORKDAYS_WORDS_MAX),
    TEXTS("working_days", working_days, WORKDAYS_WORDS_MAX),
    TEXT("file", struct workdays_settings, file, OPTIONAL, PATH_CHARS_MAX),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t workdays_settings_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct workdays_settings, workdays_fields),
};

static const cyaml_schema_field_t settle_fields[] = {
    TEXT("method", struct settle_settings, method, 0, WORD_CHARS_MAX),
    CYAML_FIELD_UINT_PTR("business_days", CYAML_FLAG_POINTER | OPTIONAL, struct settle_settings,
                         business_days),
    TEXT("calendar", struct settle_settings, calendar, OPTIONAL, WORKDAYS_NAME_CHARS_MAX),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t settle_settings_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct settle_settings, settle_fields),
};

/* ---- the windows ---- */

struct settle {
    int business_days[METHOD_COUNT]; /* [0]: the gateway's */
    struct workdays *calendars[METHOD_COUNT]; /* NULL: that of the gateway */
    bool own[METHOD_COUNT];
};

static int open_calendar(const struct settle_asked *asked, const char *name,
                         struct workdays **ret_workdays, struct err *err) {
    for (int i = 0; i < asked->calendar_count; i++) {
        if (strcmp(asked->calendars[i].name, name) == 0) {
            return workdays_open(&asked->calendars[i], ret_workdays, err);
        }
    }
    (void)err_set(err, ERR_CONFIG, "gateway %s: there is no calendar \"%.40s\"", asked->gateway,
                  name);
    return err_hint(err, "Calendars stand under reconciliation: calendars; docs/configuration.md "
                         "shows one.");
}

static int open_window(const struct settle_asked *asked, const struct settle_settings *said,
                       struct settle *settle, struct err *err) {
    enum payment_method method = METHOD_CARD;
    if (!method_parse(said->method, &method)) {
        return err_set(err, ERR_CONFIG, "gateway %s: windows: there is no method \"%.40s\"",
                       asked->gateway, said->method);
    }
    if (settle->own[method]) {
        return err_set(err, ERR_CONFIG, "gateway %s: windows: %s has two", asked->gateway,
                       said->method);
    }
    if (said->business_days == NULL && said->calendar == NULL) {
        return err_set(err, ERR_CONFIG,
                       "gateway %s: windows: %s has neither business_days nor calendar",
                       asked->gateway, said->method);
    }
    if (said->business_days != NULL && *said->business_days > SETTLE_DAYS_MAX) {
        return err_set(err, ERR_CONFIG, "gateway %s: windows: %s: business_days is 0 to %d",
                       asked->gateway, said->method, SETTLE_DAYS_MAX);
    }
    settle->own[method] = true;
    settle->business_days[method] = said->business_days != NULL ? (int)*said->business_days
                                                                : asked->business_days;
    return said->calendar != NULL
               ? open_calendar(asked, said->calendar, &settle->calendars[method], err)
               : 0;
}

int settle_open(const struct settle_asked *asked, struct settle **ret_settle, struct err *err) {
    struct settle *settle = calloc(1, sizeof *settle);
    INVARIANT(settle != NULL, "out of memory");
    settle->business_days[0] = asked->business_days;
    int r = asked->calendar != NULL
                ? open_calendar(asked, asked->calendar, &settle->calendars[0], err)
                : 0;
    for (int i = 0; r >= 0 && i < asked->window_count; i++) {
        r = open_window(asked, &asked->windows[i], settle, err);
    }
    if (r < 0) {
        settle_free(settle);
        return r;
    }
    *ret_settle = settle;
    return 0;
}

void settle_free(struct settle *settle) {
    for (int i = 0; settle != NULL && i < METHOD_COUNT; i++) {
        workdays_free(settle->calendars[i]);
    }
    free(settle);
}

bool settle_has_own(const struct settle *settle, enum payment_method method) {
    return method > 0 && method < METHOD_COUNT && settle->own[method];
}

struct settle_window settle_window(const struct settle *settle, enum payment_method method) {
    int at = settle_has_own(settle, method) ? (int)method : 0;
    const struct workdays *calendar = settle->calendars[at];
    return (struct settle_window){
        .business_days = settle->business_days[at],
        .calendar = calendar != NULL ? calendar : settle->calendars[0],
    };
}

int64_t settle_until(const struct settle *settle, enum payment_method method, int64_t at_us,
                     const struct time_zone *zone) {
    const struct settle_window window = settle_window(settle, method);
    return workdays_until(window.calendar, at_us, window.business_days, zone);
}

int settle_calendars_check(const struct workdays_settings *calendars, int count, struct err *err) {
    for (int i = 0; i < count; i++) {
        WORKDAYS_AUTO workdays = NULL;
        for (int j = 0; j < i; j++) {
            if (strcmp(calendars[i].name, calendars[j].name) == 0) {
                return err_set(err, ERR_CONFIG, "reconciliation: two calendars are called %.40s",
                               calendars[i].name);
            }
        }
        int r = workdays_open(&calendars[i], &workdays, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
