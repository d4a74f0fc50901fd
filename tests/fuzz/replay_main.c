/* SPDX-License-Identifier: Apache-2.0
 * replay_main.c: runs a fuzz target over every file of a folder, so that each input that once broke
 * something is tried again in every test run. Argument: the folder. Ends 1 when it holds no
 * file. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "fuzz.h"

enum { INPUT_BYTES_MAX = 1024 * 1024 };

/* A copy of exactly these bytes, so that a sanitizer sees the first one read past the end. */
static void run(const char *bytes, size_t count) {
    uint8_t *exact = malloc(count);
    if (exact == NULL && count > 0) {
        abort();
    }
    if (count > 0) {
        memcpy(exact, bytes, count);
    }
    (void)LLVMFuzzerTestOneInput(exact, count);
    free(exact);
}

static int is_input(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv) {
    struct dirent **entries = NULL;
    char *bytes = malloc(INPUT_BYTES_MAX + 1);
    int entry_count = argc == 2 ? scandir(argv[1], &entries, is_input, alphasort) : -1;
    if (bytes == NULL || entry_count <= 0) {
        fprintf(stderr, "usage: replay_NAME FOLDER-WITH-INPUTS\n");
        free(bytes);
        return 1;
    }
    int failed = 0;
    for (int i = 0; i < entry_count; i++) {
        char path[PATH_MAX];
        struct err err = {0};
        size_t count = 0;
        snprintf(path, sizeof(path), "%s/%s", argv[1], entries[i]->d_name);
        /* Said before, so that the last line names the input when it ends the program. */
        fprintf(stderr, "replay: %s\n", entries[i]->d_name);
        if (file_read(path, bytes, INPUT_BYTES_MAX, &count, &err) != 0) {
            fprintf(stderr, "replay: %s\n", err.detail);
            failed = 1;
        } else {
            run(bytes, count);
        }
        free(entries[i]);
    }
    free(entries);
    free(bytes);
    return failed;
}
