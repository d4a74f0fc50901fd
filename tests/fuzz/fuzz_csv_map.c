/* SPDX-License-Identifier: Apache-2.0
 * fuzz_csv_map.c: an input is a map, a line "====" and a file; without that line it is a file, and
 * the map is a usual one. A map is taken, or refused with a sentence and its line; a file that is
 * read twice tells the same; what is told keeps the promises of statement/statement.h; and where a
 * map has the net amounts checked, they are right. */
#include "bill.h"
#include "statement/map.h"

enum { INPUT_BYTES_MAX = 256 * 1024 };

extern const struct statement_reader reader_csv;
extern const struct statement_reader reader_canonical;

static const char usual[] =
    "delimiter: semicolon\ncomment: \"#\"\nfooter: Sum\ncurrency: EUR\n"
    "columns: {reference: [Order, No], gateway_id: Id, time: Date, credit: In, debit: Out,\n"
    "  fee: Fee, net: Net, description: Note}\n"
    "kind_by_sign: {positive: charge, negative: refund}\n"
    "time: {format: \"DD.MM.YYYY hh:mm|D.M.YYYY\", zone: Europe/Berlin}\n"
    "amount: {decimal: \",\", group: \".\", trailing_minus: true, symbols: true}\n"
    "totals: [credit, debit]\n";

static struct bill_sums read_once(const struct statement_reader *reader, const struct csv_map *map,
                                  const char *bytes, size_t count) {
    struct bill_sums sums = {.nets_fit = true};
    const struct statement_source source = {
        .name = "file.csv", .bytes = bytes, .count = count, .map = map};
    const struct statement_sink sink = {&sums, bill_row, bill_problem};
    struct err err = {0};
    sums.rc = reader->read(&source, &sink, &sums.head, &err);
    INVARIANT(sums.rc == 0 || (sums.rc == -ERR_BAD_REQUEST && sums.problems > 0),
              "what cannot be walked is told");
    INVARIANT(sums.head.rows == sums.rows, "the head counts the rows");
    return sums;
}

static void check_file(const struct statement_reader *reader, const struct csv_map *map,
                       bool nets_checked, const char *bytes, size_t count) {
    struct bill_sums first = read_once(reader, map, bytes, count);
    struct bill_sums again = read_once(reader, map, bytes, count);
    INVARIANT(first.hash == again.hash && first.rows == again.rows &&
                  first.problems == again.problems,
              "read twice it is the same");
    INVARIANT(!nets_checked || first.nets_fit, "amounts less fees are the net amounts");
}

/* An authorisation's amount is 0 whatever its row says, so that its net amount is not compared. */
static bool checks_nets(const char *yaml, size_t count) {
    return g_strstr_len(yaml, (gssize)count, "check_net") == NULL &&
           g_strstr_len(yaml, (gssize)count, "authorization") == NULL &&
           g_strstr_len(yaml, (gssize)count, "kind:") == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    static const char line[] = "\n====\n";
    const char *text = (const char *)bytes;
    if (count == 0 || count > INPUT_BYTES_MAX) {
        return 0;
    }
    const char *cut = memmem(text, count, line, sizeof line - 1);
    const char *yaml = cut != NULL ? text : usual;
    size_t yaml_count = cut != NULL ? (size_t)(cut - text) + 1 : sizeof usual - 1;
    const char *file = cut != NULL ? cut + sizeof line - 1 : text;
    size_t file_count = count - (size_t)(file - text);
    CSV_MAP_AUTO map = NULL;
    struct err err = {0};
    int rc = csv_map_read("map.yaml", yaml, yaml_count, &map, &err);
    INVARIANT((rc == 0) == (map != NULL), "a map, or none");
    if (rc < 0) {
        INVARIANT(rc == -ERR_CONFIG && err.detail[0] != '\0' &&
                      strncmp(err.place, "map.yaml:", 9) == 0,
                  "a sentence and its line");
    } else {
        check_file(&reader_csv, map, checks_nets(yaml, yaml_count), file, file_count);
    }
    check_file(&reader_canonical, NULL, false, file, file_count);
    return 0;
}
