/* SPDX-License-Identifier: Apache-2.0
 * books.c: what a difference of balances consists of, by name. */
#include "match/books.h"

static const struct {
    const char *name;
    bool explains;
} items[RUN_ITEM_COUNT] = {
#define X(item, text, explained, what) [RUN_ITEM_##item] = {text, explained},
#include "match/book_items.def"
#undef X
};

const char *run_item_name(int item) {
    return item < CLASS_COUNT           ? match_class_name((enum match_class)item)
           : item < (int)RUN_ITEM_COUNT ? items[item].name
                                        : "?";
}

bool run_item_explains(int item) {
    enum match_class class = (enum match_class)item;
    return item >= CLASS_COUNT ? item < (int)RUN_ITEM_COUNT && items[item].explains
                               : class == CLASS_EXPECTED || class == CLASS_MATCHED_TOLERANCE ||
                                     class == CLASS_PROBE ||
                                     match_class_risk(class) != RISK_NONE;
}
