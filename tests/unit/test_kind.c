/*
 * Kinds of channels: each has a namespace of its own.
 */
#include "protocol/kind.h"

#include <string.h>

#include "tap.h"

static void test_namespaces(void)
{
    const struct namespace kith = {(const uint8_t *)"kith", 4};
    struct kind_namespace made;

    kind_namespace(&made, &kith, KIND_PLAIN);
    CHECK(made.len == 4 && memcmp(made.bytes, "kith", 4) == 0, "plain: as it was given");
    kind_namespace(&made, &kith, KIND_KEPT);
    CHECK(made.len == 11 && memcmp(made.bytes, "kith\0kept/1", 11) == 0, "kept");
    kind_namespace(&made, &kith, KIND_KEPT_BACK);
    CHECK(made.len == 16 && memcmp(made.bytes, "kith\0kept-back/1", 16) == 0, "kept back");
}

static void test_longest(void)
{
    static const uint8_t bytes[NAMESPACE_GIVEN_MAX] = {1};
    const struct namespace longest = {bytes, sizeof(bytes)};
    struct kind_namespace made;

    for (enum channel_kind kind = KIND_PLAIN; kind < KINDS; kind++) {
        kind_namespace(&made, &longest, kind);
        CHECK(made.len <= NAMESPACE_MAX, "the longest, kind %d", (int)kind);
    }
    CHECK(made.len == NAMESPACE_MAX, "has its room");
}

int main(void)
{
    test_namespaces();
    test_longest();
    return tap_done();
}
