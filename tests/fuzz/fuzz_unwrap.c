/* SPDX-License-Identifier: Apache-2.0
 * fuzz_unwrap.c: an input is a file as it was fetched. Unpacked twice it gives the same; within the
 * limits; nothing that is given is packed still; and packed once more, as gzip, the same comes out
 * of it from one layer deeper. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/crypto.h"
#include "fuzz.h"
#include "statement/unwrap.h"

enum { BYTES_MAX = 256 * 1024, GZIP_WINDOW_BITS = 15 + 16 };

static int unwrap(const void *bytes, size_t count, struct unwrapped *ret_unwrapped) {
    struct err err = {0};
    ret_unwrapped->count = 0;
    int rc = statement_unwrap("file.gz", bytes, count, ret_unwrapped, &err);
    INVARIANT(rc == 0 || rc == -ERR_BAD_REQUEST || rc == -ERR_TOO_LARGE, "one of its errors");
    INVARIANT((rc == 0) == (ret_unwrapped->count > 0), "it gives files, or an error");
    return rc;
}

static void check_limits(const struct unwrapped *unwrapped, size_t count) {
    int64_t sum = 0, times = (int64_t)count * UNWRAP_TIMES_MAX;
    INVARIANT(unwrapped->count <= UNWRAP_FILES_MAX, "no more files than are ever taken");
    for (int i = 0; i < unwrapped->count; i++) {
        const struct unwrapped_file *file = &unwrapped->files[i];
        struct unwrapped again = {0};
        INVARIANT(file->layers <= UNWRAP_LAYERS_MAX && file->name != NULL, "a file is one");
        sum += (int64_t)file->count;
        int rc = unwrap(file->bytes, file->count, &again);
        INVARIANT(rc == 0 && again.count == 1 && again.files[0].layers == 0,
                  "what was unpacked is not packed");
        unwrapped_release(&again);
    }
    INVARIANT(sum <= (times > UNWRAP_FREE_BYTES ? times : UNWRAP_FREE_BYTES), "no bomb");
}

static void check_same(const struct unwrapped *a, const struct unwrapped *b, int deeper) {
    INVARIANT(a->count == b->count, "the same files");
    for (int i = 0; i < a->count; i++) {
        const struct unwrapped_file *one = &a->files[i], *other = &b->files[i];
        INVARIANT(one->count == other->count && one->layers + deeper == other->layers,
                  "the same layers");
        INVARIANT(one->count == 0 || memcmp(one->bytes, other->bytes, one->count) == 0,
                  "the same bytes");
    }
}

static unsigned char *pack(const void *bytes, size_t count, size_t *ret_count) {
    z_stream stream = {.next_in = (unsigned char *)bytes, .avail_in = (uInt)count};
    INVARIANT(deflateInit2(&stream, 1, Z_DEFLATED, GZIP_WINDOW_BITS, 8, Z_DEFAULT_STRATEGY) == Z_OK,
              "zlib has memory");
    size_t room = deflateBound(&stream, (uLong)count);
    unsigned char *packed = malloc(room);
    INVARIANT(packed != NULL, "no memory");
    stream.next_out = packed;
    stream.avail_out = (uInt)room;
    INVARIANT(deflate(&stream, Z_FINISH) == Z_STREAM_END, "a bound is a bound");
    *ret_count = room - stream.avail_out;
    (void)deflateEnd(&stream);
    return packed;
}

static bool deepest(const struct unwrapped *unwrapped) {
    for (int i = 0; i < unwrapped->count; i++) {
        if (unwrapped->files[i].layers == UNWRAP_LAYERS_MAX) {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    static bool begun;
    struct unwrapped first, second, packed_again;
    if (count > BYTES_MAX) {
        return 0;
    }
    if (!begun) {
        crypto_init();
        begun = true;
    }
    int rc = unwrap(bytes, count, &first);
    int again = unwrap(bytes, count, &second);
    INVARIANT(rc == again, "the same bytes have the same end");
    if (rc == 0) {
        check_limits(&first, count);
        check_same(&first, &second, 0);
        size_t packed_count = 0;
        unsigned char *packed = pack(bytes, count, &packed_count);
        int deeper = unwrap(packed, packed_count, &packed_again);
        INVARIANT(deeper != 0 || !deepest(&first), "there are so many layers and no more");
        if (deeper == 0) {
            check_same(&first, &packed_again, 1);
        } else {
            INVARIANT(deepest(&first) || deeper == -ERR_TOO_LARGE, "one layer more is fine");
        }
        unwrapped_release(&packed_again);
        free(packed);
    }
    unwrapped_release(&first);
    unwrapped_release(&second);
    return 0;
}
