/* subject.c: see subject.h. */
#include "coordinator/fleet/subject.h"

#include <string.h>

const application_row_t *subject_application(const tenant_row_t *tenant, const char *application) {
    if (application == NULL) {
        return tenant->application_count == 1 ? &tenant->applications[0] : NULL;
    }
    for (size_t i = 0; i < tenant->application_count; i++) {
        if (strcmp(tenant->applications[i].application, application) == 0) {
            return &tenant->applications[i];
        }
    }
    return NULL;
}

/* A pseudo label that the tenant has, or NULL: an empty text is none. */
static const char *known(const char *text) {
    return text != NULL && *text != '\0' ? text : NULL;
}

void subject_of(const tenant_row_t *tenant, const subject_place_t *place, subject_t *ret_subject) {
    const application_row_t *row = subject_application(tenant, place->application);
    size_t count = tenant->label_count < LIMIT_LABELS ? tenant->label_count : LIMIT_LABELS;
    for (size_t i = 0; i < count; i++) {
        ret_subject->labels[i] =
            (selector_label_t){.key = tenant->labels[i].key, .value = tenant->labels[i].value};
    }
    ret_subject->selector = (selector_subject_t){
        .name = tenant->name,
        .cluster = known(place->cluster),
        .database = known(tenant->database),
        .agent = known(place->agent),
        .version = row != NULL && row->position > 0 ? known(row->version) : NULL,
        .labels = ret_subject->labels,
        .label_count = count,
    };
}
