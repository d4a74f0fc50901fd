/* SPDX-License-Identifier: Apache-2.0
 * rotation.h: keys, secrets and certificates that are replaced while payments are under way: at the
 * gateway's portal, and by an operator, or by whoever keeps the files, at the service.
 *
 *   what the service shows      made at the portal beside the old one; the service takes it; a
 *   (API key, its own key)      minute later the old one is ended there
 *   what the gateway signs by   the service takes it and the gateway begins to sign by it, in
 *   (webhook secret, APIv3      either order; whatever was signed by the old one is good for the
 *   key, its certificates)      overlap
 * The credentials are files here, kept in memory behind base/file.h. Threads: the simulator's one.
 * Owns: the files, for the life of the run. */
#ifndef HOLDFAST_SIM_ROTATION_H
#define HOLDFAST_SIM_ROTATION_H

#include "sim/run.h"

/* Before any fork: what all runs share. */
void rotation_prepare(uint32_t gateways, int64_t now_us);
/* Where the run sees it: the configuration's credentials come from files from here on. */
void rotation_config(struct run *run, struct buf *text);
/* One credential is replaced, from its making to its end (trouble.c). */
void rotation_turn(struct run *run, struct prng *prng);
/* The service has answered a callback; a gateway has answered a call. */
void rotation_heard(struct run *run, const char *path, int status);
void rotation_called(struct run *run, enum sb_gateway gateway, const struct http_request *request,
                     const struct http_reply *reply);

#endif
