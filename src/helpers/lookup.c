/*
 * Owns the process that resolves names and reads files. It must never wait for either itself: its
 * children do, each for one question at a time, and one that is free is always there. Nor read what
 * is not in its list.
 */
#include "helpers/lookup.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "helpers/question.h"
#include "keys/key_file.h"
#include "peers/peers_file.h"
#include "system/sandbox.h"
#include "system/zone.h"

#define CHILDREN_MAX 256 /* questions under way; further ones wait */
#define LIFE_MS 10000    /* of a child that was asked: what its C library remembers is no older */
#define LATE_MS 1000     /* after which an answer is given up, when who asked has */
#define STILL_ASKED_LOOK_MS 250 /* between two looks whether a name is still asked for */
#define FORK_AGAIN_MS 1000      /* after no child could be made */

/* What a child says of itself when it takes a question and when it is free again; or, with
 * nobody's number, that one has ended. */
struct news {
    pid_t process;
    int busy; /* as wide as the other: nothing between or after them goes through the pipe */
};

struct children {
    struct news list[CHILDREN_MAX]; /* the last of each */
    size_t count;
    int news[2]; /* the pipe that they come by */
};

static int news_of_ends = -1; /* for the handler */

static void report_news(int fd, const struct news *news)
{
    ssize_t n = write(fd, news, sizeof(*news)); /* whole or not at all */

    (void)n;
}

static void note_end(int number)
{
    static const struct news one_has_ended;
    int saved = errno;

    (void)number;
    report_news(news_of_ends, &one_has_ended);
    errno = saved;
}

/* What it is asked. */
enum kind { ASK_RESOLVE = 1, ASK_READ };

struct asked {
    int kind;
    struct address address; /* to resolve, for stream sockets of this family */
    int family;
    size_t file;     /* to read, by its place in the list */
    int64_t left_ms; /* until nobody waits for it any longer */
};

struct files {
    const char *const *paths;
    size_t count;
    const char *peers_path; /* the one of them that names others, or NULL */
};

static void answer_name(const struct asked *asked, int fd)
{
    struct resolved found;

    resolve_name(&asked->address, asked->family, &found);
    question_answer(fd, &found, sizeof(found));
}

/*
 * Read one of the files. A descriptor of that number is not what it was at our parent's start, and
 * could be read only once.
 */
static void answer_file(const struct files *files, size_t place, int fd)
{
    struct key_file file = {0};
    struct namespace_texts namespaces = {0};
    struct file_head head = {.error = ERR_FILE_MISSING};

    if (place < files->count && key_file_descriptor(files->paths[place]) < 0)
        head.error =
            (int32_t)key_file_read(&file, files->paths[place], PEERS_FILE_MAX, KEY_FILE_TRUSTED);
    head.system_errno = errno;
    if (head.error == OK && files->peers_path != NULL &&
        strcmp(files->paths[place], files->peers_path) == 0 &&
        !peer_namespaces_pack(&namespaces, files->peers_path, &file))
        head.error = ERR_MEMORY;
    head.len = (uint32_t)file.len;
    head.namespaces_len = (uint32_t)namespaces.len;
    head.writers = file.writers;
    if (descriptor_write_by(fd, &head, sizeof(head), NEVER_MS) &&
        (file.len == 0 || descriptor_write_by(fd, file.text, file.len, NEVER_MS)) &&
        namespaces.len > 0)
        (void)descriptor_write_by(fd, namespaces.bytes, namespaces.len, NEVER_MS);
    namespace_texts_wipe(&namespaces);
    key_file_wipe(&file);
    (void)close(fd);
}

/* The answer that is being found, for the handler. */
static struct {
    int fd;
    int64_t until_ms;
} awaited;

static void end_if_given_up(int number)
{
    int saved = errno;

    (void)number;
    if (clock_now_ms() >= awaited.until_ms || !question_is_awaited(awaited.fd))
        _exit(0);
    errno = saved;
}

/*
 * From here on end with who asks, or with its question: a C library may ask for a name very much
 * longer than anybody waits for it. To be signalled by the pipe would be more than we may.
 */
static void heed_asker(int fd, int64_t left_ms)
{
    const struct sigaction look = {.sa_handler = end_if_given_up, .sa_flags = SA_RESTART};
    const struct timeval often = {.tv_usec = STILL_ASKED_LOOK_MS * 1000L};

    awaited.fd = fd;
    awaited.until_ms = left_ms == NEVER_MS ? NEVER_MS : clock_deadline_ms(left_ms + LATE_MS);
    (void)sigaction(SIGALRM, &look, NULL);
    (void)setitimer(ITIMER_REAL, &(struct itimerval){often, often}, NULL);
}

/* Answer, but not much later than somebody waits for it: the process then ends. */
static void answer_one(const struct files *files, struct asked *asked, int fd)
{
    if (!question_is_awaited(fd)) { /* since it stood in the line for too long */
        (void)close(fd);
        return;
    }
    /* The one that asks may be in somebody else's hands. */
    asked->address.host[HOST_SIZE - 1] = asked->address.port[PORT_SIZE - 1] = '\0';
    if (asked->kind == ASK_READ) {
        (void)signal(SIGALRM, SIG_DFL); /* what reads from a disk that is gone heeds no handler */
        if (asked->left_ms != NEVER_MS)
            (void)alarm((unsigned)((asked->left_ms + LATE_MS) / 1000 + 1));
        answer_file(files, asked->file, fd);
    } else {
        heed_asker(fd, asked->left_ms);
        answer_name(asked, fd);
    }
    (void)alarm(0);
}

/* The life of a helper that is asked once. */
static void answer_once(int line, const void *context)
{
    static const struct files none;
    struct asked asked;
    int fd;

    (void)context;
    helper_strip(&line, 1, false);
    if (question_receive(line, &asked, sizeof(asked), &fd, 1, NEVER_MS) == sizeof(asked) && fd >= 0)
        answer_one(&none, &asked, fd);
}

#define LINE_OVER 1 /* a child's status */

/* A child's life: question after question, for a while. Its status. */
static int answer_questions(int line, int news_fd, const struct files *files)
{
    struct news news = {.process = getpid()};
    int64_t until_ms = NEVER_MS;
    struct asked asked;
    int fd;

    while (question_receive(line, &asked, sizeof(asked), &fd, 1, until_ms) == sizeof(asked)) {
        if (until_ms == NEVER_MS)
            until_ms = clock_deadline_ms(LIFE_MS);
        news.busy = true;
        report_news(news_fd, &news);
        if (fd >= 0)
            answer_one(files, &asked, fd);
        news.busy = false;
        report_news(news_fd, &news);
        if (clock_now_ms() >= until_ms)
            break;
    }
    return until_ms == NEVER_MS ? LINE_OVER : 0; /* only the end comes to one that nobody asks */
}

static bool one_is_free(const struct children *children)
{
    for (size_t i = 0; i < children->count; i++) {
        if (!children->list[i].busy)
            return true;
    }
    return false;
}

/* See to it that the next question finds a child, if there can be one. */
static bool prepare_child(struct children *children, int line, const struct files *files)
{
    pid_t process;

    if (one_is_free(children))
        return true;
    if (children->count == CHILDREN_MAX)
        return false;
    process = fork();
    if (process == 0) {
        (void)signal(SIGCHLD, SIG_DFL);
        (void)close(children->news[0]);
        _exit(answer_questions(line, children->news[1], files));
    }
    if (process > 0)
        children->list[children->count++] = (struct news){.process = process};
    return process > 0;
}

static void forget(struct children *children, pid_t process)
{
    for (size_t i = 0; i < children->count; i++) {
        if (children->list[i].process == process)
            children->list[i] = children->list[--children->count];
    }
}

/* False if a child has found that nobody asks any longer. */
static bool take_news(struct children *children)
{
    struct news news;
    bool asked = true;
    pid_t ended;
    int status;

    while (read(children->news[0], &news, sizeof(news)) == (ssize_t)sizeof(news)) {
        for (size_t i = 0; i < children->count; i++) {
            if (children->list[i].process == news.process)
                children->list[i].busy = news.busy;
        }
    }
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
        forget(children, ended);
        asked = asked && !(WIFEXITED(status) && WEXITSTATUS(status) == LINE_OVER);
    }
    return asked;
}

/* Its whole life: until the line is closed, or ended by who asks, of which poll tells its children
 * alone. */
static void keep_children(int line, struct children *children, const struct files *files)
{
    for (;;) {
        bool prepared = prepare_child(children, line, files);
        struct pollfd fds[] = {
            {.fd = line}, /* its end only: what is asked there is the children's */
            {.fd = children->news[0], .events = POLLIN},
        };

        if (poll(fds, 2, prepared ? -1 : FORK_AGAIN_MS) > 0 && fds[0].revents != 0)
            return;
        if (!take_news(children))
            return;
    }
}

/* In the forked process: nothing of what our parent has is left, but the line to it. */
static void live(int line, const void *context)
{
    static const struct sandbox_needs needs = {.reads = true};
    static struct children children;
    const struct sigaction note = {.sa_handler = note_end};

    helper_strip(&line, 1, false);
    zone_hold(); /* a peers file is to mean here what it means there */
    if (!descriptor_pipe_nonblocking(children.news))
        return;
    news_of_ends = children.news[1];
    (void)sigaction(SIGCHLD, &note, NULL);
    sandbox_enter(SANDBOX_LOOKUP, &needs);
    keep_children(line, &children, context);
}

enum kith_error lookup_start(struct helper *lookup, const char *const *files, size_t count,
                             const char *peers_path)
{
    const struct files list = {files, count, peers_path};

    if (helper_start(lookup, live, &list))
        return OK;
    return helper_log_failure("lookup", NULL);
}

/* The bytes between its members go with it: none of them is one of our stack. */
static void begin_question(struct asked *asked, int kind, int64_t deadline_ms)
{
    memset(asked, 0, sizeof(*asked));
    asked->kind = kind;
    asked->left_ms = deadline_ms == NEVER_MS ? NEVER_MS : clock_poll_timeout(deadline_ms);
}

/* Ask, and take the answer. ERR_LOOKUP: there is none. */
static enum kith_error ask_for_name(const struct helper *lookup, const struct asked *asked,
                                    int64_t deadline_ms, struct resolved *found)
{
    errno = 0; /* of what is not the system's fault it says nothing */
    if (question_settle(lookup, asked, sizeof(*asked), found, sizeof(*found), deadline_ms) &&
        resolved_is_sound(found))
        return OK;
    if (descriptor_is_lacking(errno))
        return ERR_FEW_DESCRIPTORS;
    return clock_now_ms() >= deadline_ms ? ERR_RESOLVE_TIMEOUT : ERR_LOOKUP;
}

/* The same of one that is started for it. */
static enum kith_error ask_once(const struct asked *asked, int64_t deadline_ms,
                                struct resolved *found)
{
    struct helper once;
    enum kith_error error;

    if (!helper_start(&once, answer_once, NULL))
        return descriptor_is_lacking(errno) ? ERR_FEW_DESCRIPTORS : ERR_PROCESS;
    error = ask_for_name(&once, asked, deadline_ms, found);
    (void)kill(once.process, SIGKILL);
    /* One that has answered is at its end; another is not waited for. */
    (void)waitpid(once.process, NULL, error == OK ? 0 : WNOHANG);
    helper_dismiss(&once);
    return error;
}

enum kith_error lookup_resolve(const struct helper *lookup, const struct address *address,
                               int family, int64_t deadline_ms, struct resolved *found,
                               struct problem *problem)
{
    struct asked asked;
    enum kith_error error;

    if (resolve_number(address, family, found))
        return resolved_outcome(found, address, problem);
    begin_question(&asked, ASK_RESOLVE, deadline_ms);
    asked.address = *address;
    asked.family = family;
    if (lookup->line < 0)
        error = ask_once(&asked, deadline_ms, found);
    else
        error = ask_for_name(lookup, &asked, deadline_ms, found);
    if (error == OK)
        return resolved_outcome(found, address, problem);
    if (error != ERR_LOOKUP)
        return error;
    (void)problem_say(problem, "the process that resolves names does not answer; start kith again");
    return ERR_RESOLVE;
}

enum kith_error lookup_connect(const struct helper *lookup, const struct address *address,
                               const struct net_options *options, int64_t deadline_ms, int *fd,
                               struct endpoint *peer, struct problem *problem)
{
    struct resolved found;
    enum kith_error error =
        lookup_resolve(lookup, address, options->family, deadline_ms, &found, problem);

    return error != OK ? error : connect_to_any(&found, options, deadline_ms, fd, peer, problem);
}

bool lookup_read(const struct helper *lookup, size_t file, int64_t deadline_ms,
                 struct reading *reading, struct file_text *text)
{
    struct asked asked;

    begin_question(&asked, ASK_READ, deadline_ms);
    asked.file = file;
    *reading = (struct reading){.text = text};
    reading->fd = question_ask(lookup, &asked, sizeof(asked));
    return reading->fd >= 0;
}

/* The head is here: make room for the rest. */
static bool make_room(struct reading *reading)
{
    struct key_file *file = &reading->text->file;
    struct namespace_texts *namespaces = &reading->text->namespaces;

    if (reading->head.error < OK || reading->head.error >= ERR_COUNT ||
        reading->head.len > PEERS_FILE_MAX || reading->head.namespaces_len > NAMESPACE_TEXTS_MAX)
        return false;
    namespaces->len = reading->head.namespaces_len;
    namespaces->bytes = namespaces->len > 0 ? malloc(namespaces->len) : NULL;
    if (namespaces->len > 0 && namespaces->bytes == NULL)
        namespaces->len = 0;
    if (namespaces->len != reading->head.namespaces_len)
        return false;
    file->len = reading->head.len;
    file->writers = reading->head.writers;
    file->text = file->len > 0 ? malloc(file->len + 1) : NULL;
    if (file->len > 0 && file->text == NULL)
        return false;
    if (file->len > 0)
        file->text[file->len] = '\0';
    reading->text->error = (enum kith_error)reading->head.error;
    reading->text->system_errno = reading->head.system_errno;
    return true;
}

/* How many bytes the answer has, as far as is known. */
static size_t whole_size(const struct reading *reading)
{
    if (reading->here < sizeof(reading->head))
        return sizeof(reading->head);
    return sizeof(reading->head) + reading->head.len + reading->head.namespaces_len;
}

/* Take the next piece; as question_take. */
static ssize_t take_piece(struct reading *reading)
{
    size_t head = sizeof(reading->head), text_end = head + reading->head.len;
    size_t here = reading->here;
    ssize_t n;

    if (here < head)
        n = question_take(reading->fd, (char *)&reading->head + here, head - here);
    else if (here < text_end)
        n = question_take(reading->fd, reading->text->file.text + here - head, text_end - here);
    else
        n = question_take(reading->fd, reading->text->namespaces.bytes + here - text_end,
                          whole_size(reading) - here);
    if (n > 0)
        reading->here += (size_t)n;
    return n;
}

bool lookup_has_read(struct reading *reading)
{
    size_t head = sizeof(reading->head);
    bool sound = true;

    while (sound && reading->here < whole_size(reading)) {
        bool before = reading->here < head;
        ssize_t n = take_piece(reading);

        if (n < 0 && descriptor_would_wait(errno))
            return false;
        sound = n > 0 && (!before || reading->here < head || make_room(reading));
    }
    lookup_forget(reading);
    if (!sound) {
        file_text_wipe(reading->text);
        reading->text->error = ERR_LOOKUP;
    }
    return true;
}

void lookup_forget(struct reading *reading)
{
    if (reading->fd >= 0)
        (void)close(reading->fd);
    reading->fd = -1;
}
