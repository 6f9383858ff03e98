/*
 * Owns the words of a meeting, and what counts as a yes. Must never take anything for one but the
 * whole word, typed once the code was shown.
 */
#include "command/meet_talk.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/escape.h"
#include "calls/meeting_io.h"
#include "command/setup_listen.h"

#define PEOPLE_MS 300000 /* for people to compare a code, or find a name */
#define SEND_MS 5000     /* for a frame of five bytes */

void meet_talk_begin(struct meet_talk *talk, enum meeting_role role, const uint8_t *own_key,
                     const char *own_name, const struct directory *directory)
{
    *talk = (struct meet_talk){
        .at = CONVERSATION_NONE, .role = role, .own_key = own_key, .directory = directory};
    (void)snprintf(talk->own_name, sizeof(talk->own_name), "%s", own_name);
}

void meet_talk_invite(const struct meet_talk *talk, const char *listening,
                      const struct address *there, const char *host)
{
    char at[ADDRESS_TEXT_SIZE], shown[4 * ADDRESS_TEXT_SIZE], typed[4 * ADDRESS_TEXT_SIZE];

    address_format(at, there);
    conversation_say(&talk->at, "Waiting at %s. On the other side, type: kith meet %s\n",
                     escape_text(shown, sizeof(shown), listening, strlen(listening)),
                     escape_text(typed, sizeof(typed), at, strlen(at)));
    if (strcmp(there->host, host) == 0)
        conversation_say(&talk->at, "(" SETUP_HOST_HINT ".)\n",
                         escape_text(shown, sizeof(shown), host, strlen(host)));
}

const char *meet_talk_known(const struct meet_talk *talk, const struct meeting *meeting)
{
    const struct peer *known = peers_find_key(&talk->directory->file, meeting->peer);

    return known != NULL ? known->name : NULL;
}

static void show_code(const struct meet_talk *talk, const struct meeting *meeting)
{
    char ours[KEY_HEX_SIZE], theirs[KEY_HEX_SIZE], code[MEETING_CODE_SIZE];
    const char *known = meet_talk_known(talk, meeting);
    bool calls = talk->role == MEETING_CALLS;

    hex_encode(ours, talk->own_key, KEY_SIZE);
    hex_encode(theirs, meeting->peer, KEY_SIZE);
    meeting_code(meeting, code);
    conversation_say(&talk->at,
                     "\nHere:  %s\n       %s\nThere: %s\n       %s\n%s%s%s\n"
                     "    The code:  %s\n\n"
                     "Speak with the other side, by voice: read the %s four digits aloud,\n"
                     "and hear the %s four. Say yes only if all eight are the same on both\n"
                     "screens: then these are the keys of the two of you.\n",
                     talk->own_name, ours, meeting->peer_name, theirs,
                     known != NULL ? "       which is in the peers file here, as " : "",
                     known != NULL ? known : "", known != NULL ? "\n" : "", code,
                     calls ? "first" : "last", calls ? "last" : "first");
}

static void ask_yes(struct meet_talk *talk)
{
    conversation_say(&talk->at, "Are they the same (yes/no)? ");
}

/* What our user has typed: yes, no, or something else, upon which it is asked again. */
static enum kith_error take_typed(struct meet_talk *talk, struct meeting *meeting,
                                  const struct transport *transport)
{
    uint8_t frame[MEETING_YES_FRAME_SIZE];
    enum typed typed = conversation_take(&talk->at);
    const char *word = talk->at.typed;
    enum kith_error error;

    if (typed == TYPED_LATER || (typed == TYPED_LINE && meeting->said_yes))
        return OK;
    if (typed == TYPED_END)
        return ERR_MEETING_NO;
    if (strcasecmp(word, "no") == 0 || strcasecmp(word, "n") == 0)
        return ERR_MEETING_NO;
    if (strcasecmp(word, "yes") != 0) {
        conversation_say(&talk->at, "Type yes in full, or no. ");
        ask_yes(talk);
        return OK;
    }
    error = meeting_yes(meeting, frame);
    if (error == OK)
        error = meeting_send(transport, frame, sizeof(frame), clock_deadline_ms(SEND_MS));
    if (error == OK && !meeting->heard_yes)
        conversation_say(&talk->at, "Waiting for their yes...\n");
    return error;
}

/* What the other side has said: its yes, once, and nothing before ours that is more. */
static enum kith_error take_said(struct incoming *incoming, struct meeting *meeting,
                                 const struct transport *transport)
{
    size_t len = 0;
    enum kith_error error = incoming_take(incoming, transport, meeting_body_limit(meeting), &len);

    if (error != OK)
        return error;
    if (meeting->heard_yes && incoming->here > 0)
        return ERR_MEETING_MALFORMED;
    if (len == 0)
        return OK;
    error = meeting_take_yes(meeting, incoming_body(incoming), len);
    *incoming = (struct incoming){.here = 0};
    return error;
}

enum kith_error meet_talk_agree(struct meet_talk *talk, struct meeting *meeting,
                                const struct transport *transport)
{
    struct incoming incoming = {.here = 0};
    enum kith_error error = OK;

    talk->deadline_ms = clock_deadline_ms(PEOPLE_MS);
    conversation_forget(&talk->at);
    show_code(talk, meeting);
    ask_yes(talk);
    while (error == OK && !meeting_is_agreed(meeting)) {
        struct pollfd fds[] = {{.fd = talk->at.fd, .events = POLLIN},
                               {.fd = transport->in, .events = POLLIN}};
        int ready = poll(fds, 2, clock_poll_timeout(talk->deadline_ms));

        if (clock_now_ms() >= talk->deadline_ms)
            error = ERR_MEETING_TIMEOUT;
        else if (ready < 0 && errno != EINTR)
            error = ERR_SYSTEM;
        if (error == OK && ready > 0 && fds[1].revents != 0)
            error = take_said(&incoming, meeting, transport);
        if (error == OK && ready > 0 && fds[0].revents != 0 && !meeting_is_agreed(meeting))
            error = take_typed(talk, meeting, transport);
    }
    if (error != OK)
        conversation_say(&talk->at, "\n");
    return error;
}

void meet_talk_begin_naming(struct meet_talk *talk)
{
    talk->deadline_ms = clock_deadline_ms(PEOPLE_MS);
    conversation_say(&talk->at, "\nBoth said yes, and both have proven their keys.\n");
}

void meet_talk_refuse_name(const struct meet_talk *talk, const char *name)
{
    char shown[4 * NAME_SIZE];

    conversation_say(&talk->at, "%s is another peer's name in the peers file.\n",
                     escape_text(shown, sizeof(shown), name, strlen(name)));
}

/* Whether a name will do; why it will not is said. */
static bool is_new_name(const struct meet_talk *talk, const char *name)
{
    static const char *const answers[] = {"yes", "y", "no", "n"};
    struct problem problem;

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (strcmp(name, answers[i]) == 0) {
            conversation_say(&talk->at,
                             "A name is needed: Return alone takes the one that is shown.\n");
            return false;
        }
    }
    if (!name_check(name, strlen(name), &problem)) {
        conversation_say(&talk->at, "%s\n", problem.why);
        return false;
    }
    if (peers_find_name(&talk->directory->file, name) == NULL)
        return true;
    meet_talk_refuse_name(talk, name);
    return false;
}

enum kith_error meet_talk_name(struct meet_talk *talk, const struct meeting *meeting,
                               char name[static NAME_SIZE])
{
    const char *offered = meeting->peer_name;
    bool good = name_check(offered, strlen(offered), NULL) && name[0] == '\0' &&
                peers_find_name(&talk->directory->file, offered) == NULL;
    const char *chosen = "";

    if (name[0] == '\0' && peers_find_name(&talk->directory->file, offered) != NULL)
        meet_talk_refuse_name(talk, offered);
    do {
        enum kith_error error = conversation_ask(
            &talk->at, talk->deadline_ms, "Your name for the other side%s%s%s: ", good ? " [" : "",
            good ? offered : "", good ? "]" : "");

        if (error != OK)
            return error;
        chosen = talk->at.typed[0] == '\0' && good ? offered : talk->at.typed;
    } while (!is_new_name(talk, chosen));
    (void)snprintf(name, NAME_SIZE, "%s", chosen);
    return OK;
}
