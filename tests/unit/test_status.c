/* SPDX-License-Identifier: Apache-2.0
 * test_status.c: the public status page: nothing is told that another person has not approved,
 * nothing is over without the gate's proof, nothing that somebody wrote becomes markup, each
 * subscriber is told once. On both engines. */
#include "channel_fixture.h"

#include <dirent.h>
#include <expat.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/secret.h"
#include "comms/status.h"
#include "net/standard_webhook.h"
#include "support/payment_world.h"

#define W the_world
#define ANN "user:usr_ann"
#define BO "user:usr_bo"
#define INC "inc_01JD5R6Q6Y0V3M8X2K4N7T9BCF"
#define URL "https://blue.example/status"

enum { TOLD_MAX = 400, DEATHS_MAX = 200 };

/* ---- receivers ---- */

struct told {
    char to[120], id[80];
    char *text, *signature, *timestamp;
};
static struct {
    struct told told[TOLD_MAX];
    int count, status;
    enum smtp_outcome mail;
    bool answerless, insecure;
} receivers;

static struct told *receive(const char *to, const char *id, const char *text, size_t bytes) {
    assert_true(receivers.count < TOLD_MAX);
    struct told *told = &receivers.told[receivers.count++];
    *told = (struct told){.text = strndup(text, bytes)};
    snprintf(told->to, sizeof told->to, "%s", to);
    snprintf(told->id, sizeof told->id, "%s", id);
    return told;
}

static void take_mail(void *ctx, const struct smtp_message *message, struct smtp_result *result) {
    *result = (struct smtp_result){.outcome = receivers.mail};
    if (receivers.mail != SMTP_NOT_SENT) {
        receive(message->to[0], "", message->bytes, message->byte_count);
    } else {
        result->failure = SMTP_FAIL_REFUSED;
    }
}

static const char *header(const struct http_call *call, const char *name) {
    const char *value = http_header_find(call->headers, call->header_count, name);
    return value != NULL ? value : "";
}

static int take_http(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                     struct err *err) {
    struct told *told = receive(call->url, header(call, "webhook-id"), call->body,
                                call->body_bytes);
    told->signature = strdup(header(call, "webhook-signature"));
    told->timestamp = strdup(header(call, "webhook-timestamp"));
    receivers.insecure = receivers.insecure || !call->public_only;
    http_answer_fill(ret_answer, receivers.status, NULL, 0, "", 0);
    if (receivers.answerless) {
        ret_answer->status = 0;
        ret_answer->reach = HTTP_MAYBE_SENT;
        ret_answer->failure = HTTP_FAIL_TIMEOUT;
        return err_set(err, ERR_TIMEOUT, "no answer");
    }
    return 0;
}

/* ---- the floor ---- */

static struct lint *lint;
static struct channels *mail;
static struct http_client *http;
static struct smtp_client *smtp;
static struct status *status;
static struct job_runner *runner;
static struct job_kind kind;
static struct status_config config;
static bool gate_passes, gate_is_there;

static int prove(void *ctx, const char *incident_id, struct proof *ret_proof, struct err *err) {
    if (!gate_passes) {
        return err_set(err, ERR_STATE, "3 of 9 conditions are not met");
    }
    *ret_proof = (struct proof){.evidence = "abc", .at_us = clock_wall_us()};
    snprintf(ret_proof->incident_id, sizeof ret_proof->incident_id, "%s", incident_id);
    return 0;
}

static void open_status(void) {
    struct err err = {0};
    const struct status_options options = {
        .store = W->engine.store,
        .payments = W->payments,
        .lint = lint,
        .config = &config,
        .registry = W->registry,
        .control = W->control,
        .mode = W->mode,
        .seal = W->seal,
        .email = channels_at(mail, 0),
        .clients = {.http = http, .smtp = smtp},
        .prove = gate_is_there ? prove : NULL,
    };
    if (status_open(&options, &status, &err) < 0) {
        fail_msg("%s at %s", err.detail, err.place);
    }
    kind = status_job(status);
    assert_int_equal(job_runner_new(W->engine.store, &kind, 1, &runner, &err), 0);
}

static void close_status(void) {
    if (runner != NULL) {
        job_runner_stop(runner);
    }
    status_close(status);
    runner = NULL;
    status = NULL;
}

static void forget_told(void) {
    for (int i = 0; i < receivers.count; i++) {
        free(receivers.told[i].text);
        free(receivers.told[i].signature);
        free(receivers.told[i].timestamp);
    }
    receivers.count = 0;
}

static void begin(void) {
    static const char *const tables[] = {"page", "component", "incident", "update", "subscriber",
                                         "asker", "mailing"};
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        char sql[80];
        snprintf(sql, sizeof sql, "DELETE FROM status_%s", tables[i]);
        (void)engine_exec(&W->engine, sql);
    }
    (void)engine_exec(&W->engine, "DELETE FROM job");
    (void)engine_exec(&W->engine, "DELETE FROM message_channel");
    forget_told();
    receivers.mail = SMTP_TAKEN;
    receivers.status = 200;
    receivers.answerless = receivers.insecure = false;
    config = (struct status_config){.url = (char *)URL, .name = (char *)"Blue Shop",
                                    .name_zh = (char *)"蓝店"};
    gate_passes = false;
    gate_is_there = true;
    open_status();
}

static void reopen(void) {
    close_status();
    open_status();
}

static int end(void **state) {
    store_fault_set(W->engine.store, NULL, NULL);
    close_status();
    forget_told();
    return 0;
}

/* ---- doing ---- */

static struct caller as(const char *actor) {
    struct caller caller = world_caller(NULL, "");
    caller.actor = actor;
    return caller;
}

static const struct status_touch cards_down[] = {{"card", LEVEL_MAJOR}};
static char next_update[CLOCK_TEXT_MAX];

static struct status_draft incident(void) {
    (void)clock_format((clock_wall_us() / US_PER_SECOND + 3600) * US_PER_SECOND, next_update);
    return (struct status_draft){
        .kind = STATUS_INCIDENT,
        .title = {"Card payments fail", "银行卡支付失败"},
        .body = {"Some card payments fail. Next update: {next_update}.",
                 "部分银行卡支付失败。下次更新:{next_update}。"},
        .state = STATUS_INVESTIGATING,
        .impact = IMPACT_MAJOR,
        .touches = cards_down,
        .touch_count = 1,
        .incident_id = INC,
        .fields = {[FIELD_NEXT_UPDATE] = next_update},
        .reason = "customers are to know",
    };
}

static struct status_draft follow(const char *id, enum status_state state, const char *english,
                                  const char *chinese) {
    struct status_draft what = incident();
    what.id = id;
    what.title[LANGUAGE_EN] = what.title[LANGUAGE_ZH] = NULL;
    what.state = state;
    what.impact = 0;
    what.touch_count = 0;
    what.incident_id = "";
    what.body[LANGUAGE_EN] = english;
    what.body[LANGUAGE_ZH] = chinese;
    if (state == STATUS_RESOLVED || state == STATUS_POSTMORTEM) {
        what.fields[FIELD_NEXT_UPDATE] = NULL;
    }
    return what;
}

static json_t *draft(const struct status_draft *what) {
    struct caller caller = as(ANN);
    struct answer answer = {0};
    W->err = (struct err){0};
    return world_take(W, status_draft(status, &caller, what, &answer, &W->err), &answer);
}

static json_t *must_draft(const struct status_draft *what) {
    json_t *json = draft(what);
    if (json == NULL) {
        fail_msg("%s at %s", W->err.detail, W->err.place);
    }
    return json;
}

static json_t *approve(const json_t *update, const char *actor) {
    struct caller caller = as(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return world_take(W, status_approve(status, &caller, json_at(update, "id"),
                                        json_at(update, "hash"), "read it", &answer, &W->err),
                      &answer);
}

static void must_approve(const json_t *update) {
    json_t *json = approve(update, BO);
    if (json == NULL) {
        fail_msg("%s at %s", W->err.detail, W->err.place);
    }
    assert_string_equal(json_at(json, "stage"), "published");
    json_decref(json);
}

/* Drafted and approved; the incident's id (free()). */
static char *published(const struct status_draft *what) {
    json_t *update = must_draft(what);
    must_approve(update);
    char *id = strdup(json_at(update, "status_incident_id"));
    json_decref(update);
    return id;
}

static void run_jobs(void) {
    struct err err = {0};
    if (job_runner_drain(runner, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

/* Pages look at the store once a second. */
static char *page_in(enum language language, const char *path) {
    struct status_page page = {0};
    struct err err = {0};
    test_clock_advance(2 * US_PER_SECOND);
    if (status_page_get(status, language, path, &page, &err) < 0) {
        fail_msg("%s: %s", path, err.detail);
    }
    char *text = strndup(page.bytes, page.count);
    status_page_release(&page);
    return text;
}

static bool shows_in(enum language language, const char *path, const char *text) {
    char *page = page_in(language, path);
    bool found = strstr(page, text) != NULL;
    free(page);
    return found;
}

static bool shows(const char *path, const char *text) {
    return shows_in(LANGUAGE_EN, path, text);
}

static json_t *json_page(const char *path) {
    char *text = page_in(LANGUAGE_EN, path);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    free(text);
    return json;
}

static char *indicator(void) {
    json_t *json = json_page("api/v2/status.json");
    char *text = strdup(json_peek_text(json, "status", "indicator", NULL));
    json_decref(json);
    return text;
}

static void expect_indicator(const char *wanted) {
    char *text = indicator();
    assert_string_equal(text, wanted);
    free(text);
}

static void expect_component(const char *id, const char *wanted) {
    json_t *json = json_page("api/v2/components.json");
    size_t i;
    json_t *one;
    bool found = false;
    json_array_foreach(json_object_get(json, "components"), i, one) {
        if (strcmp(json_at(one, "id"), id) == 0) {
            assert_string_equal(json_at(one, "status"), wanted);
            found = true;
        }
    }
    assert_true(found);
    json_decref(json);
}

/* ---- approving ---- */

static void nothing_is_public_that_another_person_has_not_approved(void **state) {
    begin();
    struct status_draft what = incident();
    json_t *update = must_draft(&what);
    char path[80];
    snprintf(path, sizeof path, "incidents/%s.html", json_at(update, "status_incident_id"));
    assert_false(shows("index.html", "Card payments fail"));
    assert_false(shows("history.rss", "Card payments fail"));
    expect_indicator("none");
    assert_refused(W, approve(update, ANN), ERR_FORBIDDEN);
    assert_refused(W, approve(update, "cli"), ERR_FORBIDDEN);
    json_object_set_new(update, "hash", json_string("0000"));
    assert_refused(W, approve(update, BO), ERR_STATE);
    assert_false(shows("index.html", "Card payments fail"));
    json_decref(update);
    update = must_draft(&what);
    must_approve(update);
    assert_refused(W, approve(update, BO), ERR_STATE);
    snprintf(path, sizeof path, "incidents/%s.html", json_at(update, "status_incident_id"));
    assert_true(shows("index.html", "Card payments fail"));
    assert_true(shows(path, "Some card payments fail."));
    assert_true(shows_in(LANGUAGE_ZH, "index.html", "银行卡支付失败"));
    assert_true(shows_in(LANGUAGE_ZH, path, "部分银行卡支付失败"));
    assert_false(shows_in(LANGUAGE_ZH, path, "Some card payments fail"));
    assert_true(shows("history.rss", "Card payments fail"));
    assert_true(shows("history.atom", "Card payments fail"));
    assert_true(shows("banner.json", "Card payments fail"));
    assert_true(shows("banner.js", "Card payments fail"));
    expect_indicator("critical"); /* by its component: graver than the incident's own impact */
    json_decref(update);
}

static void what_was_withdrawn_is_never_told(void **state) {
    begin();
    struct status_draft what = incident();
    json_t *update = must_draft(&what);
    struct caller caller = as(BO);
    struct answer answer = {0};
    json_t *json = world_take(W, status_withdraw(status, &caller, json_at(update, "id"), "wrong",
                                                 &answer, &W->err),
                              &answer);
    assert_string_equal(json_at(json, "stage"), "withdrawn");
    json_decref(json);
    assert_refused(W, approve(update, BO), ERR_STATE);
    assert_false(shows("index.html", "Card payments fail"));
    json_decref(update);
}

/* ---- what the page may say ---- */

static void nothing_is_over_without_the_gates_proof(void **state) {
    begin();
    struct status_draft what = incident();
    char *id = published(&what);
    struct status_draft over = follow(id, STATUS_RESOLVED, "Card payments have recovered.",
                                      "银行卡支付已恢复。");
    assert_refused(W, draft(&over), ERR_STATE);
    assert_non_null(strstr(W->err.hint, "holdfast incident gate " INC));
    gate_is_there = false;
    reopen();
    assert_refused(W, draft(&over), ERR_STATE);
    gate_is_there = true;
    reopen();
    gate_passes = true;
    json_t *update = must_draft(&over);
    gate_passes = false; /* it has come back in between */
    assert_refused(W, approve(update, BO), ERR_STATE);
    expect_component("card", "major_outage");
    gate_passes = true;
    must_approve(update);
    json_decref(update);
    expect_component("card", "operational");
    expect_indicator("none");
    assert_true(shows("history.html", "Card payments have recovered."));
    /* Then it stays so, and is explained. */
    struct status_draft again = follow(id, STATUS_MONITORING, "It fails. {next_update}",
                                       "失败。{next_update}");
    assert_refused(W, draft(&again), ERR_STATE);
    assert_refused(W, draft(&over), ERR_STATE);
    struct status_draft why = follow(id, STATUS_POSTMORTEM, "A part had failed. It is fixed.",
                                     "一个部件出现故障,已修复。");
    update = must_draft(&why);
    must_approve(update);
    json_decref(update);
    free(id);
    /* One that names no incident cannot be proved over. */
    what.incident_id = "";
    id = published(&what);
    over.id = id;
    assert_refused(W, draft(&over), ERR_STATE);
    free(id);
}

static void what_is_over_in_other_words_is_refused_in_both_languages(void **state) {
    begin();
    static const struct {
        const char *english, *chinese, *place;
    } cases[] = {
        {"All is back to normal. {next_update}", "仍在处理。{next_update}", "/body/en"},
        {"It is r e s o l v e d. {next_update}", "仍在处理。{next_update}", "/body/en"},
        {"The trouble is over. {next_update}", "仍在处理。{next_update}", "/body/en"},
        {"It goes on. {next_update}", "故障已排除。{next_update}", "/body/zh"},
        {"It goes on. {next_update}", "已 恢 复。{next_update}", "/body/zh"},
        {"It goes on. {next_update}", "一切正常。{next_update}", "/body/zh"},
        {"It will work in two hours. {next_update}", "仍在处理。{next_update}", "/body/en"},
        {"It goes on. {next_update}", "预计两小时后可用。{next_update}", "/body/zh"},
        {"The webhook queue is long. {next_update}", "仍在处理。{next_update}", "/body/en"},
        {"It goes on.", "仍在处理。{next_update}", "/body/en"},
        {"It goes on. {next_update}", "仍在处理。", "/body/zh"},
        {"<script>alert(1)</script> {next_update}", "仍在处理。{next_update}", "/body/en"},
        {"It goes \xe2\x80\xae on. {next_update}", "仍在处理。{next_update}", "/body/en"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct status_draft what = incident();
        what.body[LANGUAGE_EN] = cases[i].english;
        what.body[LANGUAGE_ZH] = cases[i].chinese;
        json_t *json = draft(&what);
        if (json != NULL) {
            fail_msg("passes: %s / %s", cases[i].english, cases[i].chinese);
        }
        assert_int_equal(W->result, -ERR_VALIDATION);
        assert_string_equal(W->err.place, cases[i].place);
    }
    struct status_draft what = incident();
    what.title[LANGUAGE_ZH] = "支付已恢复正常";
    assert_refused(W, draft(&what), ERR_VALIDATION);
    assert_string_equal(W->err.place, "/title/zh");
    what = incident();
    what.fields[FIELD_NEXT_UPDATE] = NULL;
    assert_refused(W, draft(&what), ERR_VALIDATION);
    what = incident();
    what.fields[FIELD_NEXT_UPDATE] = "2020-01-01T00:00:00Z";
    assert_refused(W, draft(&what), ERR_VALIDATION);
}

static void an_update_whose_promised_word_is_overdue_is_not_told(void **state) {
    begin();
    struct status_draft what = incident();
    json_t *update = must_draft(&what);
    test_clock_advance(2 * 3600 * US_PER_SECOND);
    assert_refused(W, approve(update, BO), ERR_STATE);
    json_decref(update);
}

static void drafts_are_checked_whole(void **state) {
    begin();
    static const struct status_touch unknown[] = {{"nothing", LEVEL_MAJOR}};
    struct status_draft what = incident();
    what.touches = unknown;
    assert_refused(W, draft(&what), ERR_VALIDATION);
    what = incident();
    what.state = STATUS_SCHEDULED;
    assert_refused(W, draft(&what), ERR_VALIDATION);
    what = incident();
    what.state = STATUS_POSTMORTEM;
    assert_refused(W, draft(&what), ERR_STATE);
    what = incident();
    what.impact = IMPACT_MAINTENANCE;
    assert_refused(W, draft(&what), ERR_VALIDATION);
    what = incident();
    what.fields[FIELD_AFFECTED] = "cards";
    assert_refused(W, draft(&what), ERR_VALIDATION);
    what = incident();
    what.title[LANGUAGE_ZH] = "";
    assert_refused(W, draft(&what), ERR_VALIDATION);
    what = follow("sti_01JD5R6Q6Y0V3M8X2K4N7T9BCF", STATUS_MONITORING, "x", "x");
    assert_refused(W, draft(&what), ERR_NOT_FOUND);
}

/* ---- components ---- */

static void set(const char *component, int64_t level) {
    struct caller caller = as(ANN);
    struct answer answer = {0};
    json_t *json = world_take(
        W, status_set(status, &caller, component, level, "seen", &answer, &W->err), &answer);
    assert_non_null(json);
    json_decref(json);
}

static void a_person_makes_a_component_graver_and_nobody_better(void **state) {
    begin();
    expect_component("card", "operational");
    set("card", LEVEL_PARTIAL);
    expect_component("card", "partial_outage");
    expect_indicator("major");
    set("card", LEVEL_OPERATIONAL);
    expect_component("card", "operational");
    struct status_draft what = incident();
    char *id = published(&what);
    set("card", LEVEL_OPERATIONAL);
    expect_component("card", "major_outage");
    set("card", 0);
    expect_component("card", "major_outage");
    /* An update may say that it is less; the incident itself stays open. */
    static const struct status_touch less[] = {{"card", LEVEL_DEGRADED}};
    struct status_draft update = follow(id, STATUS_MONITORING, "Fewer fail. {next_update}",
                                        "失败减少。{next_update}");
    update.touches = less;
    update.touch_count = 1;
    free(published(&update));
    expect_component("card", "degraded_performance");
    json_t *json = json_page("api/v2/incidents/unresolved.json");
    const json_t *last = json_peek(json_array_get(json_object_get(json, "incidents"), 0),
                                   "incident_updates", NULL);
    const json_t *change = json_array_get(
        json_object_get(json_array_get(last, 0), "affected_components"), 0);
    assert_string_equal(json_at(change, "old_status"), "major_outage");
    assert_string_equal(json_at(change, "new_status"), "degraded_performance");
    json_decref(json);
    free(id);
    struct answer answer = {0};
    struct caller caller = as(ANN);
    assert_refused(W, world_take(W, status_set(status, &caller, "nothing", LEVEL_MAJOR, "seen",
                                               &answer, &W->err),
                                 &answer),
                   ERR_NOT_FOUND);
}

static void what_is_not_measured_is_said_to_be_so(void **state) {
    begin();
    struct answer answer = {0};
    json_t *json = world_take(W, status_get(status, &answer, &W->err), &answer);
    size_t i;
    json_t *one;
    assert_true(json_array_size(json_object_get(json, "components")) > 3);
    json_array_foreach(json_object_get(json, "components"), i, one) {
        assert_true(json_is_false(json_peek(one, "evidence", "known", NULL)));
        assert_non_null(strstr(json_peek_text(one, "evidence", "why", NULL), "measured"));
    }
    json_decref(json);
}

static int switch_off(struct store_tx *tx, void *ctx, struct err *err) {
    return mode_switch(W->mode, tx, ctx, err);
}

static void the_page_follows_the_ladder_of_modes(void **state) {
    begin();
    close_status();
    payment_world_modes(W);
    open_status();
    expect_component("card", "operational");
    struct mode_switching off = {.kind = SWITCH_METHOD, .name = "card", .off = true,
                                 .actor = ANN, .reason = "broken"};
    struct err err = {0};
    assert_int_equal(store_write(W->engine.store, switch_off, &off, &err), 0);
    assert_int_equal(mode_reload(W->mode, &err), 0);
    expect_component("card", "major_outage");
    expect_component("payments", "major_outage"); /* there is no other method here */
    expect_component("notifications", "operational");
    close_status();
}

/* ---- maintenance ---- */

static void a_maintenance_begins_when_its_time_has_come(void **state) {
    begin();
    static const struct status_touch touches[] = {{"refunds", LEVEL_MAINTENANCE}};
    struct status_draft what = {
        .kind = STATUS_MAINTENANCE,
        .title = {"Refunds pause", "退款暂停"},
        .body = {"Refunds wait from {started} to {ended}.", "退款将于 {started} 至 {ended} 暂停。"},
        .state = STATUS_SCHEDULED,
        .touches = touches,
        .touch_count = 1,
        .incident_id = "",
        .from_us = clock_wall_us() + 3600 * US_PER_SECOND,
        .until_us = clock_wall_us() + 7200 * US_PER_SECOND,
        .reason = "a new provider",
    };
    char *id = published(&what);
    expect_component("refunds", "operational");
    expect_indicator("none");
    assert_true(shows("api/v2/scheduled-maintenances/upcoming.json", "Refunds pause"));
    assert_false(shows("api/v2/scheduled-maintenances/active.json", "Refunds pause"));
    assert_false(shows("api/v2/incidents.json", "Refunds pause"));
    test_clock_advance(3601 * US_PER_SECOND);
    expect_component("refunds", "under_maintenance");
    expect_indicator("maintenance");
    assert_false(shows("api/v2/scheduled-maintenances/upcoming.json", "Refunds pause"));
    assert_true(shows("api/v2/scheduled-maintenances/active.json", "in_progress"));
    struct status_draft done = follow(id, STATUS_COMPLETED, "We have done what was planned.",
                                      "计划中的工作已做完。");
    done.fields[FIELD_NEXT_UPDATE] = NULL;
    free(published(&done));
    expect_component("refunds", "operational");
    assert_true(shows("api/v2/scheduled-maintenances.json", "completed"));
    free(id);
    what.from_us = clock_wall_us() - US_PER_SECOND;
    assert_refused(W, draft(&what), ERR_VALIDATION);
}

/* ---- pages ---- */

static const char hostile[] = "<script>alert(1)</script>\"'&\xe2\x80\xae<img src=x>";

static bool is_clean(const char *path, enum language language) {
    char *page = page_in(language, path);
    bool clean = strstr(page, "<script") == NULL && strstr(page, "<img") == NULL &&
                 strstr(page, "\"'&\xe2") == NULL;
    free(page);
    return clean;
}

static void what_somebody_wrote_never_becomes_markup(void **state) {
    begin();
    static struct status_component_config components[1];
    components[0] = (struct status_component_config){
        .id = (char *)"card", .name = (char *)hostile, .name_zh = (char *)hostile};
    config.name = config.name_zh = (char *)hostile;
    config.components = components;
    config.components_count = 1;
    reopen();
    struct status_draft what = incident();
    what.title[LANGUAGE_EN] = "\"Cards\" & 'wallets' > 3 fail < 5";
    char *id = published(&what);
    char path[80];
    snprintf(path, sizeof path, "incidents/%s.html", id);
    const char *const pages[] = {"index.html", "history.html", path, "history.rss",
                                 "history.atom"};
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        assert_true(is_clean(pages[i], LANGUAGE_EN));
        assert_true(is_clean(pages[i], LANGUAGE_ZH));
    }
    assert_true(shows("index.html", "&quot;Cards&quot; &amp; &#39;wallets&#39; &gt; 3 fail &lt; 5"));
    free(id);
    struct status_page page = {0};
    struct status_subscriber someone = {.address = "<b>\"@x.example"};
    status_said_html(status, LANGUAGE_EN, SAID_LOOK, &someone,
                     "0123456789abcdef0123456789abcdef", &page);
    assert_null(memmem(page.bytes, page.count, "<b>", 3));
    status_page_release(&page);
}

static void expect_well_formed(const char *path, enum language language) {
    char *text = page_in(language, path);
    XML_Parser parser = XML_ParserCreate(NULL);
    if (XML_Parse(parser, text, (int)strlen(text), 1) != XML_STATUS_OK) {
        fail_msg("%s: %s at line %lu", path, XML_ErrorString(XML_GetErrorCode(parser)),
                 (unsigned long)XML_GetCurrentLineNumber(parser));
    }
    XML_ParserFree(parser);
    free(text);
}

static void feeds_are_well_formed_and_tell_each_update_once(void **state) {
    begin();
    config.name = (char *)"Blue & \"Shop\" <\x01>";
    reopen();
    static const char *const feeds[] = {"history.rss", "history.atom"};
    for (size_t i = 0; i < COUNT_OF(feeds); i++) { /* also with nothing in them */
        expect_well_formed(feeds[i], LANGUAGE_EN);
    }
    struct status_draft what = incident();
    char *id = published(&what);
    for (int i = 0; i < 60; i++) { /* more than a feed holds */
        struct status_draft update = follow(id, STATUS_IDENTIFIED, "It goes on & on > 3. {next_update}",
                                            "仍在 & 处理。{next_update}");
        free(published(&update));
    }
    for (size_t i = 0; i < COUNT_OF(feeds); i++) {
        expect_well_formed(feeds[i], LANGUAGE_EN);
        expect_well_formed(feeds[i], LANGUAGE_ZH);
    }
    char *rss = page_in(LANGUAGE_EN, "history.rss");
    int items = 0;
    for (const char *at = rss; (at = strstr(at, "<item>")) != NULL; at++) {
        items++;
    }
    assert_int_equal(items, 50);
    free(rss);
    free(id);
}

static void json_has_the_form_of_statuspage(void **state) {
    begin();
    struct status_draft what = incident();
    free(published(&what));
    json_t *json = json_page("api/v2/summary.json");
    static const char *const top[] = {"page", "components", "incidents", "scheduled_maintenances",
                                      "status"};
    static const char *const of_incident[] = {
        "id", "name", "status", "created_at", "updated_at", "monitoring_at", "resolved_at",
        "impact", "shortlink", "started_at", "page_id", "incident_updates", "components"};
    static const char *const of_update[] = {"id", "status", "body", "incident_id", "created_at",
                                            "updated_at", "display_at", "affected_components"};
    for (size_t i = 0; i < COUNT_OF(top); i++) {
        assert_non_null(json_object_get(json, top[i]));
    }
    const json_t *one = json_array_get(json_object_get(json, "incidents"), 0);
    for (size_t i = 0; i < COUNT_OF(of_incident); i++) {
        assert_non_null(json_object_get(one, of_incident[i]));
    }
    const json_t *update = json_array_get(json_object_get(one, "incident_updates"), 0);
    for (size_t i = 0; i < COUNT_OF(of_update); i++) {
        assert_non_null(json_object_get(update, of_update[i]));
    }
    assert_string_equal(json_at(one, "impact"), "major");
    assert_string_equal(json_at(one, "status"), "investigating");
    assert_int_equal(strncmp(json_at(one, "shortlink"), URL "/incidents/sti_", 15), 0);
    json_decref(json);
}

static int never(void *ctx, const char *sql) {
    return 1;
}

static void pages_are_kept_and_stand_when_the_store_does_not_answer(void **state) {
    begin();
    struct status_draft what = incident();
    free(published(&what));
    struct status_page one = {0}, two = {0};
    struct err err = {0};
    test_clock_advance(2 * US_PER_SECOND);
    assert_int_equal(status_page_get(status, LANGUAGE_EN, "index.html", &one, &err), 0);
    test_clock_advance(2 * US_PER_SECOND);
    assert_int_equal(status_page_get(status, LANGUAGE_EN, "index.html", &two, &err), 0);
    assert_string_equal(one.etag, two.etag);
    status_page_release(&two);
    store_fault_set(W->engine.store, never, NULL); /* and nobody can ask any more */
    test_clock_advance(300 * US_PER_SECOND);
    assert_int_equal(status_page_get(status, LANGUAGE_EN, "index.html", &two, &err), 0);
    assert_string_equal(one.etag, two.etag);
    status_page_release(&two);
    status_page_release(&one);
    assert_int_equal(status_page_get(status, LANGUAGE_EN, "nothing", &one, &err), -ERR_NOT_FOUND);
    store_fault_set(W->engine.store, NULL, NULL);
    reopen(); /* with nothing ever made there is nothing to show */
    store_fault_set(W->engine.store, never, NULL);
    err = (struct err){0};
    assert_true(status_page_get(status, LANGUAGE_EN, "index.html", &one, &err) < 0);
    store_fault_set(W->engine.store, NULL, NULL);
}

static void the_page_stands_as_plain_files(void **state) {
    begin();
    struct status_draft what = incident();
    char *id = published(&what);
    char folder[] = "/tmp/holdfast-status-XXXXXX", path[200], bytes[65536];
    struct err err = {0};
    size_t count = 0;
    int files = 0;
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 2; i++) { /* and once more over what is there */
        assert_int_equal(status_export(status, folder, &files, &err), 0);
        assert_int_equal(files, 2 * (2 + 1 + 8 + 4));
    }
    snprintf(path, sizeof path, "%s/zh/incidents/%s.html", folder, id);
    assert_int_equal(file_read(path, bytes, sizeof bytes - 1, &count, &err), 0);
    bytes[count] = '\0';
    assert_non_null(strstr(bytes, "href=\"../../zh/index.html\""));
    char english[120];
    snprintf(english, sizeof english, "href=\"../../incidents/%s.html\"", id);
    assert_non_null(strstr(bytes, english));
    assert_null(strstr(bytes, "href=\"/"));
    assert_null(strstr(bytes, "<form"));
    snprintf(path, sizeof path, "%s/api/v2/incidents/unresolved.json", folder);
    assert_int_equal(file_read(path, bytes, sizeof bytes - 1, &count, &err), 0);
    struct answer answer = {0};
    json_t *json = world_take(W, status_bundle(status, &answer, &W->err), &answer);
    assert_int_equal(json_array_size(json_object_get(json, "files")), files);
    json_decref(json);
    free(id);
    char command[80];
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static int shown_tx(struct store_tx *tx, void *ctx, struct err *err) {
    bool methods[METHOD_COUNT] = {[METHOD_CARD] = true};
    return status_shown(tx, status, methods, ctx, err);
}

static void the_gate_sees_what_the_page_says(void **state) {
    begin();
    static char *wallets[] = {(char *)"paypal", (char *)"alipay"}, *cards[] = {(char *)"card"};
    static struct status_component_config components[] = {
        {.id = (char *)"card", .name = (char *)"Cards", .name_zh = (char *)"卡", .methods = cards,
         .methods_count = 1},
        {.id = (char *)"wallets", .name = (char *)"Wallets", .name_zh = (char *)"钱包",
         .methods = wallets, .methods_count = 2},
    };
    config.components = components;
    config.components_count = COUNT_OF(components);
    reopen();
    struct status_shown shown;
    struct err err = {0};
    assert_int_equal(store_read(W->engine.store, shown_tx, &shown, &err), 0);
    assert_int_equal(shown.level, LEVEL_OPERATIONAL);
    assert_int_equal(shown.open_incidents, 0);
    set("wallets", LEVEL_MAJOR); /* another method's */
    assert_int_equal(store_read(W->engine.store, shown_tx, &shown, &err), 0);
    assert_int_equal(shown.level, LEVEL_OPERATIONAL);
    set("card", LEVEL_PARTIAL);
    assert_int_equal(store_read(W->engine.store, shown_tx, &shown, &err), 0);
    assert_int_equal(shown.level, LEVEL_PARTIAL);
    assert_true(shown.set_by_hand);
    assert_string_equal(shown.component, "card");
    struct status_draft what = incident();
    char *id = published(&what);
    assert_int_equal(store_read(W->engine.store, shown_tx, &shown, &err), 0);
    assert_int_equal(shown.level, LEVEL_MAJOR);
    assert_false(shown.set_by_hand);
    assert_int_equal(shown.open_incidents, 1);
    assert_string_equal(shown.incident, id);
    assert_string_equal(shown.incident_of, INC);
    free(id);
}

/* ---- subscriptions ---- */

static int subscribe(const char *email, const char *webhook, const char *from) {
    const struct status_subscription what = {
        .email = email, .webhook = webhook, .language = LANGUAGE_EN, .from = from};
    W->err = (struct err){0};
    return status_subscribe(status, &what, &W->err);
}

static int token_tx(struct store_tx *tx, void *ctx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT token FROM status_subscriber ORDER BY asked_us DESC, id DESC LIMIT 1");
    r = r < 0 ? r : sql_next(rows, err);
    assert_true(r == 1);
    snprintf(ctx, STATUS_TOKEN_CHARS + 1, "%s", sql_text(rows, 0));
    return 0;
}

/* Of him who was asked last. */
static void last_token(char ret_token[STATUS_TOKEN_CHARS + 1]) {
    struct err err = {0};
    assert_int_equal(store_read(W->engine.store, token_tx, ret_token, &err), 0);
}

/* Whether the last message holds it; a mail's lines are broken within it. */
static bool last_holds(const char *token) {
    const char *text = receivers.told[receivers.count - 1].text;
    char *plain = strdup(text), *to = plain;
    for (const char *c = text; *c != '\0'; c++) {
        if (strncmp(c, "=\r\n", 3) == 0) {
            c += 2;
        } else {
            *to++ = *c;
        }
    }
    *to = '\0';
    bool found = strstr(plain, token) != NULL;
    free(plain);
    return found;
}

static void who_has_confirmed_is_told_each_update_once(void **state) {
    begin();
    char token[STATUS_TOKEN_CHARS + 1];
    struct err err = {0};
    assert_int_equal(subscribe("Ann@X.example", "", "192.0.2.1"), 0);
    run_jobs();
    assert_int_equal(receivers.count, 1);
    assert_string_equal(receivers.told[0].to, "ann@x.example");
    last_token(token);
    assert_true(last_holds(token));
    struct status_draft what = incident();
    char *id = published(&what);
    run_jobs();
    assert_int_equal(receivers.count, 1); /* he has not confirmed */
    assert_int_equal(status_subscriber_confirm(status, token, &err), 0);
    assert_int_equal(status_subscriber_confirm(status, token, &err), 0);
    struct status_draft update = follow(id, STATUS_IDENTIFIED, "We know the part. {next_update}",
                                        "已知是哪个部件。{next_update}");
    free(published(&update));
    run_jobs();
    run_jobs();
    assert_int_equal(receivers.count, 2);
    assert_non_null(strstr(receivers.told[1].text, "We know the part."));
    assert_true(last_holds(token)); /* the way out stands in each */
    assert_int_equal(status_subscriber_end(status, token, &err), 0);
    assert_int_equal(status_subscriber_end(status, token, &err), -ERR_NOT_FOUND);
    free(published(&update));
    run_jobs();
    assert_int_equal(receivers.count, 2);
    assert_int_equal(engine_exec(&W->engine, "DELETE FROM status_subscriber"), 0);
    free(id);
}

static void asking_tells_nothing_and_floods_nobody(void **state) {
    begin();
    struct err err = {0};
    char token[STATUS_TOKEN_CHARS + 1];
    for (int i = 0; i < 5; i++) {
        assert_int_equal(subscribe("a@x.example", "", "192.0.2.1"), 0);
        run_jobs();
    }
    assert_int_equal(receivers.count, 1); /* once an hour */
    last_token(token);
    assert_int_equal(status_subscriber_confirm(status, token, &err), 0);
    test_clock_advance(2 * 3600 * US_PER_SECOND);
    assert_int_equal(subscribe("a@x.example", "", "192.0.2.1"), 0); /* he is, and the answer is */
    run_jobs();                                                     /* the same */
    assert_int_equal(receivers.count, 1);
    char email[40];
    for (int i = 0; i < 9; i++) {
        snprintf(email, sizeof email, "p%d@x.example", i);
        assert_int_equal(subscribe(email, "", "192.0.2.1"), 0);
    }
    assert_int_equal(subscribe("p@x.example", "", "192.0.2.1"), -ERR_RATE_LIMITED);
    assert_int_equal(subscribe("p@x.example", "", "192.0.2.2"), 0);
    static const char *const bad[] = {"",        "a",        "@x.example", "a@x",   "a b@x.example",
                                      "a@x.e\n", "a@@x.com", "a@.com",     "a@x.",  "<a>@x.com",
                                      "a,b@x.c", ".a@x.com", "a..b@x.com", "a\r@x"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(subscribe(bad[i], "", "192.0.2.3"), -ERR_VALIDATION);
    }
    static const char *const urls[] = {"http://x.example/",  "https://",        "ftp://x.example",
                                       "https://u:p@x.com/", "https://x.com/a b"};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        assert_int_equal(subscribe("", urls[i], "192.0.2.3"), -ERR_VALIDATION);
    }
    assert_int_equal(subscribe("a@x.example", "https://x.example", "192.0.2.3"), -ERR_VALIDATION);
    struct status_subscriber unused;
    assert_int_equal(status_subscriber_look(status, "0123456789abcdef0123456789abcdef", &unused,
                                            &err),
                     -ERR_NOT_FOUND);
    assert_int_equal(status_subscriber_look(status, "' OR 1=1", &unused, &err), -ERR_NOT_FOUND);
}

static void expect_signed(const struct told *told, const char *secret) {
    struct secret *key = NULL;
    struct err err = {0};
    const struct http_header headers[] = {{"webhook-id", told->id},
                                          {"webhook-timestamp", told->timestamp},
                                          {"webhook-signature", told->signature}};
    assert_int_equal(standard_webhook_secret_read(secret, &key, &err), 0);
    const struct secret *keys[] = {key};
    assert_int_equal(standard_webhook_verify(keys, 1, headers, 3, told->text, strlen(told->text),
                                             clock_wall_us() / US_PER_SECOND, &err),
                     0);
    secret_free(key);
}

static void a_webhook_proves_itself_and_is_repeated_by_the_same_bytes(void **state) {
    begin();
    struct err err = {0};
    char token[STATUS_TOKEN_CHARS + 1];
    assert_int_equal(subscribe("", "https://x.example/in", ""), 0);
    run_jobs();
    last_token(token);
    json_t *asked = json_loads(receivers.told[0].text, 0, NULL);
    char *secret = strdup(json_at(asked, "secret"));
    json_decref(asked);
    expect_signed(&receivers.told[0], secret);
    assert_int_equal(status_subscriber_confirm(status, token, &err), 0);
    struct status_draft what = incident();
    char *id = published(&what);
    receivers.answerless = true;
    run_jobs();
    receivers.answerless = false;
    test_clock_advance(60 * US_PER_SECOND);
    run_jobs();
    run_jobs();
    assert_int_equal(receivers.count, 3);
    assert_string_equal(receivers.told[1].id, receivers.told[2].id);
    assert_string_equal(receivers.told[1].text, receivers.told[2].text);
    expect_signed(&receivers.told[2], secret);
    assert_non_null(strstr(receivers.told[2].text, "银行卡支付失败"));
    receivers.status = 410; /* it wants nothing more */
    struct status_draft update = follow(id, STATUS_IDENTIFIED, "It goes on. {next_update}",
                                        "仍在处理。{next_update}");
    free(published(&update));
    run_jobs();
    free(published(&update));
    run_jobs();
    assert_int_equal(receivers.count, 4);
    assert_false(receivers.insecure); /* nothing goes to where only we can reach */
    free(secret);
    free(id);
}

struct death {
    int calls, number;
};

static int die_at(void *ctx, const char *sql) {
    struct death *death = ctx;
    return ++death->calls >= death->number;
}

static void a_death_at_any_call_of_the_store_tells_nobody_twice(void **state) {
    begin();
    struct err err = {0};
    static const char *const people[] = {"a@x.example", "b@x.example", "c@x.example"};
    for (size_t i = 0; i < COUNT_OF(people); i++) {
        char token[STATUS_TOKEN_CHARS + 1];
        assert_int_equal(subscribe(people[i], "", ""), 0);
        run_jobs();
        last_token(token);
        assert_int_equal(status_subscriber_confirm(status, token, &err), 0);
    }
    struct status_draft what = incident();
    char *id = published(&what);
    bool died = true;
    int number = 1;
    for (; died && number < DEATHS_MAX; number++) {
        run_jobs();
        forget_told();
        struct status_draft update = follow(id, STATUS_IDENTIFIED, "It goes on. {next_update}",
                                            "仍在处理。{next_update}");
        json_t *told = must_draft(&update);
        must_approve(told);
        struct death death = {.number = number};
        store_fault_set(W->engine.store, die_at, &death);
        died = job_runner_drain(runner, &err) < 0 || death.calls >= number;
        store_fault_set(W->engine.store, NULL, NULL);
        reopen();
        test_clock_advance(400 * US_PER_SECOND); /* leases of the dead one end */
        run_jobs();
        assert_in_range(receivers.count, 1, COUNT_OF(people));
        for (int i = 0; i < receivers.count; i++) {
            for (int j = 0; j < i; j++) {
                assert_string_not_equal(receivers.told[i].to, receivers.told[j].to);
            }
        }
        json_decref(told);
        if (number > 95) { /* an incident takes a hundred updates */
            free(id);
            id = published(&what);
        }
    }
    assert_false(died);
    free(id);
}

int main(void) {
    payment_world_init();
    static const struct http_client_ops ops = {take_http, NULL};
    static const struct fixture_settings from = {
        CHANNEL_EMAIL,
        {"host", "localhost", "from", "shop@blue.example", "to", "ops@blue.example"},
        {NULL}};
    struct err err = {0};
    http = http_client_custom(&ops, NULL);
    smtp = smtp_client_custom(take_mail, NULL);
    mail = fixture_open(&from);
    if (lint_open(&lint, &err) < 0) {
        return 1;
    }
#define TEST(name) cmocka_unit_test_teardown(name, end)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_public_that_another_person_has_not_approved),
        TEST(what_was_withdrawn_is_never_told),
        TEST(nothing_is_over_without_the_gates_proof),
        TEST(what_is_over_in_other_words_is_refused_in_both_languages),
        TEST(an_update_whose_promised_word_is_overdue_is_not_told),
        TEST(drafts_are_checked_whole),
        TEST(a_person_makes_a_component_graver_and_nobody_better),
        TEST(what_is_not_measured_is_said_to_be_so),
        TEST(the_page_follows_the_ladder_of_modes),
        TEST(a_maintenance_begins_when_its_time_has_come),
        TEST(what_somebody_wrote_never_becomes_markup),
        TEST(feeds_are_well_formed_and_tell_each_update_once),
        TEST(json_has_the_form_of_statuspage),
        TEST(pages_are_kept_and_stand_when_the_store_does_not_answer),
        TEST(the_page_stands_as_plain_files),
        TEST(the_gate_sees_what_the_page_says),
        TEST(who_has_confirmed_is_told_each_update_once),
        TEST(asking_tells_nothing_and_floods_nobody),
        TEST(a_webhook_proves_itself_and_is_repeated_by_the_same_bytes),
        TEST(a_death_at_any_call_of_the_store_tells_nobody_twice),
    };
    int failed = payment_world_run("status", tests, COUNT_OF(tests));
    channels_close(mail);
    http_client_free(http);
    smtp_client_free(smtp);
    lint_close(lint);
    return failed;
}
