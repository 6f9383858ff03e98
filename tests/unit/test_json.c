/*
 * Texts as JSON strings have them.
 */
#include "base/json.h"

#include <string.h>

#include "tap.h"

static void is_written(const char *text, const char *expected)
{
    char out[256];

    CHECK(strcmp(json_escape(out, sizeof(out), text), expected) == 0, "%s: %s", expected, out);
}

static void test_cut(void)
{
    char out[16], all[3000], kept[3000];

    CHECK(strcmp(json_escape(out, 8, "abcdefghij"), "abcdefg") == 0, "what does not fit is cut");
    CHECK(strcmp(json_escape(out, 8, "ab\xc3\xa4z"), "ab") == 0, "at a whole character");
    CHECK(strcmp(json_escape(out, 9, "ab\xc3\xa4z"), "ab\\u00e4") == 0, "which may just fit");
    CHECK(strcmp(json_escape(out, 1, "a"), "") == 0, "nothing fits");
    memset(all, 'a', sizeof(all) - 1);
    all[sizeof(all) - 1] = '\0';
    CHECK(strlen(json_escape(kept, sizeof(kept), all)) < JSON_TEXT_MAX, "and a text is no longer");
}

int main(void)
{
    is_written("", "");
    is_written("plain text", "plain text");
    is_written("\"quoted\" \\ back", "\\\"quoted\\\" \\u005c back");
    is_written("\x1b[2J\n\x7f", "\\u001b[2J\\u000a\\u007f");
    is_written("j\xc3\xbcrgen", "j\\u00fcrgen");
    is_written("\xe2\x82\xac", "\\u20ac");
    is_written("\xf0\x9f\x98\x80!", "\\ud83d\\ude00!");
    is_written("\xf4\x8f\xbf\xbf", "\\udbff\\udfff");
    is_written("\xff\xfe", "\\u00ff\\u00fe");
    is_written("\xc3", "\\u00c3");
    is_written("\xc3(", "\\u00c3(");
    is_written("\xe2\x82", "\\u00e2\\u0082");
    is_written("\xed\xa0\x80", "\\u00ed\\u00a0\\u0080");
    is_written("\\xc3\\xa4", "\\u005cxc3\\u005cxa4");
    test_cut();
    return tap_done();
}
