/* SPDX-License-Identifier: Apache-2.0
 * test_statement_upload.c: statements that are given by hand, in parts, on both engines: whatever
 * order they come in, whatever breaks in between, whoever else is at it. */
#include "recon_fixture.h"

#include <zlib.h>

#include "base/clock.h"
#include "base/task.h"
#include "desk/ticket.h"
#include "desk/ticket_config.h"
#include "recon/search.h"
#include "recon/shelf.h"
#include "recon/withdraw.h"

#define UPLOADS "SELECT COUNT(*) FROM statement_upload"
#define PARTS "SELECT COUNT(*) FROM statement_upload_part"
#define TAKEN "SELECT COUNT(*) FROM statement WHERE state = 2"
#define ROWS "SELECT COUNT(*) FROM statement_row"
#define MANY 300

static char *large;

static struct given small(const char *name) {
    static const char text[] = CANONICAL CHARGE_ROW("x1", 100) CHARGE_ROW("x2", 250);
    return given_file("stripe-a", name, text, sizeof text - 1);
}

/* A file of several parts. */
static struct given several(void) {
    if (large == NULL) {
        BUF_AUTO buf;
        buf_init(&buf, 1 << 20);
        char pad[600];
        memset(pad, 'x', sizeof pad);
        pad[sizeof pad - 1] = '\0';
        /* A column that nobody asked for makes it long. */
        buf_add_text(&buf, "pad," CANONICAL);
        for (int i = 0; i < MANY; i++) {
            buf_addf(&buf, "%s,g%d,R-%d,,,,charge,done,USD,%d,,,2026-11-20T10:00:00Z,card,\n", pad,
                     i, i, i + 1);
        }
        large = buf_take(&buf);
    }
    return given_file("stripe-a", "large.csv", large, strlen(large));
}

static void a_small_file_is_taken_in_and_its_parts_are_gone(void **state) {
    (void)state;
    recon_start();
    struct given given = small("small.csv");
    hand_in(&given);
    assert_outcome(&given, "taken");
    json_t *json = outcome(&given);
    const json_t *file = json_array_get(json_object_get(json, "files"), 0);
    assert_string_equal(json_at(file, "format"), "canonical");
    assert_int_equal(int_at(file, "rows"), 2);
    assert_false(json_is_true(json_object_get(file, "known")));
    assert_true(json_is_null(json_object_get(file, "bank")));
    json_decref(json);
    assert_int_equal(world_int(W, TAKEN), 1);
    assert_int_equal(world_int(W, ROWS), 2);
    assert_int_equal(world_int(W, PARTS), 0);
    /* And a run of its gateway has looked at it. */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM reconciliation WHERE state = 2 AND gateway "
                                  "= 'stripe-a'"),
                     1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM audit_entry WHERE action IN "
                                  "('statement.upload', 'statement.take')"),
                     2);
}

static void parts_come_in_any_order_and_more_than_once(void **state) {
    (void)state;
    recon_start();
    struct given given = several();
    assert_int_equal(begin(&given), 201);
    for (int64_t i = parts_of(&given) - 1; i >= 0; i--) {
        assert_int_equal(give(&given, i), 200);
        assert_int_equal(give(&given, i), 200);
    }
    assert_int_equal(world_int(W, PARTS), parts_of(&given));
    assert_int_equal(complete(&given), 202);
    (void)world_tick(W);
    assert_outcome(&given, "taken");
    assert_int_equal(world_int(W, ROWS), MANY);
}

static void a_missing_part_is_named_and_can_still_be_given(void **state) {
    (void)state;
    recon_start();
    struct given given = several();
    assert_true(parts_of(&given) > 3);
    assert_int_equal(begin(&given), 201);
    for (int64_t i = 0; i < parts_of(&given); i++) {
        assert_true(i == 2 || give(&given, i) == 200);
    }
    assert_int_equal(complete(&given), -ERR_STATE);
    assert_non_null(strstr(W->err.detail, "part 2 of "));
    assert_outcome(&given, "open");
    assert_int_equal(give(&given, 2), 200);
    assert_int_equal(complete(&given), 202);
    (void)world_tick(W);
    assert_outcome(&given, "taken");
}

static void a_part_with_other_bytes_or_of_another_size_is_refused(void **state) {
    (void)state;
    recon_start();
    struct given given = several();
    assert_int_equal(begin(&given), 201);
    assert_int_equal(give(&given, 0), 200);
    char *other = strndup(given.bytes, UPLOAD_PART_BYTES);
    other[100] ^= 1;
    assert_int_equal(give_bytes(&given, 0, other, UPLOAD_PART_BYTES), -ERR_EXISTS);
    assert_int_equal(give_bytes(&given, 1, other, UPLOAD_PART_BYTES - 1), -ERR_VALIDATION);
    assert_int_equal(give_bytes(&given, parts_of(&given), other, 10), -ERR_VALIDATION);
    free(other);
    struct answer answer = {0};
    assert_int_equal(upload_part(recon, given.id, 1, "no base64!", &answer, &W->err),
                     -ERR_VALIDATION);
    assert_int_equal(world_int(W, PARTS), 1);
}

static void bytes_that_were_not_announced_are_refused(void **state) {
    (void)state;
    recon_start();
    struct given given = small("small.csv");
    memset(given.sha256, 'a', SHA256_HEX_CHARS);
    hand_in(&given);
    json_t *json = outcome(&given);
    assert_string_equal(json_at(json, "state"), "refused");
    assert_non_null(strstr(json_at(json_object_get(json, "error"), "detail"), "SHA-256"));
    json_decref(json);
    assert_int_equal(world_int(W, TAKEN), 0);
    assert_int_equal(world_int(W, PARTS), 0);
}

static void what_is_wrong_with_a_file_is_told_line_by_line(void **state) {
    (void)state;
    static const char text[] = CANONICAL
        "x1,,,,,charge,done,USD,1.5,,,2026-11-20T10:00:00Z,card,\n" CHARGE_ROW(
            "x2", 250) "x3,,,,,what,done,USD,1,,,2026-11-20T10:00:00Z,card,\n";
    recon_start();
    struct given given = given_file("stripe-a", "bad.csv", text, sizeof text - 1);
    hand_in(&given);
    json_t *json = outcome(&given);
    assert_string_equal(json_at(json, "state"), "refused");
    const json_t *file = json_array_get(json_object_get(json, "files"), 0);
    assert_int_equal(int_at(file, "problem_count"), 2);
    const json_t *problems = json_object_get(file, "problems");
    assert_int_equal(int_at(json_array_get(problems, 0), "line"), 2);
    assert_int_equal(int_at(json_array_get(problems, 1), "line"), 4);
    assert_string_equal(json_at(json_array_get(problems, 1), "problem"), "unknown_kind");
    json_decref(json);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM reconciliation"), 0);
}

static void a_row_that_is_ahead_of_the_clock_is_refused_with_its_line(void **state) {
    (void)state;
    recon_start();
    static const char text[] = CANONICAL CHARGE_ROW("g1", 500)
        "g2,g2,,,,charge,done,USD,500,,,2031-11-20T10:00:00Z,card,\n";
    struct given given = given_file("stripe-a", "ahead.csv", text, sizeof text - 1);
    hand_in(&given);
    assert_outcome(&given, "refused");
    json_t *json = outcome(&given);
    assert_string_equal(json_at(json_object_get(json, "error"), "place"), "ahead.csv:3");
    assert_non_null(strstr(json_at(json_object_get(json, "error"), "detail"), "has not come yet"));
    json_decref(json);
}

static void what_no_reader_knows_is_refused(void **state) {
    (void)state;
    static const char text[] = "Dear Sirs,\nplease find attached\n";
    recon_start();
    struct given given = given_file("stripe-a", "letter.txt", text, sizeof text - 1);
    hand_in(&given);
    assert_outcome(&given, "refused");
    struct given wrong = small("small.csv");
    wrong.request.format = "nonsense";
    hand_in(&wrong);
    assert_outcome(&wrong, "refused");
    /* A file of another gateway's kind. */
    static const char wechat[] = "\xEF\xBB\xBF交易时间,公众账号ID,商户号,商户订单号\n";
    struct given other = given_file("stripe-a", "bill.csv", wechat, sizeof wechat - 1);
    other.request.format = "wechat-trade";
    hand_in(&other);
    assert_outcome(&other, "refused");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement"), 0);
}

static void the_same_file_twice_is_known(void **state) {
    (void)state;
    recon_start();
    struct given first = small("small.csv"), second = small("again.csv");
    hand_in(&first);
    hand_in(&second);
    assert_string_not_equal(first.id, second.id);
    json_t *one = outcome(&first), *two = outcome(&second);
    const json_t *file = json_array_get(json_object_get(two, "files"), 0);
    assert_true(json_is_true(json_object_get(file, "known")));
    assert_string_equal(json_at(file, "statement_id"),
                        json_at(json_array_get(json_object_get(one, "files"), 0), "statement_id"));
    json_decref(one);
    json_decref(two);
    assert_int_equal(world_int(W, TAKEN), 1);
}

static void any_delimited_file_goes_by_its_map(void **state) {
    (void)state;
    static const char text[] = "Order No;Paid;Ccy;Date\nA-7;1.234,50;USD;01.09.2026\n";
    static const char map[] =
        "delimiter: semicolon\n"
        "columns: {reference: Order No, amount: Paid, currency: Ccy, time: Date}\n"
        "time: {format: DD.MM.YYYY, zone: Europe/Berlin}\n"
        "amount: {decimal: \",\", group: \".\"}\n"
        "kind: charge\n";
    recon_start();
    struct given given = given_file("stripe-a", "shop.csv", text, sizeof text - 1);
    given.request.map = map;
    hand_in(&given);
    assert_outcome(&given, "taken");
    assert_int_equal(world_int(W, "SELECT gross_minor FROM statement_row"), 123450);
    /* Of a file with a map for ours and one for theirs, a statement goes by theirs. */
    static const char both[] =
        "ours:\n  columns: {reference: Number, amount: Sum, time: Day}\n  currency: USD\n"
        "  kind: charge\n  time: {format: YYYY-MM-DD, zone: UTC}\n"
        "theirs:\n  delimiter: semicolon\n"
        "  columns: {reference: Order No, amount: Paid, currency: Ccy, time: Date}\n"
        "  time: {format: DD.MM.YYYY, zone: Europe/Berlin}\n"
        "  amount: {decimal: \",\", group: \".\"}\n  kind: charge\n";
    static const char other[] = "Order No;Paid;Ccy;Date\nA-8;2,50;USD;02.09.2026\n";
    struct given theirs = given_file("stripe-a", "shop3.csv", other, sizeof other - 1);
    theirs.request.map = both;
    hand_in(&theirs);
    assert_outcome(&theirs, "taken");
    assert_int_equal(world_int(W, "SELECT SUM(gross_minor) FROM statement_row"), 123700);
    struct given bad = given_file("stripe-a", "shop2.csv", text, sizeof text - 1);
    bad.request.map = "columns: {reference: Order No}\nnonsense: 1\n";
    hand_in(&bad);
    json_t *json = outcome(&bad);
    assert_string_equal(json_at(json, "state"), "refused");
    assert_non_null(strstr(json_at(json_object_get(json, "error"), "place"), "the map"));
    json_decref(json);
}

static void a_bomb_is_refused(void **state) {
    (void)state;
    enum { PLAIN = 80 << 20 };
    char *plain = calloc(1, PLAIN), *packed = malloc(1 << 20);
    z_stream stream = {.next_in = (unsigned char *)plain,
                       .avail_in = PLAIN,
                       .next_out = (unsigned char *)packed,
                       .avail_out = 1 << 20};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t count = stream.total_out;
    deflateEnd(&stream);
    recon_start();
    struct given given = given_file("stripe-a", "bomb.gz", packed, count);
    hand_in(&given);
    json_t *json = outcome(&given);
    assert_string_equal(json_at(json, "state"), "refused");
    json_decref(json);
    free(plain);
    free(packed);
}

static void what_is_too_large_is_refused_at_once(void **state) {
    (void)state;
    recon_start();
    struct given given = small("small.csv");
    given.request.byte_count = UPLOAD_BYTES_MAX + 1;
    assert_int_equal(begin(&given), -ERR_TOO_LARGE);
    /* And all that are under way together. */
    given.request.byte_count = UPLOAD_BYTES_MAX - 1000;
    assert_int_equal(begin(&given), 201);
    struct given other = several();
    assert_int_equal(begin(&other), -ERR_OVERLOADED);
    assert_int_equal(world_int(W, UPLOADS), 1);
}

static void begun_again_it_is_the_same_upload(void **state) {
    (void)state;
    recon_start();
    struct given given = several(), again = several();
    assert_int_equal(begin(&given), 201);
    assert_int_equal(give(&given, 1), 200);
    assert_int_equal(begin(&again), 200);
    assert_string_equal(again.id, given.id);
    json_t *json = outcome(&again);
    assert_int_equal(int_at(json, "parts_here"), 1);
    json_decref(json);
    /* With other words it is another one. */
    again.request.format = "canonical";
    assert_int_equal(begin(&again), 201);
    assert_string_not_equal(again.id, given.id);
}

static void completed_twice_it_is_taken_once(void **state) {
    (void)state;
    recon_start();
    struct given given = small("small.csv");
    assert_int_equal(begin(&given), 201);
    assert_int_equal(give(&given, 0), 200);
    assert_int_equal(complete(&given), 202);
    assert_int_equal(complete(&given), 202);
    assert_int_equal(give(&given, 0), -ERR_STATE);
    (void)world_tick(W);
    assert_int_equal(complete(&given), 200);
    assert_int_equal(world_int(W, TAKEN), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM job WHERE kind = 'statement_upload'"), 0);
}

/* Each has an error and an answer of its own. */
static void complete_beside(void *arg) {
    const struct given *given = arg;
    struct answer answer = {0};
    struct err err = {0};
    int r = upload_complete(recon, given->id, &answer, &err);
    assert_true(r >= 0 && (answer.status == 202 || answer.status == 200));
    answer_release(&answer);
}

static void two_who_complete_it_at_once_have_it_taken_once(void **state) {
    (void)state;
    enum { AT_ONCE = 6 };
    recon_start();
    struct given given = several();
    assert_int_equal(begin(&given), 201);
    for (int64_t i = 0; i < parts_of(&given); i++) {
        assert_int_equal(give(&given, i), 200);
    }
    struct task *tasks[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++) {
        tasks[i] = task_start("complete", 0, complete_beside, &given);
        assert_non_null(tasks[i]);
    }
    for (int i = 0; i < AT_ONCE; i++) {
        task_join(tasks[i]);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM job WHERE kind = 'statement_upload'"), 1);
    (void)world_tick(W);
    assert_outcome(&given, "taken");
    assert_int_equal(world_int(W, TAKEN), 1);
}

/* Every statement of the store fails in turn, and then the process ends; the next one goes on. */
static int fail_at, seen;
static int fault(void *ctx, const char *sql) {
    (void)ctx;
    (void)sql;
    return ++seen == fail_at ? -1 : 0;
}

static void whatever_breaks_it_is_taken_in_once(void **state) {
    (void)state;
    bool done = false;
    for (int step = 1; !done; step += 11) {
        payment_world_forget(W);
        recon_start();
        struct given given = several();
        fail_at = step;
        seen = 0;
        store_fault_set(W->engine.store, fault, NULL);
        if (begin(&given) == 201) {
            for (int64_t i = 0; i < parts_of(&given); i++) {
                (void)give(&given, i);
            }
            (void)complete(&given);
            struct err ignored = {0};
            int ticked = payments_tick(W->payments, &ignored);
            (void)ticked;
        }
        done = seen < step;
        store_fault_set(W->engine.store, NULL, NULL);
        test_clock_advance(11 * 60 * US_PER_SECOND); /* who died half-way is given up by then */
        recon_restart();
        (void)begin(&given);
        json_t *json = outcome(&given);
        bool open = strcmp(json_at(json, "state"), "open") == 0;
        json_decref(json);
        for (int64_t i = 0; open && i < parts_of(&given); i++) {
            assert_int_equal(give(&given, i), 200);
        }
        assert_true(complete(&given) > 0);
        world_pass(W, HOUR_US / 2);
        assert_outcome(&given, "taken");
        assert_int_equal(world_int(W, TAKEN), 1);
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement_row r JOIN statement s ON "
                                      "s.id = r.statement_id WHERE s.state = 2"),
                         MANY);
        assert_int_equal(world_int(W, PARTS), 0);
    }
}

static void what_nobody_goes_on_with_is_swept(void **state) {
    (void)state;
    recon_start();
    struct given given = several();
    assert_int_equal(begin(&given), 201);
    assert_int_equal(give(&given, 0), 200);
    world_pass(W, HOUR_US / 2);
    assert_int_equal(world_int(W, PARTS), 1);
    world_pass(W, 2 * HOUR_US);
    assert_int_equal(world_int(W, PARTS), 0);
    assert_int_equal(world_int(W, UPLOADS), 0);
    assert_int_equal(give(&given, 1), -ERR_NOT_FOUND);
    /* Of what was taken in, the word stays. */
    struct given other = small("small.csv");
    hand_in(&other);
    world_pass(W, 3 * HOUR_US);
    assert_outcome(&other, "taken");
}

static void parts_are_no_plain_text_in_the_store(void **state) {
    (void)state;
    static const char text[] = CANONICAL "x1,A,,,,charge,done,USD,1,,,2026-11-20T10:00:00Z,card,"
                                         "4242 4242 4242 4242\n";
    recon_start();
    struct given given = given_file("stripe-a", "pan.csv", text, sizeof text - 1);
    assert_int_equal(begin(&given), 201);
    assert_int_equal(give(&given, 0), 200);
    char *content = world_text(W, "SELECT content FROM statement_upload_part");
    char *plain = crypto_base64(text, 30);
    plain[36] = '\0';
    assert_null(strstr(content, plain));
    assert_non_null(strstr(content, "v1:"));
    free(content);
    free(plain);
    assert_int_equal(complete(&given), 202);
    (void)world_tick(W);
    assert_text(W, "SELECT description FROM statement_row", "**** **** **** 4242");
}

static void a_corrected_file_must_say_so_and_then_counts_instead(void **state) {
    (void)state;
    /* A statement of a bank has a number of its own: the same number again is a corrected one. */
    static const char first[] =
        ":20:DEMO\n:25:DE02120300000000202051\n:28C:00007/001\n:60F:C260901USD10,00\n"
        ":61:2609020902C5,00NTRFNONREF//BR1\n:86:ONE\n:62F:C260902USD15,00\n-\n";
    static const char second[] =
        ":20:DEMO\n:25:DE02120300000000202051\n:28C:00007/001\n:60F:C260901USD10,00\n"
        ":61:2609020902C6,00NTRFNONREF//BR1\n:86:ONE\n:62F:C260902USD16,00\n-\n";
    W->banks = true;
    payment_world_restart(W);
    recon_start();
    struct given one = given_file("bank-eu", "7.sta", first, sizeof first - 1);
    struct given two = given_file("bank-eu", "7b.sta", second, sizeof second - 1);
    struct given mistaken = given_file("stripe-a", "7.sta", first, sizeof first - 1);
    hand_in(&mistaken);
    assert_outcome(&mistaken, "refused"); /* a bank's statement, of no bank account */
    hand_in(&one);
    assert_outcome(&one, "taken");
    hand_in(&two);
    json_t *json = outcome(&two);
    char *id = world_text(W, "SELECT id FROM statement WHERE state = 2");
    assert_string_equal(json_at(json, "state"), "refused");
    assert_non_null(strstr(json_at(json_object_get(json, "error"), "hint"), id));
    json_decref(json);
    struct given three = given_file("bank-eu", "7c.sta", second, sizeof second - 1);
    three.request.supersedes = id;
    assert_int_equal(begin(&three), -ERR_VALIDATION); /* without a reason */
    three.request.reason = "the bank sent it again";
    hand_in(&three);
    assert_outcome(&three, "taken");
    assert_int_equal(world_int(W, TAKEN), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement WHERE state = 3"), 1);
    /* What no longer counts is not corrected once more, and nobody waits for it. */
    static const char fourth[] =
        ":20:DEMO\n:25:DE02120300000000202051\n:28C:00007/001\n:60F:C260901USD10,00\n"
        ":61:2609020902C7,00NTRFNONREF//BR1\n:86:ONE\n:62F:C260902USD17,00\n-\n";
    struct given four = given_file("bank-eu", "7d.sta", fourth, sizeof fourth - 1);
    four.request.supersedes = id;
    four.request.reason = "again";
    hand_in(&four);
    assert_outcome(&four, "refused");
    free(id);
    W->banks = false;
}

static void statements_are_listed_with_what_their_rows_became(void **state) {
    (void)state;
    recon_start();
    struct given given = several();
    hand_in(&given);
    char *id = world_text(W, "SELECT id FROM statement");
    struct answer answer = {0};
    const struct shelf_filter all = {.gateway = "", .cursor = "", .state = "taken"};
    json_t *json = world_take(W, shelf_list(recon, &all, &answer, &W->err), &answer);
    assert_int_equal(json_array_size(json_object_get(json, "data")), 1);
    json_decref(json);
    const struct shelf_filter none = {.gateway = "stripe-b", .cursor = "", .state = ""};
    answer = (struct answer){0};
    json = world_take(W, shelf_list(recon, &none, &answer, &W->err), &answer);
    assert_int_equal(json_array_size(json_object_get(json, "data")), 0);
    json_decref(json);
    char *digest = world_text(W, "SELECT sha256 FROM statement");
    const struct {
        const char *text;
        size_t count;
    } searches[] = {
        {id + 4, 1},        {digest, 1}, {"LARGE", 1}, /* in its name, whatever the letters */
        {"%", 0},           {"a_y", 0},               /* no jokers */
        {"R-1", 1},         {"R-", 0}, /* of a row: in whole */
        {"nothing of it", 0},
    };
    for (size_t i = 0; i < COUNT_OF(searches); i++) {
        const struct shelf_filter found = {
            .gateway = "", .cursor = "", .state = "", .text = searches[i].text};
        answer = (struct answer){0};
        json = world_take(W, shelf_list(recon, &found, &answer, &W->err), &answer);
        if (json_array_size(json_object_get(json, "data")) != searches[i].count) {
            fail_msg("'%s' finds %zu", searches[i].text,
                     json_array_size(json_object_get(json, "data")));
        }
        json_decref(json);
    }
    char longer[SEARCH_CHARS_MAX + 2] = "";
    memset(longer, 'x', sizeof longer - 1);
    const struct shelf_filter too_long = {.gateway = "", .cursor = "", .state = "", .text = longer};
    assert_int_equal(shelf_list(recon, &too_long, &answer, &W->err), -ERR_VALIDATION);
    free(digest);
    const struct shelf_filter wrong = {.gateway = "", .cursor = "", .state = "lost"};
    assert_int_equal(shelf_list(recon, &wrong, &answer, &W->err), -ERR_VALIDATION);
    answer = (struct answer){0};
    json = world_take(W, shelf_get(recon, id, &answer, &W->err), &answer);
    assert_int_equal(int_at(json, "row_count"), MANY);
    const json_t *class = json_array_get(json_object_get(json, "classes"), 0);
    assert_string_equal(json_at(class, "class"), "missing_here");
    assert_int_equal(int_at(class, "rows"), MANY);
    assert_int_equal(int_at(json, "unseen_rows"), 0);
    json_decref(json);
    answer = (struct answer){0};
    json = world_take(W, shelf_rows(recon, id, "missing_here", 10, 5, &answer, &W->err), &answer);
    assert_int_equal(json_array_size(json_object_get(json, "data")), 5);
    assert_int_equal(int_at(json_array_get(json_object_get(json, "data"), 0), "number"), 11);
    assert_int_equal(int_at(json, "next_after"), 15);
    json_decref(json);
    answer = (struct answer){0};
    json = world_take(W, shelf_rows(recon, id, "matched", 0, 5, &answer, &W->err), &answer);
    assert_int_equal(json_array_size(json_object_get(json, "data")), 0);
    json_decref(json);
    assert_int_equal(
        shelf_rows(recon, "stm_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "", 0, 5, &answer, &W->err),
        -ERR_NOT_FOUND);
    free(id);
}

/* ---- withdrawn ---- */

static int withdraw(const char *id, const char *reason, const char *key, json_t **ret_json) {
    struct caller caller = who(key);
    struct answer answer = {0};
    W->err = (struct err){0};
    int r = statement_withdraw(recon, &caller, id, reason, &answer, &W->err);
    *ret_json = world_take(W, r, &answer);
    if (r >= 0) {
        (void)world_tick(W); /* the run that it asks for */
        (void)world_tick(W);
    }
    return r < 0 ? r : W->status;
}

static int withdraw_only(const char *id, const char *reason) {
    json_t *json = NULL;
    int r = withdraw(id, reason, NULL, &json);
    json_decref(json);
    return r;
}
#define LIVE "SELECT COUNT(*) FROM recon_break WHERE state IN (1, 2)"

static void a_withdrawn_statement_no_longer_counts_and_its_breaks_heal(void **state) {
    (void)state;
    recon_start();
    struct given given = small("wrong.csv");
    hand_in(&given);
    char *id = world_text(W, "SELECT id FROM statement");
    assert_int_equal(world_int(W, LIVE), 2);
    assert_int_equal(withdraw_only(id, ""), -ERR_VALIDATION);
    assert_int_equal(withdraw_only("stm_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "why"), -ERR_NOT_FOUND);
    json_t *json = NULL;
    assert_int_equal(withdraw(id, "of another account", "k1", &json), 200);
    assert_string_equal(json_at(json, "state"), "withdrawn");
    assert_string_equal(json_at(json, "withdrawn_by"), "key:test");
    assert_string_equal(json_at(json, "withdrawn_reason"), "of another account");
    assert_non_null(json_at(json, "withdrawn_at"));
    json_decref(json);
    assert_int_equal(world_int(W, LIVE), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM movement WHERE side = 2"), 0);
    char *why = world_text(W, "SELECT resolution FROM recon_break LIMIT 1");
    assert_non_null(strstr(why, "was withdrawn: of another account"));
    free(why);
    /* Asked again by the same key it is the same answer; by another one it is too late. */
    assert_int_equal(withdraw(id, "of another account", "k1", &json), 200);
    json_decref(json);
    assert_int_equal(withdraw_only(id, "once more"), -ERR_STATE);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM audit_entry WHERE action = "
                                  "'statement.withdraw' AND reason = 'of another account'"),
                     1);
    /* The very bytes may be given again: they are a new statement. */
    struct given again = small("right.csv");
    hand_in(&again);
    assert_outcome(&again, "taken");
    assert_int_equal(world_int(W, TAKEN), 1);
    assert_int_equal(world_int(W, LIVE), 2);
    free(id);
}

static void what_it_took_the_place_of_counts_again(void **state) {
    (void)state;
    static const char other[] = CANONICAL CHARGE_ROW("y1", 700);
    recon_start();
    struct given given = small("first.csv");
    hand_in(&given);
    char *first = world_text(W, "SELECT id FROM statement");
    struct given wrong = given_file("stripe-a", "wrong.csv", other, sizeof other - 1);
    wrong.request.supersedes = first;
    wrong.request.reason = "corrected";
    hand_in(&wrong);
    assert_outcome(&wrong, "taken");
    char *second = world_text(W, "SELECT id FROM statement WHERE state = 2");
    assert_int_equal(world_int(W, LIVE), 1);
    assert_int_equal(withdraw_only(first, "it was wrong"), -ERR_STATE);
    assert_non_null(strstr(W->err.hint, second));
    assert_int_equal(withdraw_only(second, "no correction at all"), 200);
    assert_text(W, "SELECT id FROM statement WHERE state = 2", first);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement WHERE superseded_by <> ''"), 0);
    assert_int_equal(world_int(W, LIVE), 2);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM movement WHERE side = 2"), 2);
    free(first);
    free(second);
}

static void a_statement_that_something_was_done_about_is_not_withdrawn(void **state) {
    (void)state;
    static const struct {
        const char *done, *undone, *says;
    } rows[] = {
        {"UPDATE recon_break SET written_off_minor = 5",
         "UPDATE recon_break SET written_off_minor = 0", "written off"},
        {"INSERT INTO repair (id, break_id, gateway, rule, action, state, payment_id, attempt_id, "
         "operation_id, second_id, second_charge_id, case_id, currency, amount_minor, day, said, "
         "tries, planned_us, updated_us, ended_us, reversed_by, reason) SELECT 'rep_1', id, "
         "'stripe-a', 'r', 1, 4, '', '', '', '', '', '', 'USD', 1, 1, '', 0, 0, 0, 0, '', '' FROM "
         "recon_break ORDER BY id LIMIT 1",
         "UPDATE repair SET state = 8", "rep_1"},
        {"INSERT INTO bank_row (id, gateway, bank_id, account, virtual_account, booked_on, "
         "valued_on, credit, amount_minor, currency, party_name, party_account, party_sealed, "
         "remittance, named, reverses, source, line, taken_us, taken_by, state, payment_id, "
         "attempt_id, operation_id, excess_minor, note, matched_us, matched_by) VALUES ('bnk_1', "
         "'stripe-a', 'x2', '', '', '', '', 1, 250, 'USD', '', '', '', '', '', '', 'f', 9, 0, '', "
         "2, 'pay_1', '', '', 0, '', 0, '')",
         "DELETE FROM bank_row", "bnk_1"},
    };
    recon_start();
    struct given given = small("small.csv");
    hand_in(&given);
    char *id = world_text(W, "SELECT id FROM statement");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        test_store_exec(W->engine.store, rows[i].done);
        assert_int_equal(withdraw_only(id, "why"), -ERR_STATE);
        assert_non_null(strstr(W->err.detail, rows[i].says));
        assert_int_equal(world_int(W, TAKEN), 1);
        test_store_exec(W->engine.store, rows[i].undone);
    }
    assert_int_equal(withdraw_only(id, "why"), 200);
    free(id);
}

static void bytes_that_were_superseded_are_refused_at_once(void **state) {
    (void)state;
    static const char other[] = CANONICAL CHARGE_ROW("x1", 100) CHARGE_ROW("x2", 251);
    recon_start();
    struct given given = small("first.csv");
    hand_in(&given);
    char *first = world_text(W, "SELECT id FROM statement");
    struct given corrected = given_file("stripe-a", "second.csv", other, sizeof other - 1);
    corrected.request.supersedes = first;
    corrected.request.reason = "corrected";
    hand_in(&corrected);
    struct given again = small("again.csv");
    hand_in(&again);
    json_t *json = outcome(&again);
    assert_string_equal(json_at(json, "state"), "refused");
    assert_non_null(strstr(json_at(json_object_get(json, "error"), "detail"), "superseded"));
    json_decref(json);
    free(first);
}

/* ---- a statement of which nothing is known ---- */

static struct desk *desk;

static void start_with_tickets(int64_t hold_rows, int64_t hold_percent) {
    static const struct ticket_config nobody;
    const struct desk_options tickets = {.store = W->engine.store, .payments = W->payments};
    assert_int_equal(desk_open(&tickets, &desk, &W->err), 0);
    assert_int_equal(tickets_open(desk, &nobody, W->registry, &W->err), 0);
    const struct recon_options options = {
        .store = W->engine.store,
        .payments = W->payments,
        .registry = W->registry,
        .client = fake_gateway_client(W->fake),
        .seal = W->seal,
        .desk = desk,
        .no_days = true,
        .hold_rows = hold_rows,
        .hold_percent = hold_percent,
    };
    recon_close(recon);
    recon = NULL;
    assert_int_equal(recon_open(&options, &recon, &W->err), 0);
}

static int let_go(void **state) {
    (void)state;
    recon_close(recon);
    desk_close(desk);
    recon = NULL;
    desk = NULL;
    return 0;
}

static int ask_run_tx(struct store_tx *tx, void *ctx, struct err *tx_err) {
    (void)ctx;
    int r = recon_ask_run(tx, "stripe-a", "user:usr_1", tx_err);
    return r < 0 ? r : 0;
}

static void work(void) {
    for (int i = 0; i < 20 && world_tick(W) > 0; i++) {
        test_clock_advance(US_PER_MS);
    }
}

static void run_again(void) {
    assert_int_equal(store_write(W->engine.store, ask_run_tx, NULL, &W->err), 0);
    work();
}
#define BREAK_TICKETS "SELECT COUNT(*) FROM ticket WHERE kind = 'break' AND state = 1"
#define STATEMENT_TICKETS "SELECT COUNT(*) FROM ticket WHERE kind = 'statement' AND state = 1"

static void a_statement_unknown_here_has_one_ticket_until_somebody_goes_on(void **state) {
    (void)state;
    start_with_tickets(20, 0);
    BUF_AUTO text;
    buf_init(&text, 1 << 20);
    buf_add_text(&text, CANONICAL);
    for (int i = 0; i < 30; i++) {
        buf_addf(&text, "g%d,R-%d,,,,charge,done,USD,%d,,,2026-11-20T10:00:00Z,card,\n", i, i, 500);
    }
    struct given wrong = given_file("stripe-a", "wrong.csv", text.data, text.len);
    struct given right = small("small.csv");
    hand_in(&right);
    hand_in(&wrong);
    work();
    assert_int_equal(world_int(W, LIVE), 32);
    assert_int_equal(world_int(W, STATEMENT_TICKETS), 1);
    assert_int_equal(world_int(W, BREAK_TICKETS), 2); /* of the other one */
    char *id = world_text(W, "SELECT subject FROM ticket WHERE kind = 'statement'");
    char *title = world_text(W, "SELECT title FROM ticket WHERE kind = 'statement'");
    assert_non_null(strstr(title, id));
    assert_non_null(strstr(title, "30"));
    run_again();
    assert_int_equal(world_int(W, STATEMENT_TICKETS), 1);
    assert_int_equal(world_int(W, BREAK_TICKETS), 2);
    /* A person goes on with it. */
    char *ticket = world_text(W, "SELECT id FROM ticket WHERE kind = 'statement'");
    struct caller caller = who(NULL);
    struct answer answer = {0};
    assert_true(ticket_move(desk, &caller, ticket, "close", "it is right", &answer, &W->err) >= 0);
    assert_non_null(strstr(answer.json, "A run of stripe-a was asked for"));
    answer_release(&answer);
    work();
    assert_int_equal(world_int(W, BREAK_TICKETS), 32);
    assert_int_equal(world_int(W, STATEMENT_TICKETS), 0);
    /* Or withdraws it after all. */
    assert_int_equal(withdraw_only(id, "mistaken"), 200);
    work();
    assert_int_equal(world_int(W, LIVE), 2);
    assert_int_equal(world_int(W, BREAK_TICKETS), 2);
    free(ticket);
    free(title);
    free(id);
}

/* Each of its rows stands there twice: half of them are one too many. */
static void a_statement_half_of_which_tells_again_has_one_ticket(void **state) {
    (void)state;
    start_with_tickets(20, 0);
    BUF_AUTO text;
    buf_init(&text, 1 << 20);
    buf_add_text(&text, CANONICAL);
    for (int i = 0; i < 20; i++) {
        char order[24];
        snprintf(order, sizeof order, "order-%d", i);
        free(world_paid(W, order, 500));
        char *attempt = world_text(W, "SELECT id FROM attempt ORDER BY created_us DESC LIMIT 1");
        for (int j = 0; j < 2; j++) {
            buf_addf(&text, "ch_%d,%s,,,,charge,done,USD,500,,,2026-11-20T10:0%d:00Z,card,\n", i,
                     attempt, j);
        }
        free(attempt);
        test_clock_advance(US_PER_MS);
    }
    struct given twice = given_file("stripe-a", "twice.csv", text.data, text.len);
    hand_in(&twice);
    work();
    assert_int_equal(world_int(W, LIVE " AND class = 17"), 20);
    assert_int_equal(world_int(W, STATEMENT_TICKETS), 1);
    assert_int_equal(world_int(W, BREAK_TICKETS " AND class = 'duplicate_there'"), 0);
    char *title = world_text(W, "SELECT title FROM ticket WHERE kind = 'statement'");
    assert_non_null(strstr(title, "0 are unknown here and 20 tell again"));
    free(title);
    char *id = world_text(W, "SELECT id FROM statement");
    assert_int_equal(withdraw_only(id, "mistaken"), 200);
    assert_int_equal(world_int(W, STATEMENT_TICKETS), 0);
    free(id);
}

static void a_held_statement_that_is_withdrawn_or_found_has_no_ticket_left(void **state) {
    (void)state;
    start_with_tickets(2, 0);
    struct given given = small("small.csv");
    hand_in(&given);
    work();
    assert_int_equal(world_int(W, STATEMENT_TICKETS), 1);
    char *id = world_text(W, "SELECT id FROM statement");
    assert_int_equal(withdraw_only(id, "mistaken"), 200);
    assert_int_equal(world_int(W, STATEMENT_TICKETS), 0);
    free(id);
    hand_in(&given);
    work();
    assert_int_equal(world_int(W, STATEMENT_TICKETS), 1);
    /* As if two of four were found: no more than half of them are unknown. */
    test_store_exec(W->engine.store, "UPDATE statement SET row_count = 4 WHERE state = 2");
    run_again();
    assert_int_equal(world_int(W, STATEMENT_TICKETS), 0);
    assert_int_equal(world_int(W, BREAK_TICKETS), 2);
}

static void a_statement_of_few_rows_or_a_share_that_never_holds_has_tickets_by_row(void **state) {
    (void)state;
    static const int64_t limits[][2] = {{3, 0}, {2, 100}, {2, 101}, {0, 0}};
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        payment_world_forget(W);
        start_with_tickets(limits[i][0], limits[i][1]);
        struct given given = small("small.csv");
        hand_in(&given);
        work();
        assert_int_equal(world_int(W, STATEMENT_TICKETS), 0);
        assert_int_equal(world_int(W, BREAK_TICKETS), 2);
        (void)let_go(state);
    }
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_file_is_taken_in_and_its_parts_are_gone),
        cmocka_unit_test(parts_come_in_any_order_and_more_than_once),
        cmocka_unit_test(a_missing_part_is_named_and_can_still_be_given),
        cmocka_unit_test(a_part_with_other_bytes_or_of_another_size_is_refused),
        cmocka_unit_test(bytes_that_were_not_announced_are_refused),
        cmocka_unit_test(what_is_wrong_with_a_file_is_told_line_by_line),
        cmocka_unit_test(a_row_that_is_ahead_of_the_clock_is_refused_with_its_line),
        cmocka_unit_test(what_no_reader_knows_is_refused),
        cmocka_unit_test(the_same_file_twice_is_known),
        cmocka_unit_test(any_delimited_file_goes_by_its_map),
        cmocka_unit_test(a_bomb_is_refused),
        cmocka_unit_test(what_is_too_large_is_refused_at_once),
        cmocka_unit_test(begun_again_it_is_the_same_upload),
        cmocka_unit_test(completed_twice_it_is_taken_once),
        cmocka_unit_test(two_who_complete_it_at_once_have_it_taken_once),
        cmocka_unit_test(whatever_breaks_it_is_taken_in_once),
        cmocka_unit_test(what_nobody_goes_on_with_is_swept),
        cmocka_unit_test(parts_are_no_plain_text_in_the_store),
        cmocka_unit_test(a_corrected_file_must_say_so_and_then_counts_instead),
        cmocka_unit_test(statements_are_listed_with_what_their_rows_became),
        cmocka_unit_test(a_withdrawn_statement_no_longer_counts_and_its_breaks_heal),
        cmocka_unit_test(what_it_took_the_place_of_counts_again),
        cmocka_unit_test(a_statement_that_something_was_done_about_is_not_withdrawn),
        cmocka_unit_test(bytes_that_were_superseded_are_refused_at_once),
        cmocka_unit_test_teardown(a_statement_unknown_here_has_one_ticket_until_somebody_goes_on,
                                  let_go),
        cmocka_unit_test_teardown(a_statement_half_of_which_tells_again_has_one_ticket, let_go),
        cmocka_unit_test_teardown(a_held_statement_that_is_withdrawn_or_found_has_no_ticket_left,
                                  let_go),
        cmocka_unit_test_teardown(
            a_statement_of_few_rows_or_a_share_that_never_holds_has_tickets_by_row, let_go),
    };
    int failed = payment_world_run("statements that are given", tests, COUNT_OF(tests));
    free(large);
    return failed;
}
