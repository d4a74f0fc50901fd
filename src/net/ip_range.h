/* SPDX-License-Identifier: Apache-2.0
 * ip_range.h: addresses and networks as text that sorts: 32 hexadecimal digits of the address as
 * IPv6 has it (RFC 4291 §2.5.5.2: IPv4 in ::ffff:0:0/96), so that one comparison of texts serves
 * both kinds. Owns nothing. Threads: any. */
#ifndef HOLDFAST_NET_IP_RANGE_H
#define HOLDFAST_NET_IP_RANGE_H

#include "base/compiler.h"

enum { IP_HEX_CHARS = 32, IP_TEXT_CHARS_MAX = 64 };

struct ip_range {
    char low[IP_HEX_CHARS + 1], high[IP_HEX_CHARS + 1];
    bool one;                     /* it is a single address */
    char text[IP_TEXT_CHARS_MAX]; /* as everybody writes it: "10.0.0.0/8", "2001:db8::1" */
};

/* "192.0.2.7", "192.0.2.0/24", "2001:db8::/32". False for anything else, and for a network with
 * bits beyond its length ("192.0.2.7/24"): half of those who write that mean the one address. */
MUST_USE bool ip_range_parse(const char *text, struct ip_range *ret_range);

/* Whether an address is one of the open internet: none of a private network, of this machine, of a
 * link, of many receivers, set aside, or one that leads to such a one by translation (IANA's
 * registries of special-purpose addresses, RFC 6890). For addresses that anybody may have given.
 * False for what is no address. */
MUST_USE bool ip_is_public(const char *text);

#endif
