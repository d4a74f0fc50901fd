/* SPDX-License-Identifier: Apache-2.0
 * status.c: opening, names, and the job: "3" sends what waits in lane 3. */
#include "comms/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comms/status_impl.h"

#define LEASE_US (180 * US_PER_SECOND)
static const int64_t backoff_us[] = {2 * US_PER_SECOND, 10 * US_PER_SECOND, 30 * US_PER_SECOND};

static const struct {
    const char *name, *text[LANGUAGES];
} levels[LEVELS] = {
    {"?", {"?", "?"}},
#define X(NAME, number, name, english, chinese) [number] = {name, {english, chinese}},
#include "comms/status_levels.def"
#undef X
};
static const struct {
    const char *name, *text[LANGUAGES], *page[LANGUAGES];
} impacts[IMPACTS] = {
    {"?", {"?", "?"}, {"?", "?"}},
#define X(NAME, number, name, english, chinese, page, page_zh)                                     \
    [number] = {name, {english, chinese}, {page, page_zh}},
#include "comms/status_impacts.def"
#undef X
};
static const struct status_state_row states[STATUS_STATES] = {
    {"?", {"?", "?"}, STATUS_INCIDENT, 0, false, false},
#define X(NAME, number, name, kind, rank, over, next, english, chinese)                            \
    [number] = {name, {english, chinese}, (enum status_kind)(kind), rank, over, next},
#include "comms/status_states.def"
#undef X
};

static const char *const words[STATUS_WORDS][LANGUAGES] = {
#define X(NAME, english, chinese) {english, chinese},
#include "comms/status_words.def"
#undef X
};

/* ---- names ---- */

const char *status_word(enum status_word word, enum language language) {
    return words[word][language];
}

static int64_t known(int64_t number, int64_t end) {
    return number > 0 && number < end ? number : 0;
}

const char *status_level_name(int64_t level) {
    return levels[known(level, LEVELS)].name;
}

const char *status_level_text(int64_t level, enum language language) {
    return levels[known(level, LEVELS)].text[language];
}

bool status_level_parse(const char *name, enum status_level *ret_level) {
    for (int i = 1; i < LEVELS; i++) {
        if (strcmp(levels[i].name, name) == 0) {
            *ret_level = (enum status_level)i;
            return true;
        }
    }
    return false;
}

const char *status_impact_name(int64_t impact) {
    return impacts[known(impact, IMPACTS)].name;
}

const char *status_impact_text(int64_t impact, enum language language) {
    return impacts[known(impact, IMPACTS)].text[language];
}

const char *status_impact_page_text(int64_t impact, enum language language) {
    return impacts[known(impact, IMPACTS)].page[language];
}

bool status_impact_parse(const char *name, enum status_impact *ret_impact) {
    for (int i = 1; i < IMPACTS; i++) {
        if (strcmp(impacts[i].name, name) == 0) {
            *ret_impact = (enum status_impact)i;
            return true;
        }
    }
    return false;
}

const struct status_state_row *status_state_row(int64_t state) {
    return &states[known(state, STATUS_STATES)];
}

const char *status_state_name(int64_t state) {
    return status_state_row(state)->name;
}

bool status_state_parse(const char *name, enum status_state *ret_state) {
    for (int i = 1; i < STATUS_STATES; i++) {
        if (strcmp(states[i].name, name) == 0) {
            *ret_state = (enum status_state)i;
            return true;
        }
    }
    return false;
}

enum status_state status_state_shown(const struct status_row *row, int64_t now_us) {
    bool begun = row->state == STATUS_SCHEDULED && row->from_us <= now_us;
    return begun ? STATUS_IN_PROGRESS : (enum status_state)row->state;
}

bool status_is_open(const struct status_row *row) {
    return !status_state_row(row->state)->over;
}

/* ---- opening ---- */

static char *copy_or(const char *text, const char *otherwise) {
    return strdup(text != NULL ? text : otherwise);
}

static int read_url(struct status *status, struct err *err) {
    const char *url = status->options.config->url;
    status->url = copy_or(url, "");
    size_t chars = strlen(status->url);
    if (chars == 0) {
        return 0;
    }
    bool web = strncmp(status->url, "https://", 8) == 0 || strncmp(status->url, "http://", 7) == 0;
    if (!web || status->url[chars - 1] == '/' || strpbrk(status->url, " \"<>?#") != NULL) {
        err_set(err, ERR_CONFIG, "the address of the status page must be http or https, and has no "
                                 "slash at its end");
        return err_place(err, "status.url");
    }
    return 0;
}

static int check_email(const struct status *status, struct err *err) {
    const struct channel *email = status->options.email;
    if (email == NULL || channel_kind(email) == CHANNEL_EMAIL) {
        return 0;
    }
    err_set(err, ERR_CONFIG, "channel %s writes no mail", channel_name(email));
    return err_place(err, "messages.email");
}

int status_open(const struct status_options *options, struct status **ret_status,
                struct err *err) {
    struct status *status = calloc(1, sizeof *status);
    INVARIANT(status != NULL, "out of memory");
    status->options = *options;
    status->name[LANGUAGE_EN] = copy_or(options->config->name, "Payments");
    status->name[LANGUAGE_ZH] = copy_or(options->config->name_zh,
                                        options->config->name != NULL ? options->config->name
                                                                      : "支付服务");
    int r = read_url(status, err);
    r = r < 0 ? r : check_email(status, err);
    r = r < 0 ? r : status_components_read(status, err);
    r = r < 0 ? r : status_pages_open(status, err);
    if (r < 0) {
        status_close(status);
        return r;
    }
    *ret_status = status;
    return 0;
}

void status_close(struct status *status) {
    if (status == NULL) {
        return;
    }
    status_pages_close(status);
    for (int language = 0; language < LANGUAGES; language++) {
        free(status->name[language]);
        for (int i = 0; i < status->component_count; i++) {
            free(status->components[i].name[language]);
        }
    }
    free(status->url);
    free(status);
}

void status_prove_by(struct status *status, status_prove_fn *prove, void *ctx) {
    status->options.prove = prove;
    status->options.prove_ctx = ctx;
}

/* ---- the job ---- */

static int run(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    long lane = strtol(job->key, NULL, 10);
    return lane < 0 || lane >= STATUS_LANES
               ? 0 /* no key of ours */
               : status_run_lane(ctx, (int)lane, ret_again_us, err);
}

struct job_kind status_job(struct status *status) {
    return (struct job_kind){
        .name = JOB_STATUS,
        .run = run,
        .ctx = status,
        .backoff_us = backoff_us,
        .backoff_count = COUNT_OF(backoff_us),
        .lease_us = LEASE_US,
        .concurrency = STATUS_LANES,
    };
}
