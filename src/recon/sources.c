/* SPDX-License-Identifier: Apache-2.0
 * sources.c: what is known of each gateway's statements. */
#include "recon/sources.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "recon/payouts.h"
#include "recon/run.h"

#define BANK_ADAPTER "bank"

static const struct habit {
    const char *adapter, *time_zone;
    int hour, minute, business_days;
} habits[] = {
#define X(adapter, zone, hour, minute, business_days) {adapter, zone, hour, minute, business_days},
#include "recon/statement_sources.def"
#undef X
};
/* Of an adapter that has no row. */
static const struct habit no_habit = {"", "UTC", 12, 0, RUN_BUSINESS_DAYS_USUAL};

static const struct kind {
    const char *adapter, *name;
    int tells;
    bool usual;
    unsigned covers;
    const char *format;
} kinds[] = {
#define X(adapter, name, tells, usual, covers, format)                                             \
    {adapter, name, tells, usual, covers, format},
#include "recon/statement_kinds.def"
#undef X
};

static const struct habit *habit_of(const char *adapter) {
    for (size_t i = 0; i < COUNT_OF(habits); i++) {
        if (strcmp(habits[i].adapter, adapter) == 0) {
            return &habits[i];
        }
    }
    return &no_habit;
}

const char *source_zone_usual(const char *adapter) {
    return adapter != NULL ? habit_of(adapter)->time_zone : no_habit.time_zone;
}

static const struct kind *kind_find(const char *adapter, const char *name) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (strcmp(kinds[i].adapter, adapter) == 0 && strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

unsigned source_kind_covers(const char *adapter, const char *kind) {
    const struct kind *found = kind_find(adapter, kind);
    /* Of whatever else comes into a folder, or is read by a map, the file's reader says it. */
    return found != NULL ? found->covers : TELLS_ALL;
}

const char *source_format(const struct source *source, const char *kind) {
    const struct kind *found = kind_find(source->gateway->adapter->name, kind);
    return source->map != NULL ? "csv" : found != NULL ? found->format : "";
}

static void kinds_usual(struct source *source) {
    const struct gateway_adapter *adapter = source->gateway->adapter;
    bool told = source->way != SOURCE_ADAPTER || adapter->fetch_statement != NULL;
    for (size_t i = 0; i < COUNT_OF(kinds) && told && source->map == NULL; i++) {
        if (kinds[i].usual && strcmp(kinds[i].adapter, adapter->name) == 0) {
            source->kinds[source->kind_count++] = kinds[i].name;
        }
    }
    if (source->kind_count == 0 && source->way != SOURCE_ADAPTER) {
        source->kinds[source->kind_count++] = SOURCE_KIND_ANY;
    }
}

static int kind_add(struct source *source, const char *name, struct err *err) {
    const struct gateway_adapter *with = source->gateway->adapter;
    const char *adapter = with->name;
    const struct kind *kind = kind_find(adapter, name);
    if (source->way != SOURCE_ADAPTER && source->kind_count > 0) {
        return err_set(err, ERR_CONFIG,
                       "gateway %s: one kind of statements comes from a folder or a URL",
                       source->gateway->name);
    }
    if (source->way != SOURCE_ADAPTER && strcmp(name, SOURCE_KIND_ANY) == 0) {
        source->kinds[source->kind_count++] = SOURCE_KIND_ANY;
        return 0;
    }
    if (kind != NULL && source->way == SOURCE_ADAPTER && with->fetch_statement == NULL) {
        (void)err_set(err, ERR_CONFIG, "gateway %s: %s publishes no statements by its API",
                      source->gateway->name, adapter);
        return err_hint(err, "Say where they come from: `folder` and `files`, or `url`.");
    }
    if (kind == NULL) {
        (void)err_set(err, ERR_CONFIG, "gateway %s: %s has no statement \"%.20s\" to be fetched",
                      source->gateway->name, adapter, name);
        return err_hint(err, "docs/configuration.md lists the kinds of each gateway.");
    }
    for (int i = 0; i < source->kind_count; i++) {
        const struct kind *other = kind_find(adapter, source->kinds[i]);
        if (other->tells == kind->tells) {
            return err_set(
                err, ERR_CONFIG,
                "gateway %s: the statements %s and %s tell the same movements; fetch one",
                source->gateway->name, other->name, kind->name);
        }
    }
    if (source->kind_count == SOURCE_KINDS_MAX) {
        return err_set(err, ERR_CONFIG, "gateway %s: too many kinds of statements",
                       source->gateway->name);
    }
    source->kinds[source->kind_count++] = kind->name;
    return 0;
}

static int apply_payouts(struct source *source, const struct gateway_registry *registry,
                         const struct source_settings *said, struct err *err) {
    const char *name = source->gateway->name;
    source->pays_out_days = PAYOUT_DAYS_USUAL;
    if (said->pays_out_days != NULL) {
        if (*said->pays_out_days > PAYOUT_DAYS_MAX) {
            return err_set(err, ERR_CONFIG, "gateway %s: pays_out_days is 0 to %d", name,
                           PAYOUT_DAYS_MAX);
        }
        source->pays_out_days = (int)*said->pays_out_days;
    }
    if (said->pays_out_to == NULL) {
        return 0;
    }
    const struct gateway *bank = gateway_find(registry, said->pays_out_to);
    if (bank == NULL || strcmp(bank->adapter->name, BANK_ADAPTER) != 0) {
        (void)err_set(err, ERR_CONFIG, "gateway %s: pays_out_to names \"%.64s\", which is no bank "
                                       "account of ours",
                      name, said->pays_out_to);
        return err_hint(err, "Name a gateway whose adapter is bank.");
    }
    if (bank == source->gateway) {
        return err_set(err, ERR_CONFIG, "gateway %s: it pays out to itself", name);
    }
    source->pays_out_to = said->pays_out_to;
    return 0;
}

static int apply_tolerance(struct source *source, const struct source_settings *said,
                           struct err *err) {
    const char *name = source->gateway->name;
    char why[MATCH_SET_WHY_CHARS];
    if (said->payout_tolerance_count == 0 && said->payout_tolerance_ppm == NULL) {
        return 0;
    }
    if (!source->is_bank) {
        (void)err_set(err, ERR_CONFIG, "gateway %s: payout_tolerance is of a bank account", name);
        return err_hint(err, "It is the bank that deducts its charge: say it of the gateway that "
                             "pays_out_to names.");
    }
    if (match_tolerances_read(said->payout_tolerance, said->payout_tolerance_count,
                              source->payouts.tolerances, why) < 0) {
        return err_set(err, ERR_CONFIG, "gateway %s: payout_tolerance: %s", name, why);
    }
    source->payouts.count = (int)said->payout_tolerance_count;
    if (said->payout_tolerance_ppm != NULL && *said->payout_tolerance_ppm > MATCH_SET_PPM_MAX) {
        return err_set(err, ERR_CONFIG, "gateway %s: payout_tolerance_ppm is at most %d, a tenth",
                       name, MATCH_SET_PPM_MAX);
    }
    source->payouts.ppm = said->payout_tolerance_ppm != NULL ? (int)*said->payout_tolerance_ppm : 0;
    return 0;
}

static int apply(struct source *source, const struct source_settings *said, struct err *err) {
    const char *name = source->gateway->name;
    int r = source_place(source, said, err);
    if (r >= 0 && said->kind_count == 0) {
        kinds_usual(source);
    }
    for (int i = 0; r >= 0 && i < said->kind_count; i++) {
        r = kind_add(source, said->kinds[i], err);
    }
    if (r < 0) {
        return r;
    }
    source->fetch = said->fetch != NULL ? *said->fetch : source->kind_count > 0;
    if (source->fetch && source->kind_count == 0) {
        (void)err_set(err, ERR_CONFIG, "gateway %s: %s publishes no statements by its API", name,
                      source->gateway->adapter->name);
        return err_hint(err, "Say where they come from: `folder` and `files`, or `url`.");
    }
    if (said->business_days != NULL) {
        if (*said->business_days > SOURCE_BUSINESS_DAYS_MAX) {
            return err_set(err, ERR_CONFIG, "gateway %s: business_days is 0 to %d", name,
                           SOURCE_BUSINESS_DAYS_MAX);
        }
        source->business_days = (int)*said->business_days;
    }
    if (said->time_zone != NULL) {
        TIME_ZONE_AUTO zone = NULL;
        if (time_zone_open(said->time_zone, &zone, NULL) < 0) {
            return err_set(err, ERR_CONFIG, "gateway %s: there is no time zone \"%.48s\"", name,
                           said->time_zone);
        }
        source->time_zone = source->said_time_zone = said->time_zone;
    }
    return 0;
}

static int open_settle(struct source *source, const struct source_settings *said,
                       struct err *err) {
    const struct settle_asked asked = {
        .gateway = source->gateway->name,
        .business_days = source->business_days,
        .calendar = said->calendar,
        .windows = said->windows,
        .window_count = said->window_count,
        .calendars = said->calendars,
        .calendar_count = said->calendar_count,
    };
    return settle_open(&asked, &source->settle, err);
}

int sources_open(const struct gateway_registry *registry, const struct source_settings *settings,
                 int setting_count, struct source ret_sources[GATEWAYS_MAX], int *ret_count,
                 struct err *err) {
    static const struct source_settings nothing = {0};
    int r = 0;
    *ret_count = gateway_count(registry);
    memset(ret_sources, 0, (size_t)*ret_count * sizeof *ret_sources);
    for (int i = 0; r >= 0 && i < *ret_count; i++) {
        struct source *source = &ret_sources[i];
        struct gateway *gateway = gateway_at(registry, i);
        const struct habit *habit = habit_of(gateway->adapter->name);
        const struct source_settings *said = &nothing;
        for (int j = 0; j < setting_count; j++) {
            said = strcmp(settings[j].gateway, gateway->name) == 0 ? &settings[j] : said;
        }
        *source = (struct source){
            .gateway = gateway,
            .time_zone = habit->time_zone,
            .minute = habit->hour * 60 + habit->minute,
            .business_days = habit->business_days,
            .accounts = said->accounts,
            .account_count = said->account_count,
            .is_bank = strcmp(gateway->adapter->name, BANK_ADAPTER) == 0,
        };
        r = apply(source, said, err);
        r = r < 0 ? r : apply_payouts(source, registry, said, err);
        r = r < 0 ? r : apply_tolerance(source, said, err);
        r = r < 0 ? r : open_settle(source, said, err);
        r = r < 0 ? r
                  : fee_schedule_open(gateway->name, said->fees, said->fee_count, source->time_zone,
                                      &source->fees, err);
        r = r < 0 ? r
                  : fee_tolerances_read(gateway->name, said->fee_tolerances,
                                        said->fee_tolerance_count, &source->fee_tolerances, err);
        source->fee_tolerance_count = r < 0 ? 0 : said->fee_tolerance_count;
    }
    if (r < 0) {
        sources_close(ret_sources, *ret_count);
        *ret_count = 0;
    }
    return r;
}

void sources_close(struct source *sources, int count) {
    for (int i = 0; i < count; i++) {
        fee_schedule_free(sources[i].fees);
        g_free(sources[i].fee_tolerances);
        sources[i].fee_tolerances = NULL;
        sources[i].fees = NULL;
        settle_free(sources[i].settle);
        sources[i].settle = NULL;
        free(sources[i].map);
        sources[i].map = NULL;
    }
}
