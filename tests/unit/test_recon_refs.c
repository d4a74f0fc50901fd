/* SPDX-License-Identifier: Apache-2.0
 * test_recon_refs.c: rows as partitions hold them: keys in few words, and refs of a word for what
 * most rows tell. Nothing of it may be lost. */
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "match/files/files_impl.h"

static uint32_t below(struct prng *random, uint32_t bound) {
    return (uint32_t)prng_below(random, bound);
}

/* ---- keys ---- */

static bool is_base_16(const char *text, bool large) {
    return strspn(text, large ? "0123456789ABCDEF" : "0123456789abcdef") == strlen(text);
}

/* Each key as it should be, or with one byte of it changed. */
static void what_is_told_apart_by_its_bytes_is_told_apart_by_its_words(void **state) {
    static const char near[] = "/:@`gGAFaf09Oo \x10\xB0\xC1";
    struct prng random;
    prng_init(&random, 5);
    for (int round = 0; round < 300; round++) {
        bool digits = round % 2 == 0, large = round % 4 == 0;
        struct key_shape shape = {.prefix_bytes = below(&random, 12)};
        shape.key_bytes = shape.prefix_bytes + 1 + below(&random, KEY_WORDS_MAX * 8);
        shape.letters = !digits ? 0 : large ? 0x40 : 0x60;
        uint32_t a_word = digits ? 16 : 8;
        shape.words = (int)((shape.key_bytes - shape.prefix_bytes + a_word - 1) / a_word);
        memset(shape.prefix, 'p', shape.prefix_bytes);
        shape.prefix_mask = shape.prefix_bytes >= 8 ? UINT64_MAX
                                                    : (UINT64_C(1) << 8 * shape.prefix_bytes) - 1;
        g_autoptr(GHashTable) seen = g_hash_table_new_full(g_bytes_hash, g_bytes_equal,
                                                           (GDestroyNotify)g_bytes_unref, g_free);
        for (int i = 0; i < 300; i++) {
            char key[KEY_WORDS_MAX * 8 + 16] = "";
            uint64_t words[KEY_WORDS_MAX];
            memset(key, 'p', shape.prefix_bytes);
            for (uint32_t at = shape.prefix_bytes; at < shape.key_bytes; at++) {
                key[at] = (large ? "0123456789ABCDEF" : "0123456789abcdef")[below(&random, 16)];
            }
            if (below(&random, 2) == 0) {
                key[below(&random, shape.key_bytes)] = near[below(&random, sizeof near - 1)];
            }
            bool fits = memcmp(key, shape.prefix, shape.prefix_bytes) == 0 &&
                        (!digits || is_base_16(key + shape.prefix_bytes, large));
            assert_int_equal(key_to_words(&shape, key, shape.key_bytes, words), fits);
            assert_false(key_to_words(&shape, key, shape.key_bytes - 1, words));
            if (!fits) {
                continue;
            }
            assert_true(key_to_words(&shape, key, shape.key_bytes, words));
            GBytes *bytes = g_bytes_new(words, (size_t)shape.words * sizeof words[0]);
            const char *other = g_hash_table_lookup(seen, bytes);
            assert_string_equal(other != NULL ? other : key, key);
            g_hash_table_insert(seen, bytes, g_strdup(key));
        }
    }
}

/* What a few records tell of the keys of both files. */
static void the_look_of_the_keys_is_found(void **state) {
    static const struct {
        const char *ours[3], *theirs[3], *prefix;
        uint32_t key_bytes;
        uint64_t letters;
        int words;
    } cases[] = {
        {{"ch_01af", "ch_0200", "ch_0311"}, {"ch_0444"}, "ch_0", 7, 0x60, 1},
        {{"ch_01AF", "ch_0200"}, {"ch_1444"}, "ch_", 7, 0x40, 1},
        {{"a0123456789abcdef0", "b0123456789abcdef0"}, {"c0123456789abcdef0"}, "", 18, 0x60, 2},
        {{"order-one-2", "order-two-3"}, {"order-six-4"}, "order-", 11, 0, 1},
        {{"12", "13"}, {"14", "a longer one"}, "1", 2, 0x60, 1},
        {{""}, {""}, "", 0, 0, 1},
    };
    static const char yaml[] = "columns: {gateway_id: id, amount: a, time: t}\n"
                               "kind: charge\ncurrency: USD\n";
    CSV_MAP_AUTO map = NULL;
    struct err err;
    char paths[MATCH_SIDES][32] = {"/tmp/holdfast-refs-XXXXXX", "/tmp/holdfast-refs-XXXXXX"};
    assert_int_equal(csv_map_read("map.yaml", yaml, strlen(yaml), &map, &err), 0);
    for (int i = 0; i < MATCH_SIDES; i++) {
        int fd = mkstemp(paths[i]);
        assert_true(fd >= 0);
        close(fd);
    }
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct files_run *run = g_new0(struct files_run, 1);
        const struct files_side sides[] = {{.path = paths[OURS], .map = map},
                                           {.path = paths[THEIRS], .map = map}};
        struct key_shape shape;
        for (int j = 0; j < MATCH_SIDES; j++) {
            g_autoptr(GString) text = g_string_new("id,a,t\n");
            const char *const *keys = j == OURS ? cases[i].ours : cases[i].theirs;
            for (size_t k = 0; k < COUNT_OF(cases[i].ours) && keys[k] != NULL; k++) {
                g_string_append_printf(text, "%s,1,\n", keys[k]);
            }
            assert_true(g_file_set_contents(paths[j], text->str, (gssize)text->len, NULL));
            assert_int_equal(side_open(&run->sides[j], (enum match_side)j, &sides[j], &err), 0);
        }
        keys_look(run, MAP_GATEWAY_ID, &shape);
        assert_int_equal(shape.key_bytes, cases[i].key_bytes);
        assert_int_equal(shape.prefix_bytes, strlen(cases[i].prefix));
        assert_memory_equal(shape.prefix, cases[i].prefix, shape.prefix_bytes);
        assert_int_equal(shape.letters, cases[i].letters);
        assert_int_equal(shape.words, cases[i].words);
        side_close(&run->sides[OURS]);
        side_close(&run->sides[THEIRS]);
        g_free(run);
    }
    unlink(paths[OURS]);
    unlink(paths[THEIRS]);
}

/* ---- refs ---- */

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

struct put_row {
    struct quick_row quick;
    uint32_t number;
    char key[ROW_ID_CHARS_MAX + 1], other[8];
};

static void random_put(struct prng *random, struct put_row *row, uint32_t before) {
    static const int64_t amounts[] = {0,          1,           -1,          1250,
                                      268435455,  268435456,   -268435455,  -268435456,
                                      4294967296, -4294967296, 99999999999, INT64_MIN + 1};
    static const uint32_t steps[] = {1, 2, 900, 16383, 16384, 16385, 100000};
    struct currency currency;
    assert_int_equal(currency_parse(below(random, 2) == 0 ? "USD" : "ZAR", &currency, NULL), 0);
    uint32_t status = below(random, 5);
    row->number = before + steps[below(random, COUNT_OF(steps))];
    snprintf(row->other, sizeof row->other, "R%u", below(random, 1000));
    g_autoptr(GString) key = g_string_new(NULL);
    uint32_t look = below(random, 3) == 0 ? below(random, KEY_LOOKS) : 3;
    add_key(key, look, "G", below(random, 50));
    memcpy(row->key, key->str, key->len + 1);
    row->quick = (struct quick_row){
        .amount_minor = amounts[below(random, COUNT_OF(amounts))],
        .fee_minor = below(random, 3) > 0 ? AMOUNT_UNSAID : (int64_t)below(random, 100),
        .face = face_of(below(random, 2) == 0 ? ROW_CHARGE : ROW_TRANSFER,
                        status == 0   ? ROW_FAILED
                        : status == 1 ? ROW_PENDING
                                      : ROW_DONE,
                        currency),
        .key = row->key,
        .key_bytes = (uint32_t)key->len,
        .other = row->other,
        .other_bytes = below(random, 2) == 0 ? (uint32_t)strlen(row->other) : 0,
    };
}

static void check_ref(const struct ref *ref, const struct parts *parts, const struct put_row *put) {
    struct ref_told told;
    ref_tell(ref, parts->shape.words, &told);
    assert_int_equal(told.amount_minor, put->quick.amount_minor);
    assert_int_equal(told.fee_minor, put->quick.fee_minor);
    assert_int_equal(told.face, put->quick.face);
    assert_int_equal(ref_kind(ref), face_kind(put->quick.face));
    assert_int_equal(told.has_other, put->quick.other_bytes > 0);
    if (told.has_other) {
        assert_int_equal(told.other, key_hash(put->other, put->quick.other_bytes));
    }
}

/* All that is in the chunks of all partitions: the refs by their rows. */
static GPtrArray *check_refs(const struct parts *parts, const GArray *puts, char *room) {
    GPtrArray *refs = g_ptr_array_new();
    g_ptr_array_set_size(refs, (gint)puts->len);
    guint seen = 0;
    for (int number = 0; number < parts->count; number++) {
        int64_t count = 0;
        const struct chunk *chunk = parts->of[OURS][number].first;
        for (; chunk != NULL; chunk = chunk->next, room += parts->chunk_bytes) {
            const char *bytes = NULL;
            struct err err;
            uint32_t row = chunk->row;
            assert_int_equal(chunk_refs(parts, chunk, room, &bytes, &err), 0);
            for (uint32_t at = 0; at < chunk->used; count++) {
                const struct ref *ref = (const struct ref *)(const void *)(bytes + at);
                row = ref_row(ref, parts->shape.words, row);
                guint i = 0;
                while (g_array_index(puts, struct put_row, i).number != row) {
                    assert_true(++i < puts->len);
                }
                check_ref(ref, parts, &g_array_index(puts, struct put_row, i));
                assert_null(refs->pdata[i]);
                refs->pdata[i] = (gpointer)ref;
                seen++;
                at += ref_bytes(ref, parts->shape.words);
            }
        }
        assert_int_equal(parts->of[OURS][number].refs, count);
    }
    assert_int_equal(seen, puts->len);
    return refs;
}

static void keys_of_one_hash_are_told_apart(void **state) {
    enum { WORDS = 2 };
    const uint64_t what = (uint64_t)ROW_CHARGE << REF_KIND_SHIFT;
    const uint64_t raw = UINT64_C(8) << REF_RAW_SHIFT | UINT64_C(4) << REF_WORDS_SHIFT;
    const uint64_t refs[][4] = {
        {what, 7, 1}, {what, 7, 2}, {what | REF_MORE, 7, raw, 1}, {what | REF_MORE, 7, raw, 2}};
    for (size_t i = 0; i < COUNT_OF(refs); i++) {
        for (size_t j = 0; j < COUNT_OF(refs); j++) {
            const struct ref *a = (const void *)refs[i], *b = (const void *)refs[j];
            assert_int_equal(ref_same_key(a, b, WORDS), i == j);
        }
    }
}

static void what_is_put_into_partitions_comes_out_of_them(void **state) {
    enum { PUTS = 300, CHUNK = 512 };
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct key_shape shape = {.prefix_bytes = 1,
                                  .key_bytes = 31,
                                  .letters = 0x60,
                                  .words = 2,
                                  .prefix_mask = 0xFF,
                                  .prefix = "G"};
        struct spill *spill = NULL;
        struct parts *parts = g_new0(struct parts, 1);
        struct parts_writer *writer = g_new0(struct parts_writer, 1);
        struct prng random;
        struct err err;
        g_autoptr(GArray) puts = g_array_sized_new(false, true, sizeof(struct put_row), PUTS);
        prng_init(&random, seed);
        parts_init(parts, 4, CHUNK, seed % 2 == 0 ? 0 : 1 << 20, &shape, &spill, "/tmp");
        parts_writer_init(writer, parts, OURS);
        for (uint32_t i = 0, row = 0; i < PUTS; i++) {
            struct put_row *put = &((struct put_row *)(void *)puts->data)[i];
            g_array_set_size(puts, i + 1);
            random_put(&random, put, row);
            row = put->number;
            assert_int_equal(parts_add(writer, &put->quick, row, &err), 0);
        }
        parts_writer_end(writer);
        assert_int_equal(spill != NULL, seed % 2 == 0);
        g_autofree char *room = g_malloc((size_t)PUTS * CHUNK);
        g_autoptr(GPtrArray) refs = check_refs(parts, puts, room);
        for (guint i = 0; i < refs->len; i++) {
            const struct put_row *x = &g_array_index(puts, struct put_row, i);
            for (guint j = 0; j < i; j++) {
                const struct put_row *y = &g_array_index(puts, struct put_row, j);
                bool same = strcmp(x->key, y->key) == 0 &&
                            face_kind(x->quick.face) == face_kind(y->quick.face);
                assert_int_equal(ref_same_key(refs->pdata[i], refs->pdata[j], shape.words), same);
            }
        }
        parts_release(parts);
        spill_close(spill);
        g_free(parts);
        g_free(writer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_apart_by_its_bytes_is_told_apart_by_its_words),
        cmocka_unit_test(the_look_of_the_keys_is_found),
        cmocka_unit_test(keys_of_one_hash_are_told_apart),
        cmocka_unit_test(what_is_put_into_partitions_comes_out_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
