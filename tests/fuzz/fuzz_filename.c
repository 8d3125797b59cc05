/* fuzz_filename.c: any name is read or refused; what is read says the same name again. */
#include "common/migration/filename.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char name[1024];
    if (size >= sizeof name) {
        return 0;
    }
    memcpy(name, data, size);
    name[size] = '\0';
    filename_t filename;
    error_t err;
    (void)filename_is_version(name, "V001");
    char text[DESCRIPTION_TEXT_SIZE];
    if (filename_describe(name, text, &err) == STATUS_OK) {
        char made[DESCRIPTION_TEXT_SIZE + 16];
        (void)snprintf(made, sizeof made, "V001__%s.sql", text);
        INVARIANT(filename_parse(made, &filename, &err) == STATUS_OK);
    }
    if (filename_parse(name, &filename, &err) == STATUS_OK) {
        char again[512];
        bool up = filename.kind == SCRIPT_UP;
        (void)snprintf(again, sizeof again, "%s__%s%s%s.sql", filename.version,
                       filename.description, up ? "" : ".",
                       up ? "" : script_kind_text(filename.kind));
        INVARIANT(strcmp(again, name) == 0);
        INVARIANT(filename_is_meant(name));
    }
    return 0;
}
