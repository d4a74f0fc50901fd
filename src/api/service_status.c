/* SPDX-License-Identifier: Apache-2.0
 * service_status.c: `status` of the configuration: the public page, and what tells its subscribers,
 * run by the payments' runner. */
#include "api/service_impl.h"

enum { EMAIL_PER_SECOND = 20 };

static void wake(void *ctx) {
    struct service *service = ctx;
    payments_wake(service->payments);
}

int status_begin(struct service *service, struct err *err) {
    const struct message_config *messages = &service->config->messages;
    unsigned per_second = messages->email_per_second;
    const struct status_options options = {
        .store = service->store,
        .payments = service->payments,
        .lint = service->lint,
        .config = &service->config->status,
        .registry = service->registry,
        .control = service->control,
        .mode = service->mode,
        .seal = service->seal,
        .email = messages->email != NULL ? channels_find(service->channels, messages->email) : NULL,
        .email_per_second = per_second != 0 ? (int)per_second : EMAIL_PER_SECOND,
        .clients = {.http = service->client, .smtp = service->smtp},
        .utc_offset_minutes = messages->utc_offset_minutes,
        .wake = wake,
        .wake_ctx = service,
    };
    int r = status_open(&options, &service->status, err);
    if (r >= 0) {
        const struct job_kind kind = status_job(service->status);
        payments_also_run(service->payments, &kind, 1);
    }
    return r;
}
