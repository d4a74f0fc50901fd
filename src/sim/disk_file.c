/* SPDX-License-Identifier: Apache-2.0
 * disk_file.c: the two contents of a simulated file and the writes between them.
 *
 * A pending write is kept as the sectors it touched, whole, as they were right after it: that is
 * what a disk is told, and it makes every state that a power cut can leave a matter of choosing
 * sectors. */
#include "sim/disk_impl.h"

#include <glib.h>
#include <xxhash.h>

enum { SECTOR_BYTES_MAX = 4096 };

/* --- Pages ------------------------------------------------------------------------------------ */

void disk_pages_read(const struct disk_pages *pages, void *ret_bytes, int64_t count,
                     int64_t offset) {
    uint8_t *to = ret_bytes;
    while (count > 0) {
        int64_t index = offset / DISK_PAGE_BYTES, within = offset % DISK_PAGE_BYTES;
        int64_t part = MIN(count, DISK_PAGE_BYTES - within);
        const uint8_t *page = index < pages->count ? pages->page[index] : NULL;
        if (page != NULL) {
            memcpy(to, page + within, (size_t)part);
        } else {
            memset(to, 0, (size_t)part);
        }
        to += part;
        offset += part;
        count -= part;
    }
}

static uint8_t *page_for_writing(struct disk_pages *pages, int64_t index) {
    if (index >= pages->count) {
        int64_t count = MAX(index + 1, pages->count * 2);
        pages->page = g_renew(uint8_t *, pages->page, count);
        memset(pages->page + pages->count, 0,
               (size_t)(count - pages->count) * sizeof(pages->page[0]));
        pages->count = count;
    }
    if (pages->page[index] == NULL) {
        pages->page[index] = g_malloc0(DISK_PAGE_BYTES);
    }
    return pages->page[index];
}

/* Leaves the size to the caller. */
static void pages_write(struct disk_pages *pages, const void *bytes, int64_t count,
                        int64_t offset) {
    const uint8_t *from = bytes;
    while (count > 0) {
        int64_t index = offset / DISK_PAGE_BYTES, within = offset % DISK_PAGE_BYTES;
        int64_t part = MIN(count, DISK_PAGE_BYTES - within);
        memcpy(page_for_writing(pages, index) + within, from, (size_t)part);
        from += part;
        offset += part;
        count -= part;
    }
}

/* Whatever is past the end reads as zero when the file grows again. */
static void pages_resize(struct disk_pages *pages, int64_t size) {
    if (size < pages->size) {
        int64_t index = size / DISK_PAGE_BYTES, within = size % DISK_PAGE_BYTES;
        if (within > 0 && index < pages->count && pages->page[index] != NULL) {
            memset(pages->page[index] + within, 0, (size_t)(DISK_PAGE_BYTES - within));
        }
        for (int64_t i = within > 0 ? index + 1 : index; i < pages->count; i++) {
            g_clear_pointer(&pages->page[i], g_free);
        }
    }
    pages->size = size;
}

static void pages_free(struct disk_pages *pages) {
    for (int64_t i = 0; i < pages->count; i++) {
        g_free(pages->page[i]);
    }
    g_free(pages->page);
    *pages = (struct disk_pages){0};
}

/* --- Files ------------------------------------------------------------------------------------ */

struct disk_file *disk_file_new(const char *name) {
    struct disk_file *file = g_new0(struct disk_file, 1);
    file->name = g_strdup(name);
    file->name_hash = name != NULL ? XXH3_64bits(name, strlen(name)) : 0;
    return file;
}

void disk_file_free(struct disk_file *file) {
    pages_free(&file->live);
    pages_free(&file->durable);
    g_free(file->write);
    g_free(file->images);
    g_free(file->name);
    g_free(file);
}

static struct disk_write *write_add(struct disk_file *file) {
    if (file->writes == file->writes_cap) {
        file->writes_cap = MAX(64, file->writes_cap * 2);
        file->write = g_renew(struct disk_write, file->write, file->writes_cap);
    }
    file->writes_ever++;
    return &file->write[file->writes++];
}

static uint8_t *images_add(struct disk_file *file, size_t bytes) {
    if (file->images_used + bytes > file->images_cap) {
        file->images_cap = MAX(file->images_used + bytes, file->images_cap * 2);
        file->images = g_realloc(file->images, file->images_cap);
    }
    file->images_used += bytes;
    return file->images + file->images_used - bytes;
}

void disk_file_write(struct disk_file *file, int sector_bytes, const void *bytes, int64_t count,
                     int64_t offset) {
    if (count == 0) {
        return;
    }
    pages_write(&file->live, bytes, count, offset);
    file->live.size = MAX(file->live.size, offset + count);
    struct disk_write *write = write_add(file);
    write->sector = offset / sector_bytes;
    write->count = (offset + count - 1) / sector_bytes - write->sector + 1;
    write->size = file->live.size;
    write->image = file->images_used;
    uint8_t *image = images_add(file, (size_t)(write->count * sector_bytes));
    disk_pages_read(&file->live, image, write->count * sector_bytes, write->sector * sector_bytes);
}

void disk_file_truncate(struct disk_file *file, int64_t size) {
    pages_resize(&file->live, size);
    *write_add(file) = (struct disk_write){.size = size, .image = file->images_used};
}

/* The first `count` sectors of a pending write become durable. */
static void sectors_apply(struct disk_file *file, int sector_bytes, const struct disk_write *write,
                          int64_t count) {
    pages_write(&file->durable, file->images + write->image, count * sector_bytes,
                write->sector * sector_bytes);
}

static void write_apply(struct disk_file *file, int sector_bytes, const struct disk_write *write) {
    if (write->count > 0) {
        sectors_apply(file, sector_bytes, write, write->count);
        file->durable.size = write->size;
    } else {
        pages_resize(&file->durable, write->size);
    }
}

void disk_file_drop(struct disk_file *file, int64_t count) {
    if (count == file->writes) {
        file->writes = 0;
        file->images_used = 0;
        return;
    }
    size_t gone = file->write[count].image;
    file->writes -= count;
    file->images_used -= gone;
    memmove(file->write, file->write + count, (size_t)file->writes * sizeof(file->write[0]));
    memmove(file->images, file->images + gone, file->images_used);
    for (int64_t i = 0; i < file->writes; i++) {
        file->write[i].image -= gone;
    }
}

void disk_file_settle(struct disk_file *file, int sector_bytes, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        write_apply(file, sector_bytes, &file->write[i]);
    }
    disk_file_drop(file, count);
}

void disk_file_revert(struct disk_file *file, bool keep_size) {
    INVARIANT(file->writes == 0, "pending writes would be forgotten");
    int64_t size = keep_size ? file->live.size : file->durable.size;
    pages_free(&file->live);
    for (int64_t i = 0; i < file->durable.count; i++) {
        if (file->durable.page[i] != NULL) {
            memcpy(page_for_writing(&file->live, i), file->durable.page[i], DISK_PAGE_BYTES);
        }
    }
    file->live.size = file->durable.size;
    pages_resize(&file->live, size);
}

/* --- What a power cut leaves ------------------------------------------------------------------ */

/* Each sector is there or not, whatever came first; the size is that of a moment in between. */
static void lose_scattered(struct disk_file *file, int sector_bytes, struct prng *prng,
                           int64_t count) {
    int64_t moment = (int64_t)prng_below(prng, (uint64_t)count + 1);
    int64_t size = moment > 0 ? file->write[moment - 1].size : file->durable.size;
    for (int64_t i = 0; i < count; i++) {
        const struct disk_write *write = &file->write[i];
        if (write->count == 0 && i < moment) {
            pages_resize(&file->durable, write->size);
        }
        for (int64_t s = 0; s < write->count; s++) {
            if (prng_below(prng, 2) == 0) {
                int64_t at = (write->sector + s) * sector_bytes;
                pages_write(&file->durable, file->images + write->image + s * sector_bytes,
                            sector_bytes, at);
                file->durable.size = MAX(file->durable.size, at + sector_bytes);
            }
        }
    }
    pages_resize(&file->durable, size);
}

/* One sector in which the power cut stopped the head: old in one part and new in the other, which
 * changes only bytes that were being written; or rubbish, where disks are as bad as that. */
static void tear_sector(struct disk_file *file, int sector_bytes, bool damage, struct prng *prng,
                        int64_t sector, const uint8_t *image) {
    uint8_t torn[SECTOR_BYTES_MAX];
    int64_t cut = (int64_t)prng_below(prng, (uint64_t)sector_bytes + 1);
    disk_pages_read(&file->durable, torn, sector_bytes, sector * sector_bytes);
    switch (prng_below(prng, damage ? 3 : 2)) {
    case 0:
        memcpy(torn, image, (size_t)cut);
        break;
    case 1:
        memcpy(torn + cut, image + cut, (size_t)(sector_bytes - cut));
        break;
    default:
        for (int i = 0; i < sector_bytes; i++) {
            torn[i] = (uint8_t)prng_next(prng);
        }
    }
    pages_write(&file->durable, torn, sector_bytes, sector * sector_bytes);
}

/* All before `last`, and of that a first part. */
static void lose_torn(struct disk_file *file, const struct sim_disk *disk, struct prng *prng,
                      int64_t last) {
    const struct disk_write *write = &file->write[last];
    int sector_bytes = disk->sector_bytes;
    for (int64_t i = 0; i < last; i++) {
        write_apply(file, sector_bytes, &file->write[i]);
    }
    if (write->count == 0) {
        return;
    }
    int64_t whole = (int64_t)prng_below(prng, (uint64_t)write->count);
    int64_t end = (write->sector + whole + 1) * sector_bytes;
    int64_t size = MAX(file->durable.size, MIN(end, write->size));
    sectors_apply(file, sector_bytes, write, whole);
    tear_sector(file, sector_bytes, disk->options.sector_damage, prng, write->sector + whole,
                file->images + write->image + whole * sector_bytes);
    file->durable.size = MAX(file->durable.size, end);
    pages_resize(&file->durable, size);
}

enum sim_disk_event disk_file_lose(struct disk_file *file, const struct sim_disk *disk,
                                   struct prng *prng, int64_t count) {
    static const enum sim_disk_event ways[] = {SIM_DISK_LOST, SIM_DISK_CUT, SIM_DISK_SCATTERED,
                                               SIM_DISK_TORN, SIM_DISK_KEPT};
    enum sim_disk_event way = ways[prng_below(prng, COUNT_OF(ways))];
    int64_t kept = 0;
    switch (way) {
    case SIM_DISK_CUT:
        kept = (int64_t)prng_below(prng, (uint64_t)count + 1);
        break;
    case SIM_DISK_SCATTERED:
        lose_scattered(file, disk->sector_bytes, prng, count);
        break;
    case SIM_DISK_TORN:
        lose_torn(file, disk, prng, (int64_t)prng_below(prng, (uint64_t)count));
        break;
    case SIM_DISK_KEPT:
        kept = count;
        break;
    default:
        break;
    }
    for (int64_t i = 0; i < kept; i++) {
        write_apply(file, disk->sector_bytes, &file->write[i]);
    }
    disk_file_drop(file, count);
    return way;
}
