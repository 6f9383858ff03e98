/*
 * Names: what can be one, and what is fit to be shown at all.
 */
#include <string.h>

#include "keys/public_key.h"
#include "published_keys.h"
#include "tap.h"

#define NAME_63 "n23456789012345678901234567890123456789012345678901234567890123"

static void test_names(void)
{
    static const char *const good[] = {"a",        "nas",         "db.example-5",
                                       "x-1_2+3",  "b\xc3\xbcro", "\xf0\x9f\x96\xa7",
                                       "\xc2\xa0", NAME_63};
    static const char *const bad[] = {
        "",      NAME_63 "4", "-a",        "db.example:5", "a b",          "a\tb",
        "a\x7f", "a\x1b[m",   "a/b",       "a@b",          "a,b",          "a#b",
        "#a",    "a\"b",      "a.pub",     ".pub",         OPENSSH_PUBLIC, "a\xc2\x9b",
        "\x9b",  "\xc3",      "a\xe2\x82", "\xed\xa0\x80", "\xc0\xaf",     "\xf4\x90\x80\x80"};
    static const char *const order[] = {"\xd8\x9c",     "\xe2\x80\x8e", "\xe2\x80\x8f",
                                        "\xe2\x80\xa8", "\xe2\x80\xae", "\xe2\x81\xa6",
                                        "\xe2\x81\xa9"};
    static const char *const beside[] = {"\xe2\x80\x8d", "\xe2\x80\x90", "\xe2\x80\xa7",
                                         "\xe2\x80\xaf", "\xe2\x81\xa5", "\xe2\x81\xaa"};

    struct problem control, no_utf8, problem;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK(name_check(good[i], strlen(good[i]), NULL), "a name: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!name_check(bad[i], strlen(bad[i]), &problem), "not a name: %s, number %zu",
              problem.why, i);
    CHECK(!name_check("\xc2\x9b", 2, &control) && strstr(control.why, "control") != NULL &&
              !name_check("\x9b", 1, &no_utf8) && strstr(no_utf8.why, "UTF-8") != NULL,
          "a control character of C1, and a byte that is none of UTF-8");
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        CHECK(!name_check(order[i], strlen(order[i]), &control) &&
                  strstr(control.why, "control") != NULL,
              "what breaks a line, or turns its order around, number %zu", i);
    for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++)
        CHECK(name_check(beside[i], strlen(beside[i]), NULL),
              "what stands beside those, number %zu", i);
    CHECK(!name_check("a\0b", 3, NULL), "not a name: a NUL byte in it");
}

int main(void)
{
    test_names();
    return tap_done();
}
