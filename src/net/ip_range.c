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
