/* SPDX-License-Identifier: Apache-2.0
 * gateways.h: the gateways that a run's service may have: how it knows them, where they are, and
 * what its configuration says of them.
 *
 * A set of them is bits by enum sb_gateway. A gateway is *ready* when the service has its adapter
 * and the sandbox has all that the configuration is to name. Threads: one. Owns: the keys and
 * certificates of those that were prepared, for the life of the process. */
#ifndef HOLDFAST_SIM_GATEWAYS_H
#define HOLDFAST_SIM_GATEWAYS_H

#include "base/buf.h"
#include "base/compiler.h"
#include "sandbox/book.h"

/* What each run has, and what it has besides when it draws the feature of that name. */
#define SIM_GATEWAYS_USUAL (UINT32_C(1) << SB_STRIPE | UINT32_C(1) << SB_PAYPAL)
#define SIM_GATEWAYS_DRAWN                                                                         \
    (UINT32_C(1) << SB_ALIPAY | UINT32_C(1) << SB_WECHAT | UINT32_C(1) << SB_UNIONPAY)

struct sim_gateway {
    const char *name;    /* the service's: "stripe-eu" */
    const char *adapter; /* "stripe" */
    const char *host, *base_url;
    const char *peer; /* as whom it calls */
};
const struct sim_gateway *sim_gateway(enum sb_gateway gateway);
/* By the service's name of it; false: none of these. */
MUST_USE bool sim_gateway_find(const char *name, enum sb_gateway *ret_gateway);
/* "stripe,alipay" as bits. ERR_VALIDATION: there is none of that name, or it is not ready. */
MUST_USE int sim_gateways_read(const char *names, uint32_t *ret_gateways, struct err *err);

/* Makes their keys and certificates, once, and puts into the environment what the configuration
 * refers to. All are ready. */
void sim_gateways_prepare(uint32_t gateways, int64_t now_us);
/* Keys are made by chance: each program makes the same ones, by this seed. */
void sim_gateways_draw(uint64_t seed, void (*make)(void *ctx), void *ctx);
/* What sandbox_options.identities is to lend; NULL: it has none, or was not prepared. */
void *sim_gateway_identity(enum sb_gateway gateway);
/* "gateways:" of the configuration; `more`: lines of each, or "". */
void sim_gateways_write(uint32_t gateways, const char *more, struct buf *out);

#endif
