/*
 * Owns the question what local time is. Must never let a zone that cannot be found pass for UTC.
 */
#include "system/zone.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MACHINE_ZONE "/etc/localtime"
#define ZONE_PATH_SIZE 1024

/* Where C libraries look for zones by name. */
static const char *const folders[] = {"/usr/share/zoneinfo", "/usr/lib/zoneinfo",
                                      "/usr/share/lib/zoneinfo", "/share/zoneinfo",
                                      "/etc/zoneinfo"};

static bool held;
static bool known; /* once it is held */

static bool is_zone_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    char magic[4] = "";
    struct stat status;
    bool is = fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
              read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
              memcmp(magic, "TZif", sizeof(magic)) == 0;

    if (fd >= 0)
        (void)close(fd);
    return is;
}

static bool is_in_folder(const char *folder, const char *name)
{
    char path[ZONE_PATH_SIZE];
    int len = snprintf(path, sizeof(path), "%s/%s", folder, name);

    return len > 0 && (size_t)len < sizeof(path) && is_zone_file(path);
}

/* What follows a name of three letters at least, or one in angle brackets; NULL if none is here.
 */
static const char *after_name(const char *text)
{
    size_t quote = text[0] == '<' ? 1 : 0;
    const char *end = text + quote;

    while (isalpha((unsigned char)*end) != 0 ||
           (quote != 0 && *end != '\0' && strchr("+-0123456789", *end) != NULL))
        end++;
    if ((size_t)(end - text) < quote + 3 || (quote != 0 && *end != '>'))
        return NULL;
    return end + quote;
}

/* What follows a count of hours; NULL if none is here. */
static const char *after_hours(const char *text)
{
    if (*text == '+' || *text == '-')
        text++;
    return isdigit((unsigned char)*text) != 0 ? text + strspn(text, "0123456789:") : NULL;
}

/*
 * A zone that says its own rules, as POSIX writes them: a name, how far it is from UTC, and perhaps
 * the same for summer.
 */
static bool is_rule(const char *text)
{
    const char *at = after_name(text);

    if (at != NULL)
        at = after_hours(at);
    return at != NULL && (*at == '\0' || after_name(at) != NULL);
}

/* Whether it is the name of a file, where the C library looks for it. */
static bool is_installed(const char *name)
{
    const char *folder = getenv("TZDIR");

    if (name[0] == '/')
        return is_zone_file(name);
    if (folder != NULL && is_in_folder(folder, name))
        return true;
#ifdef __GLIBC__ /* which looks nowhere else then */
    if (folder != NULL && folder[0] != '\0')
        return false;
#endif
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (is_in_folder(folders[i], name))
            return true;
    }
    return false;
}

/* One that says by itself what it is. */
static bool needs_no_file(const char *name)
{
    return name[0] == '\0' || strcmp(name, "UTC") == 0 || strcmp(name, "GMT") == 0 || is_rule(name);
}

static bool is_zone(const char *name)
{
    if (name[0] == ':')
        name++;
    return is_installed(name) || (name[0] != '/' && needs_no_file(name));
}

/* A machine without a zone of its own is one of UTC; one whose zone leads nowhere is not. */
static bool has_machine_zone(void)
{
    struct stat status;

    return lstat(MACHINE_ZONE, &status) == 0;
}

bool zone_is_known(void)
{
    const char *name = getenv("TZ");

    if (held)
        return known;
    return name != NULL ? is_zone(name) : !has_machine_zone() || is_zone_file(MACHINE_ZONE);
}

void zone_hold(void)
{
    const char *name = getenv("TZ");

    known = zone_is_known();
    /* Without TZ, the C library looks again each time whether the machine's has changed. */
    if (name == NULL)
        name = has_machine_zone() ? ":" MACHINE_ZONE : "UTC0";
    /* What is no zone may be a FIFO, at which the C library would wait for ever. */
    (void)setenv("TZ", known ? name : "UTC0", 1);
    if (!is_installed(name + (name[0] == ':' ? 1 : 0)))
        (void)unsetenv("TZDIR"); /* nor is one looked for where it is none */
    tzset();
    held = true;
}
