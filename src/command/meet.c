/*
 * Owns the meet command: the way to the other side, and what comes of a meeting. Must never try a
 * second time, once there was an answer: each try is one for somebody in between. Must never write
 * a line before both users have said yes and both keys are proven.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "calls/explain.h"
#include "calls/meeting_callers.h"
#include "calls/meeting_io.h"
#include "command/commands.h"
#include "command/meet_talk.h"
#include "command/own_name.h"
#include "command/setup.h"
#include "command/setup_listen.h"
#include "helpers/scribe.h"
#include "system/notify.h"

struct meet {
    const struct options *options;
    struct setup setup;
    struct meet_talk talk;
    struct helper scribe; /* unless the line goes to stdout */
    struct address place; /* that our user has typed */
    struct transport transport;
    struct endpoint there;
    struct meeting meeting;
    int64_t deadline_ms; /* for what the other side has to do by itself */
};

/* Say why it has ended. */
static enum kith_error log_end(const struct meet *meet, enum kith_error error, const char *hint)
{
    return log_failure(LOG_ERROR, meet->options->what,
                       meet->there.len > 0 ? meet->there.text : NULL, error, NULL, hint);
}

/* Somebody has seen a code. */
static const char *warning(void)
{
    return error_hint(ERR_MEETING_NO);
}

/* Where the line is to go has to be in order before anybody is asked for anything. */
static enum kith_error read_known(struct meet *meet)
{
    struct directory *directory = &meet->setup.directory;
    struct stat status;

    if (!meet->options->print && directory->peers_error == OK &&
        key_file_find_descriptor(directory->peers_path) >= 0)
        return log_failure(LOG_ERROR, "peers", directory->peers_path, ERR_FILE_OTHER, NULL, NULL);
    if (directory->peers_error == OK && lstat(directory->peers_path, &status) != 0 &&
        errno == ENOENT)
        return OK; /* it will be made */
    return directory_read(directory);
}

/* What is ours in the meeting; the name has to be one that both sides can write. */
static enum kith_error begin_meeting(struct meet *meet)
{
    const struct options *options = meet->options;
    enum meeting_role role = options->listen ? MEETING_WAITS : MEETING_CALLS;
    const uint8_t *key = meet->setup.keeper.public_key;
    uint8_t published[KEY_SIZE];
    char name[NAME_SIZE] = "";
    struct problem problem;

    if (options->name == NULL)
        (void)own_published(published, name, options->identity);
    if (name[0] == '\0' && !own_name(name, options->name, &problem))
        return log_failure(LOG_ERROR, options->what, options->name, ERR_USAGE, problem.why, NULL);
    if (!meeting_name_is_good(name, strlen(name)) && options->name != NULL)
        return log_failure(LOG_ERROR, options->what, options->name, ERR_USAGE,
                           "a name that is offered has A-Z a-z 0-9 . _ and - only", NULL);
    if (!meeting_name_is_good(name, strlen(name)))
        (void)snprintf(name, sizeof(name), "unnamed");
    meet_talk_begin(&meet->talk, role, key, name, &meet->setup.directory);
    return meeting_begin(&meet->meeting, role, key, name);
}

/* All that is needed, before anything comes from outside. */
static enum kith_error get_ready(struct meet *meet)
{
    struct setup *setup = &meet->setup;
    enum kith_error error = read_known(meet);

    if (error == OK)
        error = begin_meeting(meet);
    if (error == OK && conversation_open(&meet->talk.at) != OK)
        error = log_failure(LOG_ERROR, meet->options->what, NULL, ERR_TERMINAL, NULL, NULL);
    if (error == OK && !meet->options->print)
        error = scribe_start(&meet->scribe, setup->peers_path, setup->keeper.public_key);
    return error;
}

/* The caller's way: connect, commit, open. */
static enum kith_error call(struct meet *meet)
{
    const struct setup *setup = &meet->setup;
    struct problem problem = {.why = ""};
    int fd = -1;
    enum kith_error error;

    meet->deadline_ms = clock_deadline_ms(meet->options->handshake_timeout_ms);
    error = lookup_connect(&setup->lookup, &meet->place, &setup->net, meet->deadline_ms, &fd,
                           &meet->there, &problem);
    if (error != OK)
        return log_failure(
            LOG_ERROR, meet->options->what, meet->options->place, error, problem_why(&problem),
            error == ERR_CONNECT_REFUSED ? "does kith meet --listen run there, at that port?"
                                         : NULL);
    meet->transport = transport_socket(fd);
    setup_confine(SANDBOX_LISTEN, &(struct sandbox_needs){.talks = true});
    return OK;
}

static enum kith_error open_as_caller(struct meet *meet)
{
    uint8_t nonce[MEETING_NONCE_SIZE], frame[MEETING_VALUES_FRAME_MAX];
    struct incoming answer = {.here = 0};
    size_t len = 0;
    enum kith_error error = crypto_random(nonce, sizeof(nonce));

    if (error == OK)
        error = meeting_commit(&meet->meeting, nonce, frame);
    if (error == OK)
        error = meeting_send(&meet->transport, frame, MEETING_COMMIT_FRAME_SIZE, meet->deadline_ms);
    if (error == OK)
        error = incoming_await(&answer, &meet->transport, meeting_body_limit(&meet->meeting),
                               meet->deadline_ms, &len);
    if (error == OK)
        error = meeting_take_answer(&meet->meeting, incoming_body(&answer), len, frame, &len);
    if (error == OK)
        error = meeting_send(&meet->transport, frame, len, meet->deadline_ms);
    return error;
}

/* The waiter's: everybody may call until somebody commits. */
static enum kith_error wait_for_caller(struct meet *meet, uint8_t commit[static HASH_SIZE])
{
    const struct options *options = meet->options;
    struct listeners listeners = {0};
    struct address there;
    enum kith_error error = setup_listen(&meet->setup, &meet->place, LISTEN_EVERYWHERE, &listeners);

    if (error != OK)
        return error;
    (void)setup_find_dialed(&there, &meet->setup, &listeners, &meet->place);
    meet_talk_invite(&meet->talk, listeners.text, &there, meet->setup.host);
    notify_ready_fd(options->ready_fd, listeners.text, true);
    setup_confine(SANDBOX_LISTEN, &(struct sandbox_needs){.talks = true});
    error = meeting_await_caller(&listeners, options->handshake_timeout_ms, &meet->transport,
                                 &meet->there, commit);
    listeners_close(&listeners); /* from here on this is the run's meeting */
    meet->deadline_ms = clock_deadline_ms(options->handshake_timeout_ms);
    return error;
}

static enum kith_error open_as_waiter(struct meet *meet, const uint8_t commit[static HASH_SIZE])
{
    uint8_t nonce[MEETING_NONCE_SIZE], frame[MEETING_VALUES_FRAME_MAX];
    struct incoming open = {.here = 0};
    size_t len = 0;
    enum kith_error error = crypto_random(nonce, sizeof(nonce));

    if (error == OK)
        error = meeting_take_commit(&meet->meeting, commit, HASH_SIZE, nonce, frame, &len);
    if (error == OK)
        error = meeting_send(&meet->transport, frame, len, meet->deadline_ms);
    if (error == OK)
        error = incoming_await(&open, &meet->transport, meeting_body_limit(&meet->meeting),
                               meet->deadline_ms, &len);
    if (error == OK)
        error = meeting_take_open(&meet->meeting, incoming_body(&open), len);
    return error;
}

/*
 * Why there may be no code. Of a waiter only a caller is told whose meeting it is already: somebody
 * in between could leave like that wherever the codes would differ, and hope to be called again.
 */
static const char *hint_without_code(const struct meet *meet, enum kith_error error)
{
    if (meet->options->listen && (error == ERR_MEETING_CUT || error == ERR_HANDSHAKE_TIMEOUT))
        return "it began a meeting and left before the code: if that was not your friend, or "
               "happens again, somebody may be in between";
    return error == ERR_MEETING_CUT
               ? "is it kith meet that is there, and does it still wait? it may say why"
               : NULL;
}

/* Up to where both have a code. What is wrong is logged. */
static enum kith_error open_meeting(struct meet *meet)
{
    uint8_t commit[HASH_SIZE];
    enum kith_error error = meet->options->listen ? wait_for_caller(meet, commit) : call(meet);

    if (error != OK)
        return error;
    error = meet->options->listen ? open_as_waiter(meet, commit) : open_as_caller(meet);
    return error == OK ? OK : log_end(meet, error, hint_without_code(meet, error));
}

/* Only whom we have met may call. */
static enum kith_error admit(void *context, void *caller, const uint8_t signer[static KEY_SIZE],
                             const struct endpoint *from, struct namespace *namespace)
{
    const struct meet *meet = context;

    (void)caller;
    (void)from;
    (void)namespace; /* that of the meeting */
    return memcmp(signer, meet->meeting.peer, KEY_SIZE) == 0 ? OK : ERR_PEER_UNKNOWN;
}

/* What to do about a handshake that fails: the other side says it of clocks, and hangs up. */
static const char *advise(enum kith_error error)
{
    if (error_exit_status(error) == EXIT_CLOCK)
        return NULL;
    return error == ERR_HANDSHAKE_CUT
               ? "what it says there tells: the clocks may differ, and then set them and meet "
                 "again; if not, somebody may be in between: do not use these keys"
               : warning();
}

/* Each proves that it has the key that both users have agreed on. What is wrong is logged. */
static enum kith_error shake_hands(struct meet *meet)
{
    uint8_t namespace[MEETING_NAMESPACE_SIZE];
    struct handshake_rules rules = meet->setup.rules;
    const struct handshake_callee whom = {meet->meeting.peer, KIND_PLAIN, NULL};
    int64_t deadline_ms = clock_deadline_ms(meet->options->handshake_timeout_ms);
    struct explanation explanation;
    struct handshake_io io;
    enum kith_error error =
        keeper_tell_meeting(&meet->setup.keeper, meet->meeting.digest, meet->meeting.peer);

    if (error != OK)
        return error;
    meeting_namespace(namespace, meet->meeting.digest);
    rules.namespace = (struct namespace){namespace, sizeof(namespace)};
    rules.admit = admit;
    rules.admit_context = meet;
    if (meet->options->listen)
        handshake_io_listen(&io, &rules, meet->transport, &meet->there, deadline_ms);
    else
        handshake_io_dial(&io, &rules, &whom, meet->transport, &meet->there, deadline_ms);
    error = handshake_io_finish(&io);
    explain_handshake(&explanation, &io, error);
    if (error != OK)
        (void)log_failure(LOG_ERROR, meet->options->what, meet->there.text, explanation.error,
                          problem_why(&explanation.problem), advise(error));
    handshake_io_wipe(&io);
    return error;
}

/* Where its line is now, and what that is good for. */
static void tell_added(const struct meet *meet, const struct addition *addition)
{
    char why[FILE_PATH_SIZE + 32], hint[2 * NAME_SIZE + 64];

    (void)snprintf(why, sizeof(why), "its key is in %s now", meet->setup.peers_path);
    if (addition->address.port[0] != '\0')
        (void)snprintf(hint, sizeof(hint), "once kith listen waits there: kith dial %s",
                       addition->name);
    else
        (void)snprintf(hint, sizeof(hint),
                       "it may call here: kith listen PORT; to call it, put addr=\"HOST:PORT\" "
                       "before its key");
    log_event(LOG_NOTE, meet->options->what, addition->name, why, hint);
}

/* What both have agreed on is not lost with the file. */
static void log_not_added(const struct meet *meet, enum kith_error error, const char *line)
{
    int saved = errno;
    char hint[ADDITION_LINE_SIZE + 128];

    (void)snprintf(hint, sizeof(hint),
                   "the key is the right one, but its line could not be added, which is: %.*s",
                   (int)strcspn(line, "\n"), line);
    errno = saved;
    (void)log_failure(LOG_ERROR, "peers", meet->setup.peers_path, error, NULL, hint);
}

static enum kith_error tell_known(const struct meet *meet, const char *name)
{
    log_event(LOG_NOTE, meet->options->what, name,
              "its key was in the peers file already: nothing is changed", NULL);
    return OK;
}

/* Put the line where it is wanted, under the name that is in it. */
static enum kith_error put_line(struct meet *meet, const struct addition *addition)
{
    char line[ADDITION_LINE_SIZE];
    enum kith_error error;

    addition_format(line, addition);
    if (meet->options->print) {
        (void)fputs(line, stdout);
        return OK;
    }
    error = scribe_add(&meet->scribe, addition);
    if (error == OK)
        tell_added(meet, addition);
    else if (error == ERR_PEER_KNOWN) /* since the name was asked for */
        return tell_known(meet, NULL);
    else if (error != ERR_NAME_TAKEN)
        log_not_added(meet, error, line);
    return error;
}

/* Its line is here, from a meeting that only we have finished, say: it stays as it is. */
static enum kith_error keep_known(struct meet *meet, struct addition *addition, const char *name)
{
    (void)snprintf(addition->name, sizeof(addition->name), "%s", name);
    if (meet->options->print)
        return put_line(meet, addition);
    return tell_known(meet, name);
}

/* Both keys are proven: find a name for the other, and write it down. What is wrong is logged. */
static enum kith_error keep(struct meet *meet)
{
    struct addition addition = {.name = ""};
    const char *known = meet_talk_known(&meet->talk, &meet->meeting);
    enum kith_error error = ERR_NAME_TAKEN;

    memcpy(addition.key, meet->meeting.peer, KEY_SIZE);
    if (!meet->options->listen)
        addition.address = meet->place;
    meet_talk_begin_naming(&meet->talk);
    if (known != NULL)
        return keep_known(meet, &addition, known);
    while (error == ERR_NAME_TAKEN) {
        error = meet_talk_name(&meet->talk, &meet->meeting, addition.name);
        if (error != OK)
            return log_failure(LOG_ERROR, meet->options->what, NULL, error, NULL,
                               "no name was given, so nothing was written");
        error = put_line(meet, &addition);
        if (error == ERR_NAME_TAKEN)
            meet_talk_refuse_name(&meet->talk, addition.name);
    }
    return error;
}

static enum kith_error meet_once(struct meet *meet)
{
    enum kith_error error = get_ready(meet);

    if (error == OK)
        error = open_meeting(meet);
    if (error != OK)
        return error;
    error = meet_talk_agree(&meet->talk, &meet->meeting, &meet->transport);
    if (error != OK)
        return log_end(meet, error, warning());
    error = shake_hands(meet);
    transport_close(&meet->transport);
    return error == OK ? keep(meet) : error;
}

enum kith_error command_meet(const struct options *options)
{
    static struct meet meet;
    enum address_form form = options->listen ? ADDRESS_PORT : ADDRESS_HOST_PORT;
    enum kith_error error;

    meet = (struct meet){.options = options, .transport = TRANSPORT_NONE, .scribe = HELPER_NONE};
    meet.talk.at = CONVERSATION_NONE;
    error = setup_parse_address(&meet.place, options, options->place, form);
    if (error != OK)
        return error;
    error = setup_begin(&meet.setup, options, NULL, 0, KIND_SET(KIND_PLAIN));
    meet.setup.net.first_with_syn = false; /* who is not there is said to be not there */
    if (error == OK)
        error = meet_once(&meet);
    transport_close(&meet.transport);
    helper_stop(&meet.scribe);
    setup_end(&meet.setup);
    conversation_close(&meet.talk.at);
    return error;
}
