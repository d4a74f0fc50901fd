/* SPDX-License-Identifier: Apache-2.0
 * recon_make.c: two files to be reconciled: orders in the order in which they came, and the
 * statement of the same in another order, with differences in one row of a hundred.
 * usage: bench_recon_make ROWS OURS THEIRS [twice]; prints how many of each difference there are.
 * twice: some charges that are there stand there once more an hour later, of another amount: which
 * of the two is nearer to ours is its match, and the other a duplicate_there.
 *
 * A row is a function of its number, and the other order a permutation that is computed: nothing is
 * held, so any number of rows can be made. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PER = 1000, ROUNDS = 4, LINE_BYTES = 160, HOUR_S = 3600 };

/* What a row of a thousand is: ten differ. */
enum fate {
    SAME,
    AMOUNT_OVER,
    AMOUNT_UNDER,
    PAID_THERE,
    CURRENCY,
    MISSING_THERE,
    MISSING_HERE,
    FATES
};
static const char *const fate_names[FATES] = {
    "same",     "amount_over",   "amount_under", "paid_there_open_here",
    "currency", "missing_there", "missing_here"};
static const enum fate fates[] = {AMOUNT_OVER,  AMOUNT_OVER, AMOUNT_UNDER,  AMOUNT_UNDER,
                                  PAID_THERE,   CURRENCY,    MISSING_THERE, MISSING_THERE,
                                  MISSING_HERE, MISSING_HERE};

/* splitmix64's last step: every number has one, and no two the same. */
static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static enum fate fate_of(uint64_t number) {
    uint64_t draw = mix(number + UINT64_C(0x9e3779b97f4a7c15)) % PER;
    return draw < sizeof fates / sizeof fates[0] ? fates[draw] : SAME;
}

/* What is done on both sides in one currency, now and then. */
static bool is_twice(uint64_t number) {
    enum fate fate = fate_of(number);
    return (fate == SAME || fate == AMOUNT_OVER || fate == AMOUNT_UNDER) &&
           mix(number + UINT64_C(0x2545f4914f6cdd1d)) % (PER / 5) == 0;
}

/* A permutation of 0..rows-1: a Feistel network on the next power of four, walked until it is back
 * inside. */
static uint64_t permuted(uint64_t number, uint64_t rows) {
    int half = 1;
    while (UINT64_C(1) << 2 * half < rows) {
        half++;
    }
    uint64_t mask = (UINT64_C(1) << half) - 1;
    do {
        uint64_t left = number >> half, right = number & mask;
        for (uint64_t round = 0; round < ROUNDS; round++) {
            uint64_t next = left ^ (mix(right << 8 | round) & mask);
            left = right;
            right = next;
        }
        number = left << half | right;
    } while (number >= rows);
    return number;
}

static void write_row(FILE *file, uint64_t number, bool theirs, bool again) {
    static const char *const codes[] = {"USD", "USD", "USD", "EUR", "GBP"};
    uint64_t draw = mix(number), second = number / 40 % 86400;
    enum fate fate = fate_of(number);
    int64_t cents = 100 + (int64_t)(draw % 500000);
    const char *code = codes[draw >> 20 & 3], *status = "done";
    if (fate == (theirs ? MISSING_THERE : MISSING_HERE)) {
        return;
    }
    if (theirs && (fate == AMOUNT_OVER || fate == AMOUNT_UNDER)) {
        cents += fate == AMOUNT_UNDER ? -1 : again ? 1 : 1 + (int64_t)(draw >> 40 & 1023);
    } else if (theirs && fate == CURRENCY) {
        code = strcmp(code, "EUR") == 0 ? "USD" : "EUR";
    } else if (!theirs && fate == PAID_THERE) {
        status = "pending";
    }
    if (again) {
        cents += fate == AMOUNT_OVER ? 0 : 2 + (int64_t)(draw >> 32 & 255);
        second = (second + HOUR_S) % 86400;
    }
    char line[LINE_BYTES];
    int count = snprintf(line, sizeof line,
                         "ch_%016" PRIx64 ",ORD-%010" PRIu64 ",charge,%" PRId64 ".%02" PRId64
                         ",%s,%s,2026-11-20T%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 "Z\n",
                         draw, number, cents / 100, cents % 100, code, status, second / 3600,
                         second / 60 % 60, second % 60);
    fwrite(line, 1, (size_t)count, file);
}

int main(int argc, char **argv) {
    bool twice = argc == 5 && strcmp(argv[4], "twice") == 0;
    uint64_t rows = argc == 4 || twice ? strtoull(argv[1], NULL, 10) : 0;
    FILE *ours = rows > 0 ? fopen(argv[2], "w") : NULL;
    FILE *theirs = ours != NULL ? fopen(argv[3], "w") : NULL;
    if (theirs == NULL) {
        fprintf(stderr, "usage: bench_recon_make ROWS OURS THEIRS [twice]\n");
        return 2;
    }
    uint64_t counts[FATES] = {0}, again = 0;
    fputs("id,order,kind,amount,currency,status,time\n", ours);
    fputs("id,order,kind,amount,currency,status,time\n", theirs);
    for (uint64_t i = 0; i < rows; i++) {
        counts[fate_of(i)]++;
        write_row(ours, i, false, false);
        write_row(theirs, permuted(i, rows), true, false);
    }
    for (uint64_t i = 0; twice && i < rows; i++) {
        if (is_twice(i)) {
            write_row(theirs, i, true, true);
            again++;
        }
    }
    for (int i = 1; i < FATES; i++) {
        printf("%s=%" PRIu64 " ", fate_names[i], counts[i]);
    }
    printf("duplicate_there=%" PRIu64 "\n", again);
    return fclose(ours) == 0 && fclose(theirs) == 0 ? 0 : 1;
}
