/* SPDX-License-Identifier: Apache-2.0
 * contacts.h: the provider contact book: whom to call when a gateway is down (GW-7). Threads: any.
 */
#ifndef HOLDFAST_GATEWAY_CONTACTS_H
#define HOLDFAST_GATEWAY_CONTACTS_H

struct gateway_contact {
    const char *adapter, *email, *phone, *status_page;
};
/* By the adapter's name; NULL when the book has no entry. */
const struct gateway_contact *gateway_contact_find(const char *adapter);

#endif
