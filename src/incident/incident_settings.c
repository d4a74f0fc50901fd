/* SPDX-License-Identifier: Apache-2.0
 * incident_settings.c: what `incidents:` of the configuration means, with its defaults, and that
 * incidents are opened with them. */
#include <stdlib.h>
#include <string.h>

#include "incident/incident_impl.h"

#define MINUTE_US (60 * US_PER_SECOND)
enum {
    MINUTES_MAX = 7 * 24 * 60,
    AFTER_S_MAX = 24 * 3600,
    OCCURRENCES_MAX = 1000,
    HOURS_MAX = 30 * 24,
    NAG_MINUTES = 5,
    WITHIN_HOURS = 24,
};

static const struct incident_cadence cadences[NOTICE_SEVERITIES] = {
#define X(severity, ack, first, every)                                                             \
    [NOTICE_##severity] = {(ack) * MINUTE_US, (first) * MINUTE_US, (every) * MINUTE_US},
#include "incident/cadence.def"
#undef X
};

static int bad(struct err *err, const char *list, unsigned i, const char *what) {
    err_set(err, ERR_CONFIG, "%s", what);
    return err_place(err, "incidents.%s[%u]", list, i);
}

/* ---- what opens one ---- */

static int read_opener(const struct incident_opener_config *config, unsigned i,
                       struct incident_opener *opener, struct err *err) {
    *opener = (struct incident_opener){
        .after_us = config->after_s * US_PER_SECOND,
        .occurrences = config->occurrences > 0 ? config->occurrences : 1,
        .within_us = (config->within_hours > 0 ? config->within_hours : WITHIN_HOURS) * 60 *
                     MINUTE_US,
    };
    if (config->after_s > AFTER_S_MAX || config->occurrences > OCCURRENCES_MAX ||
        config->within_hours > HOURS_MAX) {
        return bad(err, "open_by", i,
                   "after_s is at most 86400, occurrences 1000, within_hours 720");
    }
    for (unsigned j = 0; j < config->rules_count; j++) {
        opener->rules[opener->rule_count++] = config->rules[j];
    }
    for (unsigned j = 0; j < config->severities_count; j++) {
        enum notice_severity severity;
        if (!notice_severity_parse(config->severities[j], &severity)) {
            return bad(err, "open_by", i, "a severity is P0, P1, P2 or P3");
        }
        opener->severities |= 1U << severity;
    }
    return 0;
}

static int read_openers(const struct incident_config *config, struct incident_settings *settings,
                        struct err *err) {
    static const struct incident_opener usual = {
        .severities = 1U << NOTICE_P0 | 1U << NOTICE_P1,
        .occurrences = 1,
        .within_us = WITHIN_HOURS * 60 * MINUTE_US,
    };
    int r = 0;
    if (config->by_hand && config->open_by_count > 0) {
        return bad(err, "open_by", 0, "by_hand says that nothing opens one");
    }
    if (!config->by_hand && config->open_by_count == 0) {
        settings->openers[settings->opener_count++] = usual;
    }
    for (unsigned i = 0; r >= 0 && i < config->open_by_count; i++) {
        struct incident_opener *opener = &settings->openers[settings->opener_count++];
        r = read_opener(&config->open_by[i], i, opener, err);
        opener->severities = opener->severities != 0 ? opener->severities : usual.severities;
    }
    return r;
}

/* ---- roles ---- */

static bool is_rota(const struct alert_config *alerts, const char *name) {
    for (unsigned i = 0; alerts != NULL && i < alerts->rotas_count; i++) {
        if (strcmp(alerts->rotas[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int read_roles(const struct incident_config *config, const struct alert_config *alerts,
                      struct incident_settings *settings, struct err *err) {
    for (unsigned i = 0; i < config->roles_count; i++) {
        const struct incident_role_config *said = &config->roles[i];
        enum incident_role role;
        if (!incident_role_parse(said->role, &role)) {
            return bad(err, "roles", i, "a role is commander, lead, comms or recon");
        }
        if (settings->rotas[role][0] != NULL) {
            return bad(err, "roles", i, "this role has a row already");
        }
        if (!is_rota(alerts, said->rota) ||
            (said->deputy != NULL && !is_rota(alerts, said->deputy))) {
            bad(err, "roles", i, "there is no such rota");
            return err_hint(err, "Rotas stand in alerts.rotas.");
        }
        settings->rotas[role][0] = said->rota;
        settings->rotas[role][1] = said->deputy;
    }
    return 0;
}

/* ---- times ---- */

static int read_minutes(const unsigned *minutes, unsigned i, int64_t *us, struct err *err) {
    if (minutes == NULL) {
        return 0;
    }
    *us = (int64_t)*minutes * MINUTE_US;
    return *minutes > MINUTES_MAX ? bad(err, "cadence", i, "it is at most seven days") : 0;
}

static int read_cadence(const struct incident_config *config, struct incident_settings *settings,
                        struct err *err) {
    unsigned nag = config->nag_minutes > 0 ? config->nag_minutes : NAG_MINUTES;
    int r = 0;
    memcpy(settings->cadence, cadences, sizeof cadences);
    settings->nag_us = nag * MINUTE_US;
    if (nag > MINUTES_MAX) {
        err_set(err, ERR_CONFIG, "it is at most seven days");
        return err_place(err, "incidents.nag_minutes");
    }
    for (unsigned i = 0; r >= 0 && i < config->cadence_count; i++) {
        const struct incident_cadence_config *said = &config->cadence[i];
        enum notice_severity severity;
        if (!notice_severity_parse(said->severity, &severity)) {
            return bad(err, "cadence", i, "a severity is P0, P1, P2 or P3");
        }
        struct incident_cadence *cadence = &settings->cadence[severity];
        r = read_minutes(said->acknowledge_minutes, i, &cadence->ack_us, err);
        r = r < 0 ? r : read_minutes(said->first_minutes, i, &cadence->first_us, err);
        r = r < 0 ? r : read_minutes(said->update_minutes, i, &cadence->every_us, err);
    }
    return r;
}

int incident_settings_read(const struct incident_config *config,
                           const struct alert_config *alert_config,
                           struct incident_settings *ret_settings, struct err *err) {
    static const struct incident_config nothing_said;
    config = config != NULL ? config : &nothing_said;
    *ret_settings = (struct incident_settings){0};
    int r = read_openers(config, ret_settings, err);
    r = r < 0 ? r : read_roles(config, alert_config, ret_settings, err);
    return r < 0 ? r : read_cadence(config, ret_settings, err);
}

int incidents_check(const struct incident_config *config, const struct alert_config *alert_config,
                    struct err *err) {
    struct incident_settings settings;
    return incident_settings_read(config, alert_config, &settings, err);
}

int incidents_open(const struct incidents_options *options, struct incidents **ret_incidents,
                   struct err *err) {
    struct incidents *incidents = calloc(1, sizeof *incidents);
    if (incidents == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for incidents");
    }
    incidents->options = *options;
    int r = incident_settings_read(options->config, options->alert_config, &incidents->settings,
                                   err);
    if (r < 0) {
        free(incidents);
        return r;
    }
    const struct job_kind kind = incidents_job(incidents);
    payments_also_run(options->payments, &kind, 1);
    *ret_incidents = incidents;
    return 0;
}

void incidents_close(struct incidents *incidents) {
    free(incidents);
}
