/*
 * The file of a secret namespace: which texts are one, and that it is taken byte for byte.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "keys/secret_namespace.h"
#include "tap.h"

#define LINE "0123456789abcdefABCDEF+/ ~!\"#$%&" /* of 32 bytes */

static enum kith_error parse(const char *text, size_t len, size_t *taken)
{
    struct secret_namespace *secret;
    enum kith_error error = secret_namespace_parse(&secret, text, len);

    *taken = 0;
    if (error == OK) {
        struct namespace view = secret_namespace_view(secret);

        *taken = view.len <= len && memcmp(view.bytes, text, view.len) == 0 ? view.len : 1;
    } else if (secret != NULL) {
        error = OK;
    }
    secret_namespace_release(secret);
    return error;
}

static void test_lines(void)
{
    static const struct {
        const char *what, *text;
        size_t len;
        enum kith_error error;
    } cases[] = {
        {"without an end", LINE, 32, OK},
        {"LF", LINE "\n", 33, OK},
        {"CRLF", LINE "\r\n", 34, OK},
        {"nothing", "", 0, ERR_NAMESPACE_SHORT},
        {"an end alone", "\r\n", 2, ERR_NAMESPACE_SHORT},
        {"a byte too few", LINE "\r\n", 31, ERR_NAMESPACE_SHORT},
        {"CR alone", LINE "\r", 33, ERR_NAMESPACE_BYTES},
        {"CR twice", LINE "\r\r\n", 35, ERR_NAMESPACE_BYTES},
        {"an empty line behind", LINE "\n\n", 34, ERR_NAMESPACE_LINES},
        {"an empty line before", "\n" LINE, 33, ERR_NAMESPACE_LINES},
        {"two lines", LINE "\n" LINE, 65, ERR_NAMESPACE_LINES},
        {"a NUL", LINE "\0", 33, ERR_NAMESPACE_BYTES},
        {"a tab", LINE "\t", 33, ERR_NAMESPACE_BYTES},
        {"DEL", LINE "\x7f", 33, ERR_NAMESPACE_BYTES},
        {"a byte over 127", LINE "\xff", 33, ERR_NAMESPACE_BYTES},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t taken;
        enum kith_error error = parse(cases[i].text, cases[i].len, &taken);

        CHECK(error == cases[i].error && (error != OK || taken == 32), "%s", cases[i].what);
    }
}

static void test_lengths(void)
{
    char text[NAMESPACE_GIVEN_MAX + 3];
    size_t taken;

    memset(text, 'a', sizeof(text));
    CHECK(parse(text, NAMESPACE_GIVEN_MAX, &taken) == OK && taken == 1024, "1024 bytes");
    memcpy(text + NAMESPACE_GIVEN_MAX, "\r\n", 2);
    CHECK(parse(text, NAMESPACE_GIVEN_MAX + 2, &taken) == OK && taken == 1024, "and their end");
    text[NAMESPACE_GIVEN_MAX] = 'a';
    CHECK(parse(text, NAMESPACE_GIVEN_MAX + 2, &taken) == ERR_NAMESPACE_LONG, "1025 bytes");
}

#ifdef MADV_WIPEONFORK

/* Whether a process that is forked now has it. */
static bool child_has(const struct secret_namespace *secret)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(secret->len == 32 && memcmp(secret->bytes, LINE, 32) == 0);
    return child > 0 && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 1;
}

static void test_children(void)
{
    struct secret_namespace *secret;

    if (secret_namespace_parse(&secret, LINE, 32) != OK)
        exit(1);
    CHECK(child_has(secret), "who is forked before it is withheld has it");
    secret_namespace_withhold(secret);
    CHECK(!child_has(secret), "who is forked after that does not");
    CHECK(secret->len == 32, "and we have");
    secret_namespace_release(secret);
}

#else

static void test_children(void)
{
}

#endif

static void test_marks(void)
{
    struct secret_namespace *one, *same, *other;
    struct namespace_mark marks[3], none = {{0}};

    if (crypto_start() != OK || secret_namespace_parse(&one, LINE, 32) != OK ||
        secret_namespace_parse(&same, LINE "\n", 33) != OK ||
        secret_namespace_parse(&other, LINE " ", 33) != OK)
        exit(1);
    CHECK(secret_namespace_mark(&marks[0], one) == OK &&
              secret_namespace_mark(&marks[1], same) == OK &&
              secret_namespace_mark(&marks[2], other) == OK,
          "each has a mark");
    CHECK(namespace_mark_equals(&marks[0], &marks[1]), "the same if it is the same");
    CHECK(!namespace_mark_equals(&marks[0], &marks[2]) && !namespace_mark_equals(&marks[0], &none),
          "else another, which none has");
    CHECK(secret_namespace_hold(one) == one && one->holders == 2, "it may have two holders");
    secret_namespace_release(one);
    CHECK(one->holders == 1 && one->len == 32, "and then one");
    secret_namespace_release(one);
    secret_namespace_release(same);
    secret_namespace_release(other);
    CHECK(secret_namespace_hold(NULL) == NULL, "nothing is held by nobody");
    secret_namespace_release(NULL);
}

int main(void)
{
    test_lines();
    test_lengths();
    test_children();
    test_marks();
    return tap_done();
}
