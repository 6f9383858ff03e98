/*
 * How far words are apart.
 */
#include "base/spelling.h"

#include "tap.h"

static void test_distance(const char *a, const char *b, size_t expected)
{
    CHECK(spelling_distance(a, b) == expected && spelling_distance(b, a) == expected,
          "%zu from \"%s\" to \"%s\"", expected, a, b);
}

/* What a word is taken for, of a list of one. */
static void test_guess(const char *word, const char *known, bool expected)
{
    struct spelling spelling = spelling_of(word);

    spelling_try(&spelling, known);
    CHECK((spelling.nearest != NULL) == expected, "\"%s\" is %s\"%s\"", word,
          expected ? "" : "not ", known);
}

int main(void)
{
    test_distance("", "", 0);
    test_distance("dial", "dial", 0);
    test_distance("", "dial", 4);
    test_distance("dail", "dial", 1);
    test_distance("dia", "dial", 1);
    test_distance("diall", "dial", 1);
    test_distance("dual", "dial", 1);
    test_distance("idal", "dial", 1);
    test_distance("ab", "ba", 1);
    test_distance("laid", "dial", 3);
    test_distance("forwrad", "forward", 1);
    test_distance("abcdefghijklmnopabcdefghijklmnopabcdefghijklmnopabcdefghijklmno", "",
                  SPELLING_MAX);
    test_distance("abcdefghijklmnopabcdefghijklmnopabcdefghijklmnopabcdefghijklmnop", "",
                  SPELLING_MAX + 1);
    test_guess("bpb", "bob", true);
    test_guess("sam", "bob", false);
    test_guess("tim", "bob", false);
    test_guess("tom", "bob", false); /* two of three letters */
    test_guess("bolb", "bob", true);
    test_guess("carlo", "carol", true);
    test_guess("carlo", "clause", false);
    return tap_done();
}
