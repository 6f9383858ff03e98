/*
 * What is said of a text that is wrong.
 */
#include "base/problem.h"

#include <string.h>

#include "tap.h"

/* One struct serves for a file's lines, one after the other. */
static void test_hint(void)
{
    struct problem problem = {.line = 3};

    CHECK(!problem_advise(&problem, "mend it", "%d of 4", 2) &&
              strcmp(problem.why, "2 of 4") == 0 && strcmp(problem.hint, "mend it") == 0,
          "why, and what to do");
    CHECK(!problem_say(&problem, "none") && strcmp(problem.why, "none") == 0 &&
              problem.hint == NULL,
          "what was to be done about another is not said of this one");
    CHECK(problem.line == 3, "the line stays");
    CHECK(strcmp(problem_why(&problem), "none") == 0 &&
              problem_why(&(struct problem){.hint = "mend it"}) == NULL,
          "a hint alone is no reason");
    CHECK(!problem_say(NULL, "none") && !problem_advise(NULL, "mend it", "none"),
          "nobody who wants to know");
}

static void test_shown(void)
{
    static char bytes[PROBLEM_SHOWN_MAX + 1];

    CHECK(problem_shown((struct text){bytes, 0}) == 0, "nothing is shown whole");
    CHECK(problem_shown((struct text){bytes, PROBLEM_SHOWN_MAX}) == PROBLEM_SHOWN_MAX,
          "so is what is not long");
    CHECK(problem_shown((struct text){bytes, PROBLEM_SHOWN_MAX + 1}) == PROBLEM_SHOWN_MAX,
          "what is longer is cut");
}

int main(void)
{
    test_hint();
    test_shown();
    return tap_done();
}
