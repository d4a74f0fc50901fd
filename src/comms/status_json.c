/* SPDX-License-Identifier: Apache-2.0
 * status_json.c: the page as JSON in the form of Atlassian Statuspage's public API, version 2
 * (https://metastatuspage.com/api), so that what reads that reads this; and the banner's feed.
 * Texts are in the language asked for. What Statuspage has and we do not (groups, showcase, tweets)
 * has the value that it has there for a page without it. */
#include <stdio.h>
#include <string.h>

#include "comms/status_banner.h"
#include "comms/status_impl.h"

const char *const status_json_names[] = {
    "summary",
    "status",
    "components",
    "incidents",
    "incidents/unresolved",
    "scheduled-maintenances",
    "scheduled-maintenances/upcoming",
    "scheduled-maintenances/active",
    NULL,
};

static void text(const struct status_out *out, const char *key, const char *value) {
    buf_addf(out->buf, "\"%s\":", key);
    buf_add_json(out->buf, value);
}

static void time_at(const struct status_out *out, const char *key, int64_t wall_us) {
    char shown[CLOCK_TEXT_MAX];
    if (wall_us > 0) {
        buf_addf(out->buf, ",\"%s\":\"%s\"", key, clock_format(wall_us, shown));
    } else {
        buf_addf(out->buf, ",\"%s\":null", key);
    }
}

static void page(const struct status_out *out) {
    const struct status *status = out->status;
    BUF_AUTO url;
    buf_init(&url, STATUS_JSON_BYTES_MAX);
    buf_add_text(&url, status->url[0] != '\0' ? status->url : "/status");
    buf_add_text(out->buf, "{\"page\":{\"id\":\"holdfast\",");
    text(out, "name", status->name[out->language]);
    buf_add_char(out->buf, ',');
    text(out, "url", url.data);
    buf_add_text(out->buf, ",\"time_zone\":\"Etc/UTC\"");
    time_at(out, "updated_at", out->look->updated_us);
    buf_add_char(out->buf, '}');
}

static void component(const struct status_out *out, int index, int64_t level) {
    const struct status_component *one = &out->status->components[index];
    const struct status_row_of *row = &out->look->components[index];
    buf_addf(out->buf, "{\"id\":\"%s\",", one->id);
    text(out, "name", one->name[out->language]);
    buf_addf(out->buf, ",\"status\":\"%s\"", status_level_name(level));
    time_at(out, "created_at", 0);
    time_at(out, "updated_at", row->set_us);
    buf_addf(out->buf,
             ",\"position\":%d,\"description\":null,\"showcase\":false,\"start_date\":null,"
             "\"group_id\":null,\"page_id\":\"holdfast\",\"group\":false,"
             "\"only_show_if_degraded\":false}",
             index + 1);
}

static void components(const struct status_out *out) {
    buf_add_text(out->buf, ",\"components\":[");
    for (int i = 0; i < out->status->component_count; i++) {
        buf_add_text(out->buf, i > 0 ? "," : "");
        component(out, i, out->look->components[i].level);
    }
    buf_add_char(out->buf, ']');
}

/* ---- incidents ---- */

static void affected(const struct status_out *out, const struct status_touched *touched) {
    bool first = true;
    buf_add_text(out->buf, ",\"affected_components\":[");
    for (int i = 0; i < out->status->component_count; i++) {
        if (touched->level[i] == 0) {
            continue;
        }
        buf_addf(out->buf, "%s{\"code\":\"%s\",", first ? "" : ",", out->status->components[i].id);
        text(out, "name", out->status->components[i].name[out->language]);
        buf_addf(out->buf, ",\"old_status\":\"%s\",\"new_status\":\"%s\"}",
                 status_level_name(touched->was[i]), status_level_name(touched->level[i]));
        first = false;
    }
    buf_add_char(out->buf, ']');
}

static void update(const struct status_out *out, const struct status_update_row *one) {
    buf_addf(out->buf, "{\"id\":\"%s\",\"status\":\"%s\",", one->id, status_state_name(one->state));
    text(out, "body", one->body[out->language]);
    buf_addf(out->buf, ",\"incident_id\":\"%s\"", one->incident);
    time_at(out, "created_at", one->published_us);
    time_at(out, "updated_at", one->published_us);
    time_at(out, "display_at", one->published_us);
    affected(out, &one->touched);
    buf_add_text(out->buf, ",\"deliver_notifications\":true,\"custom_tweet\":null,"
                           "\"tweet_id\":null}");
}

static void incident(const struct status_out *out, const struct status_row *row) {
    BUF_AUTO link;
    char path[64];
    buf_init(&link, STATUS_JSON_BYTES_MAX);
    snprintf(path, sizeof path, "incidents/%s.html", row->id);
    status_address(out->status, out->files, out->language, path, &link);
    buf_addf(out->buf, "{\"id\":\"%s\",", row->id);
    text(out, "name", row->title[out->language]);
    buf_addf(out->buf, ",\"status\":\"%s\"",
             status_state_name(status_state_shown(row, out->look->now_us)));
    time_at(out, "created_at", row->published_us);
    time_at(out, "updated_at", row->updated_us);
    time_at(out, "monitoring_at", row->monitoring_us);
    time_at(out, "resolved_at", row->resolved_us);
    buf_addf(out->buf, ",\"impact\":\"%s\",", status_impact_name(row->impact));
    text(out, "shortlink", link.data);
    time_at(out, "started_at", row->kind == STATUS_MAINTENANCE ? row->from_us : row->published_us);
    buf_add_text(out->buf, ",\"page_id\":\"holdfast\",\"reminder_intervals\":null,"
                           "\"incident_updates\":[");
    for (int i = 0; i < row->update_count; i++) {
        buf_add_text(out->buf, i > 0 ? "," : "");
        update(out, &row->updates[i]);
    }
    buf_add_text(out->buf, "],\"components\":[");
    bool first = true;
    for (int i = 0; i < out->status->component_count; i++) {
        if (row->touched.level[i] != 0) {
            buf_add_text(out->buf, first ? "" : ",");
            component(out, i, out->look->components[i].level);
            first = false;
        }
    }
    buf_add_char(out->buf, ']');
    if (row->kind == STATUS_MAINTENANCE) {
        time_at(out, "scheduled_for", row->from_us);
        time_at(out, "scheduled_until", row->until_us);
    }
    buf_add_char(out->buf, '}');
}

enum which { ALL, OPEN, UPCOMING, ACTIVE };

static bool is_wanted(const struct status_out *out, const struct status_row *row,
                      enum status_kind kind, enum which which) {
    bool begun = status_state_shown(row, out->look->now_us) != STATUS_SCHEDULED;
    return (enum status_kind)row->kind == kind && (which == ALL || status_is_open(row)) &&
           (which != UPCOMING || !begun) && (which != ACTIVE || begun);
}

static void incidents(const struct status_out *out, const char *key, enum status_kind kind,
                      enum which which) {
    bool first = true;
    buf_addf(out->buf, ",\"%s\":[", key);
    for (int i = 0; i < out->look->count; i++) {
        if (is_wanted(out, &out->look->rows[i], kind, which)) {
            buf_add_text(out->buf, first ? "" : ",");
            incident(out, &out->look->rows[i]);
            first = false;
        }
    }
    buf_add_char(out->buf, ']');
}

static void overall(const struct status_out *out) {
    enum status_impact indicator = out->look->indicator;
    buf_addf(out->buf, ",\"status\":{\"indicator\":\"%s\",", status_impact_name(indicator));
    text(out, "description", status_impact_page_text(indicator, out->language));
    buf_add_char(out->buf, '}');
}

void status_json(const struct status_out *out, const char *name) {
    static const char maintenances[] = "scheduled-maintenances";
    static const char key[] = "scheduled_maintenances";
    page(out);
    if (strcmp(name, "summary") == 0) {
        components(out);
        incidents(out, "incidents", STATUS_INCIDENT, OPEN);
        incidents(out, key, STATUS_MAINTENANCE, OPEN);
        overall(out);
    } else if (strcmp(name, "status") == 0) {
        overall(out);
    } else if (strcmp(name, "components") == 0) {
        components(out);
    } else if (strcmp(name, "incidents") == 0) {
        incidents(out, "incidents", STATUS_INCIDENT, ALL);
    } else if (strcmp(name, "incidents/unresolved") == 0) {
        incidents(out, "incidents", STATUS_INCIDENT, OPEN);
    } else {
        const char *tail = name + sizeof maintenances - 1;
        incidents(out, key, STATUS_MAINTENANCE,
                  strcmp(tail, "/upcoming") == 0 ? UPCOMING
                  : strcmp(tail, "/active") == 0 ? ACTIVE
                                                 : ALL);
    }
    buf_add_char(out->buf, '}');
}

/* ---- for shops' pages ---- */

/* {"indicator","text","url","updated_at"}; no text while nothing is wrong. */
void status_banner_json(const struct status_out *out) {
    const struct status_look *look = out->look;
    const char *said = "", *path = "index.html";
    char own[64];
    int64_t gravest = 0;
    for (int i = 0; i < look->count; i++) {
        const struct status_row *row = &look->rows[i];
        bool begun = status_state_shown(row, look->now_us) != STATUS_SCHEDULED;
        if (status_is_open(row) && begun && row->impact > gravest) {
            gravest = row->impact;
            said = row->title[out->language];
            snprintf(own, sizeof own, "incidents/%s.html", row->id);
            path = own;
        }
    }
    if (said[0] == '\0' && look->indicator != IMPACT_NONE) {
        said = status_impact_page_text(look->indicator, out->language);
    }
    BUF_AUTO link;
    buf_init(&link, STATUS_JSON_BYTES_MAX);
    status_address(out->status, out->files, out->language, path, &link);
    buf_addf(out->buf, "{\"indicator\":\"%s\",", status_impact_name(look->indicator));
    text(out, "text", said);
    buf_add_char(out->buf, ',');
    text(out, "url", link.data);
    time_at(out, "updated_at", look->updated_us);
    buf_add_char(out->buf, '}');
}

void status_banner_script(const struct status_out *out) {
    const char *place = strstr(status_banner_text, STATUS_BANNER_STATE);
    INVARIANT(place != NULL, "the script has a place for the state");
    buf_add(out->buf, status_banner_text, (size_t)(place - status_banner_text));
    status_banner_json(out);
    buf_add_text(out->buf, place + sizeof STATUS_BANNER_STATE - 2);
}
