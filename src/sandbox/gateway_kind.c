/* SPDX-License-Identifier: Apache-2.0
 * gateway_kind.c: the table of gateways, and what is read off it. */
#include "sandbox/gateway_kind.h"

static const struct {
    const char *name, *title;
    int port;
    const struct sb_gateway_kind *kind;
} gateways[SB_GATEWAYS] = {
#define X(NAME, name, title, port) {#name, title, port, &sb_##name##_kind},
#include "sandbox/gateways.def"
#undef X
};

const char *sb_gateway_name(enum sb_gateway gateway) {
    return gateways[gateway].name;
}

const char *sb_gateway_title(enum sb_gateway gateway) {
    return gateways[gateway].title;
}

int sb_gateway_port(enum sb_gateway gateway) {
    return gateways[gateway].port;
}

const struct sb_gateway_kind *sb_gateway_kind(enum sb_gateway gateway) {
    return gateways[gateway].kind;
}

bool sb_gateway_parse(const char *name, enum sb_gateway *ret_gateway) {
    for (int i = 0; i < SB_GATEWAYS; i++) {
        if (strcmp(name, gateways[i].name) == 0) {
            *ret_gateway = (enum sb_gateway)i;
            return true;
        }
    }
    return false;
}

int sb_gateway_unknown(const char *name, struct err *err) {
    char names[200] = "";
    for (int i = 0; i < SB_GATEWAYS; i++) {
        size_t at = strlen(names);
        snprintf(names + at, sizeof(names) - at, "%s%s", i > 0 ? ", " : "", gateways[i].name);
    }
    return err_set(err, ERR_VALIDATION, "there is no gateway '%.40s'; there are %s", name, names);
}

bool sb_acknowledged(const struct sb_gateway_kind *kind, int status, const char *body,
                     size_t body_bytes) {
    bool taken = kind->ack_statuses[0] == 0 && status >= 200 && status < 300;
    for (int i = 0; i < SB_ACK_STATUSES_MAX && kind->ack_statuses[i] != 0; i++) {
        taken |= status == kind->ack_statuses[i];
    }
    return taken && (kind->ack_body == NULL ||
                     (body_bytes == strlen(kind->ack_body) &&
                      (body_bytes == 0 || memcmp(body, kind->ack_body, body_bytes) == 0)));
}

bool sb_act_parse(const char *name, enum sb_act *ret_act) {
    static const char *const names[SB_ACTS] = {"pay", "cancel", "scan", "expire", "late"};
    for (int i = 0; i < SB_ACTS; i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret_act = (enum sb_act)i;
            return true;
        }
    }
    return false;
}
