/*
 * papers.c: orders and tickets by their digests, by the chunk, for the agents that judge jobs by
 * them. An agent believes neither for having come from here.
 */
#include "common/wire/field.h"
#include "coordinator/link/internal.h"
#include "coordinator/store/store_signed_order.h"
#include "coordinator/store/store_ticket.h"

/* A part of an order's document; total 0 where there is no such order. */
static status_t read_order(hub_t *self, const ticket_part_t *part, arena_t *arena,
                           ticket_part_read_t *ret_read, error_t *err) {
    signed_order_row_t row;
    TRY(store_signed_order_get(self->options.store, &part->digest, arena, &row, err));
    ticket_part_read_t read = {.total = row.document_size};
    if (part->offset < row.document_size) {
        size_t left = row.document_size - (size_t)part->offset;
        read.bytes = (const uint8_t *)row.document + part->offset;
        read.size = left < part->room ? left : part->room;
    }
    *ret_read = read;
    return STATUS_OK;
}

/* Most ask for a ticket's next chunk, or for an order's only one. */
static status_t read_part(hub_t *self, const ticket_part_t *part, arena_t *arena,
                          ticket_part_read_t *ret_read, error_t *err) {
    if (store_ticket_read(self->options.store, part, arena, ret_read, err) == STATUS_OK) {
        return STATUS_OK;
    }
    if (err->code != ERROR_NOT_FOUND) {
        return STATUS_ERROR;
    }
    error_clear(err);
    return read_order(self, part, arena, ret_read, err);
}

status_t papers_want(hub_t *self, const listener_message_t *from, const Drover__PaperWant *want,
                     error_t *err) {
    (void)err;
    CLEANUP(arena_free) arena_t arena = {0};
    ticket_part_t part = {
        .digest = field_digest(want->digest), .offset = want->offset, .room = LIMIT_CHUNK_BYTES};
    ticket_part_read_t read = {0};
    error_t problem = {0};
    if (read_part(self, &part, &arena, &read, &problem) != STATUS_OK) {
        log_warning("paper not read", "peer", from->peer->name, "code",
                    error_code_text(problem.code), "reason", problem.message);
        read = (ticket_part_read_t){0};
    }
    Drover__PaperChunk chunk = DROVER__PAPER_CHUNK__INIT;
    chunk.digest = want->digest;
    chunk.offset = want->offset;
    chunk.total = read.total; /* 0: there is no such paper here */
    chunk.data = field_of_bytes(read.bytes, read.size);
    /* may be of this very transaction: leaves after its commit */
    hub_say(self, &from->peer->key, DROVER__KIND__KIND_PAPER_CHUNK, &chunk.base);
    return STATUS_OK;
}
