/* SPDX-License-Identifier: Apache-2.0
 * server.c: a service that runs for contract.py: the real one with its two listeners, before the
 * gateways in memory. It prints its ports, then does what each line of its standard input says and
 * prints one line for it; it ends with its input.
 *
 *   say ACCOUNT CALL COUNT ACT   the next COUNT calls go as the name of an act says ("lose before")
 *   quiet                        forgets what was said
 *   merchant STATUS              what the merchant's server answers; 0: it cannot be reached
 *   event                        prints the body of the gateways' newest event
 *   orphan AMOUNT                somebody charges without us; prints the event's body
 *   dispute ORDER                a bank takes 500 of it back; prints the event's body
 *   code PAYMENT                 as a wallet leaves it that shows its customer a code
 *   rows                         prints how many calls the gateways had and rows each table has */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/api_fixture.h"

enum { LINE_BYTES_MAX = 256 };
#define RULES_PATH "/tmp/holdfast-contract-rules.yaml"

static int act_find(const char *name) {
    for (int act = FAKE_DO; act <= FAKE_NOT_FOUND; act++) {
        if (strcmp(fake_act_name((enum fake_act)act), name) == 0) {
            return act;
        }
    }
    return -1;
}

static void print_rows(struct api *api) {
    sqlite3_stmt *tables = NULL;
    printf("calls %d", fake_calls(api->fake, 0, "*") + fake_calls(api->fake, 1, "*"));
    int r = sqlite3_prepare_v2(api->look,
                               "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
                               -1, &tables, NULL);
    while (r == SQLITE_OK && sqlite3_step(tables) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(tables, 0);
        char *sql = sqlite3_mprintf("SELECT COUNT(*) FROM \"%w\"", name);
        printf(", %s %lld", name, (long long)api_int(api, sql));
        sqlite3_free(sql);
    }
    sqlite3_finalize(tables);
    putchar('\n');
}

static bool obey(struct api *api, const char *line) {
    int account = 0, count = 0, used = 0;
    char call[64];
    if (sscanf(line, "say %d %31s %d %n", &account, call, &count, &used) == 3 && used > 0) {
        /* The fake keeps the name, so it must outlive the line. */
        static const char *const calls[] = {"charge", "capture",      "cancel", "refund",
                                            "query",  "query_refund", "probe",  "*"};
        int act = act_find(line + used);
        for (size_t i = 0; act >= 0 && i < COUNT_OF(calls); i++) {
            if (strcmp(calls[i], call) == 0) {
                fake_say(api->fake, account, calls[i], count, (enum fake_act)act);
                puts("ok");
                return true;
            }
        }
        return false;
    }
    if (strcmp(line, "quiet") == 0) {
        fake_say_nothing(api->fake);
        puts("ok");
        return true;
    }
    if (sscanf(line, "merchant %d", &count) == 1) {
        fake_merchant_answers(api->fake, count);
        puts("ok");
        return true;
    }
    if (strcmp(line, "subscriber") == 0) { /* who asked last; nobody reads his mail here */
        api_sql(api, "UPDATE status_subscriber SET token = '0123456789abcdef0123456789abcdef'");
        puts("0123456789abcdef0123456789abcdef");
        return true;
    }
    if (strcmp(line, "rows") == 0) {
        print_rows(api);
        return true;
    }
    if (sscanf(line, "orphan %d", &count) == 1) {
        puts(fake_event(api->fake, fake_charge_of_nobody(api->fake, 0, "", "till", count)).body);
        return true;
    }
    if (sscanf(line, "code %31s", call) == 1) {
        char *sql = sqlite3_mprintf("UPDATE payment SET action = 'qr_code', action_url = "
                                    "'weixin://wxpay/bizpayurl?pr=x', action_expires_us = 0 "
                                    "WHERE id = %Q",
                                    call);
        api_sql(api, sql);
        sqlite3_free(sql);
        puts("ok");
        return true;
    }
    if (sscanf(line, "dispute %63s", call) == 1) {
        (void)fake_dispute_open(api->fake, 0, call, 500, "needs_response");
        puts(fake_event(api->fake, fake_event_count(api->fake) - 1).body);
        return true;
    }
    if (strcmp(line, "event") == 0 && fake_event_count(api->fake) > 0) {
        puts(fake_event(api->fake, fake_event_count(api->fake) - 1).body);
        return true;
    }
    return false;
}

/* The same for whoever runs at the same time. */
static void write_rules(void) {
    static const char rules[] =
        "rules:\n  - name: small\n    says: Small differences are given up.\n"
        "    action: write_off\n    classes: [amount_under]\n"
        "    caps: {day_count: 5, total_count: 5, money: [{currency: USD, each: 100, day: 500, "
        "total: 500}]}\n    errors: {of: 5, more_than: 0}\n";
    FILE *file = fopen(RULES_PATH, "w");
    if (file == NULL || fputs(rules, file) < 0 || fclose(file) != 0) {
        perror(RULES_PATH);
        exit(1);
    }
}

int main(void) {
    struct api api;
    struct err err = {0};
    char line[LINE_BYTES_MAX];
    write_rules();
    (void)setenv("HOLDFAST_TEST_HOOK", FAKE_MERCHANT_URL, 1);
    (void)setenv("HOLDFAST_TEST_WHSEC", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1);
    /* Faults here are scenes; no breaker shall open over them. */
    api_start(&api,
              "  - name: bank-a\n    adapter: bank\n    currencies: [USD]\n    options:\n"
              "      - {name: account_holder, value: Shop GmbH}\n"
              "      - {name: account, value: DE02 1203 0000 0000 2020 51}\n"
              "      - {name: bank, value: Test Bank}\n      - {name: bic, value: BYLADEM1001}\n"
              "    fees:\n"
              "      - {name: cards, methods: [card], currencies: [USD], percent: 1.4, fixed: 25, "
              "on_refund: all}\n"
              "      - {name: other, methods: [paypal], percent: 2}\n"
              "payments: {request_budget_ms: 3000, probe_s: 0}\n"
              "probes: [{name: b-card, gateway: stripe-b, method: card, way: authorize_cancel, "
              "token: pm_good, amount: 100, currency: USD, every_minutes: 10080}]\n"
              "breaker: {calls_min: 1000000, consecutive: 1000000}\n"
              "deferred: {public_url: 'https://pay.example'}\n"
              "tickets: {approve_above: [{currency: USD, amount: 5000}], teams: [{name: desk, "
              "members: [desk-ann], lead: desk-lee}]}\n"
              "forward: {enabled: true, purposes: [order], customers: [c-listed], limits: "
              "[{currency: USD, each: 1000, total: 100000}]}\n"
              "reconciliation: {write_off_alone: [{currency: USD, amount: 10}], risk_amounts: "
              "[{currency: USD, first: 100000, second: 1000000}], repair_rules: " RULES_PATH "}\n"
              "channels: [{name: hook, kind: webhook, credentials: [{name: url, from: "
              "'env:HOLDFAST_TEST_HOOK'}, {name: secret, from: 'env:HOLDFAST_TEST_WHSEC'}]}]\n"
              "messages: {webhook: hook}\n"
              "status: {url: 'https://blue.example/status', name: Blue Shop, name_zh: '蓝店'}\n"
              "alerts: {group_wait_s: 0, group_interval_s: 0, routes: [{name: all, channels: "
              "[hook]}], people: [{name: wang, channels: [hook]}, {name: lead, channels: [hook]}], "
              "rotas: [{name: ops, shifts: [{people: [wang]}]}]}\n"
              "limits: {failures_per_second: 0}\n"
              "risk: {rules: [{name: large, says: Large, action: deny, all: [{amount_min: 777000, "
              "amount_max: 777000, currency: USD}]}, {name: fast, says: Fast, action: review, all: "
              "[{velocity: {by: customer, over: 10m, count: 100000}}]}]}\n",
              true);
    if (service_start(api.service, &err) < 0) {
        fprintf(stderr, "%s\n", err.detail);
        return 1;
    }
    /* Its first run, five minutes from now, would add rows while those are counted. */
    api_sql(&api, "UPDATE probe SET due_us = due_us + 86400000000");
    api_sql(&api, "UPDATE job SET due_us = due_us + 86400000000 WHERE kind = 'probe'");
    printf("%d %d %s\n", service_public_port(api.service), service_internal_port(api.service),
           FAKE_WEBHOOK_SECRET);
    fflush(stdout);
    bool good = true;
    while (good && fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        good = obey(&api, line);
        fflush(stdout);
    }
    if (!good) {
        fprintf(stderr, "not understood: %s\n", line);
    }
    (void)service_drain(api.service);
    api_stop(&api);
    return good ? 0 : 1;
}
