/* text.c: see text.h. Texts are UTF-8: the scan has seen to that. */
#include "common/trust/text.h"

#include "common/crypto/keytext.h"

#include <string.h>

bool text_scope_ok(const char *text) {
    return text[0] == '\0' || keytext_name_ok(text);
}

bool text_scope_covers(const char *granted, const char *asked) {
    return granted[0] == '\0' || strcmp(granted, asked) == 0;
}

bool text_scopes_meet(const char *a, const char *b) {
    return a[0] == '\0' || text_scope_covers(b, a);
}

/* U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069: E2 80 8E … and E2 81 A6 … */
static bool turns_direction(const unsigned char *at) {
    if (at[0] != 0xe2 || (at[1] != 0x80 && at[1] != 0x81)) {
        return false;
    }
    unsigned char last = at[2];
    return at[1] == 0x80 ? last == 0x8e || last == 0x8f || (last >= 0xaa && last <= 0xae)
                         : last >= 0xa6 && last <= 0xa9;
}

bool text_plain_ok(const char *text) {
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        bool c1 = at[0] == 0xc2 && at[1] < 0xa0;
        if (*at < ' ' || *at == 0x7f || c1 || turns_direction(at)) {
            return false;
        }
    }
    return true;
}

static int fold(char c) {
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

bool text_same_person(const char *a, const char *b) {
    while (*a != '\0' && fold(*a) == fold(*b)) {
        a++;
        b++;
    }
    return *a == *b;
}
