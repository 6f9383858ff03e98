/*
 * Addresses in each form, lists of ranges and of targets, ports and durations, from any text: what
 * is taken is within its limits and is read back from how it is shown, what is refused has a
 * reason.
 *
 * Targets: net/address, net/address_range, net/endpoint, peers/target, base/clock.
 */
#include <limits.h>
#include <netinet/in.h>

#include "base/clock.h"
#include "fuzz.h"
#include "net/address.h"
#include "net/address_range.h"
#include "net/endpoint.h"
#include "peers/directory.h"
#include "peers/target.h"

#define YEAR_MS (INT64_C(366) * 24 * 3600 * 1000)

/* All of the text, refused for a reason. */
static void check_reason(const struct problem *problem)
{
    demand(problem->why[0] != '\0');
    demand(memchr(problem->why, '\0', sizeof(problem->why)) != NULL);
}

static void check_address(const struct address *address, enum address_form form)
{
    bool calls = form == ADDRESS_HOST_PORT || form == ADDRESS_TARGET;
    uint16_t port;

    if (address->path[0] != '\0') {
        demand(form == ADDRESS_LOCAL || form == ADDRESS_TARGET);
        demand(address->host[0] == '\0' && address->port[0] == '\0');
        demand(strchr(address->path, '/') != NULL);
        return;
    }
    demand(port_parse(address->port, &port) && (port != 0 || !calls));
    demand(form != ADDRESS_HOST_PORT || address->host[0] != '\0');
    demand(strpbrk(address->host, " \t/@[]\"\\") == NULL && strcmp(address->host, "*") != 0);
}

static void try_address(const char *text, enum address_form form)
{
    struct problem problem = {.why = ""};
    struct address address, again;
    char shown[ADDRESS_TEXT_SIZE];

    if (!address_parse(&address, text, form, &problem)) {
        check_reason(&problem);
        demand(!address_parse(&again, text, form, NULL));
        return;
    }
    check_address(&address, form);
    address_format(shown, &address);
    demand(address_parse(&again, shown, form, NULL));
    demand(memcmp(&address, &again, sizeof(address)) == 0);
}

/* Whether an address that differs from the first one in this bit is in the range. */
static bool holds_but(const struct address_range *range, unsigned bit)
{
    struct address_range alone = *range;
    const struct address_ranges one = {&alone, 1};
    struct endpoint endpoint = {.len = 0};
    struct ip ip = range->first;

    if (bit < 8 * ip.size)
        ip.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
    endpoint_set_ip(&endpoint, &ip, htons(1));
    return address_ranges_hold(&one, (const struct sockaddr *)&endpoint.address);
}

/* The first address is in it, one beside it is not. */
static void check_range(const struct address_range *range)
{
    size_t size = range->first.size;

    demand((size == IPV4_SIZE || size == IPV6_SIZE) && range->bits <= 8 * size);
    demand(holds_but(range, UINT_MAX));
    demand(range->bits == 8 * size || holds_but(range, range->bits));
    demand(range->bits == 0 || !holds_but(range, range->bits - 1));
}

static void try_ranges(const char *text)
{
    struct problem problem = {.why = ""};
    struct address_ranges ranges, copy;

    if (address_ranges_parse(&ranges, text, &problem) != OK) {
        check_reason(&problem);
        demand(ranges.list == NULL && ranges.count == 0);
        return;
    }
    demand(address_ranges_copy(&copy, &ranges) == OK && copy.count == ranges.count);
    for (size_t i = 0; i < copy.count; i++)
        check_range(&copy.list[i]);
    address_ranges_free(&copy);
    address_ranges_free(&ranges);
}

static void try_targets(const char *text)
{
    struct problem problem = {.why = ""};
    struct target_list list, copy;
    struct target target = {.text = NULL};

    if (target_parse(&target, text, NULL)) {
        size_t len = strlen(target.name);

        demand((target.kind == TARGET_PATH) == (target.address.path[0] != '\0'));
        demand(len == 0 || target_name_check((struct text){target.name, len}, NULL));
        demand(strncmp(text, target.name, len) == 0 && text + len + (len > 0) == target.text);
    }
    if (target_list_parse(&list, text, &problem) != OK) {
        check_reason(&problem);
        return;
    }
    demand(target_list_copy(&copy, &list) == OK);
    target = target_of_program(text);
    demand(target_list_permits(&copy, &target) == (strchr(text, ',') == NULL));
    target = target_of_program(copy.texts);
    demand(target_list_permits(&list, &target));
    target_list_free(&copy);
    target_list_free(&list);
}

/* What is asked for in PEER is neither in its address nor a port. */
static void try_peer(const char *text)
{
    const char *name = directory_find_target(text);

    if (name == NULL)
        return;
    demand(name > text && name[-1] == ':' && strpbrk(name, ":@") == NULL);
    demand(*name == '\0' || name[strspn(name, "0123456789")] != '\0');
}

static void try_numbers(const char *text)
{
    struct text whole = {text, strlen(text)};
    struct endpoint endpoint = {.len = 0};
    char shown[ADDRESS_TEXT_SIZE];
    int64_t duration_ms = -1;
    struct ip ip, mapped;

    demand(!clock_parse_duration(text, &duration_ms) ||
           (duration_ms >= 0 && duration_ms <= YEAR_MS));
    if (!ip_parse(&ip, whole))
        return;
    demand(ip_parse_zoned(&mapped, whole));
    ip_map(&mapped);
    ip_unmap(&mapped);
    ip_unmap(&ip);
    demand(mapped.size == ip.size && memcmp(mapped.bytes, ip.bytes, ip.size) == 0);
    endpoint_set_ip(&endpoint, &ip, htons(443));
    endpoint_unmap(&endpoint);
    endpoint_format(shown, (const struct sockaddr *)&endpoint.address, endpoint.len);
    demand(strcmp(shown, endpoint.text) == 0 && endpoint_source(&endpoint) != 0);
    try_address(shown, ADDRESS_HOST_PORT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    demand(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    for (enum address_form form = ADDRESS_HOST_PORT; form <= ADDRESS_TARGET; form++)
        try_address(text, form);
    try_ranges(text);
    try_targets(text);
    try_peer(text);
    try_numbers(text);
    free(text);
    return 0;
}
