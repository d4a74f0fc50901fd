/* SPDX-License-Identifier: Apache-2.0
 * progress.c: how far a command is. */
#include "cli/progress.h"

#include "base/clock.h"
#include "cli/show.h"

enum { PERCENT = 100 };
#define AFTER_US (1 * US_PER_SECOND)
#define BETWEEN_US (US_PER_SECOND / 10)

void progress_begin(struct progress *progress, const struct cli *cli) {
    int64_t now_us = clock_mono_us();
    *progress = (struct progress){.cli = cli, .began_us = now_us, .step_us = now_us};
}

void progress_step(struct progress *progress) {
    progress->step_us = clock_mono_us();
}

static bool draws(const struct progress *progress) {
    if (!progress->cli->screen.err_live || progress->cli->json) {
        return false;
    }
    int64_t now_us = clock_mono_us();
    return now_us - progress->began_us >= AFTER_US &&
           (!progress->drawn || now_us - progress->drawn_us >= BETWEEN_US);
}

static void was_drawn(struct progress *progress) {
    fflush(progress->cli->screen.err);
    progress->drawn = true;
    progress->drawn_us = clock_mono_us();
}

void progress_steps(struct progress *progress, const char *doing, const char *unit,
                    int64_t unit_size, int64_t done, int64_t whole) {
    char left[SHOW_CHARS_MAX], rate[SHOW_CHARS_MAX];
    int64_t step_us = clock_mono_us() - progress->step_us;
    if (!draws(progress) || done <= 0 || whole <= 0 || step_us <= 0) {
        return;
    }
    done = done < whole ? done : whole;
    __int128 to_go = (__int128)step_us * (whole - done) / done;
    __int128 a_second = (__int128)done * US_PER_SECOND / step_us / unit_size;
    fprintf(progress->cli->screen.err, "\r\033[K%s: %d %%, %s %s a second, %s left", doing,
            (int)((__int128)done * PERCENT / whole), show_count((int64_t)a_second, rate), unit,
            show_span((int64_t)to_go, left));
    was_drawn(progress);
}

void progress_waits(struct progress *progress, const char *what) {
    char span[SHOW_CHARS_MAX];
    if (draws(progress)) {
        fprintf(progress->cli->screen.err, "\r\033[K%s for %s", what,
                show_span(clock_mono_us() - progress->began_us, span));
        was_drawn(progress);
    }
}

void progress_end(struct progress *progress) {
    if (progress->drawn) {
        fprintf(progress->cli->screen.err, "\r\033[K");
        fflush(progress->cli->screen.err);
        progress->drawn = false;
    }
}

/* ---- while one call lasts ---- */

static void draw_alone(void *arg) {
    struct progress_alone *alone = arg;
    lock_take(&alone->lock);
    while (!alone->over) {
        progress_waits(&alone->line, alone->what);
        (void)cond_wait_until(&alone->ended, &alone->lock, clock_mono_us() + BETWEEN_US);
    }
    lock_give(&alone->lock);
}

void progress_alone_begin(struct progress_alone *alone, const struct cli *cli, const char *what) {
    *alone = (struct progress_alone){.what = what};
    progress_begin(&alone->line, cli);
    if (cli->screen.err_live && !cli->json) {
        lock_init(&alone->lock);
        cond_init(&alone->ended);
        alone->task = task_start("progress", 0, draw_alone, alone);
        if (alone->task == NULL) {
            cond_free(&alone->ended);
            lock_free(&alone->lock);
        }
    }
}

void progress_alone_end(struct progress_alone *alone) {
    if (alone->task == NULL) {
        return;
    }
    lock_take(&alone->lock);
    alone->over = true;
    cond_signal(&alone->ended);
    lock_give(&alone->lock);
    task_join(alone->task);
    alone->task = NULL;
    progress_end(&alone->line);
    cond_free(&alone->ended);
    lock_free(&alone->lock);
}
