/* SPDX-License-Identifier: Apache-2.0
 * test_statement_places.c: statements that come into a folder or are at a URL, on both engines:
 * taken when they are whole, once, all of a day's, and what is wrong with them is said. */
#include "recon_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/folder.h"
#include "gateway/keyring.h"
#include "recon/fetch.h"

#define DAY_US (24 * HOUR_US)
#define MINUTE_US (60 * US_PER_SECOND)
#define STATE "SELECT state FROM statement_fetch"
#define TAKEN_STATEMENTS "SELECT COUNT(*) FROM statement WHERE state = 2"
enum { WAITING = 1, TAKEN = 2, NONE = 3, GIVEN_UP = 4 };

static char place[] = "/tmp/holdfast-test-places-XXXXXX";
static char path[400];
static struct source_settings settings[3]; /* the others are asked for nothing */
static char day[FETCH_DAY_CHARS + 1], stamp[16]; /* "2026-11-21", "20261121": of the day at hand */

/* ---- the folder ---- */

static const char *path_of(const char *name) {
    snprintf(path, sizeof path, "%s/%s", place, name);
    return path;
}

static void put_bytes(const char *name, const char *text, int flags) {
    int fd = open(path_of(name), O_WRONLY | O_CREAT | flags, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* A canonical file of one charge of the day; `id` and `gross` tell it from others. */
static void put_charge(const char *name, const char *id, int gross) {
    char text[400];
    snprintf(text, sizeof text, CANONICAL "%s,%s,,,,charge,done,USD,%d,,,%sT10:00:00Z,card,\n", id,
             id, gross, day);
    put_bytes(name, text, O_TRUNC);
}

static const char *named(const char *form) {
    static char name[2][100];
    static int turn;
    turn = !turn;
    snprintf(name[turn], sizeof name[turn], "%s-%s%s", "S", stamp, form);
    return name[turn];
}

static int remove_one(void *ctx, const char *name, struct err *err) {
    (void)ctx;
    (void)err;
    return unlink(path_of(name)) == 0 ? 0 : rmdir(path_of(name));
}

static void clear_folder(void) {
    struct folder *folder = NULL;
    struct err err = {0};
    if (folder_open(place, &folder, &err) == 0) {
        assert_int_equal(folder_each(folder, remove_one, NULL, &err), 0);
        folder_close(folder);
        assert_int_equal(rmdir(place), 0);
    }
}

/* ---- the service ---- */

static void start(const struct source_settings *wanted) {
    static const char *const report[] = {SOURCE_KIND_ANY};
    static const bool yes = true, no = false;
    settings[1] = (struct source_settings){.gateway = "stripe-b", .fetch = &no};
    settings[2] = (struct source_settings){.gateway = "stripe-c", .fetch = &no};
    settings[0] = *wanted;
    settings[0].gateway = "stripe-a";
    settings[0].fetch = &yes;
    settings[0].kinds = report;
    settings[0].kind_count = 1;
    recon_sources = settings;
    recon_source_count = 3;
    recon_start();
}

static void start_folder(const char *files) {
    memcpy(place + strlen(place) - 6, "XXXXXX", 6);
    assert_non_null(mkdtemp(place));
    const struct source_settings wanted = {.folder = place, .files = files};
    start(&wanted);
}

static void pass(int64_t us) {
    while (us > 0) {
        int64_t step = us < MINUTE_US ? us : MINUTE_US;
        test_clock_advance(step);
        (void)world_tick(W);
        us -= step;
    }
}

/* Until the first day's statement is due, that of `day`. */
static void wait_for_the_hour(void) {
    for (int i = 0; world_int(W, "SELECT COUNT(*) FROM statement_fetch") == 0; i++) {
        assert_true(i < 50);
        test_clock_advance(HOUR_US);
        (void)world_tick(W);
    }
    test_clock_advance(US_PER_SECOND);
    (void)world_tick(W); /* it was planned at that very moment */
    char *text = world_text(W, "SELECT MAX(day) FROM statement_fetch");
    snprintf(day, sizeof day, "%s", text);
    snprintf(stamp, sizeof stamp, "%.4s%.2s%.2s", day, day + 5, day + 8);
    free(text);
}

static void assert_says(const char *words) {
    char *error = world_text(W, "SELECT error FROM statement_fetch ORDER BY day LIMIT 1");
    if (strstr(error, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error, words);
    }
    free(error);
}

static void assert_state(int state) {
    int64_t is = world_int(W, STATE " ORDER BY day LIMIT 1");
    if (is != state) {
        char *error = world_text(W, "SELECT error FROM statement_fetch ORDER BY day LIMIT 1");
        fail_msg("it is %d instead of %d: %s", (int)is, state, error);
    }
}

static void ask_again(void) {
    struct caller caller = who(NULL);
    struct answer answer = {0};
    const struct fetch_asked asked = {"stripe-a", day, "", true};
    W->err = (struct err){0};
    int r = fetch_ask(recon, &caller, &asked, &answer, &W->err);
    json_t *json = world_take(W, r, &answer);
    assert_non_null(json);
    json_decref(json);
    (void)world_tick(W);
}

static json_t *listed(void) {
    struct answer answer = {0};
    const struct fetch_filter filter = {.gateway = "stripe-a", .day = day};
    json_t *json = world_take(W, fetch_list(recon, &filter, &answer, &W->err), &answer);
    assert_non_null(json);
    return json;
}

/* ---- a folder ---- */

static void a_file_is_taken_once_it_rests_and_stays_where_it_is(void **state) {
    (void)state;
    start_folder("S-%Y%m%d.csv");
    wait_for_the_hour();
    assert_state(WAITING);
    assert_says("is no file S-");
    put_charge(named(".csv"), "x1", 100);
    put_bytes("S-20010101.csv", "another day", 0);
    pass(30 * MINUTE_US); /* the first look, and the second */
    assert_state(TAKEN);
    assert_int_equal(world_int(W, TAKEN_STATEMENTS), 1);
    assert_text(W, "SELECT name FROM statement", named(".csv"));
    assert_int_equal(access(path_of(named(".csv")), R_OK), 0);
    assert_true(world_int(W, "SELECT COUNT(*) FROM reconciliation") >= 1);
    json_t *json = listed();
    const json_t *row = json_array_get(json_object_get(json, "data"), 0);
    const json_t *file = json_array_get(json_object_get(row, "files"), 0);
    assert_string_equal(json_at(file, "name"), named(".csv"));
    assert_int_equal(strlen(json_at(file, "sha256")), 64);
    const json_t *gateway = json_array_get(json_object_get(json, "gateways"), 0);
    assert_string_equal(json_at(gateway, "from"), "folder");
    assert_string_equal(json_at(gateway, "place"), place);
    json_decref(json);
    pass(3 * DAY_US); /* however often it is looked at */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement"), 1);
}

static void one_look_is_not_enough(void **state) {
    (void)state;
    start_folder("S-%Y%m%d.csv");
    wait_for_the_hour();
    put_charge(named(".csv"), "x1", 100);
    ask_again();
    assert_state(WAITING);
    assert_says("it is taken once it stays the same for 60 seconds");
    test_clock_advance(30 * US_PER_SECOND);
    ask_again(); /* however often somebody asks */
    assert_state(WAITING);
    pass(2 * MINUTE_US);
    assert_state(TAKEN);
}

static void a_file_that_grows_is_waited_for(void **state) {
    (void)state;
    start_folder("S-%Y%m%d.csv");
    wait_for_the_hour();
    put_bytes(named(".csv"), CANONICAL, 0);
    for (int i = 0; i < 20; i++) {
        char row[200];
        pass(MINUTE_US);
        snprintf(row, sizeof row, "x%d,x%d,,,,charge,done,USD,100,,,%sT10:00:00Z,card,\n", i, i,
                 day);
        put_bytes(named(".csv"), row, O_APPEND);
        assert_state(WAITING);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement"), 0);
    pass(40 * MINUTE_US);
    assert_state(TAKEN);
    assert_int_equal(world_int(W, "SELECT row_count FROM statement"), 20);
}

static void numbered_files_are_taken_together_and_without_a_gap(void **state) {
    (void)state;
    start_folder("S-%Y%m%d.%N.*.csv");
    wait_for_the_hour();
    put_charge(named(".02.011.csv"), "x2", 200);
    put_charge(named(".03.011.csv"), "x3", 300);
    pass(2 * HOUR_US);
    assert_state(WAITING);
    assert_says("number 1 is not");
    put_charge(named(".01.011.csv"), "x1", 100);
    put_charge(named(".01.012.csv"), "x1", 101);
    pass(2 * HOUR_US);
    assert_state(WAITING);
    assert_says("have the same number");
    assert_int_equal(unlink(path_of(named(".01.012.csv"))), 0);
    pass(2 * HOUR_US);
    assert_state(TAKEN);
    assert_int_equal(world_int(W, TAKEN_STATEMENTS), 3);
}

static void one_that_is_damaged_keeps_the_others_out(void **state) {
    (void)state;
    start_folder("S-%Y%m%d.%N.csv");
    wait_for_the_hour();
    put_charge(named(".1.csv"), "x1", 100);
    put_bytes(named(".2.csv"), CANONICAL "x2,x2,,,,char", 0);
    pass(2 * HOUR_US);
    assert_state(WAITING);
    assert_says("nothing was taken in");
    assert_int_equal(world_int(W, TAKEN_STATEMENTS), 0);
    put_charge(named(".2.csv"), "x2", 200); /* the mirror goes on */
    pass(2 * HOUR_US);
    assert_state(TAKEN);
    assert_int_equal(world_int(W, TAKEN_STATEMENTS), 2);
}

static void other_bytes_under_the_name_are_a_persons_business(void **state) {
    (void)state;
    start_folder("S-%Y%m%d.csv");
    wait_for_the_hour();
    put_charge(named(".csv"), "x1", 100);
    pass(30 * MINUTE_US);
    char *first = world_text(W, "SELECT id FROM statement");
    put_charge(named(".csv"), "x1", 150);
    pass(2 * HOUR_US);
    assert_state(GIVEN_UP);
    assert_says("has changed since it was taken in");
    assert_text(W, "SELECT id FROM statement WHERE state = 2", first);
    ask_again();
    pass(5 * MINUTE_US);
    assert_state(TAKEN);
    assert_int_equal(world_int(W, TAKEN_STATEMENTS), 1);
    assert_text(W, "SELECT id FROM statement WHERE state = 3", first);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement WHERE state = 2 AND supersedes = "
                                  "(SELECT id FROM statement WHERE state = 3) AND reason LIKE "
                                  "'fetched again%'"),
                     1);
    free(first);
}

static void what_only_looks_different_changes_nothing(void **state) {
    (void)state;
    char from[400];
    start_folder("S-%Y%m%d*.csv");
    wait_for_the_hour();
    put_charge(named(".csv"), "x1", 100);
    pass(30 * MINUTE_US);
    put_charge(named(".csv"), "x1", 100); /* fetched anew by the mirror */
    pass(3 * HOUR_US);
    assert_state(TAKEN);
    snprintf(from, sizeof from, "%s", path_of(named(".csv")));
    assert_int_equal(rename(from, path_of(named("-old.csv"))), 0);
    pass(3 * HOUR_US);
    assert_state(TAKEN);
    put_charge(named(".csv"), "x1", 100); /* and both */
    pass(3 * HOUR_US);
    assert_state(TAKEN);
    assert_int_equal(unlink(path_of(named(".csv"))), 0);
    assert_int_equal(unlink(path_of(named("-old.csv"))), 0);
    pass(3 * HOUR_US);
    assert_state(TAKEN);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement"), 1);
    assert_says("");
}

static void a_file_that_comes_later_is_taken_as_well(void **state) {
    (void)state;
    start_folder("S-%Y%m%d*.csv");
    wait_for_the_hour();
    put_charge(named("-eur.csv"), "x1", 100);
    pass(30 * MINUTE_US);
    assert_int_equal(world_int(W, TAKEN_STATEMENTS), 1);
    put_charge(named("-usd.csv"), "x2", 200);
    pass(2 * HOUR_US);
    assert_state(TAKEN);
    assert_int_equal(world_int(W, TAKEN_STATEMENTS), 2);
    pass(2 * DAY_US); /* also days later */
    put_charge(named("-gbp.csv"), "x3", 300);
    pass(2 * DAY_US);
    assert_state(TAKEN);
    assert_int_equal(world_int(W, TAKEN_STATEMENTS), 3);
    json_t *json = listed();
    const json_t *row = json_array_get(json_object_get(json, "data"), 0);
    assert_int_equal(json_array_size(json_object_get(row, "statement_ids")), 3);
    json_decref(json);
}

static void the_file_of_another_day_is_none_of_this(void **state) {
    (void)state;
    start_folder("S-%Y%m%d.csv");
    wait_for_the_hour();
    put_charge(named(".csv"), "x1", 100);
    pass(30 * MINUTE_US);
    char first[400], text[600];
    snprintf(first, sizeof first, "%s", path_of(named(".csv")));
    int fd = open(first, O_RDONLY);
    ssize_t count = read(fd, text, sizeof text - 1);
    close(fd);
    assert_true(count > 0);
    text[count] = '\0';
    pass(DAY_US); /* the next day's hour */
    char *next = world_text(W, "SELECT MAX(day) FROM statement_fetch");
    assert_string_not_equal(next, day);
    snprintf(day, sizeof day, "%s", next);
    snprintf(stamp, sizeof stamp, "%.4s%.2s%.2s", day, day + 5, day + 8);
    free(next);
    put_bytes(named(".csv"), text, 0);
    pass(2 * HOUR_US);
    assert_int_equal(world_int(W, STATE " ORDER BY day DESC LIMIT 1"), GIVEN_UP);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement_fetch WHERE state = 4 AND error "
                                  "LIKE 'it is the very file that 20%' AND statements = ''"),
                     1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement"), 1);
}

/* Each is contained, is said, and is over when its cause is. */
static void what_is_no_file_is_said_and_waited_for(void **state) {
    (void)state;
    char target[400];
    start_folder("S-%Y%m%d.csv");
    wait_for_the_hour();
    assert_int_equal(symlink("/etc/passwd", path_of(named(".csv"))), 0);
    pass(2 * HOUR_US);
    assert_state(WAITING);
    assert_says("a symbolic link");
    assert_int_equal(unlink(path_of(named(".csv"))), 0);
    assert_int_equal(mkfifo(path_of(named(".csv")), 0600), 0);
    pass(2 * HOUR_US);
    assert_says("no regular file");
    assert_int_equal(unlink(path_of(named(".csv"))), 0);
    assert_int_equal(mkdir(path_of(named(".csv")), 0700), 0);
    pass(2 * HOUR_US);
    assert_says("a folder");
    assert_int_equal(rmdir(path_of(named(".csv"))), 0);
    put_bytes(named(".csv"), "", 0);
    assert_int_equal(truncate(path_of(named(".csv")), FETCH_BYTES_MAX + 1), 0);
    pass(3 * HOUR_US);
    assert_says("which is more than may be read");
    assert_int_equal(unlink(path_of(named(".csv"))), 0);
    snprintf(target, sizeof target, "%s.away", place);
    assert_int_equal(rename(place, target), 0); /* a mount that is not there */
    pass(3 * HOUR_US);
    assert_says("cannot be opened");
    assert_state(WAITING);
    assert_int_equal(rename(target, place), 0);
    put_charge(named(".csv"), "x1", 100);
    pass(5 * HOUR_US);
    assert_state(TAKEN);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement"), 1);
}

static void names_that_are_no_text_and_too_many_are_said(void **state) {
    (void)state;
    char name[80];
    start_folder("*%Y%m%d*");
    wait_for_the_hour();
    snprintf(name, sizeof name, "a\n%s", stamp);
    put_charge(name, "x1", 100);
    pass(2 * HOUR_US);
    assert_says("control characters");
    assert_int_equal(unlink(path_of(name)), 0);
    for (int i = 0; i < 33; i++) {
        snprintf(name, sizeof name, "a%s.%d", stamp, i);
        put_charge(name, "x1", i);
    }
    pass(2 * HOUR_US);
    assert_says("more than 32 files of one day");
    assert_state(WAITING);
}

static void a_marker_says_that_a_file_is_whole(void **state) {
    (void)state;
    memcpy(place + strlen(place) - 6, "XXXXXX", 6);
    assert_non_null(mkdtemp(place));
    const struct source_settings wanted = {
        .folder = place, .files = "S-%Y%m%d*", .marker = ".done"};
    start(&wanted);
    wait_for_the_hour();
    put_charge(named(".csv"), "x1", 100);
    pass(3 * HOUR_US);
    assert_state(WAITING);
    assert_says(".csv.done is not there yet");
    put_bytes(named(".csv.done"), "", 0);
    ask_again();
    assert_state(TAKEN); /* at once, and the marker is no statement */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement"), 1);
}

static void a_name_may_have_the_day_after(void **state) {
    (void)state;
    static const unsigned one = 1;
    memcpy(place + strlen(place) - 6, "XXXXXX", 6);
    assert_non_null(mkdtemp(place));
    const struct source_settings wanted = {
        .folder = place, .files = "S-%Y%m%d.csv", .dated_after = &one};
    start(&wanted);
    wait_for_the_hour();
    put_charge(named(".csv"), "x0", 100); /* of the day before this one */
    pass(2 * HOUR_US);
    assert_state(WAITING);
    int year, month, number;
    int64_t day_s = 0;
    char next[CLOCK_TEXT_MAX];
    assert_int_equal(sscanf(day, "%d-%d-%d", &year, &month, &number), 3);
    assert_true(calendar_date(year, month, number, &day_s));
    clock_format(day_s * US_PER_SECOND + DAY_US, next);
    snprintf(stamp, sizeof stamp, "%.4s%.2s%.2s", next, next + 5, next + 8);
    put_charge(named(".csv"), "x1", 100);
    pass(2 * HOUR_US);
    assert_state(TAKEN);
    assert_text(W, "SELECT gateway_id FROM statement_row", "x1");
}

static void any_delimited_file_is_read_by_a_map(void **state) {
    (void)state;
    char map[400], text[200];
    memcpy(place + strlen(place) - 6, "XXXXXX", 6);
    assert_non_null(mkdtemp(place));
    put_bytes("map.yaml",
              "columns: {time: when, gateway_id: id, amount: amount}\ncurrency: EUR\nkind: "
              "charge\ntime: {format: YYYY-MM-DD, zone: UTC}\n",
              0);
    snprintf(map, sizeof map, "%s", path_of("map.yaml"));
    const struct source_settings wanted = {.folder = place, .files = "S-%Y%m%d.csv", .map = map};
    start(&wanted);
    wait_for_the_hour();
    snprintf(text, sizeof text, "id,when,amount\nx1,%s,12.50\n", day);
    put_bytes(named(".csv"), text, 0);
    pass(2 * HOUR_US);
    assert_state(TAKEN);
    assert_text(W, "SELECT reader FROM statement", "csv");
    assert_int_equal(world_int(W, "SELECT gross_minor FROM statement_row"), 1250);
    assert_true(world_int(W, "SELECT until_us - from_us FROM statement") == DAY_US);
}

/* ---- under a URL ---- */

static struct {
    int from, until; /* numbers that are there; of a day: until > 0 */
    int status;      /* of what is not there */
    int gross;
    int asked;
    bool basic; /* else the key */
    char last[300];
} there;

static int answer_url(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                      struct err *err) {
    (void)ctx;
    (void)err;
    char text[800] = "";
    int number = 0;
    there.asked++;
    snprintf(there.last, sizeof there.last, "%s", call->url);
    const char *batch = strstr(call->url, "batch_");
    bool given = batch != NULL ? sscanf(batch, "batch_%d.csv", &number) == 1 &&
                                     number >= there.from && number < there.until
                               : there.until > 0;
    /* "user:secret" */
    const char *wanted = there.basic ? "Basic dXNlcjpzZWNyZXQ=" : "AQE-key";
    const char *header = http_header_find(call->headers, call->header_count,
                                          there.basic ? "Authorization" : "X-API-Key");
    int status = header == NULL || strcmp(header, wanted) != 0 ? 401 : given ? 200 : there.status;
    if (status == 200 && batch != NULL) {
        snprintf(text, sizeof text,
                 "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment "
                 "Method,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,Gross "
                 "Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),Net "
                 "Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange "
                 "(NC),Payment Method Variant,Modification Merchant Reference,Batch Number\n"
                 "C,M,PSP%d,R%d,visa,2026-01-01 10:00:00,UTC,Settled,MOD%d,EUR,,%d.00,1,EUR,,%d.00,"
                 ",,,,visa,,%d\n",
                 number, number, number, there.gross, there.gross, number);
    } else if (status == 200) {
        snprintf(text, sizeof text,
                 CANONICAL "x,x,,,,charge,done,USD,100,,,%.10sT10:00:00Z,card,\n",
                 strstr(call->url, "20"));
    }
    http_answer_fill(ret_answer, status, NULL, 0, text, strlen(text));
    return 0;
}

/* As configured with the gateway's others. */
static void add_credential(const char *name, const char *text) {
    struct gateway *set = keyring_take(gateway_find(W->registry, "stripe-a"));
    struct gateway_credential *credential = &set->credentials[set->credential_count++];
    *credential = (struct gateway_credential){.value = secret_new(text, strlen(text))};
    snprintf(credential->name, sizeof credential->name, "%s", name);
    keyring_drop(set);
}

static void start_url(const char *url, const unsigned *first) {
    static const struct http_client_ops ops = {.call = answer_url};
    if (there.basic) {
        add_credential("report_user", "user");
        add_credential("report_password", "secret");
    } else {
        add_credential("report_key", "AQE-key");
    }
    recon_client = http_client_custom(&ops, NULL);
    const struct source_settings wanted = {.url = url, .first_number = first};
    start(&wanted);
}

static void a_days_report_is_asked_for_until_it_is_published(void **state) {
    (void)state;
    there.status = 404;
    there.basic = true;
    start_url("https://reports.test/a/%Y-%m-%d.csv?x=%%20", NULL);
    wait_for_the_hour();
    pass(HOUR_US);
    assert_state(WAITING);
    assert_says("is not published yet (404)");
    assert_non_null(strstr(there.last, ".csv?x=%20"));
    assert_non_null(strstr(there.last, day));
    there.status = 403;
    pass(HOUR_US);
    assert_says("is not handed out (403)");
    there.status = 500;
    pass(2 * HOUR_US);
    assert_says("was answered with 500");
    there.basic = false; /* what is sent is refused */
    pass(2 * HOUR_US);
    assert_says("(401)");
    assert_state(WAITING);
    there.basic = true;
    there.until = 1;
    pass(3 * HOUR_US);
    assert_state(TAKEN);
    char name[40];
    snprintf(name, sizeof name, "%s.csv", day);
    assert_text(W, "SELECT name FROM statement", name);
    int asked = there.asked;
    pass(5 * HOUR_US);
    assert_int_equal(there.asked, asked);
}

static void batches_are_asked_for_by_their_numbers(void **state) {
    (void)state;
    static const unsigned first = 118;
    there.status = 404;
    there.from = 118;
    there.until = 120;
    there.gross = 45;
    start_url("https://reports.test/M/settlement_detail_report_batch_%N.csv", &first);
    wait_for_the_hour();
    assert_state(TAKEN); /* both that there are */
    assert_int_equal(world_int(W, TAKEN_STATEMENTS), 2);
    assert_int_equal(world_int(W, "SELECT MAX(sequence) FROM statement"), 119);
    /* Of which days it is, nobody says: it proves no window. */
    assert_int_equal(world_int(W, "SELECT MAX(until_us) FROM statement"), 0);
    assert_text(W, "SELECT reader FROM statement WHERE sequence = 118", "adyen-settlement");
    /* A day without a batch is none, some hours later; the next one asks for the same number. */
    pass(DAY_US + 4 * HOUR_US);
    assert_int_equal(world_int(W, STATE " ORDER BY day DESC LIMIT 1"), WAITING);
    pass(6 * HOUR_US);
    assert_int_equal(world_int(W, STATE " ORDER BY day DESC LIMIT 1"), NONE);
    assert_non_null(strstr(there.last, "batch_120"));
    there.until = 121;
    pass(DAY_US - 7 * HOUR_US);
    assert_int_equal(world_int(W, STATE " ORDER BY day DESC LIMIT 1"), TAKEN);
    assert_int_equal(world_int(W, "SELECT MAX(sequence) FROM statement"), 120);
    /* Asked again, the day's own numbers are, and what is new there takes their place. */
    there.gross = 50;
    ask_again();
    assert_state(TAKEN);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement WHERE state = 3 AND sequence IN "
                                  "(118, 119)"),
                     2);
    assert_int_equal(world_int(W, TAKEN_STATEMENTS), 3);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement WHERE state = 2 AND sequence = "
                                  "120 AND supersedes = ''"),
                     1);
}

static void a_report_user_who_is_refused_is_no_quiet_day(void **state) {
    (void)state;
    static const unsigned first = 1;
    there.status = 403;
    start_url("https://reports.test/M/batch_%N.csv", &first);
    wait_for_the_hour();
    pass(12 * HOUR_US);
    assert_state(WAITING);
    assert_says("(403)");
    pass(6 * DAY_US);
    assert_state(GIVEN_UP);
}

/* ---- what is configured ---- */

static void a_place_that_cannot_be_is_refused_at_the_start(void **state) {
    (void)state;
    static const unsigned one = 1, eight = 8, large = 3601, nought = 0;
    static const char *const two[] = {"report", "activity"}, *const trade[] = {"trade"};
    static const struct {
        struct source_settings settings;
        const char *says;
    } rows[] = {
        {{.folder = "/a", .files = "%Y%m%d", .url = "https://a/%N"}, "not both"},
        {{.folder = "a/b", .files = "%Y%m%d"}, "path from the root"},
        {{.folder = "/a"}, "what the files of a day are called"},
        {{.folder = "/a", .files = "%Y"}, "files: the day must be in it"},
        {{.folder = "/a", .files = "%Y%m%d", .marker = "a/b"}, "marker"},
        {{.folder = "/a", .files = "%Y%m%d", .settle_s = &nought}, "settle_s: it is 1 to 3600"},
        {{.folder = "/a", .files = "%Y%m%d", .settle_s = &large}, "settle_s: it is 1 to 3600"},
        {{.folder = "/a", .files = "%Y%m%d", .dated_after = &eight}, "dated_after: it is 0 to 7"},
        {{.folder = "/a", .files = "%Y%m%d", .first_number = &one}, "by `url`"},
        {{.folder = "/a", .files = "%Y%m%d", .map = "/nowhere.yaml"}, "map: "},
        {{.folder = "/a", .files = "%Y%m%d", .kinds = two, .kind_count = 2}, "one kind"},
        {{.folder = "/a", .files = "%Y%m%d", .kinds = trade, .kind_count = 1}, "\"trade\""},
        {{.url = "http://a.test/%N", .first_number = &one}, "https://"},
        {{.url = "https://u:p@a.test/%N", .first_number = &one}, "report_user"},
        {{.url = "https://a.test/%N"}, "the number to begin with"},
        {{.url = "https://a.test/%Y%m%d", .first_number = &one}, "for a URL with %N"},
        {{.url = "https://a.test/x"}, "either the day is in it"},
        {{.url = "https://a.test/%N", .first_number = &one, .marker = "x"}, "by `folder`"},
        {{.files = "%Y%m%d"}, "by `folder`"},
        {{.map = "/a"}, "by `folder` or `url`"},
    };
    struct source sources[GATEWAYS_MAX];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct source_settings wanted = rows[i].settings;
        int count = 0;
        wanted.gateway = "stripe-a";
        W->err = (struct err){0};
        assert_int_equal(sources_open(W->registry, &wanted, 1, sources, &count, &W->err),
                         -ERR_CONFIG);
        if (strstr(W->err.detail, rows[i].says) == NULL ||
            strstr(W->err.detail, "stripe-a") == NULL) {
            fail_msg("%zu: %s", i, W->err.detail);
        }
    }
}

/* ---- around them ---- */

static int tear_down(void **state) {
    (void)state;
    recon_close(recon);
    recon = NULL;
    if (recon_client != NULL) {
        http_client_free(recon_client);
        recon_client = NULL;
    }
    clear_folder();
    memset(&there, 0, sizeof there);
    return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)
int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_taken_once_it_rests_and_stays_where_it_is),
        TEST(one_look_is_not_enough),
        TEST(a_file_that_grows_is_waited_for),
        TEST(numbered_files_are_taken_together_and_without_a_gap),
        TEST(one_that_is_damaged_keeps_the_others_out),
        TEST(other_bytes_under_the_name_are_a_persons_business),
        TEST(what_only_looks_different_changes_nothing),
        TEST(a_file_that_comes_later_is_taken_as_well),
        TEST(the_file_of_another_day_is_none_of_this),
        TEST(what_is_no_file_is_said_and_waited_for),
        TEST(names_that_are_no_text_and_too_many_are_said),
        TEST(a_marker_says_that_a_file_is_whole),
        TEST(a_name_may_have_the_day_after),
        TEST(any_delimited_file_is_read_by_a_map),
        TEST(a_days_report_is_asked_for_until_it_is_published),
        TEST(batches_are_asked_for_by_their_numbers),
        TEST(a_report_user_who_is_refused_is_no_quiet_day),
        TEST(a_place_that_cannot_be_is_refused_at_the_start),
    };
    return payment_world_run("statements in a folder and under a URL", tests, COUNT_OF(tests));
}
