/* SPDX-License-Identifier: Apache-2.0
 * settings.c: what the section `modes:` means, checked against the gateways that there are. */
#include <stdio.h>
#include <string.h>

#include "mode/internal.h"

enum { HOLD_S_MAX = 3600 };

static int read_hold(const struct mode_hold_config *config, const char *name, unsigned enter_s,
                     unsigned exit_s, struct hold_times *ret_times, struct err *err) {
    enter_s = config != NULL && config->enter_s != NULL ? *config->enter_s : enter_s;
    exit_s = config != NULL && config->exit_s != NULL ? *config->exit_s : exit_s;
    if (enter_s > HOLD_S_MAX || exit_s > HOLD_S_MAX) {
        err_set(err, ERR_CONFIG, "a step is entered and left within %d seconds", HOLD_S_MAX);
        return err_place(err, "modes.%s", name);
    }
    *ret_times = (struct hold_times){enter_s * US_PER_SECOND, exit_s * US_PER_SECOND};
    return 0;
}

static int read_holds(const struct mode_config *config, struct ladder_rules *rules,
                      struct err *err) {
    static const unsigned defaults[][2] = {
#define X(name, number, text, enter_s, exit_s, condition, effect, owner)                           \
    [number] = {(enter_s), (exit_s)},
#include "mode/mode_steps.def"
#undef X
    };
    const struct {
        enum mode_step step;
        const struct mode_hold_config *config;
        struct hold_times *times;
    } holds[] = {
        {MODE_REROUTE, config != NULL ? &config->reroute : NULL, &rules->reroute},
        {MODE_REDUCED, config != NULL ? &config->reduced : NULL, &rules->reduced},
        {MODE_DEFERRED, config != NULL ? &config->deferred : NULL, &rules->deferred},
        {MODE_READ_ONLY, config != NULL ? &config->read_only : NULL, &rules->read_only},
    };
    static_assert(COUNT_OF(holds) == MODE_STEPS - 1, "every step but the first is entered");
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(holds); i++) {
        r = read_hold(holds[i].config, mode_step_name(holds[i].step), defaults[holds[i].step][0],
                      defaults[holds[i].step][1], holds[i].times, err);
    }
    return r;
}

static int no_method(const char *name, const char *place, struct err *err) {
    err_set(err, ERR_CONFIG, "there is no method \"%.40s\"", name);
    return err_place(err, "%s", place);
}

static int read_core(const struct mode_config *config, struct mode_settings *settings,
                     struct err *err) {
    settings->core[PURPOSE_ORDER] = config == NULL || config->simplified.core_count == 0;
    for (unsigned i = 0; config != NULL && i < config->simplified.core_count; i++) {
        enum payment_purpose purpose;
        if (!purpose_parse(config->simplified.core[i], &purpose)) {
            err_set(err, ERR_CONFIG, "there is no purpose \"%.40s\"", config->simplified.core[i]);
            return err_place(err, "modes.simplified.core");
        }
        settings->core[purpose] = true;
    }
    return 0;
}

static int read_route(const struct mode_config *config, const struct gateway_registry *registry,
                      struct mode_settings *settings, struct err *err) {
    static const char place[] = "modes.simplified.route";
    for (unsigned i = 0; config != NULL && i < config->simplified.route_count; i++) {
        const struct mode_route_config *route = &config->simplified.route[i];
        enum payment_method method;
        if (!method_parse(route->method, &method)) {
            return no_method(route->method, place, err);
        }
        const struct gateway *gateway = gateway_find(registry, route->gateway);
        if (gateway == NULL || !gateway->methods[method]) {
            err_set(err, ERR_CONFIG, "there is no gateway \"%.31s\" that takes %s", route->gateway,
                    method_name(method));
            return err_place(err, "%s", place);
        }
        if (settings->route[method][0] != '\0') {
            err_set(err, ERR_CONFIG, "%s has two routes", method_name(method));
            return err_place(err, "%s", place);
        }
        snprintf(settings->route[method], sizeof settings->route[method], "%s", gateway->name);
    }
    return 0;
}

int mode_settings_read(const struct mode_config *config, const struct gateway_registry *registry,
                       struct mode_settings *ret_settings, struct err *err) {
    struct mode_settings settings = {0};
    int r = read_holds(config, &settings.rules, err);
    bool said = config != NULL && config->not_enough_count > 0;
    settings.rules.not_enough[METHOD_BANK_TRANSFER] = !said;
    for (unsigned i = 0; r >= 0 && said && i < config->not_enough_count; i++) {
        enum payment_method method;
        if (!method_parse(config->not_enough[i], &method)) {
            return no_method(config->not_enough[i], "modes.not_enough", err);
        }
        settings.rules.not_enough[method] = true;
    }
    r = r < 0 ? r : read_core(config, &settings, err);
    r = r < 0 ? r : read_route(config, registry, &settings, err);
    if (r >= 0) {
        *ret_settings = settings;
    }
    return r;
}
