/* schema.c: see schema.h. */
#include "common/postgres/schema.h"
#include "common/postgres/quote.h"
#include "common/postgres/schema_embedded.h"

const schema_script_t *schema_scripts(size_t *ret_count) {
    *ret_count = schema_embedded_count;
    return schema_embedded;
}

int schema_version(void) {
    return schema_embedded[schema_embedded_count - 1].version;
}

void schema_sql_install(buffer_t *sql, int from) {
    for (size_t i = 0; i < schema_embedded_count; i++) {
        const schema_script_t *script = &schema_embedded[i];
        if (script->version <= from) {
            continue;
        }
        buffer_text(sql, script->sql);
        buffer_text(sql, "\nINSERT INTO drover.schema_version (version, name) VALUES (");
        quote_number(sql, script->version);
        buffer_text(sql, ", ");
        quote_text(sql, script->name);
        buffer_text(sql, ");\n");
    }
}
