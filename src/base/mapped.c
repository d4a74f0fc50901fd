/* SPDX-License-Identifier: Apache-2.0
 * mapped.c: large files mapped, files without a name, and memory by the page. */
#include "base/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"

/* ---- files that are cut while they are mapped ---- */

/* What a signal handler may look at: where mappings are. A slot is free when `end` is 0. */
struct slot {
    _Atomic uintptr_t begin, end;
};
static struct {
    struct slot slots[MAPPED_FILES_MAX];
    struct sigaction before; /* of SIGBUS */
    size_t page_bytes;
} known;

/* In a signal handler: nothing but atomics and system calls. */
static void page_is_gone(int signal, siginfo_t *info, void *context) {
    uintptr_t at = (uintptr_t)info->si_addr;
    int kept = errno;
    for (int i = 0; i < MAPPED_FILES_MAX; i++) {
        if (at >= atomic_load(&known.slots[i].begin) && at < atomic_load(&known.slots[i].end)) {
            void *page = (void *)(at & ~(uintptr_t)(known.page_bytes - 1));
            if (mmap(page, known.page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                     0) != MAP_FAILED) {
                errno = kept;
                return;
            }
        }
    }
    /* Not ours: the same access fails once more, under who was there before. */
    (void)sigaction(SIGBUS, &known.before, NULL);
}

/* Each time: somebody may have set another one since. */
static void expect_cuts(void) {
    struct sigaction now, action = {.sa_sigaction = page_is_gone, .sa_flags = SA_SIGINFO};
    known.page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    if (sigaction(SIGBUS, NULL, &now) == 0 && now.sa_sigaction != page_is_gone) {
        known.before = now;
        (void)sigaction(SIGBUS, &action, NULL);
    }
}

/* False: there are too many. */
static bool note(const void *bytes, size_t count, int *ret_slot) {
    for (int i = 0; i < MAPPED_FILES_MAX; i++) {
        uintptr_t is_free = 0;
        if (atomic_compare_exchange_strong(&known.slots[i].begin, &is_free, (uintptr_t)bytes)) {
            atomic_store(&known.slots[i].end, (uintptr_t)bytes + count);
            *ret_slot = i;
            return true;
        }
    }
    return false;
}

static void unnote(int slot) {
    atomic_store(&known.slots[slot].end, 0);
    atomic_store(&known.slots[slot].begin, 0);
}

/* ---- mapped files ---- */

struct mapped {
    char *path;
    int fd, slot; /* -1: nothing is mapped */
    char *bytes;
    size_t count;
    struct stat face;
};

static int map(struct mapped *file, struct err *err) {
    file->count = (size_t)file->face.st_size;
    if (file->count == 0) {
        return 0;
    }
    expect_cuts();
    char *bytes = mmap(NULL, file->count, PROT_READ, MAP_PRIVATE, file->fd, 0);
    if (bytes == MAP_FAILED) {
        return err_set(err, ERR_IO, "%s cannot be mapped: %s", file->path, strerrordesc_np(errno));
    }
    file->bytes = bytes;
    if (!note(bytes, file->count, &file->slot)) {
        return err_set(err, ERR_TOO_LARGE, "more than %d files are mapped", MAPPED_FILES_MAX);
    }
    (void)madvise(bytes, file->count, MADV_SEQUENTIAL);
    return 0;
}

/* `fd` is the mapping's from here on; -1: it could not be opened, and errno says why. */
static int open_fd(int fd, const char *name, struct mapped **ret_file, struct err *err) {
    struct mapped *file = calloc(1, sizeof *file);
    INVARIANT(file != NULL, "out of memory");
    file->fd = fd;
    file->slot = -1;
    int rc = 0;
    if (fd < 0) {
        rc = err_set(err, ERR_IO, "%s cannot be opened: %s", name, strerrordesc_np(errno));
    }
    file->path = strdup(name);
    INVARIANT(file->path != NULL, "out of memory");
    if (rc == 0 && (fstat(fd, &file->face) != 0 || !S_ISREG(file->face.st_mode))) {
        rc = err_set(err, ERR_IO, "%s is not a regular file", name);
    }
    rc = rc < 0 ? rc : map(file, err);
    if (rc < 0) {
        mapped_close(file);
        return rc;
    }
    *ret_file = file;
    return 0;
}

int mapped_open(const char *path, struct mapped **ret_file, struct err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return open_fd(fd, path, ret_file, err);
}

void mapped_close(struct mapped *file) {
    if (file == NULL) {
        return;
    }
    if (file->bytes != NULL) {
        (void)munmap(file->bytes, file->count);
    }
    if (file->slot >= 0) {
        unnote(file->slot);
    }
    if (file->fd >= 0) {
        (void)close(file->fd);
    }
    free(file->path);
    free(file);
}

const char *mapped_bytes(const struct mapped *file) {
    return file->bytes != NULL ? file->bytes : "";
}

size_t mapped_count(const struct mapped *file) {
    return file->count;
}

void mapped_forget(const struct mapped *file, size_t from, size_t until) {
    if (file->bytes == NULL) {
        return;
    }
    size_t begin = (from + known.page_bytes - 1) / known.page_bytes * known.page_bytes;
    size_t end = until / known.page_bytes * known.page_bytes;
    if (end > begin && end <= file->count) {
        (void)madvise(file->bytes + begin, end - begin, MADV_DONTNEED);
    }
}

int mapped_check(const struct mapped *file, struct err *err) {
    struct stat now;
    if (fstat(file->fd, &now) == 0 && now.st_size == file->face.st_size &&
        now.st_mtim.tv_sec == file->face.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == file->face.st_mtim.tv_nsec) {
        return 0;
    }
    int rc = err_set(err, ERR_IO, "%s was changed while it was read", file->path);
    (void)err_hint(err, "Begin again when whoever writes it is done.");
    return rc;
}

/* ---- files without a name ---- */

struct spill {
    int fd;
    _Atomic int64_t end;
    char *folder;
};

/* Some file systems cannot make a file without a name: there it loses it at once. */
static int nameless(const char *folder) {
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) {
        return fd;
    }
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/.spill.%016llx", folder, (unsigned long long)random_u64());
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)unlink(path);
    }
    return fd;
}

int spill_open(const char *folder, struct spill **ret_spill, struct err *err) {
    int fd = nameless(folder);
    if (fd < 0) {
        return err_set(err, ERR_IO, "no file can be made in %s: %s", folder,
                       strerrordesc_np(errno));
    }
    struct spill *spill = calloc(1, sizeof *spill);
    INVARIANT(spill != NULL, "out of memory");
    spill->fd = fd;
    spill->folder = strdup(folder);
    INVARIANT(spill->folder != NULL, "out of memory");
    *ret_spill = spill;
    return 0;
}

void spill_close(struct spill *spill) {
    if (spill != NULL) {
        (void)close(spill->fd);
        free(spill->folder);
        free(spill);
    }
}

int64_t spill_bytes(const struct spill *spill) {
    return atomic_load(&spill->end);
}

int spill_append(struct spill *spill, const void *bytes, size_t count, int64_t *ret_at,
                 struct err *err) {
    int64_t at = atomic_fetch_add(&spill->end, (int64_t)count);
    for (size_t done = 0; done < count;) {
        ssize_t put = pwrite(spill->fd, (const char *)bytes + done, count - done,
                             (off_t)(at + (int64_t)done));
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            int rc = err_set(err, ERR_IO,
                             "what does not fit into memory cannot be written in %s: %s",
                             spill->folder, strerrordesc_np(put < 0 ? errno : ENOSPC));
            (void)err_hint(err, "Name a folder with more room, or allow more memory.");
            return rc;
        }
        done += (size_t)put;
    }
    *ret_at = at;
    return 0;
}

int spill_map(const struct spill *spill, const char *name, struct mapped **ret_file,
              struct err *err) {
    int fd = fcntl(spill->fd, F_DUPFD_CLOEXEC, 0);
    return open_fd(fd, name, ret_file, err);
}

int spill_read(const struct spill *spill, int64_t at, void *bytes, size_t count, struct err *err) {
    for (size_t done = 0; done < count;) {
        ssize_t got = pread(spill->fd, (char *)bytes + done, count - done,
                            (off_t)(at + (int64_t)done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return err_set(err, ERR_IO, "what was put aside in %s cannot be read back: %s",
                           spill->folder, got < 0 ? strerrordesc_np(errno) : "it ends too early");
        }
        done += (size_t)got;
    }
    return 0;
}

/* ---- memory by the page ---- */

/* In pages as the system gives them by itself: large ones were asked for once, and cost more where
 * memory comes from a hypervisor than they saved (docs/benchmarks.md). */
void *pages_take(size_t bytes) {
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    INVARIANT(pages != MAP_FAILED, "out of memory");
    return pages;
}

void pages_give(void *pages, size_t bytes) {
    if (pages != NULL) {
        INVARIANT(munmap(pages, bytes) == 0, "pages are given back as they were taken");
    }
}
