/* SPDX-License-Identifier: Apache-2.0
 * net.h: the network of the simulated world: hosts that answer HTTP, and links that lose,
 * delay, duplicate and cut what goes over them.
 *
 * A call is a message there and a message back. What can happen to each is drawn by the link's
 * faults; what the caller learns is what a real caller could: `reach` (net/http_client.h) says
 * HTTP_NOT_SENT only when the connection itself failed. A host's handler runs as a task of the
 * host's process; when that dies, its callers see their connections cut. Reordering comes from the
 * differing delays.
 * Threads: the simulator's one. Owns: copies of all that is under way. */
#ifndef HOLDFAST_SIM_NET_H
#define HOLDFAST_SIM_NET_H

#include "net/http_client.h"
#include "net/http_server.h"
#include "sim/world.h"

struct sim_net;
struct sim_host;

enum sim_link {
    SIM_LINK_CUSTOMER,
    SIM_LINK_GATEWAY,
    SIM_LINK_CALLBACK,
    SIM_LINK_WEBHOOK,
    SIM_LINK_INSIDE,
    SIM_LINKS
};
const char *sim_link_name(enum sim_link link);

/* Per ten thousand calls. */
struct sim_link_faults {
    int refuse;       /* the connection fails: not sent */
    int lose_request; /* never arrives: the caller waits in vain */
    int lose_answer;  /* done, and the caller waits in vain */
    int cut_request;  /* half of it arrives, which is nothing; the connection is cut */
    int cut_answer;   /* done, and the connection is cut in the middle of the answer */
    int duplicate;    /* arrives twice; the second answer goes nowhere */
    int slow;         /* takes up to slow_us_max more, either way */
    int64_t delay_us_min, delay_us_max, slow_us_max;
};

struct sim_net *sim_net_new(struct sim_world *world);
void sim_net_free(struct sim_net *net);
void sim_net_faults(struct sim_net *net, enum sim_link link, const struct sim_link_faults *faults);
/* How many calls met something else than a plain answer. */
int64_t sim_net_troubles(const struct sim_net *net, enum sim_link link);
int64_t sim_net_calls(const struct sim_net *net, enum sim_link link);

/* `name` is the URL's host ("stripe.sim"); `link`: over which its callers come. `peer`: as whom the
 * host sees them. */
struct sim_host *sim_host_new(struct sim_net *net, const char *name, enum sim_link link,
                              const char *peer);
/* Who answers from now on: a process alive. NULL: nobody, connections are refused. */
void sim_host_serve(struct sim_host *host, struct sim_process *process, http_handler *handler,
                    void *ctx);
/* How many of its handlers run in that process now. */
int sim_host_busy(const struct sim_host *host, const struct sim_process *process);
/* Asked for each call whether the connection is to be refused; may be NULL. */
void sim_host_refuses(struct sim_host *host, bool (*fn)(void *ctx), void *ctx);

/* In a handler of a host's: the number by which the trace tells of this request ("#108"). */
uint64_t sim_net_number(const struct http_request *request);

/* A client for the process whose tasks call through it; the caller owns it (http_client_free()). */
struct http_client *sim_client_new(struct sim_net *net);

#endif
