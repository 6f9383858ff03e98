/*
 * A main() for a fuzzer where there is no engine: runs it over the inputs in
 * tests/fuzz/corpus/NAME, and over files and folders that are its arguments. Prints TAP; one that
 * does not pass is named.
 */
#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUT_MAX (1 << 20)

#pragma weak LLVMFuzzerInitialize

static char current[4096]; /* the input under way */
static size_t count;

/* It goes on to fail as it would have. */
static void name_it(int number)
{
    (void)!write(STDOUT_FILENO, "# found by ", 11);
    (void)!write(STDOUT_FILENO, current, strlen(current));
    (void)!write(STDOUT_FILENO, "\n", 1);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* In memory of exactly its size, so that a byte read beyond it is seen. */
static void replay_file(const char *path)
{
    static uint8_t bytes[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    uint8_t *exact;
    size_t len;

    demand(file != NULL);
    (void)snprintf(current, sizeof(current), "%s", path);
    len = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    exact = malloc(len > 0 ? len : 1);
    demand(exact != NULL);
    memcpy(exact, bytes, len);
    (void)LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    count++;
}

static void replay(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    char inside[4096];

    if (folder == NULL) {
        replay_file(path);
        return;
    }
    while ((entry = readdir(folder)) != NULL) {
        (void)snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            replay_file(inside);
    }
    (void)closedir(folder);
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/'), *name = slash != NULL ? slash + 1 : argv[0];
    char seeds[4096];

    (void)signal(SIGABRT, name_it);
    if (LLVMFuzzerInitialize != NULL)
        (void)LLVMFuzzerInitialize(&argc, &argv);
    (void)snprintf(current, sizeof(current), "no input");
    (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    (void)snprintf(seeds, sizeof(seeds), "tests/fuzz/corpus/%s", name);
    replay(seeds);
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    printf("ok 1 - %s takes its %zu inputs\n1..1\n", name, count);
    return 0;
}
