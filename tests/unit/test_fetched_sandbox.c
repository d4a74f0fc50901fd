/* SPDX-License-Identifier: Apache-2.0
 * test_fetched_sandbox.c: statements that have no gateway's API, the whole way by themselves and on
 * both engines: paid at the simulated gateways, published by the sandbox into a folder (PayPal's
 * reports, the bank's camt.053 and MT940) or under a URL (Adyen's settlement details), fetched by
 * the service a day later, run. Without a fault nothing is found; with each, its break. */
#define WALLETS_AND_PAYPAL
#include "wallets_fixture.h"

#include <dirent.h>
#include <glib.h>
#include <unistd.h>

#include "gateway/keyring.h"
#include "match/match.h"
#include "recon/fetch.h"
#include "recon/recon.h"

#define HOUR_US (INT64_C(3600) * US_PER_SECOND)
#define DAY_US (24 * HOUR_US)
#define OPEN_CASES "SELECT COUNT(*) FROM review_case WHERE state = 1"

static char place[] = "/tmp/holdfast-test-fetched-XXXXXX";
static struct recon *recon;
/* A row that is wrong in a file by payouts makes its payout another one than the bank received. */
static const char *stripe_pays_out_to = "bank-eu";
static const char *bank_files; /* of the bank; its kind is in its name */

/* ---- the service ---- */

static void add_credential(const char *gateway, const char *name, const char *text) {
    struct gateway *set = keyring_take(gateway_find(W->registry, gateway));
    struct gateway_credential *credential = &set->credentials[set->credential_count++];
    *credential = (struct gateway_credential){.value = secret_new(text, strlen(text))};
    snprintf(credential->name, sizeof credential->name, "%s", name);
    keyring_drop(set);
}

/* Every gateway of the world, each with its place. */
static int settings_of(struct source_settings settings[GATEWAYS_MAX]) {
    static const bool yes = true, no = false;
    static const unsigned first = 1, days = 3;
    static const char *const report[] = {SOURCE_KIND_ANY}, *const camt[] = {"camt053"},
                             *const mt[] = {"mt940"};
    static char url[200];
    int count = gateway_count(W->registry);
    snprintf(url, sizeof url,
             "http://127.0.0.1:%d/reports/download/MerchantAccount/stripe/"
             "settlement_detail_report_batch_%%N.csv",
             sandbox_port(fixture.sandbox, SANDBOX_CONTROL));
    for (int i = 0; i < count; i++) {
        settings[i] = (struct source_settings){.gateway = gateway_at(W->registry, i)->name,
                                               .fetch = &no};
        struct source_settings *one = &settings[i];
        if (strcmp(one->gateway, "paypal") == 0) {
            one->fetch = &yes;
            one->folder = place;
            one->files = "TRR-%Y%m%d.%N.*.CSV";
            one->pays_out_to = "bank-eu";
            one->pays_out_days = &days;
        } else if (strcmp(one->gateway, "stripe") == 0) {
            one->fetch = &yes;
            one->url = url;
            one->first_number = &first;
            one->kinds = report;
            one->kind_count = 1;
            one->pays_out_to = stripe_pays_out_to;
            one->pays_out_days = &days;
        } else if (strcmp(one->gateway, "bank-eu") == 0) {
            one->fetch = &yes;
            one->folder = place;
            one->files = bank_files;
            one->kinds = strstr(bank_files, ".xml") != NULL ? camt : mt;
            one->kind_count = 1;
        }
    }
    return count;
}

/* Business days are counted: each case begins on a Thursday morning, whatever today is, so that
 * what is paid out in it is not due before it ends. */
static void go_on_to_thursday(void) {
    int64_t now_us = clock_wall_us(), day = now_us / DAY_US;
    int64_t thursday = day + 7 - day % 7; /* 1970 began on one */
    test_clock_advance(thursday * DAY_US + 4 * HOUR_US - now_us);
}

static void begin(const char *files_of_the_bank) {
    go_on_to_thursday();
    struct source_settings settings[GATEWAYS_MAX];
    struct err err = {0};
    bank_files = files_of_the_bank;
    add_credential("stripe", "report_user", SANDBOX_REPORT_USER);
    add_credential("stripe", "report_password", SANDBOX_REPORT_PASSWORD);
    const struct recon_options options = {
        .store = W->engine.store,
        .payments = W->payments,
        .registry = W->registry,
        .client = fixture.client,
        .seal = W->seal,
        .sources = settings,
        .source_count = settings_of(settings),
    };
    must(recon_open(&options, &recon, &err), &err);
    work();
}

/* ---- a book, and days ---- */

static char *paid(enum payment_method method, const char *token, int64_t amount_minor) {
    struct payment_order order = order_by(method, 0, token);
    order.currency = currency_stored("USD");
    order.amount_minor = amount_minor;
    json_t *json = world_pay(W, NULL, &order);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    return id;
}

static void book(void) {
    static const struct {
        enum payment_method method;
        const char *token;
    } ways[] = {{METHOD_PAYPAL, "vault_good"}, {METHOD_CARD, "pm_card_visa"}};
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        char *first = paid(ways[i].method, ways[i].token, 10000);
        char *second = paid(ways[i].method, ways[i].token, 7000 + (int64_t)i);
        json_t *json = world_refund(W, NULL, first, 2500);
        if (json == NULL) {
            fail_msg("%s", W->err.detail);
        }
        json_decref(json);
        free(first);
        free(second);
        work();
    }
}

static void publish_now(void) {
    json_decref(control("POST", "/statement/publish", NULL, 200));
}

/* The sandbox publishes some times a day, as a mirror would bring it. */
static void live(int64_t us) {
    gateways_go_on();
    for (int64_t done = 0; done < us; done += 2 * HOUR_US) {
        test_clock_advance(2 * HOUR_US);
        if (done % (4 * HOUR_US) == 0) {
            publish_now();
        }
        while (world_tick(W) > 0) {
        }
    }
}

/* ---- what comes out ---- */

/* "bank-eu bank_missing, paypal missing_there": of open breaks, in order of gateways, classes. */
static char *breaks_open(void) {
    GString *text = g_string_new("");
    for (int i = 0; i < gateway_count(W->registry); i++) {
        const char *gateway = gateway_at(W->registry, i)->name;
        for (int class = 1; class < 40; class++) {
            char sql[160];
            snprintf(sql, sizeof sql,
                     "SELECT COUNT(*) FROM recon_break WHERE state IN (1, 2) AND gateway = '%s' "
                     "AND class = %d",
                     gateway, class);
            int64_t count = world_int(W, sql);
            if (count > 0) {
                g_string_append_printf(text, "%s%s %s", text->len > 0 ? ", " : "", gateway,
                                       match_class_name((enum match_class)class));
            }
        }
    }
    return g_string_free(text, FALSE);
}

static void say_fetches(void) {
    for (int i = 0; i < 40; i++) {
        char sql[260];
        snprintf(sql, sizeof sql,
                 "SELECT gateway || ' ' || day || ' ' || state || ' ' || error || ' ' || "
                 "statements FROM statement_fetch ORDER BY gateway, day LIMIT 1 OFFSET %d",
                 i);
        if (world_int(W, "SELECT COUNT(*) FROM statement_fetch") > i) {
            char *text = world_text(W, sql);
            print_message("%s\n", text);
            free(text);
        }
    }
}

static void assert_breaks(const char *wanted) {
    char *open = breaks_open();
    if (strcmp(open, wanted) != 0) {
        say_fetches();
        fail_msg("\"%s\" instead of \"%s\"", open, wanted);
    }
    g_free(open);
}

static int64_t fetches(const char *gateway, int state) {
    char sql[160];
    snprintf(sql, sizeof sql,
             "SELECT COUNT(*) FROM statement_fetch WHERE gateway = '%s' AND state = %d", gateway,
             state);
    return world_int(W, sql);
}

static int64_t statements_of(const char *gateway, const char *reader) {
    char sql[200];
    snprintf(sql, sizeof sql,
             "SELECT COUNT(*) FROM statement WHERE gateway = '%s' AND reader = '%s' AND state = 2",
             gateway, reader);
    return world_int(W, sql);
}

/* ---- tests ---- */

/* Each side's rows of this book: two charges and a refund; each gateway pays out once. */
static void square_with(const char *files, const char *reader) {
    begin(files);
    book();
    live(9 * DAY_US);
    assert_breaks("");
    assert_true(statements_of("paypal", "paypal-trr") >= 7);
    assert_int_equal(statements_of("stripe", "adyen-settlement"), 1);
    assert_true(statements_of("bank-eu", reader) >= 7);
    assert_int_equal(fetches("paypal", FETCH_GIVEN_UP), 0);
    assert_int_equal(fetches("bank-eu", FETCH_GIVEN_UP), 0);
    assert_int_equal(fetches("stripe", FETCH_TAKEN), 1);
    assert_true(fetches("stripe", FETCH_NONE) >= 6); /* days without a batch */
    /* All that moved is settled. */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement_row WHERE kind = 1"), 4);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement_row WHERE kind = 2"), 2);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM recon_break"), 0);
    assert_int_equal(world_int(W, OPEN_CASES), 0);
    world_verify(W);
}

static void without_a_fault_all_is_square(void **state) {
    (void)state;
    square_with("bank_%Y-%m-%d.xml", "camt053");
}

static void the_same_with_mt940(void **state) {
    (void)state;
    square_with("bank_%Y-%m-%d.sta", "mt940");
}

static const struct planted {
    const char *fault, *breaks;
    int cases; /* money that nothing explains is in suspense with a case, and no break; 0: any */
} planted[] = {
    {"paypal:statement_missing:operation=charge,count=1", "paypal missing_there", 0},
    {"paypal:statement_missing:operation=refund,count=1", "paypal refund_lost", 0},
    {"paypal:statement_altered:operation=charge,count=1", "paypal amount_over", 0},
    {"paypal:statement_altered:code=fee,operation=charge,count=1,amount_minor=3", "paypal fee", 0},
    {"paypal:statement_altered:code=currency,operation=charge,count=1", "paypal currency", 0},
    {"paypal:statement_duplicated:operation=charge,count=1", "paypal double_charge", 0},
    {"stripe:statement_missing:operation=charge,count=1", "stripe missing_there", 0},
    {"stripe:statement_missing:operation=refund,count=1", "stripe refund_lost", 0},
    {"stripe:statement_altered:operation=charge,count=1,amount_minor=-40", "stripe amount_under",
     0},
    {"stripe:statement_duplicated:operation=charge,count=1", "stripe double_charge", 0},
    {"paypal:statement_missing:operation=payout", "bank-eu bank_missing", 0},
    {"paypal:statement_altered:operation=payout", "bank-eu payout", 0},
    {"paypal:statement_duplicated:operation=payout", "", 1},
    {"stripe:statement_missing:operation=payout", "bank-eu bank_missing", 0},
};

static void each_fault_is_found_as_its_break(void **state) {
    (void)state;
    const struct planted *row = *state;
    fault(row->fault);
    bool of_stripe = strncmp(row->fault, "stripe:", 7) == 0;
    stripe_pays_out_to = of_stripe && strstr(row->fault, "payout") == NULL ? NULL : "bank-eu";
    begin("bank_%Y-%m-%d.xml");
    book();
    live(10 * DAY_US);
    assert_breaks(row->breaks);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM recon_break WHERE state IN (1, 2)"),
                     row->breaks[0] != '\0');
    stripe_pays_out_to = "bank-eu";
    if (row->cases > 0) {
        assert_int_equal(world_int(W, OPEN_CASES), row->cases);
    }
}

/* The sandbox's own word for what it has planted at the bank. */
static void what_is_planted_at_the_bank_is_told(void **state) {
    (void)state;
    char path[100], day[CLOCK_TEXT_MAX];
    fault("paypal:statement_altered:operation=payout,amount_minor=7");
    begin("bank_%Y-%m-%d.xml");
    book();
    live(2 * DAY_US);
    int64_t found = 0;
    for (int64_t at_us = clock_wall_us() - 3 * DAY_US; at_us < clock_wall_us(); at_us += DAY_US) {
        clock_format(at_us, day);
        snprintf(path, sizeof path, "/statement/planted?gateway=bank&kind=camt053&day=%.10s", day);
        json_t *json = control("GET", path, NULL, 200);
        const json_t *one = json_array_get(json_object_get(json, "planted"), 0);
        if (one != NULL) {
            int64_t truth = json_peek_int(one, 0, "truth", "amount_minor", NULL);
            assert_true(json_peek_int(one, 0, "told", "amount_minor", NULL) == truth + 7);
            found++;
        }
        json_decref(json);
    }
    assert_int_equal(found, 1);
}

static void ask_again(const char *gateway, const char *day) {
    struct caller caller = world_caller(NULL, "");
    struct answer answer = {0};
    const struct fetch_asked wanted = {gateway, day, "", true};
    W->err = (struct err){0};
    int r = fetch_ask(recon, &caller, &wanted, &answer, &W->err);
    json_t *json = world_take(W, r, &answer);
    assert_non_null(json);
    json_decref(json);
}

/* A file that ends in the middle is never taken; the whole one is, as soon as it is there. */
static void a_truncated_file_waits_for_the_whole_one(void **state) {
    (void)state;
    fault("paypal:statement_truncated");
    fault("paypal:statement_truncated:operation=payout");
    fault("stripe:statement_truncated");
    begin("bank_%Y-%m-%d.xml");
    book();
    live(3 * DAY_US + 12 * HOUR_US);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement WHERE state = 2"), 0);
    assert_true(fetches("paypal", FETCH_WAITING) >= 1);
    assert_true(fetches("bank-eu", FETCH_WAITING) >= 1);
    assert_true(fetches("stripe", FETCH_WAITING) >= 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement_fetch WHERE state = 1 AND error "
                                  "= '' AND attempts > 0"),
                     0);
    sandbox_heal(fixture.sandbox);
    live(7 * DAY_US);
    assert_breaks("");
    assert_int_equal(fetches("paypal", FETCH_GIVEN_UP) + fetches("bank-eu", FETCH_GIVEN_UP), 0);
    assert_int_equal(statements_of("stripe", "adyen-settlement"), 1);
}

static void a_late_file_is_taken_when_it_is_there(void **state) {
    (void)state;
    fault("paypal:statement_late:seconds=100000");
    fault("stripe:statement_late:seconds=100000");
    fault("paypal:statement_late:operation=payout,seconds=100000");
    begin("bank_%Y-%m-%d.xml");
    book();
    live(9 * DAY_US);
    assert_breaks("");
    assert_true(fetches("paypal", FETCH_TAKEN) >= 6);
    assert_true(fetches("bank-eu", FETCH_TAKEN) >= 6);
    assert_int_equal(statements_of("stripe", "adyen-settlement"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement_fetch WHERE state = 4"), 0);
}

/* The first file is wrong, the second, under the same name, right: that it changed is seen, and a
 * person lets it count. */
static void a_corrected_file_counts_once_somebody_says_so(void **state) {
    (void)state;
    fault("paypal:statement_altered:operation=charge,count=1");
    begin("bank_%Y-%m-%d.xml");
    book();
    live(2 * DAY_US);
    assert_breaks("paypal amount_over");
    fault("paypal:statement_corrected");
    publish_now();
    live(DAY_US);
    assert_breaks("paypal amount_over"); /* nobody has asked for it */
    assert_int_equal(fetches("paypal", FETCH_GIVEN_UP), 1);
    char *error = world_text(W, "SELECT error FROM statement_fetch WHERE state = 4");
    assert_non_null(strstr(error, "has changed since it was taken in"));
    free(error);
    char *day = world_text(W, "SELECT day FROM statement_fetch WHERE state = 4");
    ask_again("paypal", day);
    live(6 * HOUR_US); /* two looks */
    assert_int_equal(fetches("paypal", FETCH_GIVEN_UP), 0);
    assert_breaks("");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement WHERE state = 3"), 1);
    free(day);
}

/* PayPal's report of a million rows goes on in another file: the first is not taken without it. */
static void a_report_that_goes_on_waits_for_its_next_file(void **state) {
    (void)state;
    enum { ROWS = 1000 * 1000 };
    char path[400];
    begin("bank_%Y-%m-%d.xml");
    while (fetches("paypal", FETCH_WAITING) == 0) {
        test_clock_advance(HOUR_US);
        (void)world_tick(W);
    }
    char *day = world_text(W, "SELECT day FROM statement_fetch WHERE gateway = 'paypal'");
    char slashed[12];
    snprintf(slashed, sizeof slashed, "%.4s/%.2s/%.2s", day, day + 5, day + 8);
    snprintf(path, sizeof path, "%s/TRR-%.4s%.2s%.2s.01.011.CSV", place, day, day + 5, day + 8);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "\"RH\",%s 23:00:00 +0000,\"A\",\"ME\",011\n\"FH\",01\n\"SH\",%s 00:00:00 +0000,%s "
            "23:59:59 +0000,\"ME\",\"\"\n\"CH\",\"Transaction ID\",\"Invoice ID\",\"PayPal "
            "Reference ID\",\"PayPal Reference ID Type\",\"Transaction Event Code\",\"Transaction "
            "Initiation Date\",\"Transaction Completion Date\",\"Transaction Debit or "
            "Credit\",\"Gross Transaction Amount\",\"Gross Transaction Currency\",\"Fee Debit or "
            "Credit\",\"Fee Amount\",\"Fee Currency\",\"Custom Field\",\"Transactional Status\"\n",
            slashed, slashed, slashed);
    for (int i = 0; i < ROWS; i++) {
        fprintf(file,
                "\"SB\",\"T%d\",\"\",\"\",\"\",\"T0006\",%s 10:00:00 +0000,%s 10:00:00 "
                "+0000,\"CR\",1,\"USD\",\"DR\",0,\"USD\",\"\",\"S\"\n",
                i, slashed, slashed);
    }
    fprintf(file, "\"SF\",\"USD\",%d,0,0,0,%d\n\"SC\",%d\n\"FF\",%d\n", ROWS, ROWS, ROWS, ROWS);
    assert_int_equal(fclose(file), 0);
    ask_again("paypal", day);
    for (int i = 0; i < 2; i++) { /* two looks */
        test_clock_advance(2 * 60 * US_PER_SECOND);
        (void)world_tick(W);
    }
    char *error = world_text(W, "SELECT error FROM statement_fetch WHERE gateway = 'paypal'");
    if (strstr(error, ".01.011.CSV says that number 2 follows") == NULL) {
        fail_msg("%s", error);
    }
    assert_int_equal(fetches("paypal", FETCH_WAITING), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement WHERE gateway = 'paypal'"), 0);
    free(error);
    free(day);
}

/* ---- around them ---- */

static int with_folder(void **state, int (*open)(void **)) {
    memcpy(place + strlen(place) - 6, "XXXXXX", 6);
    assert_non_null(mkdtemp(place));
    statement_dir = place;
    return open(state);
}

static int folder_on_sqlite(void **state) {
    return with_folder(state, on_sqlite);
}

static int folder_on_postgres(void **state) {
    return with_folder(state, on_postgres);
}

static int close_all(void **state) {
    int r = close_world(state);
    DIR *entries = opendir(place);
    recon_close(recon);
    recon = NULL;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", place, entry->d_name);
        (void)unlink(path);
    }
    closedir(entries);
    assert_int_equal(rmdir(place), 0);
    statement_dir = NULL;
    return r;
}

enum { TESTS_MAX = 64 };

int main(void) {
    static void (*const plain[])(void **) = {
        without_a_fault_all_is_square,
        the_same_with_mt940,
        what_is_planted_at_the_bank_is_told,
        a_truncated_file_waits_for_the_whole_one,
        a_late_file_is_taken_when_it_is_there,
        a_corrected_file_counts_once_somebody_says_so,
    };
    static const char *const names[] = {
        "without_a_fault_all_is_square",
        "the_same_with_mt940",
        "what_is_planted_at_the_bank_is_told",
        "a_truncated_file_waits_for_the_whole_one",
        "a_late_file_is_taken_when_it_is_there",
        "a_corrected_file_counts_once_somebody_says_so",
    };
    struct CMUnitTest tests[TESTS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        for (int postgres = 0; postgres < 2; postgres++) {
            tests[count++] = (struct CMUnitTest){
                names[i], plain[i], postgres ? folder_on_postgres : folder_on_sqlite, close_all,
                NULL};
        }
    }
    tests[count++] = (struct CMUnitTest){"a_report_that_goes_on_waits_for_its_next_file",
                                         a_report_that_goes_on_waits_for_its_next_file,
                                         folder_on_sqlite, close_all, NULL};
    /* The same rows in either engine: faults are looked at in one, in turn. */
    for (size_t i = 0; i < COUNT_OF(planted); i++) {
        tests[count++] = (struct CMUnitTest){
            planted[i].fault, each_fault_is_found_as_its_break,
            i % 4 == 3 ? folder_on_postgres : folder_on_sqlite, close_all,
            (void *)(uintptr_t)&planted[i]};
    }
    return wallets_run(tests, count);
}
