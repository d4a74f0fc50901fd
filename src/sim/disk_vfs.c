/* SPDX-License-Identifier: Apache-2.0
 * disk_vfs.c: SQLite's side of the simulated disk: handles, file locks, shared memory for the index
 * of the log, and the VFS with its clock, sleep and randomness from the world.
 *
 * A handle remembers in which life of the disk it was opened. In another one it is dead: its file
 * may be gone, so nothing but the number is looked at, and every call fails. */
#include "sim/disk_impl.h"

#include "base/clock.h"
#include "base/task.h"

#include <glib.h>
#include <sqlite3.h>

/* The first of the log's locks that are for readers; those before are for writing, checkpoints and
 * making the index anew. */
enum { SHM_READERS = 3 };
static_assert((int)DISK_SHM_LOCKS == SQLITE_SHM_NLOCK, "as many as SQLite asks for");

/* SQLite's day begins at noon of 24 November 4714 BC; so many milliseconds before 1970. */
#define JULIAN_MS_1970 INT64_C(210866760000000)
#define MS_PER_DAY 86400000.0

struct handle {
    sqlite3_file base;
    struct sim_disk *disk;
    struct disk_file *file;
    char *seen;    /* of an eye's handle, in the place of `file`: whatever file has this name */
    uint64_t life; /* of an eye's handle: in which it took its locks */
    int level;     /* SQLITE_LOCK_* */
    bool delete_on_close;
    bool names_unsynced; /* its first sync is the folder's too */
    bool shm_used;
    uint8_t shm_shared, shm_alone; /* a bit a lock */
};

/* The file, or NULL for the dead. */
static struct disk_file *file_of(sqlite3_file *base) {
    struct handle *handle = (struct handle *)base;
    return handle->life == handle->disk->life ? handle->file : NULL;
}

static struct sim_disk *disk_of(sqlite3_file *base) {
    return ((struct handle *)base)->disk;
}

/* --- Contents --------------------------------------------------------------------------------- */

static int io_read(sqlite3_file *base, void *ret_bytes, int count, sqlite3_int64 offset) {
    struct disk_file *file = file_of(base);
    if (file == NULL || disk_read(disk_of(base), file, ret_bytes, count, offset) != DISK_OK) {
        return SQLITE_IOERR_READ;
    }
    /* What is past the end was filled with zeros, as SQLite wants it. */
    return offset + count > file->live.size ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int io_write(sqlite3_file *base, const void *bytes, int count, sqlite3_int64 offset) {
    struct disk_file *file = file_of(base);
    if (file == NULL) {
        return SQLITE_IOERR_WRITE;
    }
    switch (disk_write(disk_of(base), file, bytes, count, offset)) {
    case DISK_OK:
        return SQLITE_OK;
    case DISK_NO_ROOM:
        return SQLITE_FULL;
    default:
        return SQLITE_IOERR_WRITE;
    }
}

static int io_truncate(sqlite3_file *base, sqlite3_int64 size) {
    struct disk_file *file = file_of(base);
    if (file == NULL || disk_truncate(disk_of(base), file, size) != DISK_OK) {
        return SQLITE_IOERR_TRUNCATE;
    }
    return SQLITE_OK;
}

static int io_sync(sqlite3_file *base, int flags) {
    struct handle *handle = (struct handle *)base;
    struct disk_file *file = file_of(base);
    if (file == NULL || disk_sync(handle->disk, file) != DISK_OK) {
        return SQLITE_IOERR_FSYNC;
    }
    if (handle->names_unsynced && !handle->disk->faults.sync_lies) {
        handle->names_unsynced = false;
        disk_names_sync(handle->disk);
    }
    return SQLITE_OK;
}

static int io_size(sqlite3_file *base, sqlite3_int64 *ret_size) {
    struct disk_file *file = file_of(base);
    if (file == NULL) {
        return SQLITE_IOERR_FSTAT;
    }
    *ret_size = file->live.size;
    return SQLITE_OK;
}

static int io_control(sqlite3_file *base, int operation, void *arg) {
    return file_of(base) == NULL ? SQLITE_IOERR : SQLITE_NOTFOUND;
}

static int io_sector_size(sqlite3_file *base) {
    return disk_of(base)->sector_bytes;
}

static int io_characteristics(sqlite3_file *base) {
    return disk_of(base)->options.sector_damage ? 0 : SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* --- File locks ------------------------------------------------------------------------------- */

/* Whether another handle holds this. */
static bool others(const void *holder, const struct handle *handle) {
    return holder != NULL && holder != handle;
}

static int lock_shared(struct handle *handle, struct disk_file *file) {
    if (others(file->pending, handle) || others(file->exclusive, handle)) {
        return SQLITE_BUSY;
    }
    file->shared++;
    handle->level = SQLITE_LOCK_SHARED;
    return SQLITE_OK;
}

static int lock_reserved(struct handle *handle, struct disk_file *file) {
    if (others(file->reserved, handle) || others(file->pending, handle)) {
        return SQLITE_BUSY;
    }
    file->reserved = handle;
    handle->level = SQLITE_LOCK_RESERVED;
    return SQLITE_OK;
}

/* While others read, it waits as PENDING: no new reader comes in. */
static int lock_exclusive(struct handle *handle, struct disk_file *file) {
    if (others(file->reserved, handle) || others(file->pending, handle)) {
        return SQLITE_BUSY;
    }
    file->pending = handle;
    handle->level = SQLITE_LOCK_PENDING;
    if (file->shared > 1) {
        return SQLITE_BUSY;
    }
    file->exclusive = handle;
    handle->level = SQLITE_LOCK_EXCLUSIVE;
    return SQLITE_OK;
}

static int io_lock(sqlite3_file *base, int level) {
    struct handle *handle = (struct handle *)base;
    struct disk_file *file = file_of(base);
    if (file == NULL) {
        return SQLITE_IOERR_LOCK;
    }
    if (level <= handle->level) {
        return SQLITE_OK;
    }
    switch (level) {
    case SQLITE_LOCK_SHARED:
        return lock_shared(handle, file);
    case SQLITE_LOCK_RESERVED:
        return lock_reserved(handle, file);
    default:
        return lock_exclusive(handle, file);
    }
}

static int io_unlock(sqlite3_file *base, int level) {
    struct handle *handle = (struct handle *)base;
    struct disk_file *file = file_of(base);
    if (file == NULL || level >= handle->level) {
        return SQLITE_OK;
    }
    file->reserved = file->reserved == handle ? NULL : file->reserved;
    file->pending = file->pending == handle ? NULL : file->pending;
    file->exclusive = file->exclusive == handle ? NULL : file->exclusive;
    if (level == SQLITE_LOCK_NONE) {
        file->shared--;
    }
    handle->level = level;
    return SQLITE_OK;
}

static int io_check_reserved(sqlite3_file *base, int *ret_reserved) {
    struct disk_file *file = file_of(base);
    if (file == NULL) {
        return SQLITE_IOERR_CHECKRESERVEDLOCK;
    }
    *ret_reserved = file->reserved != NULL || file->pending != NULL || file->exclusive != NULL;
    return SQLITE_OK;
}

/* --- Shared memory ---------------------------------------------------------------------------- */

static int io_shm_map(sqlite3_file *base, int region, int bytes, int extend,
                      void volatile **ret_memory) {
    struct handle *handle = (struct handle *)base;
    struct disk_file *file = file_of(base);
    *ret_memory = NULL;
    if (file == NULL) {
        return SQLITE_IOERR_SHMMAP;
    }
    struct disk_shm *shm = &file->shm;
    if (!handle->shm_used) {
        handle->shm_used = true;
        if (shm->users == 0) { /* a first user finds nothing of those before, whatever they did */
            disk_shm_clear(handle->disk, file);
        }
        shm->users++;
    }
    if (region >= shm->regions && extend != 0) {
        shm->region = g_renew(uint8_t *, shm->region, region + 1);
        while (shm->regions <= region) {
            shm->region[shm->regions++] = g_malloc0((size_t)bytes);
        }
        shm->region_bytes = bytes;
    }
    *ret_memory = region < shm->regions ? shm->region[region] : NULL;
    return SQLITE_OK;
}

static void shm_unlock(struct handle *handle, struct disk_shm *shm, int lock) {
    uint8_t bit = (uint8_t)(1U << lock);
    if ((handle->shm_shared & bit) != 0) {
        shm->lock[lock]--;
    } else if ((handle->shm_alone & bit) != 0) {
        shm->lock[lock] = 0;
    }
    handle->shm_shared &= (uint8_t)~bit;
    handle->shm_alone &= (uint8_t)~bit;
}

/* Whether this handle may have the lock beside those who have it now. */
static bool shm_free(const struct handle *handle, const struct disk_shm *shm, int lock,
                     bool alone) {
    int mine = (handle->shm_shared >> lock) & 1;
    if (((handle->shm_alone >> lock) & 1) != 0) {
        return true;
    }
    return alone ? shm->lock[lock] == mine : shm->lock[lock] >= 0;
}

static void shm_take(struct handle *handle, struct disk_shm *shm, int lock, bool alone) {
    uint8_t bit = (uint8_t)(1U << lock);
    if ((handle->shm_alone & bit) != 0 || (!alone && (handle->shm_shared & bit) != 0)) {
        return;
    }
    if (alone) {
        shm_unlock(handle, shm, lock);
        shm->lock[lock] = -1;
        handle->shm_alone |= bit;
    } else {
        shm->lock[lock]++;
        handle->shm_shared |= bit;
    }
}

/* All `count` locks or none. */
static int io_shm_lock(sqlite3_file *base, int first, int count, int flags) {
    struct handle *handle = (struct handle *)base;
    struct disk_file *file = file_of(base);
    if (file == NULL) {
        return SQLITE_IOERR_SHMLOCK;
    }
    bool alone = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        for (int i = first; i < first + count; i++) {
            shm_unlock(handle, &file->shm, i);
        }
        return SQLITE_OK;
    }
    for (int i = first; i < first + count; i++) {
        if (!shm_free(handle, &file->shm, i, alone)) {
            return SQLITE_BUSY;
        }
    }
    for (int i = first; i < first + count; i++) {
        shm_take(handle, &file->shm, i, alone);
    }
    return SQLITE_OK;
}

/* One thread: every write is seen. */
static void io_shm_barrier(sqlite3_file *base) {
}

/* Nobody may trust what an earlier user left, so it goes with the last one whatever is asked. */
static int io_shm_unmap(sqlite3_file *base, int delete_it) {
    struct handle *handle = (struct handle *)base;
    struct disk_file *file = file_of(base);
    if (file == NULL || !handle->shm_used) {
        return SQLITE_OK;
    }
    for (int i = 0; i < DISK_SHM_LOCKS; i++) {
        shm_unlock(handle, &file->shm, i);
    }
    handle->shm_used = false;
    if (--file->shm.users == 0) {
        disk_shm_clear(handle->disk, file);
    }
    return SQLITE_OK;
}

/* --- Opening and closing ---------------------------------------------------------------------- */

static int io_close(sqlite3_file *base) {
    struct handle *handle = (struct handle *)base;
    struct disk_file *file = file_of(base);
    if (file == NULL) {
        return SQLITE_OK;
    }
    io_shm_unmap(base, 0);
    io_unlock(base, SQLITE_LOCK_NONE);
    if (handle->delete_on_close && !file->removed) {
        disk_remove(handle->disk, file);
    }
    disk_release(handle->disk, file);
    handle->file = NULL;
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* shared memory, no mapped reading */
    .xClose = io_close,
    .xRead = io_read,
    .xWrite = io_write,
    .xTruncate = io_truncate,
    .xSync = io_sync,
    .xFileSize = io_size,
    .xLock = io_lock,
    .xUnlock = io_unlock,
    .xCheckReservedLock = io_check_reserved,
    .xFileControl = io_control,
    .xSectorSize = io_sector_size,
    .xDeviceCharacteristics = io_characteristics,
    .xShmMap = io_shm_map,
    .xShmLock = io_shm_lock,
    .xShmBarrier = io_shm_barrier,
    .xShmUnmap = io_shm_unmap,
};

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *base, int flags,
                    int *ret_flags) {
    struct sim_disk *disk = vfs->pAppData;
    struct handle *handle = (struct handle *)base;
    *handle = (struct handle){0};
    disk->counts.opens++;
    if (disk_draw(disk, disk->faults.open_error)) {
        disk_tell(disk, SIM_DISK_OPEN_FAILED, name);
        return SQLITE_CANTOPEN;
    }
    struct disk_file *file = name != NULL ? disk_find(disk, name) : NULL;
    if (file == NULL) {
        if ((flags & SQLITE_OPEN_CREATE) == 0) {
            return SQLITE_CANTOPEN;
        }
        file = disk_create(disk, name);
    } else if ((flags & SQLITE_OPEN_EXCLUSIVE) != 0) {
        return SQLITE_CANTOPEN;
    }
    file->handles++;
    handle->base.pMethods = &methods;
    handle->disk = disk;
    handle->file = file;
    handle->life = disk->life;
    /* As on Unix: not only of who made the file. */
    handle->names_unsynced = name != NULL && (flags & SQLITE_OPEN_CREATE) != 0;
    handle->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    if (ret_flags != NULL) {
        *ret_flags = flags;
    }
    return SQLITE_OK;
}

/* --- The eye ---------------------------------------------------------------------------------- */

static struct disk_file *seen_by(sqlite3_file *base) {
    const struct handle *handle = (struct handle *)base;
    return disk_find(handle->disk, handle->seen);
}

static int eye_read(sqlite3_file *base, void *ret_bytes, int count, sqlite3_int64 offset) {
    const struct disk_file *file = seen_by(base);
    if (file == NULL) {
        return SQLITE_IOERR_READ;
    }
    disk_pages_read(&file->live, ret_bytes, count, offset);
    return offset + count > file->live.size ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int eye_write(sqlite3_file *base, const void *bytes, int count, sqlite3_int64 offset) {
    return SQLITE_READONLY;
}

static int eye_truncate(sqlite3_file *base, sqlite3_int64 size) {
    return SQLITE_READONLY;
}

static int eye_sync(sqlite3_file *base, int flags) {
    return SQLITE_READONLY;
}

static int eye_size(sqlite3_file *base, sqlite3_int64 *ret_size) {
    const struct disk_file *file = seen_by(base);
    *ret_size = file != NULL ? file->live.size : 0;
    return file != NULL ? SQLITE_OK : SQLITE_IOERR_FSTAT;
}

static int eye_control(sqlite3_file *base, int operation, void *arg) {
    return SQLITE_NOTFOUND;
}

/* Nobody waits for an eye, so it may not be told that it has a file to itself either. */
static int eye_lock(sqlite3_file *base, int level) {
    const struct disk_file *file = seen_by(base);
    if (file == NULL) {
        return SQLITE_IOERR_LOCK;
    }
    bool waits = level > SQLITE_LOCK_SHARED || file->pending != NULL || file->exclusive != NULL;
    return waits ? SQLITE_BUSY : SQLITE_OK;
}

static int eye_unlock(sqlite3_file *base, int level) {
    return SQLITE_OK;
}

static int eye_reserved(sqlite3_file *base, int *ret_reserved) {
    const struct disk_file *file = seen_by(base);
    *ret_reserved = file != NULL && file->reserved != NULL;
    return SQLITE_OK;
}

static int eye_shm_map(sqlite3_file *base, int region, int bytes, int extend,
                       void volatile **ret_memory) {
    const struct disk_file *file = seen_by(base);
    bool there = file != NULL && region < file->shm.regions;
    *ret_memory = there ? file->shm.region[region] : NULL;
    return file != NULL ? SQLITE_OK : SQLITE_IOERR_SHMMAP;
}

/* What it held in a life that is over is nobody's any more. Only the service makes an index of a
 * log that has none: the locks for that are no eye's. */
static int eye_shm_lock(sqlite3_file *base, int first, int count, int flags) {
    struct handle *handle = (struct handle *)base;
    struct disk_file *file = seen_by(base);
    if (file == NULL) {
        return SQLITE_IOERR_SHMLOCK;
    }
    if (handle->life != handle->disk->life) {
        handle->life = handle->disk->life;
        handle->shm_shared = handle->shm_alone = 0;
    }
    bool takes = (flags & SQLITE_SHM_LOCK) != 0, alone = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    if (takes && alone && first < SHM_READERS) {
        return SQLITE_BUSY;
    }
    for (int i = first; takes && i < first + count; i++) {
        if (!shm_free(handle, &file->shm, i, alone)) {
            return SQLITE_BUSY;
        }
    }
    for (int i = first; i < first + count; i++) {
        if (takes) {
            shm_take(handle, &file->shm, i, alone);
        } else {
            shm_unlock(handle, &file->shm, i);
        }
    }
    return SQLITE_OK;
}

static int eye_shm_unmap(sqlite3_file *base, int delete_it) {
    return seen_by(base) != NULL ? eye_shm_lock(base, 0, DISK_SHM_LOCKS, SQLITE_SHM_UNLOCK)
                                 : SQLITE_OK;
}

static int eye_close(sqlite3_file *base) {
    struct handle *handle = (struct handle *)base;
    handle->disk->eyes--;
    g_clear_pointer(&handle->seen, g_free);
    return SQLITE_OK;
}

static const sqlite3_io_methods eye_methods = {
    .iVersion = 2,
    .xClose = eye_close,
    .xRead = eye_read,
    .xWrite = eye_write,
    .xTruncate = eye_truncate,
    .xSync = eye_sync,
    .xFileSize = eye_size,
    .xLock = eye_lock,
    .xUnlock = eye_unlock,
    .xCheckReservedLock = eye_reserved,
    .xFileControl = eye_control,
    .xSectorSize = io_sector_size,
    .xDeviceCharacteristics = io_characteristics,
    .xShmMap = eye_shm_map,
    .xShmLock = eye_shm_lock,
    .xShmBarrier = io_shm_barrier,
    .xShmUnmap = eye_shm_unmap,
};

static int eye_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *base, int flags,
                    int *ret_flags) {
    struct sim_disk *disk = vfs->pAppData;
    struct handle *handle = (struct handle *)base;
    *handle = (struct handle){0};
    if (name == NULL || disk_find(disk, name) == NULL) {
        return SQLITE_CANTOPEN;
    }
    disk->eyes++;
    handle->seen = g_strdup(name);
    handle->base.pMethods = &eye_methods;
    handle->disk = disk;
    handle->life = disk->life;
    if (ret_flags != NULL) {
        *ret_flags = flags;
    }
    return SQLITE_OK;
}

/* --- The VFS ---------------------------------------------------------------------------------- */

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
    struct sim_disk *disk = vfs->pAppData;
    struct disk_file *file = disk_find(disk, name);
    if (file == NULL) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    if (disk_draw(disk, disk->faults.write_error)) {
        disk_tell(disk, SIM_DISK_WRITE_FAILED, name);
        return SQLITE_IOERR_DELETE;
    }
    disk_remove(disk, file);
    if (sync_folder != 0 && !disk->faults.sync_lies) {
        disk_names_sync(disk);
    }
    return SQLITE_OK;
}

/* As on Unix, a file without bytes does not count as one that is there. */
static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret_there) {
    const struct disk_file *file = disk_find(vfs->pAppData, name);
    *ret_there = file != NULL && (flags != SQLITE_ACCESS_EXISTS || file->live.size > 0);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int bytes, char *ret_path) {
    int length = snprintf(ret_path, (size_t)bytes, "%s", name);
    return length < bytes ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_randomness(sqlite3_vfs *vfs, int count, char *ret_bytes) {
    random_bytes(ret_bytes, (size_t)count);
    return count;
}

static int vfs_sleep(sqlite3_vfs *vfs, int duration_us) {
    task_sleep_us(duration_us);
    return duration_us;
}

static int vfs_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *ret_ms) {
    *ret_ms = JULIAN_MS_1970 + clock_wall_us() / US_PER_MS;
    return SQLITE_OK;
}

static int vfs_time(sqlite3_vfs *vfs, double *ret_days) {
    sqlite3_int64 ms = 0;
    int code = vfs_time_ms(vfs, &ms);
    *ret_days = (double)ms / MS_PER_DAY;
    return code;
}

static int vfs_last_error(sqlite3_vfs *vfs, int bytes, char *ret_text) {
    return 0;
}

void disk_vfs_register(struct sim_disk *disk) {
    INVARIANT(sqlite3_vfs_find(disk->vfs_name) == NULL, "each disk has a name of its own");
    sqlite3_vfs *vfs = g_new0(sqlite3_vfs, 1);
    *vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = (int)sizeof(struct handle),
        .mxPathname = 512,
        .zName = disk->vfs_name,
        .pAppData = disk,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_time_ms,
    };
    INVARIANT(sqlite3_vfs_register(vfs, 1) == SQLITE_OK, "SQLite takes the disk");
    disk->vfs = vfs;
    vfs = g_memdup2(vfs, sizeof *vfs);
    vfs->zName = disk->eye_name;
    vfs->xOpen = eye_open;
    vfs->pNext = NULL;
    INVARIANT(sqlite3_vfs_register(vfs, 0) == SQLITE_OK, "SQLite takes the disk's eye");
    disk->eye_vfs = vfs;
}

void disk_vfs_unregister(struct sim_disk *disk) {
    sqlite3_vfs_unregister(disk->vfs);
    sqlite3_vfs_unregister(disk->eye_vfs);
    disk_vfs_reseed();
    g_clear_pointer(&disk->vfs, g_free);
    g_clear_pointer(&disk->eye_vfs, g_free);
}

void disk_vfs_reseed(void) {
    sqlite3_randomness(0, NULL);
}
