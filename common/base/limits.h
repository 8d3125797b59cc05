/*
 * limits.h: the bound on everything that comes from outside. Going past one is an error that names
 * it. Units stand in the names.
 */
#ifndef DROVER_BASE_LIMITS_H
#define DROVER_BASE_LIMITS_H

enum {
    LIMIT_MESSAGE_BYTES = 1024 * 1024,
    LIMIT_SCRIPT_BYTES = 16 * 1024 * 1024,
    LIMIT_BUNDLE_BYTES = 64 * 1024 * 1024,
    LIMIT_CHUNK_BYTES = 512 * 1024,
    LIMIT_CONFIG_BYTES = 4 * 1024 * 1024,
    LIMIT_TENANTS = 1000000,
    LIMIT_AGENTS = 100000,
    LIMIT_CLUSTERS_PER_AGENT = 256,
    LIMIT_LABELS = 32,
    LIMIT_WAVES = 256,
    LIMIT_MIGRATIONS = 10000,
    LIMIT_NAME_BYTES = 128,
    LIMIT_LABEL_BYTES = 64,
    LIMIT_SELECTOR_TERMS = 64,
};

#endif
