/* SPDX-License-Identifier: Apache-2.0
 * service_messages.c: `messages` of the configuration: texts read and judged before the store is
 * opened, then what sends, run by the payments' runner. */
#include <stdlib.h>

#include "api/service_impl.h"
#include "incident/incident_gate.h"

enum { EMAIL_PER_SECOND = 20, SMS_PER_SECOND = 1, OFFSET_MINUTES_MAX = 14 * 60 };

static int find(struct service *service, const char *name, const char *key,
                const struct channel **ret_channel, struct err *err) {
    *ret_channel = NULL;
    if (name == NULL) {
        return 0;
    }
    *ret_channel = channels_find(service->channels, name);
    if (*ret_channel != NULL) {
        return 0;
    }
    err_set(err, ERR_CONFIG, "there is no channel \"%s\"", name);
    err_hint(err, "Customers are written to by one of `channels:` (docs/messages.md).");
    return err_place(err, "messages.%s", key);
}

int messages_prepare(struct service *service, struct err *err) {
    const struct message_config *config = &service->config->messages;
    if (abs(config->utc_offset_minutes) > OFFSET_MINUTES_MAX) {
        err_set(err, ERR_CONFIG, "no clock is that far from UTC");
        return err_place(err, "messages.utc_offset_minutes");
    }
    int r = templates_open(config->templates, &service->templates, err);
    return r < 0 ? r : lint_open(&service->lint, err);
}

static void wake(void *ctx) {
    struct service *service = ctx;
    payments_wake(service->payments);
}

/* ---- what a message has to do with its incident ---- */

static int prove(void *ctx, struct store_tx *tx, const char *incident_id, struct proof *ret_proof,
                 struct err *err) {
    struct service *service = ctx;
    return incident_prove(service->incidents, tx, incident_id, ret_proof, err);
}

static int note(void *ctx, struct store_tx *tx, const char *incident_id, const char *actor,
                const char *text, bool told, struct err *err) {
    struct service *service = ctx;
    const struct incident_entry entry = {
        .actor = actor, .kind = told ? LOGGED_COMMS : LOGGED_ACTION, .text = text};
    int r = told ? incident_told(service->incidents, tx, incident_id, err) : 0;
    return r < 0 ? r : incident_log_add(tx, incident_id, &entry, err);
}

static int or_else(unsigned said, int otherwise) {
    return said != 0 ? (int)said : otherwise;
}

int messages_begin(struct service *service, struct err *err) {
    const struct message_config *config = &service->config->messages;
    struct messages_options options = {
        .store = service->store,
        .payments = service->payments,
        .templates = service->templates,
        .lint = service->lint,
        .per_second = {[BY_EMAIL] = or_else(config->email_per_second, EMAIL_PER_SECOND),
                       [BY_SMS] = or_else(config->sms_per_second, SMS_PER_SECOND),
                       [BY_WEBHOOK] = (int)config->webhook_per_second},
        .clients = {.http = service->client, .smtp = service->smtp},
        .shop = config->shop,
        .contact = config->contact,
        .payment_link = config->payment_link,
        .utc_offset_minutes = config->utc_offset_minutes,
        .incident = {prove, note, service},
        .wake = wake,
        .wake_ctx = service,
    };
    int r = find(service, config->email, "email", &options.by[BY_EMAIL], err);
    r = r < 0 ? r : find(service, config->sms, "sms", &options.by[BY_SMS], err);
    r = r < 0 ? r : find(service, config->webhook, "webhook", &options.by[BY_WEBHOOK], err);
    r = r < 0 ? r : messages_open(&options, &service->messages, err);
    if (r >= 0) {
        const struct job_kind kind = messages_job(service->messages);
        payments_also_run(service->payments, &kind, 1);
    }
    return r;
}

void messages_shut(struct service *service) {
    messages_close(service->messages);
    templates_close(service->templates);
    lint_close(service->lint);
}
