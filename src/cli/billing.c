/* SPDX-License-Identifier: Apache-2.0
 * billing.c: plans and subscriptions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

/* ---- plans ---- */

static const char *interval_of(const json_t *plan, char text[SHOW_CHARS_MAX]) {
    long long units = (long long)field_int(plan, "interval_count");
    const char *unit = field_word(plan, "interval");
    if (units == 1) {
        snprintf(text, SHOW_CHARS_MAX, "each %s", unit);
    } else {
        snprintf(text, SHOW_CHARS_MAX, "every %lld %ss", units, unit);
    }
    return text;
}

int run_plan_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/plans", TALK_BY("all", "limit"), &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("PLAN", "STATE", "~NAME", ">AMOUNT", "INTERVAL", ">TRIAL", "UNPAID");
    size_t i;
    json_t *plan;
    json_array_foreach(talk_rows(answer), i, plan) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(plan, "id"));
        table_state(table, field_true(plan, "active") ? "active" : "ended");
        table_cell(table, field_text(plan, "name"));
        table_cell(table, field_money(plan, "amount", text));
        table_cell(table, interval_of(plan, text));
        snprintf(text, sizeof text, "%lldd", (long long)field_int(plan, "trial_days"));
        table_cell(table, text);
        table_cell(table, field_text(plan, "when_unpaid"));
    }
    table_print(table, cli, "There is no plan: `holdfast plan create` makes one.");
    return CLI_DONE;
}

static void print_plan(const struct cli *cli, const json_t *plan) {
    TABLE_AUTO card = TABLE("", "~");
    char text[SHOW_CHARS_MAX];
    table_pair(card, "plan", field_text(plan, "id"));
    table_pair(card, "name", field_text(plan, "name"));
    table_styled(card, STYLE_DIM, "state");
    table_state(card, field_true(plan, "active") ? "active" : "ended");
    table_pair(card, "amount", field_money(plan, "amount", text));
    table_pair(card, "interval", interval_of(plan, text));
    table_pairf(card, "trial", "%lld days", (long long)field_int(plan, "trial_days"));
    table_pair(card, "when unpaid", field_text(plan, "when_unpaid"));
    table_print(card, cli, NULL);
}

/* A whole number of the command line; absent: the key stays out of the body. */
static int body_number(struct cli *cli, json_t *body, const char *option, const char *key) {
    const char *text = cli_text(cli, option);
    if (text == NULL || text[0] == '\0') {
        return 0;
    }
    char *end = NULL;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0') {
        return cli_misuse(cli, "what --%s asks for is a whole number", option);
    }
    json_object_set_new(body, key, json_integer(value));
    return 0;
}

int run_plan_create(struct cli *cli) {
    struct err err = {0};
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    json_object_set_new(body, "name", json_string(cli_argument(cli, 0)));
    body_text(cli, body, "currency", "currency");
    body_text(cli, body, "every", "interval");
    body_text(cli, body, "when-unpaid", "when_unpaid");
    if (body_amount(cli, body, cli_text(cli, "currency"), &err) < 0) {
        return cli_fail(cli, &err);
    }
    int status = body_number(cli, body, "count", "interval_count");
    status = status != 0 ? status : body_number(cli, body, "trial-days", "trial_days");
    status = status != 0 ? status : talk_post(cli, "/v1/plans", body, &answer);
    if (status == CLI_DONE) {
        print_plan(cli, answer);
    }
    return status;
}

int run_plan_show(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "GET", "/v1/plans", NULL, NULL, &answer);
    if (status == CLI_DONE) {
        print_plan(cli, answer);
    }
    return status;
}

int run_plan_update(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "name", "name");
    if (cli_given(cli, "end") && cli_given(cli, "reopen")) {
        return cli_misuse(cli, "--end and --reopen cannot both be meant");
    }
    if (cli_given(cli, "end") || cli_given(cli, "reopen")) {
        json_object_set_new(body, "active", json_boolean(cli_given(cli, "reopen")));
    }
    if (json_object_size(body) == 0) {
        return cli_misuse(cli, "nothing is to be changed: say --name, --end or --reopen");
    }
    int status = talk_about(cli, "PATCH", "/v1/plans", NULL, body, &answer);
    if (status == CLI_DONE) {
        print_plan(cli, answer);
    }
    return status;
}

/* ---- subscriptions ---- */

static void print_invoice(struct table *card, const json_t *invoice) {
    char text[SHOW_CHARS_MAX];
    if (!json_is_object(invoice)) {
        return;
    }
    table_pairf(card, "last invoice", "%s: period %lld, %s", field_word(invoice, "id"),
                (long long)field_int(invoice, "number"), field_word(invoice, "state"));
    table_pair(card, "amount", field_money(invoice, "amount", text));
    table_pair(card, "payment", field_text(invoice, "payment_id"));
    table_pair(card, "failure", field_text(invoice, "failure_code"));
    table_pair(card, "advice", field_text(invoice, "advice"));
    if (field_text(invoice, "next_try_at") != NULL) {
        table_pair(card, "next try", show_moment(field_text(invoice, "next_try_at"), text));
    }
    if (field_text(invoice, "give_up_at") != NULL) {
        table_pair(card, "given up", show_moment(field_text(invoice, "give_up_at"), text));
    }
}

/* When something comes next of itself; nothing is renewed once nothing is charged any more. */
static void print_end(struct table *card, const json_t *one) {
    static const char *const ends[][2] = {
        {"canceled", "ended"}, {"unpaid", "period ends"}, {"paused", "period ends"}};
    char text[SHOW_CHARS_MAX];
    const char *name = field_true(one, "cancel_at_period_end") ? "ends" : "renews";
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        name = strcmp(field_word(one, "state"), ends[i][0]) == 0 ? ends[i][1] : name;
    }
    bool over = strcmp(name, "ended") == 0 && field_text(one, "ended_at") != NULL;
    table_pair(card, name, show_moment(field_text(one, over ? "ended_at" : "period_end"), text));
}

static void print_subscription(const struct cli *cli, const json_t *one) {
    TABLE_AUTO card = TABLE("", "~");
    table_pair(card, "subscription", field_text(one, "id"));
    table_styled(card, STYLE_DIM, "state");
    table_state(card, field_text(one, "state"));
    table_pair(card, "customer", field_text(one, "customer_id"));
    table_pair(card, "plan", field_text(one, "plan_id"));
    table_pair(card, "next plan", field_text(one, "next_plan_id"));
    table_pair(card, "method", field_text(one, "method"));
    table_pair(card, "time zone", field_text(one, "time_zone"));
    table_pairf(card, "period", "%lld", (long long)field_int(one, "period"));
    print_end(card, one);
    table_pair(card, "reason", field_text(one, "reason"));
    print_invoice(card, json_object_get(one, "latest_invoice"));
    table_print(card, cli, NULL);
}

int run_subscription_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/subscriptions",
                           TALK_BY("customer_id", "plan_id", "state", "limit"), &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("SUBSCRIPTION", "STATE", "CUSTOMER", "PLAN", ">PERIOD", ">RENEWS");
    size_t i;
    json_t *one;
    json_array_foreach(talk_rows(answer), i, one) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(one, "id"));
        table_state(table, field_text(one, "state"));
        table_cell(table, field_text(one, "customer_id"));
        table_cell(table, field_text(one, "plan_id"));
        table_count(table, field_int(one, "period"));
        table_cell(table, field_age(one, "period_end", text));
    }
    table_print(table, cli, "No subscription fits.");
    return CLI_DONE;
}

int run_subscription_create(struct cli *cli) {
    struct err err = {0};
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    json_t *customer = json_object();
    json_object_set_new(body, "plan_id", json_string(cli_argument(cli, 0)));
    json_object_set_new(body, "customer", customer);
    json_object_set_new(customer, "id", json_string(cli_argument(cli, 1)));
    body_text(cli, customer, "email", "email");
    body_text(cli, customer, "region", "region");
    json_object_set_new(body, "method", json_string("card"));
    body_text(cli, body, "method", "method");
    body_text(cli, body, "time-zone", "time_zone");
    body_text(cli, body, "description", "description");
    if (body_tokens(cli, body, &err) < 0) {
        return cli_fail(cli, &err);
    }
    int status = body_number(cli, body, "trial-days", "trial_days");
    status = status != 0 ? status : talk_post(cli, "/v1/subscriptions", body, &answer);
    if (status == CLI_DONE) {
        print_subscription(cli, answer);
    }
    return status;
}

int run_subscription_show(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "GET", "/v1/subscriptions", NULL, NULL, &answer);
    if (status == CLI_DONE) {
        print_subscription(cli, answer);
    }
    return status;
}

int run_subscription_invoices(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "GET", "/v1/subscriptions", "invoices", NULL, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE(">PERIOD", "STATE", ">AMOUNT", ">TRIES", "PAYMENT", "FAILURE",
                             ">BEGAN");
    size_t i;
    json_t *invoice;
    json_array_foreach(talk_rows(answer), i, invoice) {
        char text[SHOW_CHARS_MAX];
        table_count(table, field_int(invoice, "number"));
        table_state(table, field_text(invoice, "state"));
        table_cell(table, field_money(invoice, "amount", text));
        table_count(table, field_int(invoice, "tries"));
        table_cell(table, field_text(invoice, "payment_id"));
        table_cell(table, field_text(invoice, "failure_code"));
        table_cell(table, field_age(invoice, "period_start", text));
    }
    table_print(table, cli, "Nothing has been invoiced yet.");
    return CLI_DONE;
}

/* Those that change one and show how it then is. */
static int change(struct cli *cli, const char *verb, const json_t *body) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "POST", "/v1/subscriptions", verb, body, &answer);
    if (status == CLI_DONE) {
        print_subscription(cli, answer);
    }
    return status;
}

int run_subscription_cancel(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "reason", "reason");
    json_object_set_new(body, "at_period_end", json_boolean(!cli_given(cli, "now")));
    return change(cli, "cancel", body);
}

int run_subscription_keep(struct cli *cli) {
    return change(cli, "keep", NULL);
}

int run_subscription_pause(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "reason", "reason");
    return change(cli, "pause", body);
}

int run_subscription_resume(struct cli *cli) {
    return change(cli, "resume", NULL);
}

int run_subscription_retry(struct cli *cli) {
    return change(cli, "retry", NULL);
}

int run_subscription_change(struct cli *cli) {
    JSON_AUTO body = json_object();
    json_object_set_new(body, "plan_id", json_string(cli_argument(cli, 1)));
    return change(cli, "change", body);
}

int run_subscription_method(struct cli *cli) {
    struct err err = {0};
    JSON_AUTO body = json_object();
    json_object_set_new(body, "method", json_string("card"));
    body_text(cli, body, "method", "method");
    if (body_tokens(cli, body, &err) < 0) {
        return cli_fail(cli, &err);
    }
    return change(cli, "method", body);
}

/* ---- the switch ---- */

static int switched(struct cli *cli, int status, const json_t *answer) {
    if (status != CLI_DONE) {
        return status;
    }
    if (field_true(answer, "paused")) {
        cli_say(cli, "All subscriptions are paused: %s\n", field_word(answer, "reason"));
    } else {
        cli_say(cli, "Subscriptions are charged as they become due.\n");
    }
    return CLI_DONE;
}

int run_subscription_status(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/billing", &answer);
    return switched(cli, status, answer);
}

int run_subscription_pause_all(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "reason", "reason");
    int status = talk_post(cli, "/v1/billing/pause", body, &answer);
    return switched(cli, status, answer);
}

int run_subscription_resume_all(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "reason", "reason");
    int status = talk_post(cli, "/v1/billing/resume", body, &answer);
    return switched(cli, status, answer);
}
