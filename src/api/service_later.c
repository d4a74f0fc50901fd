/* SPDX-License-Identifier: Apache-2.0
 * service_later.c: `deferred` and `forward` of the configuration, checked and put into the options
 * of the payment machine. */
#include <string.h>

#include "api/service_impl.h"
#include "base/clock.h"

enum { HOLD_MINUTES_MAX = 60 * 24 * 60, AGE_MINUTES_MAX = 7 * 24 * 60, URL_CHARS_MAX = 200 };
#define US_PER_MINUTE (60 * US_PER_SECOND)

static int bad(const char *place, const char *why, struct err *err) {
    err_set(err, ERR_CONFIG, "%s", why);
    return err_place(err, "%s", place);
}

static bool is_address(const char *url) {
    size_t chars = strlen(url);
    bool web = strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;
    return web && chars <= URL_CHARS_MAX && url[chars - 1] != '/' &&
           strpbrk(url, " ?#\"<>") == NULL;
}

static int read_deferred(const struct config_deferred *config, struct deferral_options *options,
                         struct err *err) {
    if (config->public_url != NULL && !is_address(config->public_url)) {
        return bad("deferred.public_url",
                   "it must be an http or https address without a query and a slash at its end",
                   err);
    }
    if (config->hold_minutes > HOLD_MINUTES_MAX) {
        return bad("deferred.hold_minutes", "an order is held for at most 60 days", err);
    }
    options->public_url = config->public_url;
    options->hold_us = (int64_t)config->hold_minutes * US_PER_MINUTE;
    if (config->reminders_minutes_count == 1 && config->reminders_minutes[0] == 0) {
        options->reminder_count = -1; /* none is wanted */
        return 0;
    }
    for (unsigned i = 0; i < config->reminders_minutes_count; i++) {
        unsigned minutes = config->reminders_minutes[i];
        if (minutes == 0 || minutes > HOLD_MINUTES_MAX ||
            (i > 0 && minutes >= config->reminders_minutes[i - 1])) {
            return bad("deferred.reminders_minutes",
                       "reminders are minutes before the end, the largest first", err);
        }
        options->reminders_us[options->reminder_count++] = (int64_t)minutes * US_PER_MINUTE;
    }
    return 0;
}

static int read_limit(const struct config_forward_limit *config, struct forward_limit *limit,
                      struct err *err) {
    struct err why = {0};
    if (currency_parse(config->currency, &limit->currency, &why) < 0) {
        return bad("forward.limits", "there is no such currency", err);
    }
    if (config->each == 0 || config->each > config->total || config->total > AMOUNT_MINOR_MAX) {
        return bad("forward.limits", "each is at least 1 and at most total", err);
    }
    limit->each_minor = (int64_t)config->each;
    limit->total_minor = (int64_t)config->total;
    return 0;
}

static int read_forward(const struct config_forward *config, struct forward_options *options,
                        struct err *err) {
    if (config->age_minutes > AGE_MINUTES_MAX) {
        return bad("forward.age_minutes", "a payment is queued for at most 7 days", err);
    }
    if (config->enabled && (config->purposes_count == 0 || config->limits_count == 0 ||
                            (config->customers_count == 0 && !config->vip))) {
        return bad("forward",
                   "nothing is queued by default: list purposes, limits, and customers "
                   "or vip",
                   err);
    }
    for (unsigned i = 0; i < config->purposes_count; i++) {
        enum payment_purpose purpose;
        if (!purpose_parse(config->purposes[i], &purpose)) {
            return bad("forward.purposes", "one of: order, subscription, topup", err);
        }
        options->purposes[purpose] = true;
    }
    for (unsigned i = 0; i < config->limits_count; i++) {
        int r = read_limit(&config->limits[i], &options->limits[options->limit_count++], err);
        if (r < 0) {
            return r;
        }
    }
    options->enabled = config->enabled;
    options->vip = config->vip;
    options->customers = (const char *const *)config->customers;
    options->customer_count = (int)config->customers_count;
    options->age_us = (int64_t)config->age_minutes * US_PER_MINUTE;
    return 0;
}

int later_options(const struct service_config *config, struct payments_options *ret_options,
                  struct err *err) {
    int r = read_deferred(&config->deferred, &ret_options->deferral, err);
    return r < 0 ? r : read_forward(&config->forward, &ret_options->forward, err);
}
