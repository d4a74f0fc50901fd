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
 *   rows                         prints how many calls the gateways had and rows each table has */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/api_fixture.h"

enum { LINE_BYTES_MAX = 256 };

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
    char call[32];
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
    if (strcmp(line, "rows") == 0) {
        print_rows(api);
        return true;
    }
    if (sscanf(line, "orphan %d", &count) == 1) {
        puts(fake_event(api->fake, fake_charge_of_nobody(api->fake, 0, "", "till", count)).body);
        return true;
    }
    if (strcmp(line, "event") == 0 && fake_event_count(api->fake) > 0) {
        puts(fake_event(api->fake, fake_event_count(api->fake) - 1).body);
        return true;
    }
    return false;
}

int main(void) {
    struct api api;
    struct err err = {0};
    char line[LINE_BYTES_MAX];
    /* Faults here are scenes; no breaker shall open over them. */
    api_start(&api,
              "payments: {request_budget_ms: 3000}\n"
              "breaker: {calls_min: 1000000, consecutive: 1000000}\n",
              true);
    if (service_start(api.service, &err) < 0) {
        fprintf(stderr, "%s\n", err.detail);
        return 1;
    }
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
