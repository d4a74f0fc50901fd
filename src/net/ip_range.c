/* SPDX-License-Identifier: Apache-2.0
 * ip_range.c: see ip_range.h. */
#include "net/ip_range.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"

enum { BYTES = 16, BITS = 128, V4_AT = 12, V4_BITS = 96 };

/* The bits before those that the text's length counts; -1: it is no address. */
static int parse_address(const char *text, unsigned char bytes[BYTES]) {
    memset(bytes, 0, BYTES);
    if (inet_pton(AF_INET, text, bytes + V4_AT) == 1) {
        bytes[V4_AT - 1] = bytes[V4_AT - 2] = 0xff;
        return V4_BITS;
    }
    return inet_pton(AF_INET6, text, bytes) == 1 ? 0 : -1;
}

static void show(struct ip_range *range, const unsigned char bytes[BYTES], int before, int length) {
    static const unsigned char mapped[V4_AT] = {[10] = 0xff, [11] = 0xff};
    char address[INET6_ADDRSTRLEN] = "";
    bool v4 = before == V4_BITS || (memcmp(bytes, mapped, V4_AT) == 0 && length >= V4_BITS);
    inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes + V4_AT : bytes, address, sizeof address);
    if (length == BITS) {
        snprintf(range->text, sizeof range->text, "%s", address);
    } else {
        snprintf(range->text, sizeof range->text, "%s/%d", address, length - (v4 ? V4_BITS : 0));
    }
}

bool ip_range_parse(const char *text, struct ip_range *ret_range) {
    char address[IP_TEXT_CHARS_MAX];
    unsigned char low[BYTES], high[BYTES];
    const char *slash = strchr(text, '/');
    size_t chars = slash != NULL ? (size_t)(slash - text) : strlen(text);
    if (chars >= sizeof address) {
        return false;
    }
    memcpy(address, text, chars);
    address[chars] = '\0';
    int before = parse_address(address, low);
    int length = BITS;
    if (before >= 0 && slash != NULL) {
        size_t digits = strspn(slash + 1, "0123456789");
        bool number = digits > 0 && digits < 4 && slash[1 + digits] == '\0';
        length = number ? before + (int)strtol(slash + 1, NULL, 10) : BITS + 1;
    }
    if (before < 0 || length > BITS) {
        return false;
    }
    memcpy(high, low, sizeof high);
    for (int bit = length; bit < BITS; bit++) {
        unsigned char mask = (unsigned char)(0x80 >> bit % 8);
        if ((low[bit / 8] & mask) != 0) {
            return false;
        }
        high[bit / 8] |= mask;
    }
    crypto_hex(low, BYTES, ret_range->low);
    crypto_hex(high, BYTES, ret_range->high);
    ret_range->one = length == BITS;
    show(ret_range, low, before, length);
    return true;
}

static const char *const special[] = {
    "0.0.0.0/8",       "10.0.0.0/8",      "100.64.0.0/10",   "127.0.0.0/8",     "169.254.0.0/16",
    "172.16.0.0/12",   "192.0.0.0/24",    "192.0.2.0/24",    "192.31.196.0/24", "192.52.193.0/24",
    "192.88.99.0/24",  "192.168.0.0/16",  "192.175.48.0/24", "198.18.0.0/15",   "198.51.100.0/24",
    "203.0.113.0/24",  "224.0.0.0/4",     "240.0.0.0/4",
};
/* Outside of global unicast nothing is public; of it not these. */
static const char *const special_v6[] = {"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"};

static bool is_in(const struct ip_range *address, const char *network) {
    struct ip_range range;
    return ip_range_parse(network, &range) && strcmp(address->low, range.low) >= 0 &&
           strcmp(address->high, range.high) <= 0;
}

bool ip_is_public(const char *text) {
    struct ip_range address;
    if (strchr(text, '/') != NULL || !ip_range_parse(text, &address)) {
        return false;
    }
    bool v4 = is_in(&address, "::ffff:0:0/96");
    if (!v4 && !is_in(&address, "2000::/3")) {
        return false;
    }
    for (size_t i = 0; v4 && i < COUNT_OF(special); i++) {
        if (is_in(&address, special[i])) {
            return false;
        }
    }
    for (size_t i = 0; !v4 && i < COUNT_OF(special_v6); i++) {
        if (is_in(&address, special_v6[i])) {
            return false;
        }
    }
    return true;
}
