/*
 * Targets and their names: as serve is given them, as PEER asks for them, as permit-target lists
 * them.
 */
#include <string.h>

#include "peers/directory.h"
#include "peers/target.h"
#include "tap.h"

#define NAME_64 "n234567890123456789012345678901234567890123456789012345678901234"

static const struct {
    const char *given, *name, *text;
    enum target_kind kind;
} good[] = {
    {"5432", "", "5432", TARGET_ADDRESS},
    {"db=5432", "db", "5432", TARGET_ADDRESS},
    {"a.B_-9=[::1]:22", "a.B_-9", "[::1]:22", TARGET_ADDRESS},
    {NAME_64 "=nas:1", NAME_64, "nas:1", TARGET_ADDRESS},
    {"web=/run/a=b.sock", "web", "/run/a=b.sock", TARGET_PATH},
    {"/run/a=b.sock", "", "/run/a=b.sock", TARGET_PATH},
    {"./a=b/c", "", "./a=b/c", TARGET_PATH},
    {"a=b/c", "a", "b/c", TARGET_PATH},
    {"exec:a=b c", "", "exec:a=b c", TARGET_PROGRAM},
    {"x=exec:exec:1", "x", "exec:exec:1", TARGET_PROGRAM},
};

static const struct {
    const char *given, *why;
} bad[] = {
    {"=5432", "is empty"},
    {"db=", "not PORT"},
    {"db", "not PORT"},
    {"5432=1", "digits alone would be a port"},
    {NAME_64 "5=1", "64 bytes"},
    {"a b=1", "A-Z a-z 0-9"},
    {"a@b=1", "A-Z a-z 0-9"},
    {"a\xff=1", "A-Z a-z 0-9"},
    {"db=web=1", "not PORT"},
    {"db=0", "out of range"},
    {"db:1=1", "not a number"},
    {"exec:", "no command line"},
    {"x=exec: \t\n", "no command line"},
    {"exec=", "not PORT"},
};

static void test_parse(void)
{
    struct target target;
    struct problem problem;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK(target_parse(&target, good[i].given, &problem) &&
                  strcmp(target.name, good[i].name) == 0 &&
                  strcmp(target.text, good[i].text) == 0 && target.kind == good[i].kind,
              "%s", good[i].given);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!target_parse(&target, bad[i].given, &problem) &&
                  strstr(problem.why, bad[i].why) != NULL,
              "none, number %zu: %s", i, problem.why);
}

static void test_find(void)
{
    struct target list[3];
    const struct targets all = {list, 3}, unnamed = {list, 1}, named = {list + 1, 2};
    char shown[TARGET_TEXT_SIZE];

    if (!target_parse(&list[0], "1", NULL) || !target_parse(&list[1], "db=2", NULL) ||
        !target_parse(&list[2], "d=3", NULL))
        return;
    CHECK(targets_find(&all, "") == &list[0] && targets_find(&all, "d") == &list[2] &&
              targets_find(&all, "db") == &list[1],
          "each by its name, the unnamed one by none");
    CHECK(targets_find(&all, "DB") == NULL && targets_find(&all, "2") == NULL &&
              targets_find(&unnamed, "db") == NULL && targets_find(&named, "") == NULL,
          "and by nothing else");
    target_format(shown, &list[1], list[1].text);
    CHECK(strcmp(shown, "db, 2") == 0, "shown: %s", shown);
    target_format(shown, &list[0], list[0].text);
    CHECK(strcmp(shown, "1") == 0, "shown: %s", shown);
}

static bool permits(const char *list, const char *given)
{
    struct target_list permitted;
    struct target target;
    bool found;

    if (!target_parse(&target, given, NULL) || target_list_parse(&permitted, list, NULL) != OK)
        return false;
    found = target_list_permits(&permitted, &target);
    target_list_free(&permitted);
    return found;
}

static void test_permits(void)
{
    CHECK(permits("web,db", "db=5432") && permits("5432", "db=5432"), "by its name or its address");
    CHECK(!permits("d", "db=5432") && !permits("dbb", "db=5432") &&
              !permits("db=5432", "db=5432") && !permits("543", "db=5432"),
          "each as a whole");
    CHECK(!permits("db", "5432") && !permits("127.0.0.1:5432", "5432"),
          "one without a name by its address alone");
}

static void test_peer(void)
{
    static const struct {
        const char *peer, *target;
    } cases[] = {
        {"nas", NULL},
        {"nas:db", "db"},
        {"nas:", ""},
        {"nas:9000", NULL},
        {"nas:9000a", "9000a"},
        {"me@nas:9000", NULL},
        {"me@nas:9000:db", "db"},
        {"me@nas:9000:", ""},
        {"me@nas:9000:1", NULL},
        {"me@nas:http", NULL},
        {"me@nas:", NULL},
        {"me@[::1]:9000", NULL},
        {"me@[::1]:db", NULL},
        {"me@[::1]:9000:db", "db"},
        {"me@[::1]", NULL},
        {"./a:b@nas:9000", NULL},
        {"./a:b@nas:9000:db", "db"},
        {"@", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *found = directory_find_target(cases[i].peer);

        CHECK((found == NULL) == (cases[i].target == NULL) &&
                  (found == NULL || strcmp(found, cases[i].target) == 0),
              "PEER: %s", cases[i].peer);
    }
}

int main(void)
{
    test_parse();
    test_find();
    test_permits();
    test_peer();
    return tap_done();
}
