/* SPDX-License-Identifier: Apache-2.0
 * sight.c: what this instance sees of its gateways, and what all of them see together.
 *
 * Breakers are each instance's own. One that nobody sends payments to knows nothing of its gateways
 * and has no vote; of those that know, a method has no route when more see none than see one. So a
 * single instance whose own network is broken hides nothing from everybody. */
#include <stdio.h>
#include <string.h>

#include "gateway/health.h"
#include "mode/internal.h"

/* A breaker whose waiting is over would let a customer through to see. Where probes are made and
 * fail, nobody need be sent. */
static enum sight_letter letter_of(const struct gateway *gateway, enum payment_method method,
                                   struct breaker_look *ret_look) {
    struct breaker_look probe;
    gateway_health_breaker(gateway->health, method, OP_CHARGE, ret_look);
    if (ret_look->state == BREAKER_CLOSED) {
        return ret_look->calls > 0 ? SIGHT_WELL : SIGHT_IDLE;
    }
    gateway_health_breaker(gateway->health, gateway_first_method(gateway), OP_PROBE, &probe);
    return ret_look->waits || probe.state == BREAKER_OPEN ? SIGHT_NONE : SIGHT_TRIAL;
}

static int better(char letter) {
    static const char order[] = {SIGHT_NOT_CONFIGURED, SIGHT_NONE, SIGHT_TRIAL,
                                 SIGHT_IDLE,           SIGHT_WELL, '\0'};
    return (int)(strchr(order, letter) - order);
}

static void add_name(char *names, size_t bytes, const char *gateway, enum payment_method method) {
    size_t used = strlen(names);
    int length = snprintf(names + used, bytes - used, "%s%s/%s", used > 0 ? ", " : "", gateway,
                          method_name(method));
    if (length < 0 || (size_t)length >= bytes - used) {
        names[used] = '\0'; /* whole names only */
    }
}

void sight_take(const struct gateway_registry *registry, struct gateway_control *control,
                struct sight *ret_sight) {
    struct gateway_control_view view;
    gateway_control_view(control, &view);
    *ret_sight = (struct sight){0};
    memset(ret_sight->methods, SIGHT_NOT_CONFIGURED, METHOD_COUNT);
    for (int i = 0; i < gateway_count(registry); i++) {
        const struct gateway *gateway = gateway_at(registry, i);
        bool enabled = view.state[i] == GATEWAY_ENABLED;
        for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
            if (!gateway->methods[m]) {
                continue;
            }
            struct breaker_look look = {.state = BREAKER_CLOSED};
            enum sight_letter letter = enabled ? letter_of(gateway, (enum payment_method)m, &look)
                                               : SIGHT_NONE;
            if (better((char)letter) > better(ret_sight->methods[m])) {
                ret_sight->methods[m] = (char)letter;
            }
            if (look.state != BREAKER_CLOSED) {
                add_name(ret_sight->broken, sizeof ret_sight->broken, gateway->name,
                         (enum payment_method)m);
            }
            if (letter == SIGHT_NONE && ret_sight->why[m][0] == '\0') {
                snprintf(ret_sight->why[m], sizeof ret_sight->why[m], "%.31s is %s: %.100s",
                         gateway->name, enabled ? "down" : gateway_switch_name(view.state[i]),
                         enabled ? look.why : view.reason[i]);
            }
        }
    }
}

void sights_add(struct sights *sights, const char *methods, const char *broken) {
    for (int m = METHOD_CARD; m < METHOD_COUNT && methods[m] != '\0'; m++) {
        sights->none[m] += methods[m] == SIGHT_NONE;
        sights->trial[m] += methods[m] == SIGHT_TRIAL;
        sights->well[m] += methods[m] == SIGHT_WELL;
    }
    if (broken[0] != '\0') {
        sights->broken++;
        snprintf(sights->broken_names, sizeof sights->broken_names, "%s", broken);
    }
}

enum ladder_route sights_route(const struct sights *sights, enum payment_method method) {
    int none = sights->none[method], trial = sights->trial[method], well = sights->well[method];
    return none > well + trial ? ROUTE_NONE : none + trial > well ? ROUTE_TRIAL : ROUTE_YES;
}
