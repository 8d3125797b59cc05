/*
 * local_trust_solo.c: drover trust init --solo: every key that a fleet of one person needs, and a
 * trust file signed by its root, in a folder that appears whole or not at all.
 */
#include "cli/local_trust.h"
#include "cli/output.h"
#include "cli/unlock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_ROOM = 4096 };

typedef struct solo_key {
    const char *file;
    key_kind_t kind;
    const char *name; /* NULL: the person's */
} solo_key_t;

/* A curve key is the transport key of the row before it. */
static const solo_key_t KEYS[] = {{"root.key", KEY_ROOT, NULL},
                                  {"release.key", KEY_RELEASE, NULL},
                                  {"operator.key", KEY_OPERATOR, NULL},
                                  {"operator.curve", KEY_CURVE, NULL},
                                  {"coordinator.key", KEY_COORDINATOR, "coordinator"},
                                  {"coordinator.curve", KEY_CURVE, "coordinator"},
                                  {"recovery.key", KEY_RECOVERY, NULL}};
enum { KEY_COUNT = sizeof KEYS / sizeof KEYS[0] };

static const char TRUST_NAME[] = "fleet.trust";

/* What is being made, and where: the folder's name of the moment. */
typedef struct solo {
    char folder[PATH_ROOM];
    bool made;
} solo_t;

static const char *path_in(const solo_t *solo, const char *file, const char *end,
                           char buffer[PATH_ROOM + 32]) {
    (void)snprintf(buffer, PATH_ROOM + 32, "%s/%s%s", solo->folder, file, end);
    return buffer;
}

/* Where it did not come to its end, nothing of it stays. */
static void solo_clear(solo_t *solo) {
    char path[PATH_ROOM + 32];
    if (!solo->made) {
        return;
    }
    for (size_t i = 0; i < KEY_COUNT; i++) {
        (void)unlink(path_in(solo, KEYS[i].file, "", path));
        (void)unlink(path_in(solo, KEYS[i].file, ".pub", path));
    }
    (void)unlink(path_in(solo, TRUST_NAME, "", path));
    (void)rmdir(solo->folder);
}

status_t local_trust_is_new(const char *path, error_t *err) {
    struct stat about;
    return lstat(path, &about) == 0
               ? error_set(err, ERROR_INVALID, "%.300s exists: nothing is replaced", path)
               : STATUS_OK;
}

static status_t make_folder(const char *out, solo_t *solo, error_t *err) {
    int length = snprintf(solo->folder, sizeof solo->folder, "%s", out);
    while (length > 1 && (size_t)length < sizeof solo->folder &&
           solo->folder[length - 1] == '/') { /* ends at a name */
        solo->folder[--length] = '\0';
    }
    if (length < 0 || (size_t)length + 8 > sizeof solo->folder) {
        return error_set(err, ERROR_BOUND, "the path %.80s… is too long", out);
    }
    memcpy(solo->folder + length, ".XXXXXX", 8);
    if (mkdtemp(solo->folder) == NULL) { /* mode 0700 */
        return error_set(err, ERROR_IO, "cannot make a folder beside %.300s: %s", out,
                         strerror(errno));
    }
    solo->made = true;
    return STATUS_OK;
}

static status_t add_roles(trust_draft_t *draft, trust_key_t *key, error_t *err) {
    int first = key->use == TRUST_RELEASE ? ROLE_RELEASE : ROLE_VIEWER;
    int last = key->use == TRUST_RELEASE ? ROLE_RELEASE : ROLE_ROLLBACK;
    if (key->use != TRUST_RELEASE && key->use != TRUST_OPERATOR) {
        return STATUS_OK;
    }
    for (int role = first; role <= last; role++) {
        const trust_grant_t grant = {
            .role = (trust_role_t)role, .application = "", .environment = "", .selector = ""};
        TRY(trust_draft_grant(draft, key, &grant, err));
        if (role != ROLE_VIEWER) { /* who signs nothing needs no threshold */
            const trust_threshold_t row = {.role = (trust_role_t)role,
                                           .count = 1,
                                           .application = "",
                                           .environment = "",
                                           .proposer_counts = true};
            TRY(trust_draft_threshold(draft, &row, err));
        }
    }
    return STATUS_OK;
}

/* Those that belong offline. */
static bool is_locked(key_kind_t kind) {
    return kind == KEY_ROOT || kind == KEY_RECOVERY;
}

/* Put a key into the trust file. *row is the one before, then the new one. */
static status_t name_key(trust_draft_t *draft, const key_public_t *public, key_kind_t kind,
                         trust_key_t **row, error_t *err) {
    if (kind == KEY_RECOVERY) { /* opens backups: nothing that a trust file rules */
        return STATUS_OK;
    }
    if (kind == KEY_CURVE) {
        memcpy((*row)->curve, public->bytes, sizeof(*row)->curve);
        return STATUS_OK;
    }
    TRY(trust_draft_key(draft, public, row, err));
    return add_roles(draft, *row, err);
}

static status_t make_keys(const command_input_t *input, const solo_t *solo,
                          const passphrase_t *passphrase, trust_draft_t *draft, error_t *err) {
    char path[PATH_ROOM + 32];
    const char *given = command_text(input, "name");
    const char *person = given != NULL ? given : "me";
    trust_key_t *row = NULL;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const solo_key_t *key = &KEYS[i];
        const keyfile_new_t what = {.path = path_in(solo, key->file, "", path),
                                    .kind = key->kind,
                                    .name = key->name != NULL ? key->name : person,
                                    .passphrase = is_locked(key->kind) ? passphrase : NULL};
        key_public_t public;
        TRY(keyfile_create(&what, &public, err));
        TRY(name_key(draft, &public, key->kind, &row, err));
    }
    return STATUS_OK;
}

/* Write the trust file, signed by the new root. */
static status_t make_trust(const solo_t *solo, const passphrase_t *passphrase,
                           const trust_draft_t *draft, trust_paper_t *paper, error_t *err) {
    char path[PATH_ROOM + 32];
    CLEANUP(keyfile_destroy_p) keyfile_t *root = NULL;
    const keyfile_open_t open = {
        .path = path_in(solo, KEYS[0].file, "", path), .kind = KEY_ROOT, .passphrase = passphrase};
    TRY(keyfile_open(&open, &root, err));
    TRY(trust_write(&draft->trust, &paper->document, err));
    TRY(trust_read(paper->document, &paper->trust, err));
    TRY(document_sign(paper->document, keyfile_sign_secret(root), err));
    return trust_paper_save(paper->document, path_in(solo, TRUST_NAME, "", path), err);
}

static status_t new_root_passphrase(const command_input_t *input, passphrase_t **ret_passphrase,
                                    error_t *err) {
    static const unlock_new_t FROM = {.fd_flag = "passphrase-fd",
                                      .command_flag = "passphrase-command"};
    if (command_switch(input, "no-passphrase")) {
        return STATUS_OK;
    }
    return unlock_new_passphrase(input, &FROM, ret_passphrase, err);
}

status_t local_trust_solo(const command_input_t *input, error_t *err) {
    const char *out = command_text(input, "out");
    const trust_paper_t none = {0};
    CLEANUP(solo_clear) solo_t solo = {0};
    CLEANUP(keyfile_passphrase_destroy_p) passphrase_t *passphrase = NULL;
    CLEANUP(trust_draft_free) trust_draft_t draft = {0};
    CLEANUP(trust_paper_free) trust_paper_t paper = {0};
    TRY(local_trust_is_new(out, err));
    TRY(new_root_passphrase(input, &passphrase, err));
    TRY(make_folder(out, &solo, err));
    TRY(local_trust_first(&draft, err));
    draft.trust.root_threshold = 1;
    draft.trust.expires_us =
        draft.trust.issued_us + command_duration_us(input, "expires", INT64_C(365) * TRUST_DAY_US);
    draft.trust.undo_grace_us = 7 * TRUST_DAY_US;
    TRY(make_keys(input, &solo, passphrase, &draft, err));
    TRY(make_trust(&solo, passphrase, &draft, &paper, err));
    if (rename(solo.folder, out) != 0) {
        return error_set(err, ERROR_IO, "cannot name the folder %.300s: %s", out, strerror(errno));
    }
    solo.made = false;
    TRY(local_trust_show(input, &paper, &none, err));
    output_say("%s holds fleet.trust and its keys: move root.key and recovery.key to a medium that "
               "stays offline, coordinator.key and coordinator.curve to the coordinator's host",
               out);
    return STATUS_OK;
}
