/* SPDX-License-Identifier: Apache-2.0
 * service_impl.h: the one struct that holds the running service; what this folder's files share. */
#ifndef HOLDFAST_API_SERVICE_IMPL_H
#define HOLDFAST_API_SERVICE_IMPL_H

#include <stdatomic.h>

#include "api/auth.h"
#include "api/service.h"
#include "base/seal.h"
#include "gateway/control.h"
#include "gateway/registry.h"
#include "gateway/router.h"
#include "net/http_server.h"
#include "payment/payments.h"
#include "store/store.h"

struct service {
    const struct service_config *config;
    struct store *store;
    struct seal *seal;
    struct http_client *client;
    struct gateway_registry *registry;
    struct gateway_control *control;
    struct router *router;
    struct payments *payments;
    struct auth *auth;
    struct http_server *server;
    struct http_listener *public_listener, *internal_listener;
    const char **card_number_allow; /* NULL-terminated */
    int64_t started_us;             /* wall */
    atomic_bool ready, draining;
};

/* The handler of both listeners; ctx is the `struct front` of its listener. */
struct front {
    struct service *service;
    bool internal;
};
void front_handle(void *ctx, const struct http_request *request, struct http_reply *reply);

#endif
