/* SPDX-License-Identifier: Apache-2.0
 * test_skill.c: the skill folder for agents (INC-13): each command in it is one that the command
 * line takes, each tool is one that there is, each link leads somewhere. */
#include "cli_fixture.h"

#include "base/file.h"

enum { TEXT_BYTES_MAX = 256 * 1024, WORDS_BYTES = 900 };

static const char *const pages[] = {"skill/SKILL.md", "skill/setup.md",
                                    "skill/validation-checklist.md"};
static const char *const tools[] = {
#define X(name, title, kind, method, path, description) name,
#include "api/mcp_tools.def"
#undef X
};

static char *read_page(const char *path) {
    char whole[1024];
    size_t count = 0;
    struct err err = {0};
    char *text = calloc(1, TEXT_BYTES_MAX + 1);
    snprintf(whole, sizeof whole, "%s/../%s", TESTS_DIR, path);
    if (file_read(whole, text, TEXT_BYTES_MAX, &count, &err) < 0) {
        fail_msg("%s: %s", path, err.detail);
    }
    return text;
}

/* As run() takes it: '+' for blanks within quotes. */
static void assert_command(const char *where, const char *command, size_t bytes) {
    char words[WORDS_BYTES];
    size_t used = 0;
    bool quoted = false;
    assert_true(bytes < sizeof words);
    for (size_t i = 0; i < bytes; i++) {
        quoted = quoted != (command[i] == '"');
        if (command[i] != '"') {
            words[used++] = quoted && command[i] == ' ' ? '+' : command[i];
        }
    }
    words[used] = '\0';
    RAN ran = run(NULL, words);
    if (ran.status == CLI_USAGE) {
        fail_msg("%s: holdfast %s: %s", where, words, ran.err);
    }
}

/* Every "holdfast …" between back quotes, and at the start of a line of a block. */
static int commands_of(const char *where, const char *text) {
    static const char head[] = "holdfast ";
    int count = 0;
    for (const char *at = text; (at = strstr(at, head)) != NULL; at++) {
        bool inside = at > text && at[-1] == '`';
        const char *line = at;
        while (line > text && line[-1] == ' ') {
            line--;
        }
        bool alone = line == text || line[-1] == '\n';
        if (!inside && !alone) {
            continue;
        }
        const char *words = at + strlen(head);
        size_t bytes = strcspn(words, inside ? "`" : "\n");
        if (bytes > 0 && strncmp(words, "mcp", 3) != 0) { /* that one would listen */
            assert_command(where, words, bytes);
            count++;
        }
    }
    return count;
}

static void each_command_is_one_that_the_command_line_takes(void **state) {
    (void)state;
    int count = 0;
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        char *text = read_page(pages[i]);
        count += commands_of(pages[i], text);
        free(text);
    }
    assert_true(count >= 25);
}

static bool is_tool(const char *name, size_t bytes) {
    for (size_t i = 0; i < COUNT_OF(tools); i++) {
        if (strlen(tools[i]) == bytes && strncmp(tools[i], name, bytes) == 0) {
            return true;
        }
    }
    return false;
}

/* Words in back quotes of small letters and "_" alone: a tool, or one of these. */
static void each_tool_is_one_that_there_is(void **state) {
    (void)state;
    static const char *const others[] = {"idempotency_key", "viewer"};
    int count = 0;
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        char *text = read_page(pages[i]);
        for (const char *at = text; (at = strchr(at, '`')) != NULL; at++) {
            size_t bytes = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_");
            bool other = bytes == 0 || at[1 + bytes] != '`';
            for (size_t j = 0; j < COUNT_OF(others); j++) {
                other = other || (strlen(others[j]) == bytes &&
                                  strncmp(others[j], at + 1, bytes) == 0);
            }
            if (other) {
                continue;
            }
            if (!is_tool(at + 1, bytes)) {
                fail_msg("%s: there is no tool \"%.*s\"", pages[i], (int)bytes, at + 1);
            }
            count++;
            at += bytes + 1;
        }
        free(text);
    }
    assert_true(count >= 20);
}

static void it_has_a_head_that_agents_read(void **state) {
    (void)state;
    char *text = read_page(pages[0]);
    assert_int_equal(strncmp(text, "---\nname: payment-incident-responder\ndescription: ", 50), 0);
    const char *end = strstr(text, "\n---\n");
    assert_non_null(end);
    assert_true(end - text < 1100); /* a description has 1,024 characters at most */
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_command_is_one_that_the_command_line_takes),
        cmocka_unit_test(each_tool_is_one_that_there_is),
        cmocka_unit_test(it_has_a_head_that_agents_read),
    };
    return cmocka_run_group_tests_name("skill", tests, set_up, tear_down);
}
