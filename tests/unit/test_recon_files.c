/* SPDX-License-Identifier: Apache-2.0
 * test_recon_files.c: two files against each other. The proof is random books: what comes out of
 * the pipeline, in any memory, is what match_run() says of all rows at once. */
#include "files_fixture.h"

enum { CASES = 1200 };

/* ---- random books ---- */

#define COMMON "kind: kind, status: status, currency: currency, amount: amount, time: time"
#define COLUMNS(more) "columns: {" more COMMON ", original_id: original_id}\n"
static const struct shape shapes[] = {
    {"both keys", COLUMNS("gateway_id: id, reference: reference, "),
     COLUMNS("gateway_id: id, reference: reference, "), true, true, true, true, false},
    {"ids alone", COLUMNS("gateway_id: id, "), COLUMNS("gateway_id: id, "), true, true, false,
     false, false},
    {"references alone", COLUMNS("reference: reference, "), COLUMNS("reference: reference, "),
     false, false, true, true, false},
    {"an id there alone", COLUMNS("reference: reference, "),
     COLUMNS("gateway_id: id, reference: reference, "), false, true, true, true, false},
    {"a reference here alone", COLUMNS("gateway_id: id, reference: reference, "),
     COLUMNS("gateway_id: id, "), true, true, true, false, false},
    {"no key of both", COLUMNS("gateway_id: id, "), COLUMNS("reference: reference, "), true, false,
     false, true, false},
    {"both keys and fees", COLUMNS("gateway_id: id, reference: reference, fee: fee, "),
     COLUMNS("gateway_id: id, reference: reference, fee: fee, "), true, true, true, true, true},
    {"ids and fees", COLUMNS("gateway_id: id, fee: fee, "), COLUMNS("gateway_id: id, fee: fee, "),
     true, true, false, false, true},
};

static uint32_t below(struct prng *random, uint32_t bound) {
    return (uint32_t)prng_below(random, bound);
}

static const char *one_of(struct prng *random, const char *const *texts, uint32_t count) {
    return texts[below(random, count)];
}

/* Keys of several looks, since each is held in another way: few digits, digits of base 16 behind
 * what all have, in small and in large letters, of several words, any bytes, and a long one. */
enum { KEY_LOOKS = 7 };
static void add_key(GString *line, uint32_t look, const char *letter, uint32_t number) {
    switch (look) {
    case 1:
        g_string_append_printf(line, "%s_0123456789ab%04x", letter, number * 1567);
        return;
    case 2:
        g_string_append_printf(line, "%s%05X", letter, number * 15671);
        return;
    case 3:
        g_string_append_printf(line, "%s%030x", letter, number);
        return;
    case 4:
        g_string_append_printf(line, "%s-%02u-and a name of its own", letter, number);
        return;
    case 5:
        g_string_append_printf(line, "%02u%s", number, letter);
        return;
    case 6:
        g_string_append_printf(line, "%02u%s%090u", number, letter, number);
        return;
    default:
        g_string_append_printf(line, "%s%u", letter, number);
    }
}

/* Few values of everything, so that rows meet in every way; most of theirs are copies of ours. */
static void random_row(struct prng *random, GString *line, uint32_t keys, uint32_t look) {
    static const char *const kinds[] = {"charge", "charge",          "charge",     "charge",
                                        "refund", "refund_returned", "chargeback", "fee"};
    static const char *const statuses[] = {"done", "done", "done", "done", "pending", "failed"};
    /* Sums of USD and SAR are gathered in one place. */
    static const char *const currencies[] = {"USD", "USD", "SAR", "EUR", "JPY", "KWD"};
    const char *kind = one_of(random, kinds, COUNT_OF(kinds));
    const char *sign = strcmp(kind, "refund") == 0 || strcmp(kind, "chargeback") == 0 ? "-" : "";
    g_string_printf(line, "%s,%s,%s,%s%s%u,2026-11-%02uT%02u:00:00Z,", kind,
                    one_of(random, statuses, COUNT_OF(statuses)),
                    one_of(random, currencies, COUNT_OF(currencies)), sign,
                    below(random, 30) == 0 ? "90000000" : "", 1 + below(random, 40),
                    1 + below(random, 9), below(random, 24));
    const char *const letters[] = {"G", "R", "O"};
    for (size_t i = 0; i < COUNT_OF(letters); i++) {
        if (below(random, 8) > 0) {
            add_key(line, below(random, 20) == 0 ? 0 : look, letters[i], below(random, keys));
        }
        g_string_append_c(line, ',');
    }
    if (below(random, 4) > 0) {
        g_string_append_printf(line, "%u", below(random, 3));
    }
}

/* Keeps the columns that a shape has. */
static void add_line(GString *file, const char *line, bool id, bool reference, bool fees) {
    g_auto(GStrv) cells = g_strsplit(line, ",", -1);
    assert_int_equal(g_strv_length(cells), 9);
    g_string_append_printf(file, "%s,%s,%s,%s,%s,%s", cells[0], cells[1], cells[2], cells[3],
                           cells[4], cells[7]);
    if (id) {
        g_string_append_printf(file, ",%s", cells[5]);
    }
    if (reference) {
        g_string_append_printf(file, ",%s", cells[6]);
    }
    if (fees) {
        g_string_append_printf(file, ",%s", cells[8]);
    }
    g_string_append_c(file, '\n');
}

static GString *begin_file(bool id, bool reference, bool fees) {
    GString *file = g_string_new("kind,status,currency,amount,time,original_id");
    g_string_append_printf(file, "%s%s%s\n", id ? ",id" : "", reference ? ",reference" : "",
                           fees ? ",fee" : "");
    return file;
}

/* At most so many rows. */
static void random_books(struct prng *random, const struct shape *shape, uint32_t most,
                         const struct place *place) {
    g_autoptr(GString) ours = begin_file(shape->ours_id, shape->ours_reference, shape->fees);
    g_autoptr(GString) theirs = begin_file(shape->theirs_id, shape->theirs_reference, shape->fees);
    g_autoptr(GString) line = g_string_new(NULL);
    uint32_t rows = below(random, most), keys = 1 + below(random, most + most / 3);
    uint32_t look = below(random, KEY_LOOKS);
    for (uint32_t i = 0; i < rows; i++) {
        random_row(random, line, keys, look);
        uint32_t fate = below(random, 10);
        if (fate > 0) {
            add_line(ours, line->str, shape->ours_id, shape->ours_reference, shape->fees);
        }
        if (fate == 1) {
            random_row(random, line, keys, look);
        } else if (fate == 4 && g_str_has_prefix(line->str, "fee,")) { /* another kind */
            memcpy(line->str, "tax", strlen("tax"));
        } else if (fate == 5) { /* at another hour, and nothing else */
            char *hour = strchr(line->str, 'T');
            assert_non_null(hour);
            hour[1] = (char)('0' + below(random, 2));
        } else if (fate == 3) { /* another fee, and nothing else */
            g_string_truncate(line, (gsize)(strrchr(line->str, ',') + 1 - line->str));
            g_string_append_printf(line, "%u", below(random, 3));
        }
        if (fate != 2) {
            add_line(theirs, line->str, shape->theirs_id, shape->theirs_reference, shape->fees);
        }
    }
    put_file(place->ours, ours->str, ours->len);
    put_file(place->theirs, theirs->str, theirs->len);
}

static void what_the_pipeline_finds_is_what_the_matcher_finds_in_all_rows_at_once(void **state) {
    struct files_figures *figures = g_new0(struct files_figures, 1);
    struct place place = place_make();
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        int64_t joined = 0, spilled = 0;
        for (uint64_t seed = 0; seed < CASES / COUNT_OF(shapes); seed++) {
            struct prng random;
            prng_init(&random, seed * 1000 + i);
            random_books(&random, &shapes[i], 60, &place);
            compare_books(&shapes[i], &place, NULL, figures, &joined, &spilled);
        }
        /* A test of the quick way that never went it would prove nothing. */
        bool has_key = (shapes[i].ours_id && shapes[i].theirs_id) ||
                       (shapes[i].ours_reference && shapes[i].theirs_reference);
        assert_true(has_key == (joined > 0));
        assert_true(spilled > 0);
    }
    place_end(&place);
    g_free(figures);
}

/* Here and there another way to write the same: an empty line, a text in quotes, a line end. */
static void write_otherwise(struct prng *random, const char *path, bool returns) {
    g_autofree char *text = NULL;
    g_autoptr(GString) file = g_string_new(NULL);
    uint32_t rarely = 20 + below(random, 400);
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL && **line != '\0'; line++) {
        const char *last = strrchr(*line, ',') + 1;
        bool quoted = line > lines && below(random, rarely) == 0;
        g_string_append(file, line > lines && below(random, rarely) == 0 ? "\n" : "");
        g_string_append_len(file, *line, last - *line);
        g_string_append_printf(file, "%s%s%s%s", quoted ? "\"" : "", last, quoted ? "\"" : "",
                               returns || below(random, rarely) == 0 ? "\r\n" : "\n");
    }
    put_file(path, file->str, file->len);
}

/* Rows enough for those that are looked at ahead; the file is the same in any memory and by one
 * task or two (compare_books()). */
static void rows_that_are_alike_and_rows_that_are_not_are_told_as_by_the_matcher(void **state) {
    struct files_figures *figures = g_new0(struct files_figures, 1);
    struct place place = place_make();
    for (uint64_t seed = 0; seed < 4 * COUNT_OF(shapes); seed++) {
        const struct shape *shape = &shapes[seed % COUNT_OF(shapes)];
        int64_t joined = 0, spilled = 0;
        struct prng random;
        prng_init(&random, seed);
        random_books(&random, shape, 1500, &place);
        write_otherwise(&random, place.ours, seed % 3 == 0);
        write_otherwise(&random, place.theirs, seed % 5 == 0);
        compare_books(shape, &place, NULL, figures, &joined, &spilled);
    }
    place_end(&place);
    g_free(figures);
}

/* Some of the rules, in their order, with tolerances and times. */
static void random_rules(struct prng *random, struct match_set *ret_set) {
    static const struct match_tolerance tolerances[] = {{{"USD"}, 3}, {{"JPY"}, 1}, {{"EUR"}, 0}};
    static const enum match_by tried[] = {BY_GATEWAY_ID, BY_REFERENCE, BY_ORIGINAL,
                                          BY_AMOUNT_TIME};
    *ret_set = (struct match_set){0};
    for (size_t i = 0; i < COUNT_OF(tried); i++) {
        struct match_rule *rule = &ret_set->rules[ret_set->count];
        bool by_name = tried[i] == BY_GATEWAY_ID || tried[i] == BY_REFERENCE;
        int64_t spans[2] = {0, 0};
        for (int j = 0; j < 2 && (!by_name || below(random, 2) == 0); j++) {
            bool any = by_name && below(random, 4) == 0;
            spans[j] = any ? INT64_MAX : (int64_t)below(random, 60) * 3600 * US_PER_SECOND;
        }
        if (below(random, 4) == 0) {
            continue;
        }
        *rule = (struct match_rule){
            .by = tried[i],
            .name = match_by_name(tried[i]),
            .before_us = spans[0],
            .after_us = spans[1],
            .tolerances = tolerances,
            .tolerance_count = by_name ? (int)below(random, COUNT_OF(tolerances) + 1) : 0,
            .tolerance_ppm = by_name && below(random, 3) == 0 ? 100000 : 0,
        };
        ret_set->count++;
    }
}

static void rules_in_an_order_that_tears_rows_apart_are_refused(void **state) {
    static const struct match_set wrong = {
        .count = 2,
        .rules = {{.by = BY_REFERENCE, .name = "r"}, {.by = BY_GATEWAY_ID, .name = "i"}},
    };
    struct place place = place_make();
    struct err err = {0};
    struct files_figures *figures = g_new0(struct files_figures, 1);
    const struct files_request request = {.report = place.out, .rules = &wrong};
    assert_int_equal(files_reconcile(&request, figures, &err), -ERR_VALIDATION);
    assert_non_null(strstr(err.detail, "the rule by gateway_id stands too late"));
    put_file(place.ours, "", 0);
    put_file(place.theirs, "", 0);
    place_end(&place);
    g_free(figures);
}

static void with_any_rules_it_finds_what_the_matcher_finds(void **state) {
    struct files_figures *figures = g_new0(struct files_figures, 1);
    struct place place = place_make();
    int64_t joined = 0, spilled = 0;
    for (uint64_t seed = 0; seed < CASES / 4; seed++) {
        static struct match_set set;
        struct prng random;
        const struct shape *shape = &shapes[seed % COUNT_OF(shapes)];
        prng_init(&random, seed);
        random_rules(&random, &set);
        random_books(&random, shape, 60, &place);
        compare_books(shape, &place, &set, figures, &joined, &spilled);
    }
    assert_true(joined > 0);
    rules_at_hand = NULL;
    place_end(&place);
    g_free(figures);
}

static void a_pair_that_a_third_row_parts_leaves_nothing_in_the_sums(void **state) {
#define FEES_HEAD "kind,status,currency,amount,time,original_id,id,fee\n"
#define FEES_ROW "charge,done,USD,1.00,2026-11-01T00:00:00Z,,G1,"
    static const char ours[] = FEES_HEAD FEES_ROW "\n";
    static const char theirs[] = FEES_HEAD FEES_ROW "0.07\n" FEES_ROW "0.07\n";
    struct files_figures *figures = g_new0(struct files_figures, 1);
    struct place place = place_make();
    int64_t joined = 0, spilled = 0;
    put_file(place.ours, ours, strlen(ours));
    put_file(place.theirs, theirs, strlen(theirs));
    compare_books(&shapes[COUNT_OF(shapes) - 1], &place, NULL, figures, &joined, &spilled);
    assert_int_equal(joined, 0);
    place_end(&place);
    g_free(figures);
}

/* ---- the quick look ---- */

/* A cell as somebody may write it: mostly plain, now and then not. */
static void random_cell(struct prng *random, GString *line, const char *const *texts,
                        uint32_t count) {
    static const char *const odd[] = {
        "",  " ", "\t",       "\"",   "\"\"", "x",  "-",
        ".", "0", "\xC3\xA9", "\x7F", "\x01", "\r", "9999999999999999999"};
    bool strange = below(random, 40) == 0, quoted = below(random, 40) == 0;
    g_string_append(line, quoted ? "\"" : "");
    g_string_append(line, strange ? one_of(random, odd, COUNT_OF(odd)) : "");
    g_string_append(line, below(random, 8) == 0 ? " " : "");
    g_string_append(line, below(random, 2) == 0 ? texts[0] : one_of(random, texts, count));
    g_string_append(line, below(random, 8) == 0 ? " " : "");
    g_string_append(line, quoted ? "\"" : "");
    g_string_append_c(line, ',');
}

static void random_record(struct prng *random, GString *line) {
    static const char *const kinds[] = {"charge", "refund", "fee", "authorization", "sale"};
    static const char *const statuses[] = {"done", "pending", "failed", "Done"};
    static const char *const codes[] = {"USD", "EUR", "JPY", "KWD", "usd", "XXX"};
    static const char *const amounts[] = {
        "12",      "-12.50",   "12.50",    "0",        "-0.00",     "1.234", "12.5",
        ".5",      "12.",      "+1.00",    "1,5",      "007.10",    "1e3",   "--1",
        "100.000", "99999.99", "1234567",  "12345678", "123456.78", "1:.00", "9876543.21",
        "0.0/",    "/1.00",    "1234.567", ";2345678"};
    static const char *const fees[] = {"", "", "0.50", "-0.50", "1"};
    static const char *const nets[] = {"", "", "12.00", "12.50", "-12.00"};
    static const char *const times[] = {
        "2026-11-20T10:00:00Z",      "2026-02-29T10:00:00Z", "2024-02-29T10:00:00Z",
        "2026-13-01T10:00:00Z",      "2026-11-31T10:00:00Z", "2026-11-20T24:00:00Z",
        "2026-11-20T10:60:00Z",      "2026-11-20T10:00:60Z", "2026-11-20 10:00:00Z",
        "2026-11-20T10:00:00+08:00", "1969-12-31T10:00:00Z", "2026-11-20T10:00:00.250Z",
        "2026-1a-20T10:00:00Z",      "2026-11-20T10:00:00"};
    static const char *const ids[] = {"", "ch_1", "a longer id of nineteen", "O'Hara", "x-y"};
    random_cell(random, line, kinds, COUNT_OF(kinds));
    random_cell(random, line, statuses, COUNT_OF(statuses));
    random_cell(random, line, codes, COUNT_OF(codes));
    random_cell(random, line, amounts, COUNT_OF(amounts));
    random_cell(random, line, fees, COUNT_OF(fees));
    random_cell(random, line, nets, COUNT_OF(nets));
    random_cell(random, line, times, COUNT_OF(times));
    random_cell(random, line, ids, COUNT_OF(ids));
    random_cell(random, line, ids, COUNT_OF(ids));
    random_cell(random, line, ids, COUNT_OF(ids));
    g_string_append(line, below(random, 20) == 0 ? "more,,,\n" : "\n");
}

static const char *const quick_maps[] = {
    "",
    "amount: {sign: reversed}\n",
    "amount: {sign: by_kind, fee: negative}\n",
    "amount: {unit: minor}\n",
    "amount: {decimal: \",\"}\n",
    "check_net: false\nkinds: {charge: charge, refund: -refund, sale: +fee}\n",
    "time: {format: \"YYYY-MM-DDThh:mm:ssZ\"}\n",
    "time: {format: \"YYYY-MM-DD hh:mm:ssZ|YYYY-MM-DDThh:mm:ss.fffZ\"}\n",
};

/* Of whatever it says at all, csv_map_row() says the same. */
static int64_t compare_record(struct quick *quick, const struct map_binding *binding,
                              const struct side_records *records, struct map_text *room) {
    struct quick_row fast;
    struct statement_row slow;
    enum statement_problem problem;
    struct err err = {0};
    bool is_quick = quick_look(quick, records, &fast);
    int rc = csv_map_row(binding, records->fields, records->count, records->line, room, &slow,
                         &problem, &err);
    if (!is_quick) {
        return 0;
    }
    if (rc < 0) {
        fail_msg("a quick look took a row that is none: %s", err.detail);
    }
    assert_int_equal(fast.amount_minor, slow.gross_minor);
    assert_int_equal(fast.fee_minor, slow.fee_minor);
    assert_int_equal(fast.face, face_of(slow.kind, slow.status, slow.currency));
    assert_int_equal(fast.key_bytes, strlen(slow.gateway_id));
    assert_memory_equal(fast.key, slow.gateway_id, fast.key_bytes);
    assert_int_equal(fast.other_bytes, strlen(slow.reference));
    assert_memory_equal(fast.other, slow.reference, fast.other_bytes);
    return 1;
}

static void what_a_quick_look_finds_is_what_the_map_says(void **state) {
    static const char columns[] =
        "columns: {kind: kind, status: status, currency: currency, amount: amount, fee: fee, net: "
        "net, time: time, gateway_id: id, reference: reference, description: note}\n";
    static const char header[] = "kind,status,currency,amount,fee,net,time,id,reference,note,\n";
    struct map_text *room = g_new0(struct map_text, 1);
    struct side_records *records = g_new0(struct side_records, 1);
    for (size_t i = 0; i < COUNT_OF(quick_maps); i++) {
        g_autofree char *yaml = g_strconcat(columns, quick_maps[i], NULL);
        CSV_MAP_AUTO map = map_of(yaml);
        g_autoptr(GString) file = g_string_new(header);
        struct prng random;
        prng_init(&random, i);
        for (int j = 0; j < 40000; j++) {
            random_record(&random, file);
        }
        struct map_binding binding;
        struct quick quick;
        int64_t count = 0;
        enum csv_result result = CSV_RECORD;
        csv_open(&records->csv, file->str, file->len, ',', '"');
        assert_int_equal(csv_next(&records->csv, records->fields, CSV_FIELDS_MAX, &records->count,
                                  &records->line, &records->why),
                         CSV_RECORD);
        assert_int_equal(csv_map_bind(map, records->fields, records->count, &binding, NULL), 0);
        quick_init(&quick, &binding, MAP_GATEWAY_ID, true);
        memset(room, 0, sizeof *room);
        while (result != CSV_END) {
            result = csv_next(&records->csv, records->fields, CSV_FIELDS_MAX, &records->count,
                              &records->line, &records->why);
            count += result == CSV_RECORD ? compare_record(&quick, &binding, records, room) : 0;
        }
        assert_true(count > 50);
    }
    g_free(records);
    g_free(room);
}

/* ---- damage ---- */

#define HEAD "kind,status,currency,amount,time,original_id,id,reference\n"
#define GOOD "charge,done,USD,1.00,2026-11-01T00:00:00Z,,G1,R1\n"

static const char both_keys[] = COLUMNS("gateway_id: id, reference: reference, ");

static int run_text(struct place *place, const char *map_text, const char *ours,
                    struct files_figures *figures, struct err *err) {
    CSV_MAP_AUTO map = map_of(map_text);
    put_file(place->ours, ours, strlen(ours));
    put_file(place->theirs, HEAD GOOD, strlen(HEAD GOOD));
    const struct files_request request = {
        .sides = {{.path = place->ours, .map = map}, {.path = place->theirs, .map = map}},
        .report = place->out,
    };
    return files_reconcile(&request, figures, err);
}

static void one_damaged_row_and_nothing_is_matched(void **state) {
    static const struct {
        const char *name, *ours;
        int64_t line;
        enum statement_problem problem;
    } cases[] = {
        {"too few fields", HEAD GOOD "charge,done\n" GOOD, 3, PROBLEM_BAD_ROW},
        {"too many fields", HEAD "charge,done,USD,1.00,2026-11-01T00:00:00Z,,G1,R1,more\n", 2,
         PROBLEM_BAD_ROW},
        {"an amount that is none", HEAD GOOD "charge,done,USD,1.0x,2026-11-01T00:00:00Z,,G1,R1\n",
         3, PROBLEM_BAD_VALUE},
        {"a finer amount than the currency", HEAD "charge,done,JPY,1.5,2026-11-01T00:00:00Z,,G,R\n",
         2, PROBLEM_BAD_VALUE},
        {"an unknown kind", HEAD "gift,done,USD,1.00,2026-11-01T00:00:00Z,,G1,R1\n", 2,
         PROBLEM_UNKNOWN_KIND},
        {"an unknown status", HEAD "charge,maybe,USD,1.00,2026-11-01T00:00:00Z,,G1,R1\n", 2,
         PROBLEM_UNKNOWN_KIND},
        {"an unknown currency", HEAD "charge,done,ZZZ,1.00,2026-11-01T00:00:00Z,,G1,R1\n", 2,
         PROBLEM_CURRENCY},
        {"a sign that is not the kind's", HEAD "refund,done,USD,1.00,2026-11-01T00:00:00Z,,G,R\n",
         2, PROBLEM_SIGN},
        {"a day that no calendar has", HEAD "charge,done,USD,1.00,2026-02-29T00:00:00Z,,G,R\n", 2,
         PROBLEM_BAD_VALUE},
        {"a quote that never ends", HEAD GOOD "charge,done,USD,1.00,2026-11-01T00:00:00Z,,\"G,R\n",
         3, PROBLEM_BAD_ROW},
        {"text after a quote", HEAD "charge,done,USD,1.00,2026-11-01T00:00:00Z,,\"G\"1,R\n" GOOD, 2,
         PROBLEM_BAD_ROW},
        {"a control character in an id",
         HEAD "charge,done,USD,1.00,2026-11-01T00:00:00Z,,G\x01,R\n", 2, PROBLEM_BAD_VALUE},
        {"an id that is no text", HEAD "charge,done,USD,1.00,2026-11-01T00:00:00Z,,G\xFF,R\n", 2,
         PROBLEM_ENCODING},
        {"a line inside a row before it",
         HEAD "charge,done,USD,1.00,2026-11-01T00:00:00Z,,G2,\"R\n\"\ngift,done,USD,1,x,,G,R\n", 2,
         PROBLEM_BAD_VALUE},
    };
    struct files_figures *figures = g_new0(struct files_figures, 1);
    struct place place = place_make();
    /* At the beginning of a file, and behind more good rows than are looked at ahead. */
    for (size_t j = 0; j < 2 * COUNT_OF(cases); j++) {
        struct err err = {0};
        size_t i = j / 2, before = j % 2 * 200;
        int64_t line = cases[i].line + (int64_t)before;
        g_autoptr(GString) ours = g_string_new(HEAD);
        for (size_t k = 0; k < before; k++) {
            g_string_append(ours, GOOD);
        }
        g_string_append(ours, cases[i].ours + strlen(HEAD));
        int rc = run_text(&place, both_keys, ours->str, figures, &err);
        if (rc != -ERR_VALIDATION || figures->shown_count < 1 || figures->shown[0].line != line ||
            figures->shown[0].problem != cases[i].problem) {
            fail_msg("%s: %d, %s, line %lld, %s", cases[i].name, rc, err.detail,
                     (long long)figures->shown[0].line,
                     statement_problem_name(figures->shown[0].problem));
        }
        g_autofree char *problems = read_out(&place, "problems.csv");
        g_autofree char *begin = g_strdup_printf("side,line,problem,what\nours,%lld,%s,",
                                                 (long long)line,
                                                 statement_problem_name(cases[i].problem));
        assert_non_null(problems);
        assert_true(g_str_has_prefix(problems, begin));
        assert_null(read_out(&place, "breaks.csv"));
        assert_null(read_out(&place, "summary.txt"));
        assert_int_equal(figures->sum_count, 0);
        remove_files(place.out);
    }
    place_end(&place);
    g_free(figures);
}

static void what_must_be_tolerated_is(void **state) {
    static const char *const cases[] = {
        HEAD GOOD,
        "\xEF\xBB\xBF" HEAD GOOD,
        "kind,status,currency,amount,time,original_id,id,reference\r\n"
        "charge,done,USD,1.00,2026-11-01T00:00:00Z,,G1,R1\r\n",
        "reference,id,kind,status,extra,currency,amount,time,original_id\n"
        "R1,G1,charge,done,\xC3\xA9,USD,1.00,2026-11-01T00:00:00Z,\n",
        HEAD "\n\ncharge,done,USD,1.00,2026-11-01T00:00:00Z,,\"G1\", R1 \n",
    };
    struct files_figures *figures = g_new0(struct files_figures, 1);
    struct place place = place_make();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        if (run_text(&place, both_keys, cases[i], figures, &err) < 0) {
            fail_msg("case %zu: %s", i, err.detail);
        }
        assert_int_equal(figures->breaks, 0);
        assert_int_equal(figures->joined, 1);
        remove_files(place.out);
    }
    place_end(&place);
    g_free(figures);
}

static void what_cannot_be_begun_leaves_nothing_behind(void **state) {
    struct files_figures *figures = g_new0(struct files_figures, 1);
    struct place place = place_make();
    struct err err = {0};
    assert_int_equal(run_text(&place, both_keys, "kind,status\n", figures, &err), -ERR_VALIDATION);
    assert_non_null(strstr(err.detail, "has no column"));
    assert_int_equal(run_text(&place, both_keys, "", figures, &err), -ERR_VALIDATION);
    assert_non_null(strstr(err.detail, "no header"));
    assert_int_equal(access(place.out, F_OK), -1);
    assert_int_equal(run_text(&place, both_keys, HEAD GOOD, figures, &err), 0);
    assert_int_equal(run_text(&place, both_keys, HEAD GOOD, figures, &err), -ERR_EXISTS);
    place_end(&place);
    g_free(figures);
}

/* ---- footers, comments, lines before the header ---- */

static void footers_and_comments_are_passed_over_and_must_be_there(void **state) {
    static const char map[] = COLUMNS(
        "gateway_id: id, reference: reference, ") "comment: \"#\"\nfooter: \"Total\"\nskip_lines: "
                                                  "1\n";
    static const char their_map[] = COLUMNS("gateway_id: id, reference: reference, ");
    static const struct {
        const char *ours;
        int rc;
        enum statement_problem problem;
    } cases[] = {
        {"any \"line\n" HEAD "# a \"comment\n" GOOD "#\nTotal,1\n", 0, 0},
        {"any line\n" HEAD GOOD, -ERR_VALIDATION, PROBLEM_CUT},
        {"any line\n" HEAD GOOD "Total,1\n" GOOD, -ERR_VALIDATION, PROBLEM_TRAILING},
    };
    struct files_figures *figures = g_new0(struct files_figures, 1);
    struct place place = place_make();
    CSV_MAP_AUTO ours = map_of(map);
    CSV_MAP_AUTO theirs = map_of(their_map);
    put_file(place.theirs, HEAD GOOD, strlen(HEAD GOOD));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        const struct files_request request = {
            .sides = {{.path = place.ours, .map = ours}, {.path = place.theirs, .map = theirs}},
            .report = place.out,
        };
        put_file(place.ours, cases[i].ours, strlen(cases[i].ours));
        assert_int_equal(files_reconcile(&request, figures, &err), cases[i].rc);
        if (cases[i].rc < 0) {
            assert_int_equal(figures->shown[0].problem, cases[i].problem);
        } else {
            assert_int_equal(figures->joined, 1);
        }
        remove_files(place.out);
    }
    place_end(&place);
    g_free(figures);
}

/* ---- being ended ---- */

static bool say_no(void *ctx, const struct files_progress *progress) {
    *(int *)ctx += progress->whole > 0;
    return false;
}

static void a_run_that_is_ended_leaves_no_report(void **state) {
    struct files_figures *figures = g_new0(struct files_figures, 1);
    struct place place = place_make();
    CSV_MAP_AUTO map = map_of(both_keys);
    g_autoptr(GString) file = g_string_new(HEAD);
    struct err err = {0};
    int asked = 0;
    for (int i = 0; i < 3000000; i++) {
        g_string_append_printf(file, "charge,done,USD,1.00,2026-11-01T00:00:00Z,,G%d,R%d\n", i, i);
    }
    put_file(place.ours, file->str, file->len);
    put_file(place.theirs, file->str, file->len);
    const struct files_request request = {
        .sides = {{.path = place.ours, .map = map}, {.path = place.theirs, .map = map}},
        .report = place.out,
        .tick = say_no,
        .ctx = &asked,
    };
    assert_int_equal(files_reconcile(&request, figures, &err), -ERR_GONE);
    assert_true(asked > 0);
    assert_null(read_out(&place, "breaks.csv"));
    assert_null(read_out(&place, "breaks.csv.part"));
    place_end(&place);
    g_free(figures);
}

/* ---- two maps in one file ---- */

static void maps_of_both_sides_stand_in_one_file_and_keep_their_lines(void **state) {
    struct place place = place_make();
    struct csv_map *ours = NULL, *theirs = NULL;
    struct err err = {0};
    static const char good[] = "# both\nours:\n  columns:\n    gateway_id: id\n    amount: a\n"
                               "    time: t\n  kind: charge\n  currency: USD\n\n"
                               "theirs:\n" /* 10 */
                               "    columns: {gateway_id: x, amount: b, time: u}\n"
                               "    kind: refund\n    currency: EUR\n";
    put_file(place.ours, good, strlen(good));
    assert_int_equal(files_maps_load(place.ours, &ours, &theirs, &err), 0);
    assert_int_equal(ours->kind, ROW_CHARGE);
    assert_int_equal(theirs->kind, ROW_REFUND);
    csv_map_free(ours);
    csv_map_free(theirs);
    ours = theirs = NULL;
    const struct {
        const char *cut, *instead, *place, *detail;
    } wrong[] = {
        {"kind: refund", "kind: gift", "ours.csv:12", "theirs"},
        {"currency: USD", "currency: ZZZ", "ours.csv:8", "ours"},
        {"theirs:", "thiers:", "ours.csv:10", "only ours and theirs"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        g_auto(GStrv) parts = g_strsplit(good, wrong[i].cut, 2);
        g_autofree char *text = g_strjoinv(wrong[i].instead, parts);
        put_file(place.ours, text, strlen(text));
        assert_int_equal(files_maps_load(place.ours, &ours, &theirs, &err), -ERR_CONFIG);
        if (strstr(err.place, wrong[i].place) == NULL ||
            strstr(err.detail, wrong[i].detail) == NULL) {
            fail_msg("%s: %s (%s)", wrong[i].instead, err.detail, err.place);
        }
    }
    put_file(place.ours, both_keys, strlen(both_keys));
    assert_int_equal(files_maps_load(place.ours, &ours, &theirs, &err), 0);
    assert_ptr_not_equal(ours, theirs);
    csv_map_free(ours);
    csv_map_free(theirs);
    place_end(&place);
}

int main(void) {
    crypto_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_pipeline_finds_is_what_the_matcher_finds_in_all_rows_at_once),
        cmocka_unit_test(rows_that_are_alike_and_rows_that_are_not_are_told_as_by_the_matcher),
        cmocka_unit_test(with_any_rules_it_finds_what_the_matcher_finds),
        cmocka_unit_test(rules_in_an_order_that_tears_rows_apart_are_refused),
        cmocka_unit_test(a_pair_that_a_third_row_parts_leaves_nothing_in_the_sums),
        cmocka_unit_test(what_a_quick_look_finds_is_what_the_map_says),
        cmocka_unit_test(one_damaged_row_and_nothing_is_matched),
        cmocka_unit_test(what_must_be_tolerated_is),
        cmocka_unit_test(what_cannot_be_begun_leaves_nothing_behind),
        cmocka_unit_test(footers_and_comments_are_passed_over_and_must_be_there),
        cmocka_unit_test(a_run_that_is_ended_leaves_no_report),
        cmocka_unit_test(maps_of_both_sides_stand_in_one_file_and_keep_their_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
