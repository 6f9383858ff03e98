/*
 * What is known of one end of a connection: who counts as one source, and how it is shown.
 */
#include "net/endpoint.h"

#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "base/text.h"
#include "tap.h"

static struct endpoint at(const char *address)
{
    struct endpoint endpoint = {.user = 0};
    struct ip ip;

    CHECK(ip_parse(&ip, (struct text){address, strlen(address)}), "%s", address);
    endpoint_set_ip(&endpoint, &ip, 0);
    return endpoint;
}

static void test_source(const char *one, const char *other, bool same)
{
    const struct endpoint first = at(one), second = at(other);

    CHECK((endpoint_source(&first) == endpoint_source(&second)) == same, "%s and %s are %s source",
          one, other, same ? "one" : "no one");
    CHECK(endpoint_source(&first) != 0, "which is one");
}

static void test_users(void)
{
    struct endpoint root = {.user = 1}, other = {.user = 0x0a000002}, none = {.user = 0};
    const struct endpoint address = at("10.0.0.1"); /* of which the number is as large */

    CHECK(endpoint_source(&root) != 0 && endpoint_source(&root) != endpoint_source(&other),
          "two users are two sources");
    CHECK(endpoint_source(&other) != endpoint_source(&address), "no user is an address");
    CHECK(endpoint_source(&none) == 0, "who is neither has none");
}

static void test_path(void)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    const socklen_t begin = offsetof(struct sockaddr_un, sun_path);
    struct endpoint endpoint = {.user = 0};

    memset(un.sun_path, 'p', sizeof(un.sun_path));
    endpoint_set(&endpoint, &un, sizeof(un));
    CHECK(strlen(endpoint.text) == sizeof(un.sun_path) - 1, "the longest path");
    endpoint_set(&endpoint, &un, begin);
    CHECK(strcmp(endpoint.text, "a local socket") == 0, "one without a path has none of before");
    un.sun_path[0] = '\0';
    endpoint_set(&endpoint, &un, begin + 4);
    CHECK(strcmp(endpoint.text, "a local socket") == 0, "nor has one with an abstract name");
}

static void test_unmap(void)
{
    struct endpoint endpoint = at("::ffff:192.0.2.1");

    endpoint_unmap(&endpoint);
    CHECK(strcmp(endpoint.text, "192.0.2.1:0") == 0, "an IPv4 address is shown as one: %s",
          endpoint.text);
    endpoint = at("2001:db8::1");
    endpoint_unmap(&endpoint);
    CHECK(strcmp(endpoint.text, "[2001:db8::1]:0") == 0, "and no other: %s", endpoint.text);
}

int main(void)
{
    test_source("192.0.2.1", "192.0.2.1", true);
    test_source("192.0.2.1", "192.0.2.2", false);
    test_source("192.0.2.1", "::ffff:192.0.2.1", true);
    test_source("0.0.0.0", "0.0.0.1", false);
    test_source("2001:db8::1", "2001:db8::2:0:0:1", true);
    test_source("2001:db8::1", "2001:db8:0:1::1", false);
    test_users();
    test_path();
    test_unmap();
    return tap_done();
}
