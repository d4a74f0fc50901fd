/* SPDX-License-Identifier: Apache-2.0
 * search.c: a text that somebody looks for (search.h). */
#include "recon/search.h"

#include <ctype.h>
#include <string.h>

int search_read(const char *text, char ret_like[SEARCH_LIKE_BYTES], struct err *err) {
    size_t used = 0, chars = text != NULL ? strlen(text) : 0;
    ret_like[0] = '\0';
    if (chars > SEARCH_CHARS_MAX) {
        (void)err_set(err, ERR_VALIDATION, "at most %d characters are looked for",
                      SEARCH_CHARS_MAX);
        return err_place(err, "q");
    }
    if (chars == 0) {
        return 0;
    }
    ret_like[used++] = '%';
    for (size_t i = 0; i < chars; i++) {
        if (text[i] == '%' || text[i] == '_' || text[i] == '\\') {
            ret_like[used++] = '\\';
        }
        ret_like[used++] = (char)tolower((unsigned char)text[i]);
    }
    ret_like[used++] = '%';
    ret_like[used] = '\0';
    return 0;
}
