/* disk.c: see disk.h. */
#include "tests/sim/disk.h"

#include "common/base/status.h"

#include <stdlib.h>
#include <string.h>

/* What stands in front of a row's old bytes in the undo log; appended rows have none. */
typedef struct undo_head {
    uint32_t table;
    uint32_t row;
    uint32_t size; /* of the bytes before this head; 0: the row was appended */
    uint32_t reserved;
} undo_head_t;

void disk_define(disk_t *disk, uint32_t table, uint32_t row_size) {
    INVARIANT(table < DISK_TABLES);
    disk->tables[table].size = row_size;
}

void disk_free(disk_t *disk) {
    for (uint32_t i = 0; i < DISK_TABLES; i++) {
        free(disk->tables[i].rows);
    }
    free(disk->undo);
    *disk = (disk_t){0};
}

void disk_clear(disk_t *disk) {
    for (uint32_t i = 0; i < DISK_TABLES; i++) {
        disk->tables[i].count = 0;
    }
    disk->undo_size = 0;
}

/* The bytes come first and the head behind them, so that the log is read from its end. */
static void remember(disk_t *disk, undo_head_t head, const void *bytes) {
    size_t needed = disk->undo_size + head.size + sizeof head;
    if (needed > disk->undo_room) {
        size_t room = disk->undo_room * 2 > needed ? disk->undo_room * 2 : needed + 4096;
        disk->undo = realloc(disk->undo, room);
        INVARIANT(disk->undo != NULL);
        disk->undo_room = room;
    }
    if (head.size > 0) {
        memcpy(disk->undo + disk->undo_size, bytes, head.size);
    }
    memcpy(disk->undo + disk->undo_size + head.size, &head, sizeof head);
    disk->undo_size = needed;
}

void *disk_change(disk_t *disk, uint32_t table, uint32_t row) {
    disk_table_t *into = &disk->tables[table];
    INVARIANT(row < into->count);
    void *at = into->rows + (size_t)row * into->size;
    remember(disk, (undo_head_t){.table = table, .row = row, .size = into->size}, at);
    return at;
}

uint32_t disk_append(disk_t *disk, uint32_t table, const void *row) {
    disk_table_t *into = &disk->tables[table];
    if (into->count == into->room) {
        into->room = into->room == 0 ? 32 : into->room * 2;
        into->rows = realloc(into->rows, (size_t)into->room * into->size);
        INVARIANT(into->rows != NULL);
    }
    memcpy(into->rows + (size_t)into->count * into->size, row, into->size);
    remember(disk, (undo_head_t){.table = table, .row = into->count}, row);
    return into->count++;
}

bool disk_commit(disk_t *disk) {
    if (disk->full && disk->undo_size > 0) {
        disk_abort(disk);
        return false;
    }
    disk->commits += disk->undo_size > 0;
    disk->undo_size = 0;
    return true;
}

static void take_back(disk_t *disk, const uint8_t *undo, size_t size) {
    while (size > 0) {
        undo_head_t head;
        memcpy(&head, undo + size - sizeof head, sizeof head);
        size -= sizeof head;
        disk_table_t *table = &disk->tables[head.table];
        if (head.size == 0) {
            table->count--;
        } else {
            size -= head.size;
            memcpy(table->rows + (size_t)head.row * table->size, undo + size, head.size);
        }
    }
}

void disk_abort(disk_t *disk) {
    take_back(disk, disk->undo, disk->undo_size);
    disk->undo_size = 0;
}

void disk_copy(disk_t *to, const disk_t *from) {
    for (uint32_t i = 0; i < DISK_TABLES; i++) {
        const disk_table_t *source = &from->tables[i];
        disk_table_t *target = &to->tables[i];
        target->size = source->size;
        if (target->room < source->count) {
            target->room = source->count;
            target->rows = realloc(target->rows, (size_t)target->room * target->size);
            INVARIANT(target->rows != NULL);
        }
        if (source->count > 0) {
            memcpy(target->rows, source->rows, (size_t)source->count * source->size);
        }
        target->count = source->count;
    }
    to->undo_size = 0;
    take_back(to, from->undo, from->undo_size);
}
