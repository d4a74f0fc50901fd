/* SPDX-License-Identifier: Apache-2.0
 * test_qr.c: what is drawn as a QR code is read back by a reader written here after ISO/IEC 18004:
 * version 3 with error correction M, whose 44 data words are one block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/qr.h"

enum { SIDE = 29, DATA_WORDS = 44, DRAWN = SIDE + 2 * QR_QUIET_MODULES };

/* 27 to 42 bytes make a code of version 3. */
static const char link[] = "weixin://wxpay/bizpayurl?pr=Q4zxJ2c8z";

struct picture {
    bool dark[DRAWN][DRAWN];
};

static int number_at(const char **at) {
    int value = 0;
    assert_true(**at >= '0' && **at <= '9');
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        value = value * 10 + **at - '0';
    }
    return value;
}

static void read_svg(const char *svg, struct picture *ret) {
    *ret = (struct picture){0};
    const char *at = strstr(svg, " d=\"");
    assert_non_null(at);
    at += 4;
    while (*at == 'M') {
        at++;
        int x = number_at(&at);
        assert_true(*at++ == ' ');
        int y = number_at(&at);
        assert_true(*at++ == 'h');
        int run = number_at(&at);
        assert_true(x >= 0 && y >= 0 && y < DRAWN && x + run <= DRAWN && run > 0);
        for (int i = 0; i < run; i++) {
            ret->dark[y][x + i] = true;
        }
        at = strchr(at, 'z') + 1;
    }
    assert_memory_equal(at, "\"/></svg>", 9);
}

static void read_terminal(const char *text, struct picture *ret) {
    *ret = (struct picture){0};
    for (int y = 0; y < DRAWN; y += 2, text++) {
        for (int x = 0; x < DRAWN; x++) {
            bool blank = *text == ' ';
            unsigned char last = blank ? 0 : (unsigned char)text[2];
            ret->dark[y][x] = blank || last == 0x84;
            if (y + 1 < DRAWN) {
                ret->dark[y + 1][x] = blank || last == 0x80;
            }
            text += blank ? 1 : 3;
        }
        assert_true(*text == '\n');
    }
    assert_true(*text == '\0');
}

static bool module(const struct picture *picture, int x, int y) {
    return picture->dark[y + QR_QUIET_MODULES][x + QR_QUIET_MODULES];
}

static bool is_function(int x, int y) {
    bool finder = (x < 9 && y < 9) || (x >= SIDE - 8 && y < 9) || (x < 9 && y >= SIDE - 8);
    bool alignment = x >= 20 && x <= 24 && y >= 20 && y <= 24;
    return finder || alignment || x == 6 || y == 6;
}

static bool masked(int mask, int x, int y) {
    switch (mask) {
    case 0:
        return (y + x) % 2 == 0;
    case 1:
        return y % 2 == 0;
    case 2:
        return x % 3 == 0;
    case 3:
        return (y + x) % 3 == 0;
    case 4:
        return (y / 2 + x / 3) % 2 == 0;
    case 5:
        return y * x % 2 + y * x % 3 == 0;
    case 6:
        return (y * x % 2 + y * x % 3) % 2 == 0;
    default:
        return ((y + x) % 2 + y * x % 3) % 2 == 0;
    }
}

/* Level and mask, from the copy of the format beside the upper left finder. */
static int format_of(const struct picture *picture) {
    int bits = 0;
    for (int i = 0; i < 6; i++) {
        bits = bits << 1 | module(picture, i, 8);
    }
    bits = bits << 1 | module(picture, 7, 8);
    bits = bits << 1 | module(picture, 8, 8);
    bits = bits << 1 | module(picture, 8, 7);
    for (int y = 5; y >= 0; y--) {
        bits = bits << 1 | module(picture, 8, y);
    }
    return (bits ^ 0x5412) >> 10;
}

static void read_words(const struct picture *picture, uint8_t ret_words[DATA_WORDS]) {
    int format = format_of(picture);
    assert_int_equal(format >> 3, 0); /* M */
    int count = 0;
    bool up = true;
    memset(ret_words, 0, DATA_WORDS);
    for (int right = SIDE - 1; right > 0; right -= 2, up = !up) {
        right -= right == 6;
        for (int i = 0; i < SIDE; i++) {
            int y = up ? SIDE - 1 - i : i;
            for (int x = right; x > right - 2; x--) {
                if (is_function(x, y) || count >= DATA_WORDS * 8) {
                    continue;
                }
                int bit = module(picture, x, y) ^ masked(format & 7, x, y);
                ret_words[count / 8] |= (uint8_t)(bit << (7 - count % 8));
                count++;
            }
        }
    }
    assert_int_equal(count, DATA_WORDS * 8);
}

static void assert_reads(const struct picture *picture, const char *text) {
    uint8_t words[DATA_WORDS];
    for (int i = 0; i < DRAWN; i++) {
        for (int k = 0; k < QR_QUIET_MODULES; k++) {
            assert_false(picture->dark[i][k] || picture->dark[k][i] ||
                         picture->dark[i][DRAWN - 1 - k] || picture->dark[DRAWN - 1 - k][i]);
        }
    }
    read_words(picture, words);
    assert_int_equal(words[0] >> 4, 4); /* bytes */
    size_t length = (size_t)((words[0] & 15) << 4 | words[1] >> 4);
    assert_int_equal(length, strlen(text));
    for (size_t i = 0; i < length; i++) {
        assert_int_equal((words[i + 1] & 15) << 4 | words[i + 2] >> 4, text[i]);
    }
}

static void a_text_is_read_back_from_its_picture(void **state) {
    struct err err = {0};
    struct picture picture;
    BUF_AUTO buf;
    (void)state;
    buf_init(&buf, 1 << 20);
    assert_int_equal(qr_svg(link, &buf, &err), 0);
    read_svg(buf.data, &picture);
    assert_reads(&picture, link);
}

static void a_text_is_read_back_from_a_terminal(void **state) {
    struct err err = {0};
    struct picture picture;
    BUF_AUTO buf, colored;
    (void)state;
    buf_init(&buf, 1 << 20);
    buf_init(&colored, 1 << 20);
    assert_int_equal(qr_terminal(link, false, &buf, &err), 0);
    read_terminal(buf.data, &picture);
    assert_reads(&picture, link);
    assert_int_equal(qr_terminal(link, true, &colored, &err), 0);
    assert_memory_equal(colored.data, "\033[40;97m", 8);
    assert_memory_equal(colored.data + colored.len - 5, "\033[0m\n", 5);
}

static void what_cannot_be_drawn_is_refused_and_nothing_is_added(void **state) {
    char longest[QR_TEXT_BYTES_MAX + 2];
    struct err err = {0};
    BUF_AUTO buf;
    (void)state;
    buf_init(&buf, 1 << 20);
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(qr_svg("", &buf, &err), -ERR_VALIDATION);
    assert_int_equal(qr_svg(NULL, &buf, &err), -ERR_VALIDATION);
    assert_int_equal(qr_terminal(longest, false, &buf, &err), -ERR_VALIDATION);
    assert_non_null(strstr(err.detail, "1025"));
    assert_int_equal(buf.len, 0);
    longest[QR_TEXT_BYTES_MAX] = '\0';
    assert_int_equal(qr_svg(longest, &buf, &err), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_read_back_from_its_picture),
        cmocka_unit_test(a_text_is_read_back_from_a_terminal),
        cmocka_unit_test(what_cannot_be_drawn_is_refused_and_nothing_is_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
