/* SPDX-License-Identifier: Apache-2.0
 * test_status.c: the public status page: nothing is told that another person has not approved,
 * nothing is over without the gate's proof, nothing that somebody wrote becomes markup. On both
 * engines. */
#include "status_fixture.h"

#include <expat.h>

#include "base/file.h"

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
    assert_true(shows("api/v2/incidents.json", "\"new_status\":\"operational\""));
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
    assert_true(shows("index.html",
                      "&quot;Cards&quot; &amp; &#39;wallets&#39; &gt; 3 fail &lt; 5"));
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
        struct status_draft update = follow(id, STATUS_IDENTIFIED, "It goes on & on. {next_update}",
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

int main(void) {
    payment_world_init();
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
    };
    return run_status_tests("status", tests, COUNT_OF(tests));
}
