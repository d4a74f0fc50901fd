/* SPDX-License-Identifier: Apache-2.0
 * status_components.c: which components there are, and what is measured of them: by the ladder of
 * modes and the breakers of this instance. A breaker that nobody sends payments to knows nothing;
 * then that is said, and nothing is made up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comms/status_impl.h"
#include "gateway/health.h"

static int refuse(struct err *err, unsigned index, const char *key, const char *what) {
    err_set(err, ERR_CONFIG, "%s", what);
    return err_place(err, "status.components[%u].%s", index, key);
}

static int gateways_of(const struct status *status) {
    const struct gateway_registry *registry = status->options.registry;
    return registry != NULL ? gateway_count(registry) : 0;
}

static bool is_configured(const struct status *status, int method) {
    bool any = status->options.registry == NULL && status->options.methods[method];
    for (int i = 0; i < gateways_of(status); i++) {
        any = any || gateway_at(status->options.registry, i)->methods[method];
    }
    return any;
}

int status_component_find(const struct status *status, const char *id) {
    for (int i = 0; i < status->component_count; i++) {
        if (strcmp(status->components[i].id, id) == 0) {
            return i;
        }
    }
    return -1;
}

/* ---- the configuration ---- */

static bool is_id(const char *id) {
    static const char fits[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t chars = strlen(id);
    return chars > 0 && chars <= STATUS_COMPONENT_CHARS_MAX && strspn(id, fits) == chars;
}

static int read_watch(const char *name, enum status_watch *ret_watch) {
    static const char *const names[] = {
        [WATCH_NOTHING] = "nothing", [WATCH_PAYMENTS] = "payments", [WATCH_REFUNDS] = "refunds"};
    for (size_t i = 0; name != NULL && i < COUNT_OF(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_watch = (enum status_watch)i;
            return 0;
        }
    }
    *ret_watch = WATCH_PAYMENTS;
    return name == NULL ? 0 : -1;
}

static int read_methods(const struct status *status, const struct status_component_config *config,
                        unsigned index, struct status_component *component, struct err *err) {
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        component->methods[m] = config->methods_count == 0 && is_configured(status, m);
    }
    for (unsigned i = 0; i < config->methods_count; i++) {
        enum payment_method method;
        if (!method_parse(config->methods[i], &method)) {
            return refuse(err, index, "methods", "there is no such method");
        }
        component->methods[method] = true;
    }
    return 0;
}

static int read_gateways(const struct status *status, const struct status_component_config *config,
                         unsigned index, struct status_component *component, struct err *err) {
    unsigned found = 0;
    for (int i = 0; i < gateways_of(status); i++) {
        const char *name = gateway_at(status->options.registry, i)->name;
        bool named = config->gateways_count == 0;
        for (unsigned j = 0; j < config->gateways_count; j++) {
            named = named || strcmp(config->gateways[j], name) == 0;
        }
        component->gateways[i] = named;
        found += named;
    }
    bool all = status->options.registry == NULL || found >= config->gateways_count;
    return all ? 0 : refuse(err, index, "gateways", "it names a gateway that is not configured");
}

static int read_one(struct status *status, const struct status_component_config *config,
                    unsigned index, struct err *err) {
    struct status_component *component = &status->components[status->component_count];
    if (!is_id(config->id) || status_component_find(status, config->id) >= 0) {
        return refuse(err, index, "id", "an id has 1 to 40 of a-z, 0-9, '-' and '_', and stands "
                                        "there once");
    }
    if (read_watch(config->watches, &component->watch) < 0) {
        return refuse(err, index, "watches", "it watches payments, refunds or nothing");
    }
    int r = read_methods(status, config, index, component, err);
    r = r < 0 ? r : read_gateways(status, config, index, component, err);
    if (r >= 0) {
        snprintf(component->id, sizeof component->id, "%s", config->id);
        component->name[LANGUAGE_EN] = strdup(config->name);
        component->name[LANGUAGE_ZH] = strdup(config->name_zh);
        status->component_count++;
    }
    return r;
}

/* ---- where nothing is configured ---- */

static struct status_component *add(struct status *status, const char *id, enum status_watch watch,
                                    const char *english, const char *chinese) {
    struct status_component *component = &status->components[status->component_count++];
    snprintf(component->id, sizeof component->id, "%s", id);
    component->watch = watch;
    component->name[LANGUAGE_EN] = strdup(english);
    component->name[LANGUAGE_ZH] = strdup(chinese);
    memset(component->gateways, true, sizeof component->gateways);
    return component;
}

static void all_methods(const struct status *status, struct status_component *component) {
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        component->methods[m] = is_configured(status, m);
    }
}

static void add_defaults(struct status *status) {
    all_methods(status, add(status, "payments", WATCH_PAYMENTS, "Payments", "支付"));
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        if (is_configured(status, m)) {
            enum payment_method method = (enum payment_method)m;
            add(status, method_name(method), WATCH_PAYMENTS, mode_method_label(method, "en"),
                mode_method_label(method, "zh"))
                ->methods[m] = true;
        }
    }
    all_methods(status, add(status, "refunds", WATCH_REFUNDS, "Refunds", "退款"));
    add(status, "notifications", WATCH_NOTHING, "Notifications to shops", "商户通知");
}

int status_components_read(struct status *status, struct err *err) {
    const struct status_config *config = status->options.config;
    int r = 0;
    if (config->components_count == 0) {
        add_defaults(status);
    }
    for (unsigned i = 0; r >= 0 && i < config->components_count; i++) {
        r = read_one(status, &config->components[i], i, err);
    }
    return r;
}

/* ---- what is measured ---- */

/* Of the gateways of one method: how many are switched on, known to work, known to fail. */
struct seen {
    int on, well, broken;
    char broken_name[GATEWAY_NAME_CHARS_MAX + 1];
};

static struct seen see(const struct status *status, const struct status_component *component,
                       const struct gateway_control_view *view, int method) {
    enum gateway_operation operation = component->watch == WATCH_REFUNDS ? OP_REFUND : OP_CHARGE;
    struct seen seen = {0};
    for (int i = 0; i < gateways_of(status); i++) {
        const struct gateway *gateway = gateway_at(status->options.registry, i);
        struct breaker_look look;
        if (!component->gateways[i] || !gateway->methods[method] ||
            view->state[i] != GATEWAY_ENABLED) {
            continue;
        }
        gateway_health_breaker(gateway->health, (enum payment_method)method, operation, &look);
        seen.on++;
        seen.well += look.state == BREAKER_CLOSED && look.calls > 0;
        if (look.state != BREAKER_CLOSED) {
            seen.broken++;
            snprintf(seen.broken_name, sizeof seen.broken_name, "%s", gateway->name);
        }
    }
    return seen;
}

/* The worst is named, and the first of its kind; what is known before what is not. */
static void say(struct status_measured *measured, enum status_level level, bool known,
                const char *what, const char *about) {
    bool first = measured->why[0] == '\0';
    bool worse = level > measured->level || (level == measured->level && known && !measured->known);
    if (first || worse) {
        snprintf(measured->why, sizeof measured->why, "%s: %s", about, what);
        measured->level = level;
    }
    measured->known = measured->known || known;
}

static enum status_level of_method(const struct seen *seen, bool hidden,
                                   struct status_measured *measured, int method) {
    const char *name = method_name((enum payment_method)method);
    enum status_level level = LEVEL_OPERATIONAL;
    if (hidden || seen->on == 0) {
        level = LEVEL_MAJOR;
        say(measured, level, true, hidden ? "it is not offered" : "every gateway is switched off",
            name);
    } else if (seen->broken == seen->on) {
        level = LEVEL_PARTIAL; /* hidden once that has lasted: the ladder says when */
        say(measured, level, true, "no gateway answers as it should", name);
    } else if (seen->broken > 0) {
        level = LEVEL_DEGRADED;
        say(measured, level, true, "a gateway does not answer, others take over", name);
    } else if (seen->well > 0) {
        say(measured, level, true, "payments go through", name);
    } else {
        say(measured, level, false, "nobody has used it lately, so nothing is known", name);
    }
    return level;
}

/* Of several methods: down only where all of them are. */
static enum status_level of_all(const int count[LEVELS], int methods) {
    if (methods > 0 && count[LEVEL_MAJOR] == methods) {
        return LEVEL_MAJOR;
    }
    if (count[LEVEL_MAJOR] + count[LEVEL_PARTIAL] > 0) {
        return LEVEL_PARTIAL;
    }
    return count[LEVEL_DEGRADED] > 0 ? LEVEL_DEGRADED : LEVEL_OPERATIONAL;
}

static void measure_one(const struct status *status, const struct status_component *component,
                        const struct gateway_control_view *control, const struct mode_view *mode,
                        struct status_measured *measured) {
    int count[LEVELS] = {0}, methods = 0;
    *measured = (struct status_measured){.level = LEVEL_OPERATIONAL};
    if (component->watch == WATCH_NOTHING || status->options.mode == NULL) {
        snprintf(measured->why, sizeof measured->why, "%s",
                 component->watch == WATCH_NOTHING ? "it is not measured: a person sets it"
                                                   : "nothing is measured here");
        return;
    }
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        if (component->methods[m]) {
            struct seen seen = see(status, component, control, m);
            bool hidden = component->watch == WATCH_PAYMENTS && mode->hidden[m];
            methods++;
            count[of_method(&seen, hidden, measured, m)]++;
        }
    }
    measured->level = of_all(count, methods);
    if (component->watch == WATCH_PAYMENTS && mode->step >= MODE_DEFERRED) {
        bool none = mode->step == MODE_READ_ONLY;
        say(measured, none ? LEVEL_MAJOR : LEVEL_PARTIAL, true,
            none ? "no payment is taken" : "orders are held, to be paid later",
            mode_step_name(mode->step));
    }
}

void status_measure(const struct status *status,
                    struct status_measured ret_measured[STATUS_COMPONENTS_MAX]) {
    struct gateway_control_view control = {0};
    struct mode_view mode;
    mode_view(status->options.mode, &mode);
    if (status->options.control != NULL) {
        gateway_control_view(status->options.control, &control);
    }
    for (int i = 0; i < status->component_count; i++) {
        measure_one(status, &status->components[i], &control, &mode, &ret_measured[i]);
    }
}

/* ---- what incidents say of them ---- */

void status_touched_read(const struct status *status, const char *text,
                         struct status_touched *ret_touched) {
    *ret_touched = (struct status_touched){0};
    while (*text != '\0') {
        char id[STATUS_COMPONENT_CHARS_MAX + 1];
        size_t chars = strcspn(text, ":,"), whole = strcspn(text, ",");
        int index = -1;
        if (chars <= STATUS_COMPONENT_CHARS_MAX) {
            snprintf(id, sizeof id, "%.*s", (int)chars, text);
            index = status_component_find(status, id);
        }
        if (index >= 0 && text[chars] == ':') {
            char *end = NULL;
            long first = strtol(text + chars + 1, &end, 10);
            long last = *end == '>' ? strtol(end + 1, NULL, 10) : first;
            ret_touched->was[index] = *end == '>' ? (signed char)first : 0;
            ret_touched->level[index] = (signed char)last;
        }
        text += whole + (text[whole] == ',');
    }
}

void status_touched_write(const struct status *status, const struct status_touched *touched,
                          bool changes, char ret_text[STATUS_TOUCHES_CHARS_MAX]) {
    size_t used = 0;
    ret_text[0] = '\0';
    for (int i = 0; i < status->component_count; i++) {
        if (touched->level[i] == 0) {
            continue;
        }
        int chars = snprintf(ret_text + used, STATUS_TOUCHES_CHARS_MAX - used, "%s%s:",
                             used > 0 ? "," : "", status->components[i].id);
        used += (size_t)chars;
        chars = changes ? snprintf(ret_text + used, STATUS_TOUCHES_CHARS_MAX - used, "%d>%d",
                                   (int)touched->was[i], (int)touched->level[i])
                        : snprintf(ret_text + used, STATUS_TOUCHES_CHARS_MAX - used, "%d",
                                   (int)touched->level[i]);
        used += (size_t)chars;
        INVARIANT(used < STATUS_TOUCHES_CHARS_MAX, "all components fit");
    }
}
