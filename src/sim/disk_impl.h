/* SPDX-License-Identifier: Apache-2.0
 * disk_impl.h: what the parts of the simulated disk share: contents (disk_file.c), the disk and its
 * faults (disk.c), SQLite's side (disk_vfs.c). Nobody else includes it. */
#ifndef HOLDFAST_SIM_DISK_IMPL_H
#define HOLDFAST_SIM_DISK_IMPL_H

#include "base/err.h"
#include "sim/disk.h"

enum {
    DISK_PAGE_BYTES = 4096,
    DISK_SHM_LOCKS = 8, /* SQLITE_SHM_NLOCK */
};

/* Bytes by page; a page that is NULL is all zero, and so is everything past `size`. */
struct disk_pages {
    uint8_t **page;
    int64_t count;
    int64_t size;
};

/* A write that is not durable yet: whole sectors as they were right after it. */
struct disk_write {
    int64_t sector; /* the first */
    int64_t count;  /* sectors; 0: the file was cut to `size` */
    int64_t size;   /* of the file, after it */
    size_t image;   /* where its sectors begin in the file's `images` */
};

/* Memory that the handles of a file share, for the index of its log. */
struct disk_shm {
    uint8_t **region;
    int regions, region_bytes, users;
    int lock[DISK_SHM_LOCKS]; /* so many share it; -1: one has it alone */
};

struct disk_file {
    struct disk_file *next;
    char *name; /* NULL: nobody else will ever open it */
    uint64_t name_hash;
    uint64_t number; /* no other file ever has it */
    struct disk_pages live, durable;
    struct disk_write *write;
    int64_t writes, writes_cap;
    int64_t writes_ever; /* how many there have been, to tell the new ones from those at a start */
    uint8_t *images;
    size_t images_used, images_cap;
    bool ahead; /* the live content has what was dropped, besides what is pending */
    bool name_durable;
    bool removed; /* its name is gone: it goes with its last handle */
    int handles;
    /* SQLite's file lock: how many hold SHARED or more, and which handle has which. Handles are
     * only compared. */
    int shared;
    const void *reserved, *pending, *exclusive;
    struct disk_shm shm;
};

/* A lock that belongs to a process, as the store's beside its database. */
struct disk_lock {
    struct disk_lock *next;
    char *path;
    int token;
};

struct sim_disk {
    struct sim_disk_options options;
    char *vfs_name, *eye_name;
    int sector_bytes;
    struct sim_disk_faults faults;
    struct prng prng;
    void *vfs, *eye_vfs;      /* what SQLite knows it by */
    int eyes;                 /* handles of theirs (disk.h) */
    uint64_t files;           /* that there have been */
    struct disk_file *first;  /* open, or to be found by name */
    struct disk_file *buried; /* removed, but a crash may bring them back */
    struct disk_lock *locks;
    int last_token;
    uint64_t life; /* grows with every crash and death: a handle of another one is dead */
    int64_t room;  /* -1: no limit */
    int64_t crash_in;
    struct sim_disk_counts counts;
    uint64_t hash;
    /* Shared memory of the dead: their last calls may still read it. */
    uint8_t **grave;
    int64_t graves, graves_cap;
};

enum disk_result { DISK_OK, DISK_FAILED, DISK_NO_ROOM };

/* ---- disk_file.c: contents; no faults ---- */
struct disk_file *disk_file_new(const char *name);
void disk_file_free(struct disk_file *file);
void disk_pages_read(const struct disk_pages *pages, void *ret_bytes, int64_t count,
                     int64_t offset);
void disk_file_write(struct disk_file *file, int sector_bytes, const void *bytes, int64_t count,
                     int64_t offset);
void disk_file_truncate(struct disk_file *file, int64_t size);
/* The first `count` pending writes become durable. */
void disk_file_settle(struct disk_file *file, int sector_bytes, int64_t count);
/* They are forgotten: the durable content never gets them. */
void disk_file_drop(struct disk_file *file, int64_t count);
/* The live content becomes the durable one; the size stays if `keep_size`. Nothing may be pending.
 */
void disk_file_revert(struct disk_file *file, bool keep_size);
/* Decides what a power cut leaves of the first `count` pending writes, and forgets them. */
enum sim_disk_event disk_file_lose(struct disk_file *file, const struct sim_disk *disk,
                                   struct prng *prng, int64_t count);

/* ---- disk.c: with faults, counted and hashed ---- */
bool disk_draw(struct sim_disk *disk, int rate_per_mille);
void disk_tell(struct sim_disk *disk, enum sim_disk_event event, const char *name);
struct disk_file *disk_find(const struct sim_disk *disk, const char *name);
/* NULL name: a file without one. */
struct disk_file *disk_create(struct sim_disk *disk, const char *name);
void disk_release(struct sim_disk *disk, struct disk_file *file);
void disk_remove(struct sim_disk *disk, struct disk_file *file);
void disk_names_sync(struct sim_disk *disk);
MUST_USE enum disk_result disk_read(struct sim_disk *disk, struct disk_file *file, void *ret_bytes,
                                    int64_t count, int64_t offset);
MUST_USE enum disk_result disk_write(struct sim_disk *disk, struct disk_file *file,
                                     const void *bytes, int64_t count, int64_t offset);
MUST_USE enum disk_result disk_truncate(struct sim_disk *disk, struct disk_file *file,
                                        int64_t size);
/* Another task may run meanwhile: `file` may be gone when it fails. */
MUST_USE enum disk_result disk_sync(struct sim_disk *disk, struct disk_file *file);
/* Frees a file's shared memory once nobody of this life uses it; the dead may still look. Where an
 * eye has it, it stays in its place and is empty. */
void disk_shm_clear(struct sim_disk *disk, struct disk_file *file);

/* ---- disk_vfs.c ---- */
void disk_vfs_register(struct sim_disk *disk);
void disk_vfs_unregister(struct sim_disk *disk);
/* A new process draws its own randomness. */
void disk_vfs_reseed(void);

#endif
