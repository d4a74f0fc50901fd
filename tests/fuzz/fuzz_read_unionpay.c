/* SPDX-License-Identifier: Apache-2.0
 * fuzz_read_unionpay.c: an input is the name of a settlement file, a line end, and its bytes, read
 * as both kinds. In each row the settled amount is the amount less the fee, and a file without a
 * problem that is put behind itself has every row twice. */
#include <stdlib.h>

#include "bill.h"

extern const struct statement_reader unionpay_zm_reader, unionpay_zme_reader;

enum { BYTES_MAX = 256 * 1024, NAME_CHARS_MAX = 200 };

static void check(const struct statement_reader *reader, const char *name, const char *bytes,
                  size_t count) {
    struct bill_sums sums = bill_read(reader, name, bytes, count);
    INVARIANT(sums.nets_fit, "a settled amount is the amount less the fee");
    if (sums.problems > 0 || count == 0 || bytes[count - 1] != '\n') {
        return;
    }
    char *twice = malloc(2 * count);
    INVARIANT(twice != NULL, "no memory");
    memcpy(twice, bytes, count);
    memcpy(twice + count, bytes, count);
    struct bill_sums again = bill_read_once(reader, name, twice, 2 * count);
    INVARIANT(again.rows == sums.rows && again.problems == sums.rows,
              "each row that stands there twice is told");
    free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    const uint8_t *end = count > 0 ? memchr(bytes, '\n', count) : NULL;
    if (end == NULL || end - bytes > NAME_CHARS_MAX || count > BYTES_MAX) {
        return 0;
    }
    char name[NAME_CHARS_MAX + 1];
    size_t name_chars = (size_t)(end - bytes);
    memcpy(name, bytes, name_chars);
    name[name_chars] = '\0';
    const char *file = (const char *)end + 1;
    size_t file_count = count - name_chars - 1;
    check(&unionpay_zm_reader, name, file, file_count);
    check(&unionpay_zme_reader, name, file, file_count);
    return 0;
}
