/* SPDX-License-Identifier: Apache-2.0
 * conformance.h: an adapter in front of a counterpart that plays its gateway and keeps a book. What
 * gateway.h demands of every adapter is asked of each place by test_adapter_conformance.c; a new
 * adapter needs one more place. Threads: one. */
#ifndef HOLDFAST_TESTS_CONFORMANCE_H
#define HOLDFAST_TESTS_CONFORMANCE_H

#include "gateway/gateway.h"
#include "gateway/registry.h"

#define CONFORMANCE_AMOUNT 2500

/* The counterpart's book over all its charges. */
struct conformance_book {
    int64_t taken_minor, returned_minor;
};

struct conformance_place {
    const char *adapter;
    /* Starts the counterpart; fills how its gateway is configured (texts stay until close()) and
     * the client by which it is reached. */
    void (*open)(const char *adapter, struct gateway_settings *ret_settings,
                 struct http_client **ret_client);
    void (*close)(void);
    /* A charge of CONFORMANCE_AMOUNT that will be good, the same for the same reference. */
    void (*charge)(const char *reference, struct gateway_charge *ret_charge);
    /* The customer pays what he was shown; NULL: money moves in charge(). */
    void (*pay)(const char *reference);
    void (*book)(struct conformance_book *ret_book);
    /* The latest callback, as it came; borrowed until close(). */
    void (*callback)(struct gateway_callback_request *ret_request);
};
/* Ends with one without an adapter. */
extern const struct conformance_place conformance_places[];
/* They are of all adapters that there are, but for those that call nobody. */
extern const bool conformance_of_all;

#endif
