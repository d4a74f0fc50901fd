/* SPDX-License-Identifier: Apache-2.0
 * service_recon.c: `reconciliation` of the configuration: what one person writes off alone, from
 * which amounts on a break is graver than its class, when a statement is held, and the rules by
 * which rows are matched. */
#include "api/service_impl.h"
#include "recon/flood.h"

static int read_currency(const char *text, const char *place, struct currency *ret_currency,
                         struct err *err) {
    int r = currency_parse(text, ret_currency, err);
    if (r < 0) {
        (void)err_set(err, ERR_CONFIG, "there is no such currency");
        (void)err_place(err, "%s", place);
    }
    return r < 0 ? -ERR_CONFIG : 0;
}

static int read_limits(const struct config_reconciliation *config, struct recon_policy *policy,
                       struct err *err) {
    static const char place[] = "reconciliation.write_off_alone";
    for (unsigned i = 0; i < config->write_off_alone_count; i++) {
        const struct config_write_off *row = &config->write_off_alone[i];
        struct write_off_limit *limit = &policy->limits[policy->limit_count++];
        int r = read_currency(row->currency, place, &limit->currency, err);
        if (r < 0) {
            return r;
        }
        if (row->amount > AMOUNT_MINOR_MAX) {
            (void)err_set(err, ERR_CONFIG, "it is at most %lld minor units",
                          (long long)AMOUNT_MINOR_MAX);
            return err_place(err, "%s", place);
        }
        limit->alone_minor = (int64_t)row->amount;
    }
    return 0;
}

static int read_amounts(const struct config_reconciliation *config, struct recon_policy *policy,
                        struct err *err) {
    static const char place[] = "reconciliation.risk_amounts";
    policy->risk.amounts = policy->amounts;
    for (unsigned i = 0; i < config->risk_amounts_count; i++) {
        const struct config_risk_amount *row = &config->risk_amounts[i];
        struct break_risk_amount *amount = &policy->amounts[policy->risk.amount_count++];
        int r = read_currency(row->currency, place, &amount->currency, err);
        if (r < 0) {
            return r;
        }
        if (row->first == 0 || row->first > row->second || row->second > INT64_MAX) {
            (void)err_set(err, ERR_CONFIG, "first is at least 1 and at most second");
            return err_place(err, "%s", place);
        }
        amount->first_minor = (int64_t)row->first;
        amount->second_minor = (int64_t)row->second;
    }
    return 0;
}

static int read_hold(const struct config_reconciliation *config, struct recon_policy *policy,
                     struct err *err) {
    const unsigned *percent = config->hold_percent;
    if (percent != NULL && *percent > 100) {
        (void)err_set(err, ERR_CONFIG, "it is at most 100; 0 holds nothing");
        return err_place(err, "reconciliation.hold_percent");
    }
    policy->hold_rows = config->hold_rows;
    policy->hold_percent = percent == NULL ? 0 : *percent == 0 ? HOLD_NEVER : (int64_t)*percent;
    return 0;
}

int recon_policy_read(const struct service_config *config, struct recon_policy *ret_policy,
                      struct err *err) {
    *ret_policy = (struct recon_policy){0};
    int r = read_limits(&config->reconciliation, ret_policy, err);
    r = r < 0 ? r : read_amounts(&config->reconciliation, ret_policy, err);
    return r < 0 ? r : read_hold(&config->reconciliation, ret_policy, err);
}

int recon_rules_read(const struct service_config *config, const struct gateway_registry *registry,
                     struct match_sets *ret_sets, struct err *err) {
    const struct config_reconciliation *said = &config->reconciliation;
    int r = match_sets_read(said->rules, said->rules_count, said->gateway_rules,
                            said->gateway_rules_count, ret_sets, err);
    for (int i = 0; r >= 0 && i < ret_sets->own_count; i++) {
        if (gateway_find(registry, ret_sets->own[i].gateway) == NULL) {
            (void)err_set(err, ERR_CONFIG, "there is no gateway \"%.31s\"",
                          ret_sets->own[i].gateway);
            r = err_place(err, "reconciliation.gateway_rules");
        }
    }
    return r;
}
