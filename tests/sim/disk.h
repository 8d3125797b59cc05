/*
 * disk.h: durable tables of plain rows with one transaction at a time, for catalogs and journals.
 *
 * What was changed and not committed is taken back by an abort, and by the crash of its owner. A
 * commit fails while the disk is full. Rows are named by their index and never move in it; the
 * pointers that are handed out are good until the next append to the same table.
 */
#ifndef DROVER_TESTS_SIM_DISK_H
#define DROVER_TESTS_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DISK_TABLES = 16 };

typedef struct disk_table {
    uint8_t *rows;
    uint32_t size; /* of a row, bytes */
    uint32_t count;
    uint32_t room;
} disk_table_t;

typedef struct disk {
    disk_table_t tables[DISK_TABLES];
    uint8_t *undo;
    size_t undo_size;
    size_t undo_room;
    uint64_t commits;
    bool full; /* commits fail */
} disk_t;

void disk_define(disk_t *disk, uint32_t table, uint32_t row_size);
void disk_free(disk_t *disk);

/* Forget every row and what is open; the definitions stay. */
void disk_clear(disk_t *disk);

static inline uint32_t disk_count(const disk_t *disk, uint32_t table) {
    return disk->tables[table].count;
}

static inline const void *disk_row(const disk_t *disk, uint32_t table, uint32_t row) {
    return disk->tables[table].rows + (size_t)row * disk->tables[table].size;
}

/* The row, to be changed in place; as it was is kept for an abort. */
void *disk_change(disk_t *disk, uint32_t table, uint32_t row);

/* A new row, copied; answers its index. */
uint32_t disk_append(disk_t *disk, uint32_t table, const void *row);

static inline bool disk_is_dirty(const disk_t *disk) {
    return disk->undo_size > 0;
}

bool disk_commit(disk_t *disk);
void disk_abort(disk_t *disk);

/* Make `to` what was committed in `from`. */
void disk_copy(disk_t *to, const disk_t *from);

#endif
