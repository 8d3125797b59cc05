/* schema_embedded.h: what embed.cmake makes of migrations/tenant, for schema.c alone. */
#ifndef DROVER_POSTGRES_SCHEMA_EMBEDDED_H
#define DROVER_POSTGRES_SCHEMA_EMBEDDED_H

#include "common/postgres/schema.h"

extern const schema_script_t schema_embedded[];
extern const size_t schema_embedded_count;

#endif
