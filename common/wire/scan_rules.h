/*
 * scan_rules.h: rows of a scan_rule_t table (scan.h), written short. Included by the two tables
 * that there are, of messages (rules.c) and of documents' bodies (common/trust/bodies.c), and by
 * nothing else: the names are too plain for any other place.
 */
#ifndef DROVER_WIRE_SCAN_RULES_H
#define DROVER_WIRE_SCAN_RULES_H

#include "common/base/digest.h"
#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/wire/scan.h"

enum { SCAN_KEY_BYTES = 32 }; /* CURVE and Ed25519 public keys */

#define IDENT(name)                                                                                \
    { .field = (name), .bytes = IDENT_BYTES, .fixed = true }
#define IDENT_NEEDED(name)                                                                         \
    { .field = (name), .bytes = IDENT_BYTES, .fixed = true, .needed = true }
#define IDENTS(name, most)                                                                         \
    { .field = (name), .count = (most), .bytes = IDENT_BYTES, .fixed = true }
#define DIGEST(name)                                                                               \
    { .field = (name), .bytes = DIGEST_BYTES, .fixed = true }
#define DIGEST_NEEDED(name)                                                                        \
    { .field = (name), .bytes = DIGEST_BYTES, .fixed = true, .needed = true }
#define KEY(name)                                                                                  \
    { .field = (name), .bytes = SCAN_KEY_BYTES, .fixed = true }
#define KEY_NEEDED(name)                                                                           \
    { .field = (name), .bytes = SCAN_KEY_BYTES, .fixed = true, .needed = true }
#define MANY(name, most)                                                                           \
    { .field = (name), .count = (most) }
#define UP_TO(name, most)                                                                          \
    { .field = (name), .bytes = (most) }
#define UP_TO_NEEDED(name, most)                                                                   \
    { .field = (name), .bytes = (most), .needed = true }
#define NAME(name) UP_TO(name, LIMIT_NAME_BYTES)
#define NAME_NEEDED(name) UP_TO_NEEDED(name, LIMIT_NAME_BYTES)
#define NEEDED(name)                                                                               \
    { .field = (name), .needed = true }
#define END                                                                                        \
    { 0 }

#endif
