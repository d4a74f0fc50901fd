/* SPDX-License-Identifier: Apache-2.0
 * recon_parse.c: the parser of delimited text alone, on a file that is in memory.
 * usage: bench_recon_parse FILE ROUNDS; prints bytes=N cpu_us=N rows=N of the fastest round. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mapped.h"
#include "statement/csv.h"

static int64_t cpu_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t parse(const struct mapped *file, int64_t *ret_rows) {
    struct csv csv;
    static struct csv_field fields[CSV_FIELDS_MAX];
    const char *why = NULL;
    int64_t line = 0, rows = 0, began_us = cpu_us();
    int count = 0;
    csv_open(&csv, mapped_bytes(file), mapped_count(file), ',', '"');
    while (csv_next(&csv, fields, CSV_FIELDS_MAX, &count, &line, &why) == CSV_RECORD) {
        rows++;
    }
    *ret_rows = rows;
    return cpu_us() - began_us;
}

int main(int argc, char **argv) {
    struct mapped *file = NULL;
    struct err err = {0};
    long rounds = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    if (rounds < 1 || mapped_open(argv[1], &file, &err) < 0) {
        fprintf(stderr, "usage: bench_recon_parse FILE ROUNDS %s\n", err.detail);
        return 2;
    }
    int64_t rows = 0, best_us = INT64_MAX;
    for (long i = 0; i <= rounds; i++) {
        int64_t took_us = parse(file, &rows);
        best_us = i > 0 && took_us < best_us ? took_us : best_us; /* the first maps the pages */
    }
    printf("bytes=%zu cpu_us=%" PRId64 " rows=%" PRId64 "\n", mapped_count(file), best_us, rows);
    mapped_close(file);
    return 0;
}
