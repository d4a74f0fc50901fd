/* SPDX-License-Identifier: Apache-2.0
 * contacts.c: the book, from the rows of adapters.def. */
#include "gateway/contacts.h"

#include <string.h>

#include "base/compiler.h"

static const struct gateway_contact book[] = {
#define X(folder, email, phone, status_page) {#folder, email, phone, status_page},
#include "gateway/adapters.def"
#undef X
};

static bool is_empty(const struct gateway_contact *contact) {
    return contact->email[0] == '\0' && contact->phone[0] == '\0' &&
           contact->status_page[0] == '\0';
}

const struct gateway_contact *gateway_contact_find(const char *adapter) {
    for (size_t i = 0; i < COUNT_OF(book); i++) {
        if (strcmp(book[i].adapter, adapter) == 0) {
            return is_empty(&book[i]) ? NULL : &book[i];
        }
    }
    return NULL;
}
