/*
 * chain: things stay in the order in which they came, whichever of them is taken out.
 */
#include "base/chain.h"

#include <string.h>

#include "tap.h"

struct thing {
    struct chained at;
    char name;
};

/* What is in it, in order and against it, and how many that are by its own count. */
static bool is(const struct chain *chain, const char *names)
{
    size_t len = strlen(names), count = 0;
    const struct chained *at;

    for (const struct thing *thing = chain_first(chain); thing != NULL;
         thing = chain_after(&thing->at)) {
        if (count == len || thing->name != names[count++])
            return false;
    }
    for (at = chain->last; at != NULL && len > 0; at = at->before) {
        if (((const struct thing *)at->self)->name != names[--len])
            return false;
    }
    return at == NULL && len == 0 && chain->count == count;
}

int main(void)
{
    static const struct {
        const char *order, *left[3]; /* in which they are taken out, and what is left then */
    } cases[] = {
        {"abc", {"bc", "c", ""}}, {"cba", {"ab", "a", ""}}, {"bac", {"ac", "c", ""}},
        {"bca", {"ac", "a", ""}}, {"acb", {"bc", "b", ""}},
    };
    struct thing things[] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}};
    struct chain chain = {.count = 0};

    CHECK(is(&chain, ""), "an empty one has nothing");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t j = 0; j < 3; j++)
            chain_append(&chain, &things[j].at, &things[j]);
        CHECK(is(&chain, "abc"), "three, as they came");
        for (size_t j = 0; j < 3; j++) {
            chain_remove(&chain, &things[cases[i].order[j] - 'a'].at);
            CHECK(is(&chain, cases[i].left[j]), "%s: %zu taken out", cases[i].order, j + 1);
        }
    }
    for (size_t j = 0; j < 3; j++)
        chain_prepend(&chain, &things[j].at, &things[j]);
    CHECK(is(&chain, "cba"), "three, each before the others");
    for (size_t j = 0; j < 3; j++)
        chain_remove(&chain, &things[j].at);
    chain_append(&chain, &things[1].at, &things[1]);
    chain_prepend(&chain, &things[0].at, &things[0]);
    CHECK(is(&chain, "ab"), "one before, and one behind");
    return tap_done();
}
