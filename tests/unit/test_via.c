/*
 * The CMD of --via, as the shell gets it: an address is a word of it, and never more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "helpers/via.h"
#include "tap.h"

static void expands(const char *command, const char *wanted)
{
    char *got = via_expand(command, "host.example", "9000");

    CHECK(got != NULL && strcmp(got, wanted) == 0, "as wanted, of %zu bytes", strlen(wanted));
    free(got);
}

static void refuses(const char *command, const char *host, const char *port, const char *what)
{
    char *got = via_expand(command, host, port);

    CHECK(got == NULL && errno == EINVAL, "%s", what);
    free(got);
}

static void check_places(void)
{
    expands("nc %h %p", "exec nc host.example 9000");
    expands("/opt/c++/nc", "exec /opt/c++/nc");
    expands("nc %%h '%h%p'", "exec nc %h 'host.example9000'");
    expands("%h", "host.example");
    expands("", "");
}

static void check_shells_own(void)
{
    expands("exec nc %h %p", "exec nc host.example 9000");
    expands("a; b", "a; b");
    expands("a | b", "a | b");
    expands("a && b", "a && b");
    expands("(a)", "(a)");
    expands("a `b`", "a `b`");
    expands("a\nb", "a\nb");
    expands("HOST=%h nc", "HOST=host.example nc");
    expands(". ./way", ". ./way");
    expands("time nc %h", "time nc host.example");
    expands("\"a b\" c", "\"a b\" c");
}

static void check_addresses(void)
{
    static const char *const bad[] = {
        "",         "-oProxyCommand=x",
        "a;b",      "a b",
        "$(a)",     "`a`",
        "a|b",      "a&b",
        "a>b",      "a<b",
        "'a'",      "\"a\"",
        "a\\b",     "a\nb",
        "a*",       "a?",
        "a~b",      "#a",
        "a\tb",     "a!b",
        "a{b}",     "[a]",
        "a=b",      "a/b",
        "\xc3\xa9", "a,b",
        "a(b)",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(!via_is_plain(bad[i]), "no host, number %zu", i);
        refuses("nc %h %p", bad[i], "9000", "nor does it come into a command");
        refuses("nc %h %p", "host", bad[i], "nor as a port");
    }
    CHECK(via_is_plain("2001:db8::1") && via_is_plain("fe80::1%eth0") && via_is_plain("a_b-c.d"),
          "addresses and names may");
}

static void check_commands(void)
{
    CHECK(via_is_command("nc %h %p") && via_is_command("%%") && via_is_command("cat"), "a command");
    CHECK(!via_is_command("nc %r"), "another letter is none");
    CHECK(!via_is_command("nc %"), "nor is one at the end");
    CHECK(!via_is_command("nc %%%"), "nor after a pair");
    refuses("nc %r", "host", "1", "that is not expanded");
}

int main(void)
{
    check_places();
    check_shells_own();
    check_addresses();
    check_commands();
    return tap_done();
}
