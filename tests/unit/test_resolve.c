/*
 * Addresses of names, as a helper gives them, which may be in somebody else's hands.
 */
#include "net/resolve.h"

#include <netdb.h>
#include <string.h>

#include "tap.h"

static struct resolved addresses(size_t count, int family, socklen_t len)
{
    struct resolved found = {.count = (uint32_t)count};

    for (size_t i = 0; i < RESOLVED_MAX; i++) {
        found.list[i].at.any.sa_family = (sa_family_t)family;
        found.list[i].len = len;
    }
    return found;
}

static void test_sound(size_t count, int family, socklen_t len, bool sound)
{
    const struct resolved found = addresses(count, family, len);

    CHECK(resolved_is_sound(&found) == sound, "%zu of family %d and %u bytes are %ssound", count,
          family, (unsigned)len, sound ? "" : "un");
}

static void test_last(void)
{
    struct resolved found = addresses(RESOLVED_MAX, AF_INET, sizeof(struct sockaddr_in));

    found.list[RESOLVED_MAX - 1].len = UINT16_MAX;
    CHECK(!resolved_is_sound(&found), "each is looked at");
}

static void test_outcome(void)
{
    const struct address name = {.host = "nas", .port = "1"};
    struct resolved found = addresses(1, AF_INET, sizeof(struct sockaddr_in));
    struct problem problem = {.why = ""};

    CHECK(resolved_outcome(&found, &name, &problem) == OK && problem_why(&problem) == NULL,
          "there is one");
    found.count = 0;
    CHECK(resolved_outcome(&found, &name, &problem) == ERR_RESOLVE && problem_why(&problem) != NULL,
          "there is none");
    found.result = EAI_MEMORY;
    CHECK(resolved_outcome(&found, &name, &problem) == ERR_MEMORY, "there is no memory to look");
}

int main(void)
{
    const socklen_t ipv4 = sizeof(struct sockaddr_in), ipv6 = sizeof(struct sockaddr_in6);

    test_sound(0, AF_UNSPEC, 0, true);
    test_sound(RESOLVED_MAX, AF_INET, ipv4, true);
    test_sound(RESOLVED_MAX, AF_INET6, ipv6, true);
    test_sound(RESOLVED_MAX + 1, AF_INET, ipv4, false);
    test_sound(1, AF_INET, ipv6, false);
    test_sound(1, AF_INET, ipv4 - 1, false);
    test_sound(1, AF_INET6, ipv4, false);
    test_sound(1, AF_UNIX, ipv4, false);
    test_last();
    test_outcome();
    return tap_done();
}
