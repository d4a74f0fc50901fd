/* SPDX-License-Identifier: Apache-2.0
 * fold.c: one spelling for all that mean the same, so that nobody passes a list or begins a new
 * count by a change of letters. Addresses of e-mail are compared without the case of A to Z: nearly
 * every host takes both; other letters are left alone. Both writings of an address (IPv4, and IPv4
 * in IPv6) are one. */
#include <glib.h>
#include <stdio.h>

#include "risk/internal.h"

void fold_email(const char *email, char ret_email[RISK_VALUE_BYTES_MAX + 1]) {
    size_t i = 0;
    for (; email[i] != '\0' && i < RISK_VALUE_BYTES_MAX; i++) {
        ret_email[i] = g_ascii_tolower(email[i]);
    }
    ret_email[i] = '\0';
}

const struct risk_facts *fold_facts(const struct risk_facts *facts, struct folded *room) {
    struct ip_range range;
    room->facts = *facts;
    fold_email(facts->email, room->email);
    room->facts.email = room->email;
    if (ip_range_parse(facts->ip, &range) && range.one) {
        snprintf(room->ip, sizeof room->ip, "%s", range.text);
        room->facts.ip = room->ip;
    }
    return &room->facts;
}
