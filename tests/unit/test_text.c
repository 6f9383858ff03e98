/*
 * Where in a path its folder ends.
 */
#include "base/text.h"

#include <string.h>

#include "tap.h"

static void check_folder(const char *path, size_t len, const char *folder)
{
    char out[8];

    CHECK(text_folder_len(path) == len, "of %s %zu bytes are its folder", path, len);
    CHECK(text_folder(out, sizeof(out), path) && strcmp(out, folder) == 0, "which is %s", folder);
}

int main(void)
{
    char out[8];

    check_folder("name", 0, ".");
    check_folder("", 0, ".");
    check_folder("/name", 1, "/");
    check_folder("a/b/name", 4, "a/b/");
    check_folder("folder/", 7, "folder/");
    CHECK(!text_folder(out, sizeof(out), "folders/name"), "one that is too long is not cut");
    return tap_done();
}
