/* SPDX-License-Identifier: Apache-2.0
 * observe.c: `observe`: the lines of somebody's log, by a map, to POST /v1/observations in batches.
 * The log itself is the queue: nothing is read ahead of what the service has answered for, and
 * where reading stands is written down behind that. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/follow.h"
#include "base/signal.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/observe_map.h"
#include "cli/show.h"
#include "cli/talk.h"

enum {
    BATCH_MAX = 200,
    BATCH_BYTES_MAX = 48 * 1024, /* the service takes 64 KiB */
    TOLD_MAX = 20,               /* mistakes in TOLD_US */
    KEPT_MAX = 100,              /* for --json */
    PLACE_BYTES_MAX = 1024,
};
#define LOOK_US (250 * US_PER_MS)
#define TOLD_US (10 * US_PER_SECOND)
#define DRAW_US (US_PER_SECOND / 2)
#define AGAIN_US US_PER_SECOND
#define AGAIN_US_MAX (30 * US_PER_SECOND)

struct run {
    struct cli *cli;
    struct observe_map *map;
    struct follow *follow;
    const char *place_path; /* NULL: none is kept */
    struct follow_place kept_place;
    bool follows, checks, bound;
    json_t *batch; /* observations that were not sent yet, and their lines */
    int64_t lines[BATCH_MAX];
    size_t batch_bytes;
    int64_t read, passed, well, repeated, wrong;
    int64_t told_us; /* when the present span of TOLD_US began */
    int told;
    json_t *errors; /* the first mistakes, for --json */
    int64_t drawn_us;
};

/* ---- mistakes ---- */

static void say_more(struct run *run) {
    if (run->told > TOLD_MAX) {
        fprintf(run->cli->screen.err, "… and %d more wrong lines.\n", run->told - TOLD_MAX);
    }
    run->told = 0;
}

static void mistake(struct run *run, int64_t line, const char *place, const char *detail,
                    const char *hint) {
    int64_t now = clock_mono_us();
    run->wrong++;
    if (json_array_size(run->errors) < KEPT_MAX) {
        json_array_append_new(run->errors, json_pack("{s:I,s:s,s:s,s:s}", "line", (json_int_t)line,
                                                   "place", place, "detail", detail, "hint", hint));
    }
    if (run->cli->json) {
        return;
    }
    if (now - run->told_us >= TOLD_US) {
        say_more(run);
        run->told_us = now;
    }
    if (run->told++ < TOLD_MAX) {
        fprintf(run->cli->screen.err, "%sline %lld: %s%s%s%s%s\n",
                run->cli->screen.live ? "\r\033[K" : "", (long long)line, place,
                place[0] != '\0' ? ": " : "", detail, hint[0] != '\0' ? ". " : "", hint);
    }
}

/* ---- where reading stands ---- */

/* 1: it was there. */
static int read_place(const char *path, struct follow_place *ret_place, struct err *err) {
    char text[PLACE_BYTES_MAX + 1];
    struct file_face face;
    size_t count = 0;
    if (file_look(path, &face, &(struct err){0}) < 0) {
        return 0;
    }
    JSON_AUTO json = NULL;
    static const char *const keys[] = {"device", "inode", "at", "line", NULL};
    int r = file_read(path, text, PLACE_BYTES_MAX, &count, err);
    r = r < 0 ? r : json_read(text, count, PLACE_BYTES_MAX, 2, &json, err);
    r = r < 0 ? r : json_only(json, "", keys, err);
    r = r < 0 ? r : json_need_int(json, "", "device", 0, INT64_MAX, &ret_place->device, err);
    r = r < 0 ? r : json_need_int(json, "", "inode", 0, INT64_MAX, &ret_place->inode, err);
    r = r < 0 ? r : json_need_int(json, "", "at", 0, INT64_MAX, &ret_place->at, err);
    r = r < 0 ? r : json_need_int(json, "", "line", 1, INT64_MAX, &ret_place->line, err);
    if (r < 0) {
        err_while(err, "reading the place of --place");
        return err_hint(err, "Remove %.200s to begin anew.", path);
    }
    return 1;
}

static int write_place(struct run *run, struct err *err) {
    struct follow_place place;
    if (run->place_path == NULL || run->checks) {
        return 0;
    }
    follow_place(run->follow, &place);
    if (place.at == run->kept_place.at && place.inode == run->kept_place.inode &&
        place.line == run->kept_place.line) {
        return 0; /* nothing was written to the log */
    }
    JSON_AUTO json = json_pack("{s:I,s:I,s:I,s:I}", "device", (json_int_t)place.device, "inode",
                               (json_int_t)place.inode, "at", (json_int_t)place.at, "line",
                               (json_int_t)place.line);
    char *text = json_write(json);
    int r = file_replace(run->place_path, text, strlen(text), 0600, err);
    free(text);
    run->kept_place = place;
    return r < 0 ? err_while(err, "keeping the place of --place") : 0;
}

/* ---- sending ---- */

/* What the service found wrong, by the lines of the log. */
static void take_answer(struct run *run, const json_t *answer) {
    size_t i;
    json_t *row;
    run->well += field_int(answer, "accepted");
    run->repeated += field_int(answer, "repeated");
    json_array_foreach(json_object_get(answer, "errors"), i, row) {
        int64_t at = field_int(row, "line");
        const char *place = field_word(row, "place"), *slash = strrchr(place, '/');
        bool known = at >= 1 && at <= (int64_t)json_array_size(run->batch);
        mistake(run, known ? run->lines[at - 1] : 0, slash != NULL ? slash + 1 : place,
                field_word(row, "detail"), field_word(row, "hint"));
    }
    int64_t untold = field_int(answer, "refused") - (int64_t)i;
    run->wrong += untold > 0 ? untold : 0;
}

static void empty_batch(struct run *run) {
    json_array_clear(run->batch);
    run->batch_bytes = 0;
}

/* Until somebody answers, when following; a refusal of all is told by the service's first word. */
static int send_batch(struct run *run) {
    size_t count = json_array_size(run->batch);
    int64_t again_us = AGAIN_US;
    struct err err = {0};
    while (count > 0 && !run->checks) {
        JSON_AUTO body = json_pack("{s:O}", "observations", run->batch);
        JSON_AUTO answer = NULL;
        int status = talk_quiet(run->cli, "POST", "/v1/observations", body, &answer, NULL);
        if (status == CLI_DONE) {
            take_answer(run, answer);
            break;
        }
        if (status != CLI_UNREACHABLE && !(status == CLI_PROBLEM && run->follows)) {
            return status;
        }
        if (status == CLI_PROBLEM) {
            fprintf(run->cli->screen.err, "Of lines %lld to %lld none was taken.\n",
                    (long long)run->lines[0], (long long)run->lines[count - 1]);
            run->wrong += (int64_t)count;
            break;
        }
        if (!run->follows || signals_await(again_us) != 0) {
            return status;
        }
        again_us = again_us * 2 < AGAIN_US_MAX ? again_us * 2 : AGAIN_US_MAX;
    }
    run->well += run->checks ? (int64_t)count : 0;
    empty_batch(run);
    return write_place(run, &err) < 0 ? cli_fail(run->cli, &err) : CLI_DONE;
}

/* ---- reading ---- */

static int bind(struct run *run, const char *bytes, size_t count) {
    struct err err = {0};
    if (observe_map_header(run->map, bytes, count, &err) < 0) {
        char place[sizeof err.place];
        snprintf(place, sizeof place, "%s", err.place);
        err_place(&err, "line 1, %.200s", place);
        err_hint(&err, "The map's fields are the names in the file's first line.");
        return cli_fail(run->cli, &err);
    }
    run->bound = true;
    return CLI_DONE;
}

/* Before a line that is not the first of its file. */
static int bind_by_first(struct run *run) {
    char head[FOLLOW_LINE_BYTES_MAX];
    size_t count = 0;
    struct err err = {0};
    if (follow_first(run->follow, head, sizeof head, &count, &err) < 0) {
        return cli_fail(run->cli, &err);
    }
    return bind(run, head, count);
}

static int take_line(struct run *run, const struct follow_line *line) {
    struct err err = {0};
    json_t *observation = NULL;
    if (observe_map_has_header(run->map)) {
        int status = run->bound       ? CLI_DONE
                     : line->line > 1 ? bind_by_first(run)
                                      : bind(run, line->bytes, line->count);
        if (status != CLI_DONE || line->line == 1) {
            return status;
        }
    }
    run->read++;
    if (observe_map_line(run->map, line->bytes, line->count, &observation, &err) < 0) {
        mistake(run, line->line, err.place, err.detail, err.hint);
        return CLI_DONE;
    }
    if (observation == NULL) {
        run->passed++;
        return CLI_DONE;
    }
    /* About as large as what it is made of; the service's limit is well above. */
    char *text = json_write(observation);
    run->batch_bytes += strlen(text) + 1;
    free(text);
    run->lines[json_array_size(run->batch)] = line->line;
    json_array_append_new(run->batch, observation);
    bool full = json_array_size(run->batch) == BATCH_MAX || run->batch_bytes > BATCH_BYTES_MAX / 2;
    return full ? send_batch(run) : CLI_DONE;
}

static void draw(struct run *run, bool last) {
    char numbers[4][SHOW_CHARS_MAX];
    int64_t now = clock_mono_us();
    bool live = run->cli->screen.live && !run->cli->json;
    if ((!last && !live) || (!last && now - run->drawn_us < DRAW_US)) {
        return;
    }
    run->drawn_us = now;
    cli_say(run->cli, "%s%s %s, %s not meant, %s wrong", live ? "\r\033[K" : "",
            show_count(run->well, numbers[0]), run->checks ? "would be taken" : "taken",
            show_count(run->passed, numbers[1]), show_count(run->wrong, numbers[2]));
    if (run->repeated > 0) {
        cli_say(run->cli, ", %s had come before", show_count(run->repeated, numbers[3]));
    }
    cli_say(run->cli, last ? ".\n" : "");
    fflush(run->cli->screen.out);
}

static int read_all(struct run *run) {
    for (;;) {
        enum follow_event event = FOLLOW_NOTHING;
        struct follow_line line;
        struct err err = {0};
        int status = CLI_DONE;
        if (follow_next(run->follow, &event, &line, &err) < 0) {
            return cli_fail(run->cli, &err);
        }
        if (event == FOLLOW_LINE) {
            status = take_line(run, &line);
        } else if (event == FOLLOW_LONG) {
            run->read++;
            mistake(run, line.line, "", "it is longer than 64 KiB", "");
        } else {
            status = send_batch(run);
            run->bound = run->bound && event != FOLLOW_ANOTHER;
        }
        draw(run, false);
        if (status != CLI_DONE || (event == FOLLOW_NOTHING && !run->follows)) {
            return status;
        }
        if (run->follows && signals_await(event == FOLLOW_NOTHING ? LOOK_US : 0) != 0) {
            return send_batch(run);
        }
    }
}

static void print_json(const struct run *run) {
    JSON_AUTO json = json_pack("{s:I,s:I,s:I,s:I,s:I,s:O}", "lines", (json_int_t)run->read, "taken",
                               (json_int_t)run->well, "repeated", (json_int_t)run->repeated,
                               "not_meant", (json_int_t)run->passed, "wrong",
                               (json_int_t)run->wrong, "errors", run->errors);
    char *text = json_write(json);
    talk_print_json(run->cli, text);
    free(text);
}

static int open_all(struct run *run, struct err *err) {
    struct follow_place place;
    bool same = true;
    int there = 0;
    int r = observe_map_load(cli_text(run->cli, "map"), &run->map, err);
    if (r >= 0 && run->place_path != NULL) {
        there = read_place(run->place_path, &place, err);
        r = there < 0 ? there : 0;
    }
    bool from_end = run->follows && !cli_given(run->cli, "from-start");
    r = r < 0 ? r
              : follow_open(cli_argument(run->cli, 0),
                            from_end ? FOLLOW_FROM_END : FOLLOW_FROM_START,
                            there > 0 ? &place : NULL, &run->follow, &same, err);
    if (r >= 0 && there > 0 && !same) {
        cli_say(run->cli, "The log is another file than it was: read from its start.\n");
    }
    return r;
}

int run_observe(struct cli *cli) {
    struct run run = {.cli = cli,
                      .place_path = cli_text(cli, "place"),
                      .follows = cli_given(cli, "follow"),
                      .checks = cli_given(cli, "check"),
                      .batch = json_array(),
                      .errors = json_array()};
    struct err err = {0};
    int status;
    if (run.follows && (cli->json || run.checks)) {
        status = cli_misuse(cli, "--follow never ends by itself: it has no %s",
                            cli->json ? "--json" : "--check");
    } else if (!run.follows && cli_given(cli, "from-start")) {
        status = cli_misuse(cli, "--from-start is for --follow: without it all is read");
    } else {
        if (run.follows) {
            signals_block();
        }
        status = open_all(&run, &err) < 0 ? cli_fail(cli, &err) : read_all(&run);
        if (run.follow != NULL && (status == CLI_DONE || run.read > 0) &&
            !(cli->json && status != CLI_DONE)) {
            say_more(&run);
            draw(&run, true);
            print_json(&run);
        }
        if (run.follows) {
            signals_unblock();
        }
    }
    follow_close(run.follow);
    observe_map_free(run.map);
    json_decref(run.batch);
    json_decref(run.errors);
    return status == CLI_DONE && run.wrong > 0 && !run.follows ? CLI_PROBLEM : status;
}
