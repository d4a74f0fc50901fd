/* SPDX-License-Identifier: Apache-2.0
 * sources.h: what is known of each gateway's statements: the place whose days they are of, when
 * they are published, which kinds are fetched, how long a movement may take to appear, and to which
 * account of ours it pays out. From
 * holdfast.yaml (gateways: … statements:), else from statement_sources.def and statement_kinds.def.
 * Threads: any; constant once opened. Owns: the schedules of fees; other texts are the
 * configuration's or literals.
 * Errors: ERR_CONFIG, with the gateway's name. */
#ifndef HOLDFAST_RECON_SOURCES_H
#define HOLDFAST_RECON_SOURCES_H

#include "gateway/registry.h"
#include "recon/fee_schedule.h"

enum { SOURCE_KINDS_MAX = 8, SOURCE_BUSINESS_DAYS_MAX = 60 };

/* As configured, by gateway; what is not said is NULL or 0. Borrowed. */
struct source_settings {
    const char *gateway;
    const bool *fetch;
    const char *time_zone;
    const unsigned *business_days;
    const char *const *kinds;
    int kind_count;
    const char *pays_out_to;
    const unsigned *pays_out_days;
    const struct fee_settings *fees; /* gateways: … fees: */
    int fee_count;
    const struct fee_tolerance_settings *fee_tolerances; /* gateways: … fee_tolerance: */
    int fee_tolerance_count;
};

struct source {
    struct gateway *gateway;
    const char *time_zone;      /* of its days */
    const char *said_time_zone; /* as configured: of local times in its files; NULL: the format's */
    int minute;                 /* of its day: when yesterday's statement should be there */
    int business_days;
    bool fetch;     /* by itself, each day */
    /* The bank account of ours that its payouts arrive on, and within so many business days; NULL:
     * none that is known here. */
    const char *pays_out_to;
    int pays_out_days;
    int kind_count; /* 0: it publishes none by its API */
    const char *kinds[SOURCE_KINDS_MAX];
    struct fee_schedule *fees; /* NULL: none is agreed; owned, until sources_close() */
    struct match_tolerance *fee_tolerances; /* owned as well; NULL: fees are exact */
    int fee_tolerance_count;
};

/* One source for each gateway of the registry, in its order. */
MUST_USE int sources_open(const struct gateway_registry *registry,
                          const struct source_settings *settings, int setting_count,
                          struct source ret_sources[GATEWAYS_MAX], int *ret_count, struct err *err);
void sources_close(struct source *sources, int count);

#endif
