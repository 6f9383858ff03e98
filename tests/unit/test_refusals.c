/*
 * Which refused callers are shown, and which are only counted; what counts as one source.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "calls/refusals.h"
#include "tap.h"

#define START_MS 1000000 /* some time */

static struct refusals refusals;

/* How many of so many of a kind are shown, one a millisecond from then on. */
static size_t shown_of(size_t count, enum kith_error kind, int64_t from_ms)
{
    size_t shown = 0;

    for (size_t i = 0; i < count; i++)
        shown += refusals_count(&refusals, kind, 1 + i, from_ms + (int64_t)i) ? 1 : 0;
    return shown;
}

static void test_few(void)
{
    refusals_init(&refusals, "serve", "here", false);
    CHECK(refusals_due_ms(&refusals) == NEVER_MS, "nothing is due at first");
    CHECK(shown_of(REFUSALS_SHOWN, ERR_SIGNATURE, START_MS) == REFUSALS_SHOWN, "a few are shown");
    CHECK(refusals_due_ms(&refusals) == NEVER_MS, "and there is nothing to sum up");
    CHECK(shown_of(100, ERR_SIGNATURE, START_MS + 100) == 0, "more are not");
    CHECK(refusals_due_ms(&refusals) == START_MS + 100 + REFUSALS_PERIOD_MS,
          "they are summed up a period after the first of them");
    CHECK(refusals.counted == 100 && refusals.source_count == 100, "each of them is counted");
    CHECK(shown_of(REFUSALS_SHOWN + 1, ERR_REPLAY, START_MS + 200) == REFUSALS_SHOWN,
          "another kind has a few of its own");
    CHECK(shown_of(1, ERR_SIGNATURE, START_MS + 10 * REFUSALS_PERIOD_MS) == 0,
          "what is counted and not said yet is counted on");
}

static void test_slow(void)
{
    size_t shown = 0;

    refusals_init(&refusals, "serve", "here", false);
    for (int64_t i = 0; i < 20; i++)
        shown += shown_of(1, ERR_SIGNATURE, START_MS + i * REFUSALS_PERIOD_MS / 4);
    CHECK(shown == 20, "one now and then is always shown");
}

static void test_sources(void)
{
    refusals_init(&refusals, "serve", "here", false);
    (void)shown_of(REFUSALS_SHOWN, ERR_SIGNATURE, START_MS);
    for (uint64_t i = 0; i < 3000; i++)
        (void)refusals_count(&refusals, ERR_SIGNATURE, 7 + i % 3, START_MS + 1);
    CHECK(refusals.source_count == 3, "a source counts once");
    for (uint64_t i = 0; i < 3000; i++)
        (void)refusals_count(&refusals, ERR_SIGNATURE, 7 + (i << 40), START_MS + 1);
    CHECK(refusals.source_count < REFUSALS_SOURCES, "there is an end to telling them apart");
    CHECK(refusals.counted == 6000, "and none to counting");
}

static struct endpoint peer_at(const char *text)
{
    struct endpoint peer = {.text = ""};
    struct sockaddr_in *in = (struct sockaddr_in *)&peer.address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&peer.address;

    if (inet_pton(AF_INET, text, &in->sin_addr) == 1)
        in->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1)
        in6->sin6_family = AF_INET6;
    return peer;
}

static bool are_one(const char *a, const char *b)
{
    struct endpoint first = peer_at(a), second = peer_at(b);

    return endpoint_source(&first) == endpoint_source(&second);
}

static void test_source_of(void)
{
    struct endpoint nowhere = {.text = ""};
    struct endpoint root = {.user = 1}, root_again = {.user = 1}, daemon = {.user = 2};

    CHECK(are_one("192.0.2.1", "192.0.2.1"), "an IPv4 address is one source");
    CHECK(!are_one("192.0.2.1", "192.0.2.2"), "the next is another");
    CHECK(are_one("2001:db8::1", "2001:db8::ffff:1"), "an IPv6 network of 64 bits is one source");
    CHECK(!are_one("2001:db8::1", "2001:db8:0:1::1"), "the next network is another");
    CHECK(are_one("::ffff:192.0.2.1", "192.0.2.1"), "IPv4 in IPv6 is IPv4");
    CHECK(!are_one("::1", "127.0.0.1"), "the two loopback addresses are two");
    CHECK(endpoint_source(&nowhere) == 0, "no address is no source");
    CHECK(endpoint_source(&root) != 0 && endpoint_source(&root) == endpoint_source(&root_again),
          "at a UNIX socket a user is one source");
    CHECK(endpoint_source(&root) != endpoint_source(&daemon), "another user is another");
}

/* Six of them from where there are no addresses; what is said in the end, into out. */
static void sum_up(char *out, size_t size)
{
    struct endpoint local = {.text = "a local socket"};
    FILE *said = tmpfile();
    int before = dup(STDERR_FILENO);

    out[0] = '\0';
    if (said == NULL || dup2(fileno(said), STDERR_FILENO) < 0)
        return;
    log_configure(LOG_NOTE, false);
    refusals_init(&refusals, "forward", "./socket", false);
    for (size_t i = 0; i < REFUSALS_SHOWN + 1; i++)
        refusals_add_unheard(&refusals, &local, ERR_NO_PLACE, "1 at once");
    refusals_sum_up(&refusals, true);
    (void)dup2(before, STDERR_FILENO);
    (void)close(before);
    rewind(said);
    while (fgets(out, (int)size, said) != NULL)
        continue;
    (void)fclose(said);
}

static void test_local(void)
{
    char line[512];

    sum_up(line, sizeof line);
    CHECK(strstr(line, "1 more refused in ") != NULL &&
              strstr(line, "from local programs: ") != NULL,
          "callers without an address are local programs: %s", line);
}

int main(void)
{
    test_few();
    test_slow();
    test_sources();
    test_source_of();
    test_local();
    return tap_done();
}
