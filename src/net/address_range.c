/*
 * Owns the reading and matching of address ranges. It must never match an IPv4 caller with an
 * IPv6 range, ::/0 included, nor take a mistyped range for a wider one.
 */
#include "net/address_range.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "net/endpoint.h"

#define MAPPED_BITS (8u * (IPV6_SIZE - IPV4_SIZE)) /* of an IPv4 address written as one of IPv6 */

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

static bool has_host_bits(const struct address_range *range)
{
    for (size_t i = 0; i < range->first.size; i++) {
        if ((range->first.bytes[i] & (uint8_t)~mask_of(range->bits, i)) != 0)
            return true;
    }
    return false;
}

/* NULL, or what is wrong with it. A range within ::ffff:0:0/96 is one of IPv4. */
static const char *read_range(struct address_range *range, struct text text)
{
    struct text address = {0};

    if (text.len == 0)
        return "is empty";
    text_next_part(&text, '/', &address);
    if (!ip_parse(&range->first, address))
        return "is not an address, nor ADDRESS/BITS";
    range->bits = (unsigned)range->first.size * 8;
    if (text.at != NULL && (!read_bits(&range->bits, text) || range->bits > range->first.size * 8))
        return "has a wrong number of bits after the slash";
    if (has_host_bits(range))
        return "has bits set beyond the network's";
    if (ip_is_mapped(&range->first) && range->bits >= MAPPED_BITS) {
        ip_unmap(&range->first);
        range->bits -= MAPPED_BITS;
    }
    return NULL;
}

static size_t count_parts(const char *text)
{
    size_t count = 1;

    for (; *text != '\0'; text++)
        count += *text == ',' ? 1 : 0;
    return count;
}

enum kith_error address_ranges_parse(struct address_ranges *ranges, const char *text,
                                     struct problem *problem)
{
    struct text rest = {text, strlen(text)}, part = {0};

    *ranges = (struct address_ranges){.list = calloc(count_parts(text), sizeof(*ranges->list))};
    if (ranges->list == NULL)
        return ERR_MEMORY;
    while (text_next_part(&rest, ',', &part)) {
        const char *why = read_range(&ranges->list[ranges->count++], part);

        if (why != NULL) {
            (void)problem_say(problem, "\"%.*s\" %s", problem_shown(part), part.at, why);
            address_ranges_free(ranges);
            return ERR_USAGE;
        }
    }
    return OK;
}

static bool holds(const struct address_range *range, const struct ip *ip)
{
    if (range->first.size != ip->size)
        return false;
    for (size_t i = 0; i < ip->size; i++) {
        if (((range->first.bytes[i] ^ ip->bytes[i]) & mask_of(range->bits, i)) != 0)
            return false;
    }
    return true;
}

bool address_ranges_hold(const struct address_ranges *ranges, const struct sockaddr *address)
{
    struct ip ip = endpoint_ip(address);

    ip_unmap(&ip);
    for (size_t i = 0; ip.size > 0 && i < ranges->count; i++) {
        if (holds(&ranges->list[i], &ip))
            return true;
    }
    return false;
}

enum kith_error address_ranges_copy(struct address_ranges *copy,
                                    const struct address_ranges *ranges)
{
    *copy = (struct address_ranges){.list = NULL};
    if (ranges->count == 0)
        return OK;
    copy->list = malloc(ranges->count * sizeof(*copy->list));
    if (copy->list == NULL)
        return ERR_MEMORY;
    memcpy(copy->list, ranges->list, ranges->count * sizeof(*copy->list));
    copy->count = ranges->count;
    return OK;
}

void address_ranges_free(struct address_ranges *ranges)
{
    free(ranges->list);
    *ranges = (struct address_ranges){.list = NULL};
}
