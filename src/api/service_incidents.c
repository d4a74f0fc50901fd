/* SPDX-License-Identifier: Apache-2.0
 * service_incidents.c: `incidents` of the configuration: checked, opened, begun, closed. */
#include "api/service_impl.h"
#include "incident/containment_actions.h"

int incidents_prepare(struct service *service, struct err *err) {
    const struct incident_config *config = &service->config->incidents;
    struct gate_limits limits;
    int r = incidents_check(config, &service->config->alerts, err);
    r = r < 0 ? r : gate_limits_read(&config->gate, &limits, err);
    return r < 0 ? r : playbook_set_open(config->playbooks.dir, &service->playbook_set, err);
}

static int open_playbooks(struct service *service, struct err *err) {
    const struct playbooks_options options = {
        .incidents = service->incidents,
        .store = service->store,
        .payments = service->payments,
        .set = service->playbook_set,
        .alerts = service->alerts,
        .registry = service->registry,
        .mode = service->mode,
        .figures = &service->figures,
        .actions = &service->measures,
        .gate = service->gate,
    };
    service->measures = containment_actions(service->containments);
    return playbooks_open(&options, &service->playbooks, err);
}

int incidents_ready(struct service *service, struct err *err) {
    const struct alert_config *alerts = &service->config->alerts;
    struct incidents_options options = {
        .store = service->store,
        .payments = service->payments,
        .alerts = service->alerts,
        .config = &service->config->incidents,
        .alert_config = alerts,
        .language = NOTICE_EN,
    };
    if (alerts->language != NULL && !notice_language_parse(alerts->language, &options.language)) {
        options.language = NOTICE_EN;
    }
    const struct containments_options switches = {
        .store = service->store,
        .payments = service->payments,
        .registry = service->registry,
        .control = service->control,
        .mode = service->mode,
    };
    const struct gate_options gate = {service->store, &service->config->incidents.gate,
                                       service->status};
    int r = gate_open(&gate, &service->gate, err);
    r = r < 0 ? r : incidents_open(&options, &service->incidents, err);
    r = r < 0 ? r : containments_open(&switches, &service->containments, err);
    r = r < 0 ? r : open_playbooks(service, err);
    service->brief_sources =
        brief_sources_of(service->gate, service->containments, service->playbooks);
    return r;
}

int incidents_begin(struct service *service, struct err *err) {
    int r = incidents_start(service->incidents, err);
    return r < 0 ? r : playbooks_start(service->playbooks, err);
}

void incidents_shut(struct service *service) {
    playbooks_close(service->playbooks);
    playbook_set_close(service->playbook_set);
    containments_close(service->containments);
    incidents_close(service->incidents);
    gate_close(service->gate);
}
