/*
 * Base64 as crypto/crypto.h reads and writes it: RFC 4648, and what must be refused.
 */
#include <stdint.h>
#include <string.h>

#include "crypto/crypto.h"
#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_base64(void)
{
    static const struct {
        const char *text;
        int len;
        const char *bytes;
    } cases[] = {
        /* RFC 4648, 10 */
        {"", 0, ""},
        {"Zg==", 1, "f"},
        {"Zm8=", 2, "fo"},
        {"Zm9v", 3, "foo"},
        {"Zm9vYg==", 4, "foob"},
        {"Zm9vYmE=", 5, "fooba"},
        {"Zm9vYmFy", 6, "foobar"},
        {"AAAA", 3, "\0\0\0"},
        {"AA==", 1, "\0"},
        {"+/+/", 3, "\xfb\xff\xbf"},
        /* malformed */
        {"Z", -1, NULL},
        {"Zg", -1, NULL},
        {"Zg=", -1, NULL},
        {"A===", -1, NULL},
        {"====", -1, NULL},
        {"Zg==Zg==", -1, NULL},
        {"Zm=v", -1, NULL},
        {"Zh==", -1, NULL},
        {"Zm9=", -1, NULL},
        {" Zm9v", -1, NULL},
        {"Zm9v\n", -1, NULL},
        {" Zm9", -1, NULL},
        {"Zm9\n", -1, NULL},
        {"Zm9-", -1, NULL},
        {"Zm9_", -1, NULL},
        {"Zm9\xe9", -1, NULL},
    };
    uint8_t out[16];
    for (size_t i = 0; i < COUNT(cases); i++) {
        int len = crypto_base64_decode(out, cases[i].text, strlen(cases[i].text));
        CHECK(len == cases[i].len && (len <= 0 || memcmp(out, cases[i].bytes, (size_t)len) == 0),
              "base64, case %zu", i);
    }
    CHECK(crypto_base64_decode(out, "Zm\0v", 4) == -1, "base64 with a NUL");
    for (size_t i = 0; i < COUNT(cases) && cases[i].len >= 0; i++) {
        char text[16];
        crypto_base64_encode(text, (const uint8_t *)cases[i].bytes, (size_t)cases[i].len);
        CHECK(strcmp(text, cases[i].text) == 0, "to base64, case %zu", i);
    }
}

int main(void)
{
    test_base64();
    return tap_done();
}
