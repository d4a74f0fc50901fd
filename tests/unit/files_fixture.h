/* SPDX-License-Identifier: Apache-2.0
 * files_fixture.h: for the tests of two files against each other: a folder that is gone afterwards,
 * what match_run() says of all rows at once, and the same files in any memory. */
#ifndef HOLDFAST_TESTS_FILES_FIXTURE_H
#define HOLDFAST_TESTS_FILES_FIXTURE_H

#include <dirent.h>
#include <glib.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/random.h"
#include "match/files/files_impl.h"

enum { FIELDS_MAX = 64 };

/* ---- a folder that is gone afterwards ---- */

static inline char *new_folder(void) {
    struct stat face;
    bool in_memory = stat("/dev/shm", &face) == 0 && access("/dev/shm", W_OK) == 0;
    char *path = g_strdup_printf("%s/holdfast-files-XXXXXX",
                                 in_memory ? "/dev/shm" : g_get_tmp_dir());
    assert_non_null(mkdtemp(path));
    return path;
}

static inline void remove_files(const char *path) {
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        g_autofree char *name = g_build_filename(path, entry->d_name, NULL);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlink(name) != 0) {
            remove_files(name);
        }
    }
    closedir(folder);
    assert_int_equal(rmdir(path), 0);
}

struct place {
    char *folder, *ours, *theirs, *out;
};
static inline struct place place_make(void) {
    struct place place = {.folder = new_folder()};
    place.ours = g_build_filename(place.folder, "ours.csv", NULL);
    place.theirs = g_build_filename(place.folder, "theirs.csv", NULL);
    place.out = g_build_filename(place.folder, "out", NULL);
    return place;
}
static inline void place_end(struct place *place) {
    remove_files(place->folder);
    g_free(place->folder);
    g_free(place->ours);
    g_free(place->theirs);
    g_free(place->out);
}

static inline void put_file(const char *path, const char *text, size_t count) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static inline char *read_out(const struct place *place, const char *name) {
    g_autofree char *path = g_build_filename(place->out, name, NULL);
    char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

static inline struct csv_map *map_of(const char *text) {
    struct csv_map *map = NULL;
    struct err err = {0};
    if (csv_map_read("map.yaml", text, strlen(text), &map, &err) < 0) {
        fail_msg("%s %s", err.detail, err.place);
    }
    return map;
}

/* ---- the reference: all rows in memory, one match_run() ---- */

struct book {
    GArray *rows; /* struct match_row */
    GStringChunk *texts;
};

static inline struct match_text kept(struct book *book, const char *text) {
    return (struct match_text){g_string_chunk_insert(book->texts, text), (uint32_t)strlen(text)};
}

static inline struct book book_read(const struct csv_map *map, const char *path) {
    struct book book = {g_array_new(false, true, sizeof(struct match_row)),
                        g_string_chunk_new(1024)};
    g_autofree char *text = NULL;
    gsize count = 0;
    struct csv csv;
    struct csv_field fields[FIELDS_MAX];
    struct map_binding binding;
    struct map_text *room = g_new0(struct map_text, 1);
    struct err err;
    const char *why = NULL;
    int64_t line = 0;
    int field_count = 0;
    assert_true(g_file_get_contents(path, &text, &count, NULL));
    csv_open(&csv, text, count, csv_map_shape(map).delimiter, csv_map_shape(map).quote);
    assert_int_equal(csv_next(&csv, fields, FIELDS_MAX, &field_count, &line, &why), CSV_RECORD);
    assert_int_equal(csv_map_bind(map, fields, field_count, &binding, &err), 0);
    while (csv_next(&csv, fields, FIELDS_MAX, &field_count, &line, &why) == CSV_RECORD) {
        struct statement_row told;
        enum statement_problem problem;
        if (csv_map_row(&binding, fields, field_count, line, room, &told, &problem, &err) < 0) {
            fail_msg("line %lld: %s", (long long)line, err.detail);
        }
        struct match_row row = {
            .number = line,
            .kind = told.kind,
            .status = told.status,
            .currency = told.currency,
            .amount_minor = told.gross_minor,
            .fee_minor = told.fee_minor,
            .at_us = told.at_us,
            .gateway_id = kept(&book, told.gateway_id),
            .reference = kept(&book, told.reference),
            .original_id = kept(&book, told.original_id),
            .batch = kept(&book, told.batch),
            .description = kept(&book, told.description),
        };
        g_array_append_val(book.rows, row);
    }
    g_free(room);
    return book;
}

static inline void book_free(struct book *book) {
    g_array_free(book->rows, true);
    g_string_chunk_free(book->texts);
}

/* "class,our line,their line,group" of each line that breaks.csv must have, in its order. */
static inline char *expected_breaks(const struct match *match) {
    GString *text = g_string_new(NULL);
    int number = 0;
    for (size_t i = 0; i < match->group_count; i++) {
        const struct match_group *group = &match->groups[i];
        const uint32_t *members = match->members + group->first;
        uint32_t lines = MAX(group->ours, group->theirs);
        number += match_class_risk(group->class) != RISK_NONE;
        for (uint32_t j = 0; match_class_risk(group->class) != RISK_NONE && j < lines; j++) {
            g_string_append_printf(text, "%s,", match_class_name(group->class));
            if (j < group->ours) {
                g_string_append_printf(text, "%lld",
                                       (long long)match->rows[OURS][members[j]].number);
            }
            g_string_append_c(text, ',');
            if (j < group->theirs) {
                g_string_append_printf(
                    text, "%lld", (long long)match->rows[THEIRS][members[group->ours + j]].number);
            }
            g_string_append_printf(text, ",%d\n", number);
        }
    }
    return g_string_free(text, false);
}

static inline char *expected_sums(const struct match *match) {
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < match->sum_count; i++) {
        const struct match_sum *sum = &match->sums[i];
        g_string_append_printf(text, "%s %s %lld %lld %lld %lld %lld %lld\n", sum->currency.code,
                               match_class_name(sum->class), (long long)sum->rows[OURS],
                               (long long)sum->amount_minor[OURS], (long long)sum->fee_minor[OURS],
                               (long long)sum->rows[THEIRS], (long long)sum->amount_minor[THEIRS],
                               (long long)sum->fee_minor[THEIRS]);
    }
    return g_string_free(text, false);
}

static inline char *told_sums(const struct files_figures *figures) {
    const struct match all = {.sums = (struct match_sum *)figures->sums,
                              .sum_count = (size_t)figures->sum_count};
    return expected_sums(&all);
}

/* Some columns of breaks.csv, as expected_breaks() has them. */
static inline char *told_breaks(const char *csv_text) {
    GString *text = g_string_new(NULL);
    struct csv csv;
    struct csv_field fields[FIELDS_MAX];
    const char *why = NULL;
    int64_t line = 0;
    int count = 0;
    csv_open(&csv, csv_text, strlen(csv_text), ',', '"');
    while (csv_next(&csv, fields, FIELDS_MAX, &count, &line, &why) == CSV_RECORD) {
        assert_int_equal(count, 15);
        if (line > 1) {
            const int told[] = {0, 4, 5, 14};
            for (size_t i = 0; i < COUNT_OF(told); i++) {
                const struct csv_field *field = &fields[told[i]];
                g_string_append_printf(text, "%s%.*s", i > 0 ? "," : "", (int)field->count,
                                       field->bytes);
            }
            g_string_append_c(text, '\n');
        }
    }
    return g_string_free(text, false);
}

struct shape {
    const char *name, *ours_map, *theirs_map;
    bool ours_id, theirs_id, ours_reference, theirs_reference, fees;
};

/* ---- both ways ---- */

struct way {
    const char *name;
    int64_t memory_bytes, piece_rows, chunk_bytes;
    int partitions, tasks;
};
static const struct way ways[] = {
    {"as usual", 0, 0, 0, 0, 2},
    {"all into the spill, few rows in a piece", 1, 5, 512, 4, 2},
    {"one row in a piece, one task", 1, 1, 512, 2, 1},
};

/* The digests of what is for people. */
static inline char *people_told(const struct place *place) {
    char digests[2][SHA256_HEX_CHARS + 1];
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "report.html" : "breaks.xlsx";
        g_autofree char *path = g_build_filename(place->out, name, NULL), *bytes = NULL;
        gsize count = 0;
        assert_true(g_file_get_contents(path, &bytes, &count, NULL));
        crypto_sha256_hex(bytes, count, digests[i]);
    }
    return g_strjoin(" ", digests[0], digests[1], NULL);
}

static const struct match_set *rules_at_hand; /* NULL: the usual ones */

/* Runs it and gives back breaks.csv. The folder is empty again afterwards. */
static inline char *run_way(const struct place *place, const struct csv_map *ours,
                     const struct csv_map *theirs, const struct way *way,
                     struct files_figures *figures, char **ret_people) {
    struct err err = {0};
    const struct files_request request = {
        .sides = {{.path = place->ours, .map = ours}, {.path = place->theirs, .map = theirs}},
        .report = place->out,
        .memory_bytes = way->memory_bytes,
        .tasks = way->tasks,
        .piece_rows = way->piece_rows,
        .chunk_bytes = way->chunk_bytes,
        .partitions = way->partitions,
        .for_people = true,
        .rules = rules_at_hand,
    };
    if (files_reconcile(&request, figures, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    char *breaks = read_out(place, "breaks.csv");
    assert_non_null(breaks);
    *ret_people = people_told(place);
    remove_files(place->out);
    return breaks;
}

static inline void compare_books(const struct shape *shape, const struct place *place,
                          const struct match_set *set, struct files_figures *figures,
                          int64_t *joined, int64_t *spilled) {
    CSV_MAP_AUTO our_map = map_of(shape->ours_map);
    CSV_MAP_AUTO their_map = map_of(shape->theirs_map);
    struct book ours = book_read(our_map, place->ours);
    struct book theirs = book_read(their_map, place->theirs);
    struct match_options options = {0};
    struct match *match = NULL;
    struct err err;
    options.rules = match_rules_usual(&options.rule_count);
    if (set != NULL) {
        options.rules = set->rules;
        options.rule_count = set->count;
    }
    rules_at_hand = set;
    assert_int_equal(match_run((struct match_row *)(void *)ours.rows->data, ours.rows->len,
                               (struct match_row *)(void *)theirs.rows->data, theirs.rows->len,
                               &options, &match, &err),
                     0);
    g_autofree char *breaks = expected_breaks(match), *sums = expected_sums(match);
    g_autofree char *first = NULL, *people_first = NULL;
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        g_autofree char *people = NULL;
        g_autofree char *file = run_way(place, our_map, their_map, &ways[i], figures, &people);
        g_autofree char *have = told_breaks(file), *have_sums = told_sums(figures);
        if (strcmp(have, breaks) != 0 || strcmp(have_sums, sums) != 0) {
            print_message("%s, %s\n", shape->name, ways[i].name);
        }
        assert_string_equal(have, breaks);
        assert_string_equal(have_sums, sums);
        assert_string_equal(file, first != NULL ? first : file);
        assert_int_equal(figures->rows[OURS], ours.rows->len);
        assert_int_equal(figures->rows[THEIRS], theirs.rows->len);
        assert_int_equal(figures->joined + figures->rest[OURS], ours.rows->len);
        assert_int_equal(figures->joined + figures->rest[THEIRS], theirs.rows->len);
        *joined += figures->joined;
        *spilled += figures->spilled;
        assert_string_equal(people, people_first != NULL ? people_first : people);
        first = first != NULL ? first : g_strdup(file);
        people_first = people_first != NULL ? people_first : g_strdup(people);
    }
    match_free(match);
    book_free(&ours);
    book_free(&theirs);
}

#endif
