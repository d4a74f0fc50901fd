/* SPDX-License-Identifier: Apache-2.0
 * http_url.c: see http_url.h. */
#include "net/http_url.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

bool http_url_is_loopback(const char *url) {
    const char *start = strstr(url, "://");
    if (start == NULL) {
        return false;
    }
    start += 3;
    char host[256];
    size_t count = start[0] == '[' ? strcspn(start, "]") + 1 : strcspn(start, ":/?#");
    if (count >= sizeof(host) || count > strlen(start)) {
        return false;
    }
    memcpy(host, start, count);
    host[count] = '\0';
    char after = start[count];
    if (memchr(start, '@', strcspn(start, "/?#")) != NULL) {
        return false; /* "localhost:secret@elsewhere" is elsewhere */
    }
    if (after != '\0' && after != ':' && after != '/') {
        return false;
    }
    if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0) {
        return true;
    }
    return strncmp(host, "127.", 4) == 0 && g_hostname_is_ip_address(host);
}

void http_url_host(const char *url, char *ret_host, size_t bytes_max) {
    const char *start = strstr(url, "://");
    start = start != NULL ? start + 3 : url;
    size_t count = strcspn(start, "/?#");
    const char *at = memrchr(start, '@', count);
    if (at != NULL) {
        count -= (size_t)(at + 1 - start);
        start = at + 1;
    }
    (void)snprintf(ret_host, bytes_max, "%.*s", (int)(count < 100 ? count : 100), start);
    for (char *c = ret_host; *c != '\0'; c++) {
        *c = *c < ' ' || *c == 0x7f ? '?' : *c;
    }
}
