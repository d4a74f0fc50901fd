/* SPDX-License-Identifier: Apache-2.0
 * service_alerts.c: `channels` and `alerts` of the configuration: opened, run by the payments'
 * runner, closed. */
#include "api/service_impl.h"
#include "watch/backtest.h"
#include "watch/tuning.h"

static int read_settings(const struct service_config *config,
                         struct channel_settings settings[CHANNELS_MAX], struct err *err) {
    return channel_config_settings(config->channels, config->channels_count, settings, err);
}

static bool needs_keystore(const struct service_config *config) {
    for (unsigned i = 0; i < config->channels_count; i++) {
        for (unsigned j = 0; j < config->channels[i].credentials_count; j++) {
            if (keystore_holds(config->channels[i].credentials[j].from)) {
                return true;
            }
        }
    }
    return false;
}

static int read_values(const struct service_config *config, struct tuned_values *ret_values,
                       struct err *err) {
    return tuned_values_read(&config->alerts, &config->figures, &config->detection, ret_values,
                             err);
}

int channels_prepare(struct service *service, struct err *err) {
    static struct channel_settings settings[CHANNELS_MAX]; /* read once, before any other task */
    const struct service_config *config = service->config;
    KEYSTORE_AUTO keystore = NULL;
    int r = read_settings(config, settings, err);
    r = r < 0 ? r : channels_check(settings, (int)config->channels_count, err);
    if (r >= 0 && needs_keystore(config)) {
        r = keystore_open(&service->keystore, &keystore, err);
        r = r < 0 ? err_while(err, "reading the secrets of channels") : 0;
    }
    r = r < 0 ? r
              : channels_open(settings, (int)config->channels_count, keystore, &service->channels,
                              err);
    r = r < 0 ? r : alerts_check(&config->alerts, service->channels, err);
    struct tuned_values values;
    return r < 0 ? r : read_values(config, &values, err);
}

/* What may be changed while running, and has been; and what tries such changes on the past. */
int tuning_prepare(struct service *service, struct err *err) {
    struct tuned_values file;
    int r = read_values(service->config, &file, err);
    if (r < 0) {
        return r;
    }
    service->tuning = tuning_open(
        &(struct tuning_options){.store = service->store, .file = &file});
    r = tuning_look(service->tuning, err);
    return r < 0 ? r : backtests_open(service->store, service->tuning, &service->backtests, err);
}

static void wake(void *ctx) {
    struct service *service = ctx;
    payments_wake(service->payments);
}

int alerts_prepare(struct service *service, struct err *err) {
    const struct smtp_client_options smtp = {.ca_path = service->config->ca_file};
    int r = service->smtp == NULL ? smtp_client_new(&smtp, &service->smtp, err) : 0;
    if (r < 0) {
        return r;
    }
    const struct deliveries_options deliveries = {
        .store = service->store,
        .channels = service->channels,
        .clients = {.http = service->client, .smtp = service->smtp},
        .wake = wake,
        .wake_ctx = service,
    };
    r = deliveries_open(&deliveries, &service->deliveries, err);
    if (r < 0) {
        return r;
    }
    const struct alerts_options alerts = {
        .store = service->store,
        .channels = service->channels,
        .deliveries = service->deliveries,
        .config = &service->config->alerts,
        .tuning = service->tuning,
        .wake = wake,
        .wake_ctx = service,
    };
    r = alerts_open(&alerts, &service->alerts, err);
    if (r >= 0) {
        const struct job_kind kinds[] = {deliveries_job(service->deliveries),
                                         alerts_job(service->alerts)};
        payments_also_run(service->payments, kinds, COUNT_OF(kinds));
    }
    return r;
}

int alerts_begin(struct service *service, struct err *err) {
    return alerts_start(service->alerts, err);
}

void alerts_shut(struct service *service) {
    backtests_close(service->backtests);
    alerts_close(service->alerts);
    deliveries_close(service->deliveries);
    channels_close(service->channels);
    smtp_client_free(service->smtp);
    tuning_close(service->tuning);
}
