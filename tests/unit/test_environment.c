/*
 * What a program gets of our environment, also where that is not as it should be.
 */
#define _DEFAULT_SOURCE /* for environ's declaration on some systems */
#include <stdlib.h>
#include <string.h>

#include "helpers/environment.h"
#include "tap.h"

extern char **environ;

#define OWN(text) ((char[]){text}) /* which may be written to, as those of the system */

static bool begins_with_x(const char *variable)
{
    return variable[0] == 'X';
}

static void test_replace(void)
{
    char *before[] = {
        OWN("X=1"),          OWN("A=1"), OWN("no sign"), OWN(""),  OWN("NOTIFY_SOCKET=/x"),
        OWN("LISTEN_FDS=1"), OWN("A=2"), OWN("=B"),      OWN("X"), NULL};
    static const char *const wanted[] = {"A=1", "no sign", "", "A=2", "=B", "X=new", "Y=new"};
    char *added[] = {OWN("X=new"), OWN("Y=new")};
    size_t count = sizeof wanted / sizeof wanted[0], same = 0;
    char **ours = environ, **list;
    bool made;

    environ = before;
    made = environment_replace(begins_with_x, added, 2);
    list = environ;
    environ = ours;
    while (made && same < count && list[same] != NULL && strcmp(list[same], wanted[same]) == 0)
        same++;
    CHECK(made && same == count && list[same] == NULL,
          "all but ours, in their order, and more: %zu", same);
    if (made)
        free(list);
}

static void test_none(void)
{
    char *added[] = {OWN("X=new")};
    char **ours = environ, **list;
    bool made;

    environ = NULL;
    made = environment_replace(begins_with_x, added, 1);
    list = environ;
    environ = ours;
    CHECK(made && strcmp(list[0], "X=new") == 0 && list[1] == NULL, "where there is none at all");
    if (made)
        free(list);
}

int main(void)
{
    test_replace();
    test_none();
    return tap_done();
}
