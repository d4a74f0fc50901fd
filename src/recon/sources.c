/* SPDX-License-Identifier: Apache-2.0
 * sources.c: what is known of each gateway's statements. */
#include "recon/sources.h"

#include <glib.h>
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
} kinds[] = {
#define X(adapter, name, tells, usual) {adapter, name, tells, usual},
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

static const struct kind *kind_find(const char *adapter, const char *name) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (strcmp(kinds[i].adapter, adapter) == 0 && strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

static void kinds_usual(struct source *source) {
    const struct gateway_adapter *adapter = source->gateway->adapter;
    for (size_t i = 0; i < COUNT_OF(kinds) && adapter->fetch_statement != NULL; i++) {
        if (kinds[i].usual && strcmp(kinds[i].adapter, adapter->name) == 0) {
            source->kinds[source->kind_count++] = kinds[i].name;
        }
    }
}

static int kind_add(struct source *source, const char *name, struct err *err) {
    const char *adapter = source->gateway->adapter->name;
    const struct kind *kind = kind_find(adapter, name);
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

static int apply(struct source *source, const struct source_settings *said, struct err *err) {
    const char *name = source->gateway->name;
    int r = 0;
    if (said->kind_count == 0) {
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
        return err_set(err, ERR_CONFIG, "gateway %s: %s publishes no statements by its API", name,
                       source->gateway->adapter->name);
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
        };
        r = apply(source, said, err);
        r = r < 0 ? r : apply_payouts(source, registry, said, err);
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
    }
}
