/* fuzz_keytext.c: bytes that may be a key file. What is read is written back byte for byte. */
#include "common/crypto/keytext.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Hexadecimal may come in capitals; it is written in small letters. */
static bool same_text(const char *a, const char *b, size_t size) {
    for (size_t i = 0; i < size; i++) {
        char left = a[i] >= 'A' && a[i] <= 'Z' ? (char)(a[i] + 32) : a[i];
        char right = b[i] >= 'A' && b[i] <= 'Z' ? (char)(b[i] + 32) : b[i];
        if (left != right) {
            return false;
        }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    keytext_t text;
    error_t err;
    char back[KEYTEXT_MAX];
    keytext_source_t source = {.path = "k", .bytes = (const char *)data, .size = size};
    if (keytext_parse(&source, &text, &err) != STATUS_OK) {
        return 0;
    }
    size_t written = keytext_format(&text, back);
    /* 'locked' alone may have had spaces doubled. */
    if (text.secret != KEYTEXT_LOCKED &&
        (written != size || !same_text(back, source.bytes, size))) {
        abort();
    }
    return 0;
}
