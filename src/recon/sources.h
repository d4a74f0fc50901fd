/* SPDX-License-Identifier: Apache-2.0
 * sources.h: what is known of each gateway's statements: the place whose days they are of, when
 * they are published, which kinds are fetched, how long a movement may take to appear, and to which
 * account of ours it pays out. From
 * holdfast.yaml (gateways: … statements:), else from statement_sources.def and statement_kinds.def.
 *
 * A day's statement comes by one of three ways:
 *   adapter   by the gateway's own API (gateway.h: fetch_statement)
 *   folder    somebody else puts files there: an SFTP mirror, the bank's client (fetch_folder.c)
 *   url       it is had over HTTPS, under an address with the day or a number in it (fetch_url.c)
 * Threads: any; constant once opened. Owns: the schedules of fees, the windows, the maps; other
 * texts are the configuration's or literals.
 * Errors: ERR_CONFIG, with the gateway's name; ERR_IO (the map cannot be read). */
#ifndef HOLDFAST_RECON_SOURCES_H
#define HOLDFAST_RECON_SOURCES_H

#include "gateway/registry.h"
#include "match/match_set.h"
#include "recon/fee_schedule.h"
#include "recon/settle.h"

enum {
    SOURCE_KINDS_MAX = 8,
    SOURCE_BUSINESS_DAYS_MAX = 60,
    SOURCE_SETTLE_S_USUAL = 60,
    SOURCE_SETTLE_S_MAX = 3600,
    SOURCE_DATED_AFTER_MAX = 7,
    SOURCE_MARKER_CHARS_MAX = 32,
};
enum source_way { SOURCE_ADAPTER = 0, SOURCE_FOLDER, SOURCE_URL };
const char *source_way_name(enum source_way way); /* "folder" */
/* The kind of a file that is not one of the adapter's own: whatever its format is. */
#define SOURCE_KIND_ANY "report"

/* As configured, by gateway; what is not said is NULL or 0. Borrowed. */
struct source_settings {
    const char *gateway;
    const bool *fetch;
    const char *time_zone;
    const unsigned *business_days;
    const char *const *kinds;
    int kind_count;
    const char *folder, *files, *marker; /* day_name.h: `files` */
    const unsigned *settle_s, *dated_after;
    const char *url; /* day_name.h */
    const unsigned *first_number;
    const char *map; /* a path */
    const char *pays_out_to;
    const unsigned *pays_out_days;
    const struct match_tolerance_config *payout_tolerance;
    unsigned payout_tolerance_count;
    const unsigned *payout_tolerance_ppm;
    const struct fee_settings *fees; /* gateways: … fees: */
    int fee_count;
    const char *const *accounts; /* names of its account on statements, beside its option's */
    int account_count;
    const char *calendar;                   /* by which business days are counted */
    const struct settle_settings *windows; /* of methods */
    int window_count;
    const struct workdays_settings *calendars; /* reconciliation: calendars: */
    int calendar_count;
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
    const char *const *accounts; /* recon/whose.h; borrowed */
    int account_count;
    /* The bank account of ours that its payouts arrive on, and within so many business days; NULL:
     * none that is known here. */
    const char *pays_out_to;
    int pays_out_days;
    bool is_bank; /* an account of ours, at which payouts arrive */
    struct payout_terms payouts; /* of a bank account: what may be deducted of those it gets */
    int kind_count; /* 0: it publishes none by its API */
    const char *kinds[SOURCE_KINDS_MAX];
    enum source_way way;
    const char *place;    /* the folder's path, or the URL; NULL: by its adapter */
    const char *files;    /* of a folder: what a day's files are called */
    const char *marker;   /* NAME is whole when NAME and this is there; NULL: when it settled */
    int64_t settle_us;    /* it has when it did not change for so long */
    int dated_after;      /* so many days after the day that it tells of is the one in its name */
    bool numbered;        /* the name, or the URL, has a number in it */
    int64_t first_number; /* of a URL with numbers: the first that is asked for */
    char *map;            /* the text of a map.yaml; owned; NULL: its format is known */
    struct fee_schedule *fees; /* NULL: none is agreed; owned, until sources_close() */
    struct settle *settle;     /* its windows, by method; owned as well */
    struct match_tolerance *fee_tolerances; /* owned as well; NULL: fees are exact */
    int fee_tolerance_count;
};

/* One source for each gateway of the registry, in its order. */
MUST_USE int sources_open(const struct gateway_registry *registry,
                          const struct source_settings *settings, int setting_count,
                          struct source ret_sources[GATEWAYS_MAX], int *ret_count, struct err *err);
/* The time zone of the days of an adapter's gateways, where none is configured; "UTC" for NULL. */
const char *source_zone_usual(const char *adapter);
/* What of a day the fetched file of this kind tells: of enum statement_tells; 0: nothing. */
unsigned source_kind_covers(const char *adapter, const char *kind);
void sources_close(struct source *sources, int count);
/* The format of that kind (readers.def), where it comes into a folder or is at a URL; "": found
 * out. */
const char *source_format(const struct source *source, const char *kind);

/* sources_place.c: the way of it, as configured. */
MUST_USE int source_place(struct source *source, const struct source_settings *said,
                          struct err *err);

#endif
