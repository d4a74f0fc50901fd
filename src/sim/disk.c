/* SPDX-License-Identifier: Apache-2.0
 * disk.c: the simulated disk: its files by name, its faults, its crashes, and the store's door to
 * it. See disk.h. */
#include "sim/disk_impl.h"

#include "base/task.h"
#include "store/store_disk.h"

#include <glib.h>
#include <xxhash.h>

static const char *const event_text[] = {
    [SIM_DISK_READ_FAILED] = "a read failed",
    [SIM_DISK_WRITE_FAILED] = "a write failed",
    [SIM_DISK_FULL] = "the disk is full",
    [SIM_DISK_OPEN_FAILED] = "a file could not be opened",
    [SIM_DISK_SYNC_FAILED_DURABLE] = "a sync failed, its data is durable all the same",
    [SIM_DISK_SYNC_FAILED_PENDING] = "a sync failed, its data waits for the next",
    [SIM_DISK_SYNC_FAILED_DROPPED] = "a sync failed, its data will never be durable",
    [SIM_DISK_SYNC_FAILED_REVERTED] = "a sync failed, its data is gone",
    [SIM_DISK_LOST] = "all pending writes were lost",
    [SIM_DISK_CUT] = "the first pending writes were kept",
    [SIM_DISK_SCATTERED] = "some sectors of the pending writes were kept",
    [SIM_DISK_TORN] = "a pending write was torn",
    [SIM_DISK_KEPT] = "all pending writes were kept",
    [SIM_DISK_VANISHED] = "a new file vanished",
    [SIM_DISK_RETURNED] = "a removed file came back",
};
static_assert(COUNT_OF(event_text) == SIM_DISK_EVENT_COUNT, "every event has its text");

const char *sim_disk_event_text(enum sim_disk_event event) {
    return event_text[event];
}

/* What is mixed into the hash besides the bytes. */
enum change {
    CHANGE_WRITE,
    CHANGE_TRUNCATE,
    CHANGE_SYNC,
    CHANGE_REMOVE,
    CHANGE_CRASH,
    CHANGE_EVENT
};

static void hash_change(struct sim_disk *disk, enum change change, uint64_t name_hash,
                        int64_t number) {
    const uint64_t parts[] = {(uint64_t)change, name_hash, (uint64_t)number};
    disk->hash = XXH3_64bits_withSeed(parts, sizeof(parts), disk->hash);
}

bool disk_draw(struct sim_disk *disk, int rate_per_mille) {
    return rate_per_mille > 0 && prng_below(&disk->prng, 1000) < (uint64_t)rate_per_mille;
}

void disk_tell(struct sim_disk *disk, enum sim_disk_event event, const char *name) {
    disk->counts.events[event]++;
    hash_change(disk, CHANGE_EVENT, 0, (int64_t)event);
    if (disk->options.on_event != NULL) {
        disk->options.on_event(disk->options.ctx, event, name != NULL ? name : "(no name)");
    }
}

/* --- Names ------------------------------------------------------------------------------------ */

struct disk_file *disk_find(const struct sim_disk *disk, const char *name) {
    struct disk_file *file = disk->first;
    while (file != NULL && (file->removed || file->name == NULL || strcmp(file->name, name) != 0)) {
        file = file->next;
    }
    return file;
}

struct disk_file *disk_create(struct sim_disk *disk, const char *name) {
    struct disk_file *file = disk_file_new(name);
    file->removed = name == NULL;
    file->name_durable = !disk->options.names_volatile;
    file->next = disk->first;
    disk->first = file;
    file->number = ++disk->files;
    return file;
}

static void file_unlink(struct disk_file **list, struct disk_file *file) {
    while (*list != file) {
        INVARIANT(*list != NULL, "a file is in its list");
        list = &(*list)->next;
    }
    *list = file->next;
}

/* Gives its room back. */
static void resized(struct sim_disk *disk, int64_t grown_by) {
    if (disk->room >= 0) {
        disk->room = MAX(0, disk->room - grown_by);
    }
}

/* The dead may still read it. */
static void shm_bury(struct sim_disk *disk, struct disk_file *file) {
    for (int i = 0; i < file->shm.regions; i++) {
        if (disk->graves == disk->graves_cap) {
            disk->graves_cap = MAX(16, disk->graves_cap * 2);
            disk->grave = g_renew(uint8_t *, disk->grave, disk->graves_cap);
        }
        disk->grave[disk->graves++] = file->shm.region[i];
    }
    g_free(file->shm.region);
    file->shm = (struct disk_shm){0};
}

void disk_shm_clear(struct sim_disk *disk, struct disk_file *file) {
    if (disk->eyes == 0) {
        shm_bury(disk, file);
        return;
    }
    for (int i = 0; i < file->shm.regions; i++) {
        memset(file->shm.region[i], 0, (size_t)file->shm.region_bytes);
    }
    file->shm.users = 0;
    memset(file->shm.lock, 0, sizeof file->shm.lock);
}

/* A removed file that nobody has open goes, or waits for a crash that brings it back. */
static void file_end(struct sim_disk *disk, struct disk_file *file) {
    shm_bury(disk, file);
    resized(disk, -file->live.size);
    file_unlink(&disk->first, file);
    if (file->name != NULL && file->name_durable && disk->options.names_volatile) {
        file->next = disk->buried;
        disk->buried = file;
    } else {
        disk_file_free(file);
    }
}

void disk_release(struct sim_disk *disk, struct disk_file *file) {
    file->handles--;
    if (file->handles == 0 && file->removed) {
        file_end(disk, file);
    }
}

void disk_remove(struct sim_disk *disk, struct disk_file *file) {
    disk->counts.deletes++;
    hash_change(disk, CHANGE_REMOVE, file->name_hash, 0);
    file->removed = true;
    if (file->handles == 0) {
        file_end(disk, file);
    }
}

/* Removals are durable from here on: what is buried will not come back. */
static void buried_free(struct sim_disk *disk) {
    while (disk->buried != NULL) {
        struct disk_file *file = disk->buried;
        disk->buried = file->next;
        disk_file_free(file);
    }
}

void disk_names_sync(struct sim_disk *disk) {
    for (struct disk_file *file = disk->first; file != NULL; file = file->next) {
        file->name_durable = !file->removed;
    }
    buried_free(disk);
}

/* --- Contents, with faults -------------------------------------------------------------------- */

/* True when the planned crash is now. */
static bool crash_due(struct sim_disk *disk) {
    return disk->crash_in > 0 && --disk->crash_in == 0;
}

static void crash_now(struct sim_disk *disk) {
    sim_disk_crash(disk, NULL);
    if (disk->options.on_crash != NULL) {
        disk->options.on_crash(disk->options.ctx);
    }
}

enum disk_result disk_read(struct sim_disk *disk, struct disk_file *file, void *ret_bytes,
                           int64_t count, int64_t offset) {
    disk->counts.reads++;
    disk->counts.bytes_read += count;
    if (disk_draw(disk, disk->faults.read_error)) {
        disk_tell(disk, SIM_DISK_READ_FAILED, file->name);
        return DISK_FAILED;
    }
    disk_pages_read(&file->live, ret_bytes, count, offset);
    return DISK_OK;
}

static void write_now(struct sim_disk *disk, struct disk_file *file, const void *bytes,
                      int64_t count, int64_t offset) {
    int64_t before = file->live.size;
    disk->counts.bytes_written += count;
    hash_change(disk, CHANGE_WRITE, file->name_hash, offset);
    disk->hash = XXH3_64bits_withSeed(bytes, (size_t)count, disk->hash);
    disk_file_write(file, disk->sector_bytes, bytes, count, offset);
    resized(disk, file->live.size - before);
}

enum disk_result disk_write(struct sim_disk *disk, struct disk_file *file, const void *bytes,
                            int64_t count, int64_t offset) {
    disk->counts.writes++;
    bool crash = crash_due(disk);
    if (crash && prng_below(&disk->prng, 2) == 0) {
        crash_now(disk);
        return DISK_FAILED;
    }
    int64_t done = count;
    enum disk_result result = DISK_OK;
    int64_t growth = offset + count - file->live.size;
    if (disk_draw(disk, disk->faults.write_error)) {
        done = (int64_t)prng_below(&disk->prng, (uint64_t)MAX(count, 1));
        result = DISK_FAILED;
        disk_tell(disk, SIM_DISK_WRITE_FAILED, file->name);
    } else if (disk->room >= 0 && growth > disk->room) {
        done = MAX(0, count - (growth - disk->room));
        result = DISK_NO_ROOM;
        disk_tell(disk, SIM_DISK_FULL, file->name);
    }
    write_now(disk, file, bytes, done, offset);
    if (crash) {
        crash_now(disk);
        return DISK_FAILED;
    }
    return result;
}

enum disk_result disk_truncate(struct sim_disk *disk, struct disk_file *file, int64_t size) {
    disk->counts.truncates++;
    if (crash_due(disk)) {
        crash_now(disk);
        return DISK_FAILED;
    }
    if (disk_draw(disk, disk->faults.write_error)) {
        disk_tell(disk, SIM_DISK_WRITE_FAILED, file->name);
        return DISK_FAILED;
    }
    resized(disk, size - file->live.size);
    hash_change(disk, CHANGE_TRUNCATE, file->name_hash, size);
    disk_file_truncate(file, size);
    return DISK_OK;
}

/* Four things that a failed sync has been seen to do. */
static void sync_failed(struct sim_disk *disk, struct disk_file *file, int64_t count) {
    static const enum sim_disk_event ways[] = {
        SIM_DISK_SYNC_FAILED_DURABLE, SIM_DISK_SYNC_FAILED_PENDING, SIM_DISK_SYNC_FAILED_DROPPED,
        SIM_DISK_SYNC_FAILED_REVERTED};
    enum sim_disk_event way = ways[prng_below(&disk->prng, COUNT_OF(ways))];
    disk_tell(disk, way, file->name);
    if (way == SIM_DISK_SYNC_FAILED_DURABLE) {
        disk_file_settle(file, disk->sector_bytes, count);
    } else if (way != SIM_DISK_SYNC_FAILED_PENDING && count > 0) {
        enum sim_disk_event what = disk_file_lose(file, disk, &disk->prng, count);
        file->ahead = true;
        disk_tell(disk, what, file->name);
        if (way == SIM_DISK_SYNC_FAILED_REVERTED && file->writes == 0) {
            disk_file_revert(file, true);
        }
    }
}

/* Sleeps as long as the disk is slow; false when the handle's process died meanwhile. */
static bool sync_wait(struct sim_disk *disk) {
    uint64_t life = disk->life;
    const struct sim_disk_faults *faults = &disk->faults;
    int64_t span = MAX(0, faults->sync_us_max - faults->sync_us_min);
    int64_t wait_us = faults->sync_us_min;
    if (span > 0) {
        wait_us += (int64_t)prng_below(&disk->prng, (uint64_t)span + 1);
    }
    if (disk->options.on_sync != NULL) {
        disk->options.on_sync(disk->options.ctx);
    }
    if (wait_us > 0 && disk->life == life) {
        task_sleep_us(wait_us);
    }
    return disk->life == life;
}

enum disk_result disk_sync(struct sim_disk *disk, struct disk_file *file) {
    disk->counts.syncs++;
    bool crash = crash_due(disk);
    if (crash && prng_below(&disk->prng, 2) == 0) {
        crash_now(disk);
        return DISK_FAILED;
    }
    /* What is written while it goes on is not covered by it. Another sync of the same file may
     * have settled some of it by then. */
    int64_t covered = file->writes_ever;
    if (!sync_wait(disk)) {
        return DISK_FAILED;
    }
    if (disk->faults.sync_lies) {
        return DISK_OK;
    }
    int64_t count = CLAMP(file->writes - (file->writes_ever - covered), 0, file->writes);
    hash_change(disk, CHANGE_SYNC, file->name_hash, count);
    if (disk_draw(disk, disk->faults.sync_error)) {
        sync_failed(disk, file, count);
        return DISK_FAILED;
    }
    disk_file_settle(file, disk->sector_bytes, count);
    file->name_durable = !file->removed;
    if (crash) {
        crash_now(disk);
        return DISK_FAILED;
    }
    return DISK_OK;
}

/* --- The end of a process, of the power ------------------------------------------------------- */

static void locks_free(struct sim_disk *disk) {
    while (disk->locks != NULL) {
        struct disk_lock *lock = disk->locks;
        disk->locks = lock->next;
        g_free(lock->path);
        g_free(lock);
    }
}

/* Handles, locks and shared memory go; so do removed files that were only still open. */
static void process_gone(struct sim_disk *disk) {
    disk->life++;
    disk->crash_in = 0;
    locks_free(disk);
    for (struct disk_file *file = disk->first, *next = NULL; file != NULL; file = next) {
        next = file->next;
        disk_shm_clear(disk, file);
        file->handles = 0;
        file->shared = 0;
        file->reserved = file->pending = file->exclusive = NULL;
        if (file->removed) {
            file_end(disk, file);
        }
    }
    disk_vfs_reseed();
}

void sim_disk_kill(struct sim_disk *disk) {
    disk->counts.deaths++;
    hash_change(disk, CHANGE_CRASH, 0, 0);
    process_gone(disk);
}

static void file_crash(struct sim_disk *disk, struct disk_file *file, struct prng *prng) {
    int64_t before = file->live.size;
    if (file->writes > 0) {
        disk_tell(disk, disk_file_lose(file, disk, prng, file->writes), file->name);
        file->ahead = true;
    }
    if (file->ahead) {
        disk_file_revert(file, false);
        file->ahead = false;
        resized(disk, file->live.size - before);
    }
}

/* Removed files whose removal was not durable come back, or do not. */
static void removals_crash(struct sim_disk *disk, struct prng *prng) {
    while (disk->buried != NULL) {
        struct disk_file *file = disk->buried;
        disk->buried = file->next;
        if (disk_find(disk, file->name) != NULL || prng_below(prng, 2) == 0) {
            disk_file_free(file);
            continue;
        }
        disk_tell(disk, SIM_DISK_RETURNED, file->name);
        file->removed = false;
        file->next = disk->first;
        disk->first = file;
        resized(disk, file->live.size);
        file_crash(disk, file, prng);
    }
}

void sim_disk_crash(struct sim_disk *disk, struct prng *prng) {
    prng = prng != NULL ? prng : &disk->prng;
    disk->counts.crashes++;
    hash_change(disk, CHANGE_CRASH, 0, 1);
    process_gone(disk);
    for (struct disk_file *file = disk->first, *next = NULL; file != NULL; file = next) {
        next = file->next;
        if (!file->name_durable && prng_below(prng, 2) == 0) {
            disk_tell(disk, SIM_DISK_VANISHED, file->name);
            file->removed = true;
            file_end(disk, file);
            continue;
        }
        file_crash(disk, file, prng);
        file->name_durable = true;
    }
    removals_crash(disk, prng);
}

void sim_disk_plan_crash(struct sim_disk *disk, int64_t count) {
    disk->crash_in = count;
}

/* --- Life ------------------------------------------------------------------------------------- */

struct sim_disk *sim_disk_new(const struct sim_disk_options *options) {
    struct sim_disk *disk = g_new0(struct sim_disk, 1);
    disk->options = *options;
    disk->vfs_name = g_strdup(options->vfs_name != NULL ? options->vfs_name : "sim-disk");
    disk->eye_name = g_strconcat(disk->vfs_name, "-eye", NULL);
    disk->sector_bytes = options->sector_bytes != 0 ? options->sector_bytes : DISK_PAGE_BYTES;
    INVARIANT(disk->sector_bytes == 512 || disk->sector_bytes == 4096, "disks have these sectors");
    disk->room = -1;
    prng_init(&disk->prng, options->seed);
    store_sqlite_configure();
    disk_vfs_register(disk);
    disk_vfs_reseed();
    return disk;
}

void sim_disk_free(struct sim_disk *disk) {
    if (disk == NULL) {
        return;
    }
    process_gone(disk);
    disk_vfs_unregister(disk);
    while (disk->first != NULL) {
        struct disk_file *file = disk->first;
        disk->first = file->next;
        disk_file_free(file);
    }
    buried_free(disk);
    for (int64_t i = 0; i < disk->graves; i++) {
        g_free(disk->grave[i]);
    }
    g_free(disk->grave);
    g_free(disk->vfs_name);
    g_free(disk->eye_name);
    g_free(disk);
}

void sim_disk_set_faults(struct sim_disk *disk, const struct sim_disk_faults *faults) {
    disk->faults = faults != NULL ? *faults : (struct sim_disk_faults){0};
}

void sim_disk_set_room(struct sim_disk *disk, int64_t bytes_left) {
    disk->room = bytes_left;
}

void sim_disk_counts(const struct sim_disk *disk, struct sim_disk_counts *ret_counts) {
    *ret_counts = disk->counts;
}

uint64_t sim_disk_hash(const struct sim_disk *disk) {
    return disk->hash;
}

int64_t sim_disk_pending(const struct sim_disk *disk) {
    int64_t pending = 0;
    for (const struct disk_file *file = disk->first; file != NULL; file = file->next) {
        pending += file->writes;
    }
    return pending;
}

/* --- The store's door ------------------------------------------------------------------------- */

static int door_lock(void *ctx, const char *path, int *ret_lock, struct err *err) {
    struct sim_disk *disk = ctx;
    for (const struct disk_lock *lock = disk->locks; lock != NULL; lock = lock->next) {
        if (strcmp(lock->path, path) == 0) {
            return err_set(err, ERR_STORE, "another service has this database open");
        }
    }
    struct disk_lock *lock = g_new0(struct disk_lock, 1);
    lock->path = g_strdup(path);
    lock->token = ++disk->last_token;
    lock->next = disk->locks;
    disk->locks = lock;
    *ret_lock = lock->token;
    return 0;
}

/* One of the dead has no lock any more: its number is nobody's. */
static void door_unlock(void *ctx, int token) {
    struct sim_disk *disk = ctx;
    for (struct disk_lock **at = &disk->locks; *at != NULL; at = &(*at)->next) {
        struct disk_lock *lock = *at;
        if (lock->token == token) {
            *at = lock->next;
            g_free(lock->path);
            g_free(lock);
            return;
        }
    }
}

static int door_create_private(void *ctx, const char *path, struct err *err) {
    struct sim_disk *disk = ctx;
    if (disk_draw(disk, disk->faults.open_error)) {
        disk_tell(disk, SIM_DISK_OPEN_FAILED, path);
        return err_set(err, ERR_STORE, "the database file cannot be opened: %s",
                       sim_disk_event_text(SIM_DISK_OPEN_FAILED));
    }
    if (disk_find(disk, path) == NULL) {
        disk_create(disk, path);
    }
    return 0;
}

/* As whoever has a file open, for the short time: it must not go while it is synced. */
static enum disk_result file_renew(struct sim_disk *disk, struct disk_file *file) {
    int64_t size = file->live.size;
    uint8_t *bytes = g_malloc((gsize)size);
    enum disk_result result = disk_read(disk, file, bytes, size, 0);
    if (result == DISK_OK) {
        result = disk_write(disk, file, bytes, size, 0);
    }
    g_free(bytes);
    return result == DISK_OK ? disk_sync(disk, file) : result;
}

static int door_renew(void *ctx, const char *path, struct err *err) {
    struct sim_disk *disk = ctx;
    struct disk_file *file = disk_find(disk, path);
    uint64_t life = disk->life;
    if (file == NULL) {
        disk_names_sync(disk);
        return 0;
    }
    file->handles++;
    enum disk_result result = file_renew(disk, file);
    if (disk->life == life) {
        disk_release(disk, file);
    }
    return result == DISK_OK ? 0 : err_set(err, ERR_STORE, "the log cannot be made durable");
}

static void door_install(struct sim_disk *disk, const char *vfs_name) {
    struct store_disk door = {
        .vfs_name = vfs_name,
        .ctx = disk,
        .lock = door_lock,
        .unlock = door_unlock,
        .create_private = door_create_private,
        .renew = door_renew,
    };
    store_disk_install(&door);
}

void sim_disk_install(struct sim_disk *disk) {
    if (disk == NULL) {
        store_disk_install(NULL);
    } else {
        door_install(disk, disk->vfs_name);
    }
}

void sim_disk_watch(struct sim_disk *disk, bool on) {
    door_install(disk, on ? disk->eye_name : disk->vfs_name);
}

/* How many frames of the log its index knows: SQLite's format of it never changes. */
static uint32_t log_frames(const struct disk_file *file) {
    enum { AT_FRAMES = 16 };
    uint32_t frames = 0;
    if (file->shm.regions > 0) {
        memcpy(&frames, file->shm.region[0] + AT_FRAMES, sizeof frames);
    }
    return frames;
}

uint64_t sim_disk_seen(const struct sim_disk *disk, const char *name) {
    const struct disk_file *file = disk_find(disk, name);
    return file != NULL && log_frames(file) > 0 ? file->number : 0;
}

void sim_disk_put(struct sim_disk *disk, const char *name, const void *bytes, size_t count) {
    INVARIANT(disk_find(disk, name) == NULL, "a file is put where there is none");
    struct disk_file *file = disk_create(disk, name);
    file->name_durable = true;
    disk_file_write(file, disk->sector_bytes, bytes, (int64_t)count, 0);
    disk_file_settle(file, disk->sector_bytes, file->writes);
}

void *sim_disk_get(const struct sim_disk *disk, const char *name, size_t *ret_count) {
    const struct disk_file *file = disk_find(disk, name);
    if (file == NULL) {
        return NULL;
    }
    void *bytes = g_malloc((gsize)file->live.size);
    disk_pages_read(&file->live, bytes, file->live.size, 0);
    *ret_count = (size_t)file->live.size;
    return bytes;
}

enum { LOOK_BYTES = 64 * 1024, LOOK_TEXT_MAX = 256 };

/* `known`: what was looked through already. */
static int pages_hold(const struct disk_pages *pages, const struct disk_pages *known,
                      const char *const *texts, int count) {
    uint8_t look[LOOK_BYTES], seen[LOOK_BYTES];
    for (int64_t at = 0; at < pages->size; at += LOOK_BYTES - LOOK_TEXT_MAX) {
        int64_t some = MIN(pages->size - at, LOOK_BYTES);
        disk_pages_read(pages, look, some, at);
        if (known != NULL && known->size >= at + some) {
            disk_pages_read(known, seen, some, at);
            if (memcmp(look, seen, (size_t)some) == 0) {
                continue;
            }
        }
        for (int i = 0; i < count; i++) {
            if (memmem(look, (size_t)some, texts[i], strlen(texts[i])) != NULL) {
                return i;
            }
        }
    }
    return -1;
}

int sim_disk_holds(const struct sim_disk *disk, const char *const *texts, int count) {
    int found = -1;
    for (int i = 0; i < count; i++) {
        INVARIANT(texts[i][0] != '\0' && strlen(texts[i]) <= LOOK_TEXT_MAX,
                  "what is looked for fits into a look");
    }
    for (const struct disk_file *file = disk->first; file != NULL && found < 0; file = file->next) {
        found = pages_hold(&file->live, NULL, texts, count);
        found = found >= 0 ? found : pages_hold(&file->durable, &file->live, texts, count);
    }
    return found;
}
