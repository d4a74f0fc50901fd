/* SPDX-License-Identifier: Apache-2.0
 * disk.h: a disk in memory, for SQLite and the store, that fails and crashes as a seed says.
 *
 * A file has two contents: *live*, what reads give (a kernel's page cache), and *durable*, what a
 * power cut leaves. A write goes to the live one and is noted, sector by sector, as pending; a
 * sync makes durable what was pending when it began. A crash decides for the pending writes of each
 * file: all lost; the first few kept; any of their sectors kept, in whatever order; the last one
 * torn; all kept. What was synced stays, always.
 *
 *   write ──> pending ──sync──> durable
 *                │ └──failed sync: durable all the same, or still pending, or dropped (a later
 *                │      sync succeeds without them), or dropped and read back as before
 *                └──crash: each sector as it was or as it became
 *
 * Files are SQLite's through a VFS of their own, which is SQLite's default while the disk stands,
 * so that SQLite's own randomness comes from the world's too. The store gets its lock file here.
 *
 * Invariants:
 *   D1 The same seed and the same calls give the same bytes, faults and hash.
 *   D2 What a sync that answered well covered is there after every crash (unless sync_lies).
 *   D3 After a crash or the process's death no call through an old handle changes anything.
 *   D4 Tasks are switched only inside xSync (on_sync, latency) and xSleep.
 *   D5 Without its eye a history is the same, but for the marks of readers in the log's index.
 * Limits:  no memory-mapped reading (the store has it off); no folders: a path is a name.
 * Threads: one. Owns: all content, until sim_disk_free(). */
#ifndef HOLDFAST_SIM_DISK_H
#define HOLDFAST_SIM_DISK_H

#include "base/random.h"

struct sim_disk;

enum sim_disk_event {
    SIM_DISK_READ_FAILED,
    SIM_DISK_WRITE_FAILED, /* a drawn first part of it may have been written */
    SIM_DISK_FULL,         /* as much as there was room for has been written */
    SIM_DISK_OPEN_FAILED,
    SIM_DISK_SYNC_FAILED_DURABLE, /* four ways for a sync to fail, as above */
    SIM_DISK_SYNC_FAILED_PENDING,
    SIM_DISK_SYNC_FAILED_DROPPED,
    SIM_DISK_SYNC_FAILED_REVERTED,
    SIM_DISK_LOST, /* the rest: what a crash did to a file that had pending writes */
    SIM_DISK_CUT,
    SIM_DISK_SCATTERED,
    SIM_DISK_TORN,
    SIM_DISK_KEPT,
    SIM_DISK_VANISHED, /* a file whose name was never synced */
    SIM_DISK_RETURNED, /* a file whose removal was never synced */
    SIM_DISK_EVENT_COUNT
};
const char *sim_disk_event_text(enum sim_disk_event event);

struct sim_disk_options {
    uint64_t seed;
    const char *vfs_name; /* NULL: "sim-disk"; two disks at once need two names */
    int sector_bytes;     /* what is written whole or not at all: 512 or 4096 (0) */
    /* Off: what SQLite believes of disks on Unix (POWERSAFE_OVERWRITE), a power cut during a write
     * damages no byte that was not being written. On: it can damage the whole sector, and SQLite is
     * told so and pads its log. For experiments: neither SQLite nor the store stands that together
     * with failing syncs, a full disk, or a second power cut soon after the first. */
    bool sector_damage;
    /* A name is durable only once its file was synced, a removal only once any name was. */
    bool names_volatile;
    void *ctx; /* for the functions, each of which may be NULL */
    /* At every sync, before anything of it is durable: a place to switch tasks or to kill one. */
    void (*on_sync)(void *ctx);
    /* For the story. `file` is borrowed. */
    void (*on_event)(void *ctx, enum sim_disk_event event, const char *file);
    /* After a crash that was planned. Need not return. */
    void (*on_crash)(void *ctx);
};

/* All zero: a good disk. Rates in thousandths. */
struct sim_disk_faults {
    int read_error, write_error, sync_error, open_error;
    int64_t sync_us_min, sync_us_max; /* how long a sync takes, by task_sleep_us() */
    bool sync_lies;                   /* answers well and does nothing: to see a test fail */
};

struct sim_disk_counts {
    int64_t opens, reads, writes, truncates, syncs, deletes;
    int64_t bytes_read, bytes_written;
    int64_t crashes, deaths;
    int64_t events[SIM_DISK_EVENT_COUNT];
};

/* Registers the VFS with SQLite and makes it the default; no store may be open. */
struct sim_disk *sim_disk_new(const struct sim_disk_options *options);
/* Every handle must be closed, or its process dead and never to run again. */
void sim_disk_free(struct sim_disk *disk);
/* Makes the store use this disk from its next opening on; NULL: the system's again. */
void sim_disk_install(struct sim_disk *disk);
/* While it is on, who opens a store here is an *eye*: somebody who looks on from outside and is in
 * nobody's way. An eye reads what is there, without faults, in every life; it writes nothing and
 * keeps nobody waiting. Between its transactions lives may end. */
void sim_disk_watch(struct sim_disk *disk, bool on);
/* The same number as before: an eye that is open on this database sees what a new one would. 0: it
 * may not, since its log has nothing in it that tells this life from another. */
uint64_t sim_disk_seen(const struct sim_disk *disk, const char *name);

/* A file that was always there: durable, in bytes that are copied. None may have this name. */
void sim_disk_put(struct sim_disk *disk, const char *name, const void *bytes, size_t count);
/* What a file reads now, g_free(); NULL: there is none. */
void *sim_disk_get(const struct sim_disk *disk, const char *name, size_t *ret_count);

/* What goes wrong from here on. NULL: nothing any more. */
void sim_disk_set_faults(struct sim_disk *disk, const struct sim_disk_faults *faults);
/* How many bytes the files may still grow together; -1: no limit. */
void sim_disk_set_room(struct sim_disk *disk, int64_t bytes_left);

/* The power goes: handles are dead, locks and shared memory gone, pending writes decided by `prng`
 * (NULL: the disk's own). */
void sim_disk_crash(struct sim_disk *disk, struct prng *prng);
/* Only the process dies: handles, locks and shared memory as above, but pending writes stay in the
 * live content, as pending as they were. */
void sim_disk_kill(struct sim_disk *disk);
/* The power goes at the `count`-th write, truncation or sync from now (1: the next), drawn: before
 * it or right after it. 0 takes it back. */
void sim_disk_plan_crash(struct sim_disk *disk, int64_t count);

void sim_disk_counts(const struct sim_disk *disk, struct sim_disk_counts *ret_counts);
/* Of every change so far: file, place, bytes, order, syncs, crashes. */
uint64_t sim_disk_hash(const struct sim_disk *disk);
/* Which of these texts (of 256 bytes at most) a file that is there holds, as it reads now or as it
 * would after a power cut; -1: none. */
int sim_disk_holds(const struct sim_disk *disk, const char *const *texts, int count);
/* Writes that a power cut could take back now. */
int64_t sim_disk_pending(const struct sim_disk *disk);

#endif
