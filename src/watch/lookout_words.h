/* SPDX-License-Identifier: Apache-2.0
 * lookout_words.h: the sentences of lookout_words.def and the methods' names, in each language.
 * Internal to watch/. Threads: any; the tables are constant. */
#ifndef HOLDFAST_WATCH_LOOKOUT_WORDS_H
#define HOLDFAST_WATCH_LOOKOUT_WORDS_H

#include "watch/notice.h"
#include "watch/phrase.h"

enum look_word {
#define X(ID, en, zh) LOOK_##ID,
#include "watch/lookout_words.def"
#undef X
    LOOK_WORDS,
};
const char *look_word(enum notice_language language, enum look_word word);
struct turn;
const char *turn_word(const struct turn *turn, enum look_word word); /* in the lookout's language */

/* "alipay": "Alipay", "支付宝"; `first` at a sentence's beginning. One that is not known is told as it
 * is. By its stored number: "?" for one that is not known. */
const char *look_method(enum notice_language language, const char *name, bool first);
const char *look_method_of(enum notice_language language, int64_t number);

#endif
