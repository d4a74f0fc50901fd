/* SPDX-License-Identifier: Apache-2.0
 * service_desk.c: `desk: limits:` of the configuration: how much each role refunds alone. A role
 * that no limit names refunds as much as it likes; one that is named refunds nothing in a currency
 * that is not. */
#include "api/service_impl.h"

static int bad(unsigned at, const char *key, const char *why, struct err *err) {
    err_set(err, ERR_CONFIG, "%s", why);
    return err_place(err, "desk.limits[%u].%s", at, key);
}

static int read_limit(const struct desk_limit_config *config, unsigned at,
                      struct refund_policy *policy, struct err *err) {
    enum role role = ROLE_NONE;
    struct refund_limit limit = {.payment_minor = (int64_t)config->refund,
                                 .day_minor = (int64_t)config->refund_per_day};
    struct err why = {0};
    if (!role_parse(config->role, &role) || role < ROLE_SUPPORT) {
        return bad(at, "role", "no role of this name refunds: support, operator, finance, admin",
                   err);
    }
    if (currency_parse(config->currency, &limit.currency, &why) < 0) {
        return bad(at, "currency", "there is no such currency", err);
    }
    if (config->refund > AMOUNT_MINOR_MAX || config->refund_per_day > AMOUNT_MINOR_MAX) {
        return bad(at, "refund", "this is more than any amount may be", err);
    }
    if (config->refund_per_day > 0 && config->refund_per_day < config->refund) {
        return bad(at, "refund_per_day", "a day's limit is at least that of one payment", err);
    }
    struct refund_limits *limits = &policy->limits[role];
    for (int i = 0; i < limits->count; i++) {
        if (currency_equal(policy->rows[role][i].currency, limit.currency)) {
            return bad(at, "currency", "this role has a limit in this currency already", err);
        }
    }
    if (limits->count == REFUND_LIMITS_MAX) {
        return bad(at, "currency", "a role has at most 16 limits", err);
    }
    policy->rows[role][limits->count++] = limit;
    limits->rows = policy->rows[role];
    return 0;
}

int refund_policy_read(const struct desk_config *config, struct refund_policy *ret_policy,
                       struct err *err) {
    int r = 0;
    for (unsigned i = 0; r >= 0 && i < config->limits_count; i++) {
        r = read_limit(&config->limits[i], i, ret_policy, err);
    }
    return r;
}

const struct refund_limits *refund_policy_of(const struct refund_policy *policy, enum role role) {
    bool known = role > ROLE_NONE && (int)role < REFUND_ROLES;
    return known && policy->limits[role].count > 0 ? &policy->limits[role] : NULL;
}
