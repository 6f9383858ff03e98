/*
 * Owns the reading and matching of address ranges. It must never match an IPv4 caller with an
 * IPv6 range, ::/0 included, nor take a mistyped range for a wider one.
 */
#include "net/source_list.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define IPV4_SIZE 4
#define IPV6_SIZE 16

/* What an IPv4 address begins with when it is written as one of IPv6. */
static const uint8_t mapped_prefix[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
#define MAPPED_BITS ((unsigned)sizeof(mapped_prefix) * 8)

struct address {
    uint8_t bytes[IPV6_SIZE];
    size_t size; /* of the bytes in use: the family */
};

struct range {
    struct address first;
    unsigned bits;
};

static bool is_mapped(const struct address *address)
{
    return address->size == IPV6_SIZE &&
           memcmp(address->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static void unmap(struct address *address)
{
    memmove(address->bytes, address->bytes + sizeof(mapped_prefix), IPV4_SIZE);
    address->size = IPV4_SIZE;
}

static bool read_address(struct address *address, struct text text)
{
    char copy[INET6_ADDRSTRLEN];

    if (text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    address->size = memchr(copy, ':', text.len) != NULL ? IPV6_SIZE : IPV4_SIZE;
    return inet_pton(address->size == IPV6_SIZE ? AF_INET6 : AF_INET, copy, address->bytes) == 1;
}

/* At most three digits, none of them a leading zero. */
static bool read_bits(unsigned *bits, struct text text)
{
    if (text.len == 0 || text.len > 3 || (text.len > 1 && text.at[0] == '0'))
        return false;
    *bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        *bits = *bits * 10 + (unsigned)(text.at[i] - '0');
    }
    return true;
}

/* The bits of byte i that belong to a prefix of that many bits. */
static uint8_t mask_of(unsigned bits, size_t i)
{
    size_t before = 8 * i;

    if (bits <= before)
        return 0;
    if (bits >= before + 8)
        return 0xff;
    return (uint8_t)(0xff << (before + 8 - bits));
}

static bool has_host_bits(const struct range *range)
{
    for (size_t i = 0; i < range->first.size; i++) {
        if ((range->first.bytes[i] & (uint8_t)~mask_of(range->bits, i)) != 0)
            return true;
    }
    return false;
}

/* NULL, or what is wrong with it. A range within ::ffff:0:0/96 is one of IPv4. */
static const char *read_range(struct range *range, struct text text)
{
    struct text address = {0};

    *range = (struct range){0};
    text_next_part(&text, '/', &address);
    if (!read_address(&range->first, address))
        return "is not an address, nor ADDRESS/BITS";
    range->bits = (unsigned)range->first.size * 8;
    if (text.at != NULL && (!read_bits(&range->bits, text) || range->bits > range->first.size * 8))
        return "has a wrong number of bits after the slash";
    if (has_host_bits(range))
        return "has bits set beyond the network's";
    if (is_mapped(&range->first) && range->bits >= MAPPED_BITS) {
        unmap(&range->first);
        range->bits -= MAPPED_BITS;
    }
    return NULL;
}

bool source_list_check(const char *list, struct problem *problem)
{
    struct text rest = {list, strlen(list)};
    struct text part = {0};
    struct range range;

    while (text_next_part(&rest, ',', &part)) {
        const char *why = part.len > 0 ? read_range(&range, part) : "is empty";
        if (why != NULL)
            return problem_say(problem, "from: \"%.*s\" %s", problem_shown(part), part.at, why);
    }
    return true;
}

static bool address_of(struct address *address, const struct sockaddr *from)
{
    if (from->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, from, sizeof(in));
        memcpy(address->bytes, &in.sin_addr, IPV4_SIZE);
        address->size = IPV4_SIZE;
        return true;
    }
    if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, from, sizeof(in6));
        memcpy(address->bytes, &in6.sin6_addr, IPV6_SIZE);
        address->size = IPV6_SIZE;
        if (is_mapped(address))
            unmap(address);
        return true;
    }
    return false;
}

static bool range_holds(const struct range *range, const struct address *address)
{
    if (range->first.size != address->size)
        return false;
    for (size_t i = 0; i < address->size; i++) {
        if (((range->first.bytes[i] ^ address->bytes[i]) & mask_of(range->bits, i)) != 0)
            return false;
    }
    return true;
}

bool source_list_holds(const char *list, const struct sockaddr *from)
{
    struct text rest = {list, strlen(list)};
    struct text part = {0};
    struct range range;
    struct address address;

    if (!address_of(&address, from))
        return false;
    while (text_next_part(&rest, ',', &part)) {
        if (read_range(&range, part) == NULL && range_holds(&range, &address))
            return true;
    }
    return false;
}
