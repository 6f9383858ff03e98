/*
 * Owns the options of a peer: which there are, how their values are written, and what makes one
 * wrong. It must never guess: what is not certainly meant is refused, with the reason in words.
 */
#include "peers/peers_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "keys/key_file.h"
#include "net/address.h"
#include "system/zone.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum kith_error set_address(struct peer *peer, const char *value, struct problem *problem)
{
    struct problem unread;

    peer->address = malloc(sizeof(*peer->address));
    if (peer->address == NULL)
        return ERR_MEMORY;
    if (address_parse(peer->address, value, ADDRESS_HOST_PORT, &unread))
        return OK;
    (void)problem_say(problem, "addr=\"%.*s\": %.90s", PROBLEM_SHOWN_MAX, value, unread.why);
    return ERR_USAGE;
}

static enum kith_error set_from(struct peer *peer, const char *value, struct problem *problem)
{
    struct problem unread;
    enum kith_error error = address_ranges_parse(&peer->from, value, &unread);

    if (error == ERR_USAGE)
        (void)problem_say(problem, "from: %.150s", unread.why);
    return error;
}

/* Read count digits, which are there, and step over them. */
static int take_number(const char **at, int count)
{
    int value = 0;

    for (; count > 0; count--)
        value = value * 10 + (*(*at)++ - '0');
    return value;
}

/* Whether a broken-down time is one of the calendar, from 1970 on. */
static bool is_valid_time(const struct tm *when)
{
    int year = when->tm_year + 1900;
    int days;

    if (year < 1970 || when->tm_mon < 0 || when->tm_mon > 11)
        return false;
    days = (int)clock_days_in((unsigned)when->tm_mon + 1, (unsigned)year);
    return when->tm_mday >= 1 && when->tm_mday <= days && when->tm_hour <= 23 &&
           when->tm_min <= 59 && when->tm_sec <= 59;
}

/* Seconds since the epoch of a valid time of UTC: mktime's twin, which POSIX does not have. */
static int64_t utc_seconds(const struct tm *when)
{
    static const int days_before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t years = when->tm_year + 1900 - 1;
    int64_t days = years * 365 + years / 4 - years / 100 + years / 400 - 719162;

    days += days_before[when->tm_mon] + when->tm_mday - 1;
    if (when->tm_mon > 1 && clock_days_in(2, (unsigned)when->tm_year + 1900) == 29)
        days++;
    return ((days * 24 + when->tm_hour) * 60 + when->tm_min) * 60 + when->tm_sec;
}

/* YYYYMMDD[HHMM[SS]][Z], as sshd reads it: local time without the Z. */
static bool read_time(uint64_t *out_ms, const char *value)
{
    size_t digits = strspn(value, "0123456789");
    bool utc = strcmp(value + digits, "Z") == 0;
    struct tm when = {0};
    int64_t seconds = 0;

    if ((digits != 8 && digits != 12 && digits != 14) || (!utc && value[digits] != '\0'))
        return false;
    when.tm_year = take_number(&value, 4) - 1900;
    when.tm_mon = take_number(&value, 2) - 1;
    when.tm_mday = take_number(&value, 2);
    if (digits >= 12) {
        when.tm_hour = take_number(&value, 2);
        when.tm_min = take_number(&value, 2);
    }
    if (digits >= 14)
        when.tm_sec = take_number(&value, 2);
    when.tm_isdst = -1;
    if (!is_valid_time(&when))
        return false;
    seconds = utc ? utc_seconds(&when) : (int64_t)mktime(&when);
    if (seconds < 0)
        return false;
    *out_ms = (uint64_t)seconds * 1000;
    return true;
}

/* Whether the value is a time, and what it is on the clock can be known. */
static bool parse_expiry(uint64_t *out_ms, const char *value, struct problem *problem)
{
    if (strchr(value, 'Z') == NULL && !zone_is_known())
        return problem_say(problem,
                           "expiry-time=\"%.*s\": local time is not known here, since the time "
                           "zone is not installed; with a Z after it, it is UTC",
                           PROBLEM_SHOWN_MAX, value);
    return read_time(out_ms, value) ||
           problem_say(problem,
                       "expiry-time=\"%.*s\": it is YYYYMMDD[HHMM[SS]][Z], a day and time that "
                       "exist",
                       PROBLEM_SHOWN_MAX, value);
}

static enum kith_error set_expiry(struct peer *peer, const char *value, struct problem *problem)
{
    return parse_expiry(&peer->expires_ms, value, problem) ? OK : ERR_USAGE;
}

static enum kith_error set_targets(struct peer *peer, const char *value, struct problem *problem)
{
    return target_list_parse(&peer->targets, value, problem);
}

/* What it holds is not read while the line is. */
static enum kith_error set_namespace_file(struct peer *peer, const char *value,
                                          struct problem *problem)
{
    if (value[0] == '\0' || strlen(value) >= FILE_PATH_SIZE) {
        (void)problem_say(problem, "namespace-file names no file, or has too long a path");
        return ERR_USAGE;
    }
    if (key_file_descriptor(value) >= 0) {
        (void)problem_say(problem,
                          "namespace-file=\"%.*s\": a descriptor, which cannot be read again",
                          PROBLEM_SHOWN_MAX, value);
        return ERR_USAGE;
    }
    peer->namespace_file = strdup(value);
    return peer->namespace_file != NULL ? OK : ERR_MEMORY;
}

/* The options. A value that is none is ERR_USAGE. */
static const struct peer_option {
    const char *name;
    enum kith_error (*set)(struct peer *peer, const char *value, struct problem *problem);
} options[] = {
    {"addr", set_address},
    {"from", set_from},
    {"expiry-time", set_expiry},
    {"permit-target", set_targets},
    {"namespace-file", set_namespace_file},
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

/* The length of an option's name at the front. */
static size_t name_length(struct text line)
{
    size_t len = 0;

    while (len < line.len && ((line.at[len] >= 'a' && line.at[len] <= 'z') ||
                              (line.at[len] >= 'A' && line.at[len] <= 'Z') ||
                              is_digit(line.at[len]) || line.at[len] == '-'))
        len++;
    return len;
}

/* The index of the option of this name; OPTION_COUNT for none. */
static size_t find_option(struct text name)
{
    size_t index = 0;

    while (index < OPTION_COUNT && (strlen(options[index].name) != name.len ||
                                    strncasecmp(options[index].name, name.at, name.len) != 0))
        index++;
    return index;
}

bool peers_options_begin(struct text text)
{
    struct text name = {text.at, name_length(text)};

    text_skip(&text, name.len);
    return find_option(name) < OPTION_COUNT && text_starts(text, "=");
}

/* Take an option's name and the = after it off the line. */
static bool take_name(size_t *index, struct text *line, struct problem *problem)
{
    struct text name = {line->at, name_length(*line)};
    struct text rest = *line;
    char next = name.len < line->len ? line->at[name.len] : ' ';

    if (name.len == 0 || (next != '=' && next != ',')) {
        struct text word = text_next_word(&rest);
        bool quoted = word.len > 0 && strchr("\"'", word.at[0]) != NULL;

        if (text_starts(word, "-----BEGIN"))
            return problem_advise(problem,
                                  "take it away: kith pubkey prints the key that belongs there",
                                  "a private key");
        if (word.len > 0 && memchr(word.at, '@', word.len) != NULL)
            return problem_advise(problem, "an address is an option: addr=\"HOST:PORT\" KEY NAME",
                                  "KEY@HOST:PORT is no key");
        return problem_advise(problem,
                              quoted ? "take the quotes away: a line is: KEY NAME"
                                     : "a line is: KEY NAME, or: options KEY NAME",
                              "\"%.*s\" is neither a key nor an option", problem_shown(word),
                              word.at);
    }
    *index = find_option(name);
    if (*index == OPTION_COUNT)
        return problem_advise(problem,
                              "there are from, expiry-time and permit-target, and in a peers file "
                              "addr and namespace-file",
                              "unknown option \"%.*s\"", problem_shown(name), name.at);
    if (next != '=')
        return problem_say(problem, "option %s has no value", options[*index].name);
    text_skip(line, name.len + 1);
    return true;
}

/*
 * Take a value in quotes off the line, into out, which has room for all of the line and a NUL. Only
 * a quote is escaped; a backslash before anything else is itself.
 */
static bool take_value(char *out, const char *name, struct text *line, struct problem *problem)
{
    size_t used = 0;

    if (!text_starts(*line, "\""))
        return problem_say(problem, "the value of %s is not in plain quotes: %s=\"...\"", name,
                           name);
    text_skip(line, 1);
    while (line->len > 0 && line->at[0] != '"') {
        if (text_starts(*line, "\\\""))
            text_skip(line, 1);
        out[used++] = line->at[0];
        text_skip(line, 1);
    }
    out[used] = '\0';
    if (line->len == 0)
        return problem_say(problem, "the value of %s has no closing quote", name);
    text_skip(line, 1);
    return text_fault(out, used) == TEXT_FINE ||
           problem_say(problem, "the value of %s has a control character in it, or no UTF-8", name);
}

static enum kith_error take_option(struct peer *peer, unsigned *seen, struct text *line,
                                   struct problem *problem)
{
    char *value;
    size_t index = 0;
    enum kith_error error = ERR_PEERS_LINE;

    if (!take_name(&index, line, problem))
        return ERR_PEERS_LINE;
    if ((*seen & 1u << index) != 0) {
        (void)problem_say(problem, "option %s is given twice", options[index].name);
        return ERR_PEERS_LINE;
    }
    *seen |= 1u << index;
    value = malloc(line->len + 1);
    if (value == NULL)
        return ERR_MEMORY;
    if (take_value(value, options[index].name, line, problem))
        error = options[index].set(peer, value, problem);
    free(value);
    return error == ERR_USAGE ? ERR_PEERS_LINE : error;
}

enum kith_error peers_options_parse(struct peer *peer, struct text *line, struct problem *problem)
{
    unsigned seen = 0;

    for (;;) {
        enum kith_error error = take_option(peer, &seen, line, problem);
        if (error != OK)
            return error;
        if (line->len == 0 || is_blank(line->at[0]))
            break;
        if (line->at[0] != ',') {
            (void)problem_say(problem, "a comma or a blank is missing after an option");
            return ERR_PEERS_LINE;
        }
        text_skip(line, 1);
        if (line->len > 0 && is_blank(line->at[0])) {
            (void)problem_advise(problem, "the only blank comes before the key",
                                 "a blank after the comma");
            return ERR_PEERS_LINE;
        }
    }
    text_skip_blanks(line);
    return OK;
}
