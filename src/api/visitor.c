/* SPDX-License-Identifier: Apache-2.0
 * visitor.c: see visitor.h. */
#include "api/visitor.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* RFC 1122, 1918, 3927, 4193, 4291, 6598: where fronts and machines stand, and no customer does. */
static const char *const private_networks[] = {
    "0.0.0.0/8",     "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
    "172.16.0.0/12", "192.168.0.0/16", "::/128",        "::1/128",     "fc00::/7",
    "fe80::/10",
};

static bool is_private(const struct ip_range *address) {
    for (size_t i = 0; i < COUNT_OF(private_networks); i++) {
        struct ip_range network;
        if (ip_range_parse(private_networks[i], &network) &&
            strcmp(address->low, network.low) >= 0 && strcmp(address->high, network.high) <= 0) {
            return true;
        }
    }
    return false;
}

static bool parse_one(const char *text, struct ip_range *ret_address) {
    return strchr(text, '/') == NULL && ip_range_parse(text, ret_address);
}

/* The last of the last one: the others were there before our front added its own. */
static void last_forwarded(const struct http_request *request, char ret_text[IP_TEXT_CHARS_MAX]) {
    const char *line = "";
    for (int i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, "X-Forwarded-For") == 0) {
            line = request->headers[i].value;
        }
    }
    const char *comma = strrchr(line, ',');
    const char *last = comma != NULL ? comma + 1 : line;
    last += strspn(last, " \t");
    size_t chars = strcspn(last, " \t");
    snprintf(ret_text, IP_TEXT_CHARS_MAX, "%.*s", chars < IP_TEXT_CHARS_MAX ? (int)chars : 0, last);
}

void visitor_address(const struct http_request *request, char ret_text[IP_TEXT_CHARS_MAX]) {
    struct ip_range address;
    char forwarded[IP_TEXT_CHARS_MAX];
    ret_text[0] = '\0';
    if (!parse_one(request->peer, &address)) {
        return;
    }
    if (is_private(&address)) {
        last_forwarded(request, forwarded);
        if (!parse_one(forwarded, &address) || is_private(&address)) {
            return;
        }
    }
    snprintf(ret_text, IP_TEXT_CHARS_MAX, "%s", address.text);
}
