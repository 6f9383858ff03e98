/*
 * Owns the command import: from a file of keys into the peers file. Must never add a part of what
 * was asked for.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "command/commands.h"
#include "command/own_name.h"
#include "command/paths.h"
#include "crypto/crypto.h"
#include "keys/agent.h"
#include "net/address.h"
#include "peers/addition.h"
#include "peers/directory.h"
#include "peers/import.h"

#define TRIES 100 /* to write, of which each that fails is somebody else's that has succeeded */

/* What one import has to do with. */
struct task {
    const struct options *options;
    const char *path; /* of the file of keys */
    char peers_path[FILE_PATH_SIZE];
    uint8_t own_key[KEY_SIZE];
    bool has_own_key;
    char name[NAME_SIZE];   /* of whoever holds the keys, or empty */
    struct address address; /* where he is called; or all empty */
    struct key_file file;   /* that file, once it is read */
    bool was_overtaken; /* by somebody else who adds to the peers file: all is looked at again */
    struct directory directory;
    struct import import;
};

/*
 * Our own key, as it is published beside our identity, or as an agent has it. Where there is none
 * beside it, it is not read: it may want a passphrase.
 */
static void find_own_key(struct task *task)
{
    char path[FILE_PATH_SIZE], name[NAME_SIZE];
    struct agent agent;

    task->has_own_key = own_published(task->own_key, name, NULL);
    if (task->has_own_key || path_of_identity(path, NULL) != OK)
        return;
    if (!agent_is_meant(path) && access(path, F_OK) != 0)
        return;
    if (agent_is_meant(path) &&
        agent_find(&agent, path, clock_deadline_ms(AGENT_ANSWER_MS)) == OK) {
        memcpy(task->own_key, agent.key, KEY_SIZE);
        task->has_own_key = true;
        return;
    }
    log_event(LOG_NOTE, task->options->what, path,
              "our own key is not known, and would be taken as another's",
              agent_is_meant(path) ? NULL
                                   : "kith pubkey shows it; keep that beside it, as FILE.pub");
}

static void tell_skipped(const struct problem *problem, void *context)
{
    const struct task *task = context;
    char location[FILE_PATH_SIZE + 24];

    if (task->was_overtaken) /* it was told */
        return;
    problem_locate(location, sizeof(location), task->path, problem);
    log_event(LOG_NOTE, task->options->what, location, problem->why, NULL);
}

/* Read who is known; nobody, as long as there is no such file. */
static enum kith_error read_known(struct task *task)
{
    struct directory *directory = &task->directory;

    directory->peers_path = task->peers_path;
    directory->peers_error = path_of_peers(task->peers_path, task->options->peers);
    directory->own_key = task->has_own_key ? task->own_key : NULL;
    if (directory->peers_error == OK && addition_is_missing(task->peers_path))
        return OK;
    return directory_read(directory);
}

/* One line that is no good keeps all out. */
static enum kith_error log_bad_line(const struct task *task, enum kith_error error,
                                    const struct problem *problem)
{
    char location[FILE_PATH_SIZE + 24], hint[256];
    bool has_hint = problem->hint != NULL;

    problem_locate(location, sizeof(location), task->path, problem);
    (void)snprintf(hint, sizeof(hint), "%s%snothing of this file was added",
                   has_hint ? problem->hint : "", has_hint ? "; " : "");
    return log_failure(LOG_ERROR, task->options->what, location, error, problem->why, hint);
}

/* What to do about a file that has no keys for us; or NULL. */
static const char *hint_for(const char *path, enum kith_error error)
{
    if (error == ERR_FILE_EMPTY || error == ERR_KEY_TYPE)
        return "it takes the Ed25519 keys of a file: lines \"ssh-ed25519 ... name\"";
    if (error == ERR_FILE_MISSING && strstr(path, "://") != NULL)
        return "a page is got by curl: curl -fsS URL | kith import - [NAME]";
    return NULL;
}

static enum kith_error log_bad_file(const struct task *task, enum kith_error error,
                                    const struct problem *problem)
{
    if (problem->line > 0)
        return log_bad_line(task, error, problem);
    return log_failure(LOG_ERROR, task->options->what, task->path, error, NULL,
                       hint_for(task->path, error));
}

static enum kith_error read_keys(struct task *task)
{
    enum kith_error error =
        key_file_read(&task->file, task->path, IMPORT_FILE_MAX, KEY_FILE_TRUSTED);

    return error == OK ? OK : log_bad_file(task, error, &(struct problem){0});
}

/* Which of them are to be added, and under which names. */
static enum kith_error choose(struct task *task)
{
    const struct import_terms terms = {
        .known = &task->directory.file,
        .own_key = task->directory.own_key,
        .name = task->name[0] != '\0' ? task->name : NULL,
        .address = task->address.port[0] != '\0' ? &task->address : NULL,
        .warn = tell_skipped,
        .context = task,
    };
    struct problem problem = {0};
    enum kith_error error =
        import_compose(&task->import, &terms, task->file.text, task->file.len, &problem);

    return error == OK ? OK : log_bad_file(task, error, &problem);
}

/* Those that were left out, and why. */
static void tell_left_out(const struct task *task)
{
    const struct peers *keys = &task->import.keys;
    char who[PEER_TEXT_SIZE];

    for (size_t i = 0; i < keys->count; i++) {
        const struct peer *known = peers_find_key(&task->directory.file, keys->list[i].key);

        if (known != NULL) {
            peer_format(who, known->name, known->key);
            log_event(LOG_NOTE, task->options->what, who, "is in the peers file already",
                      task->address.port[0] == '\0'
                          ? NULL
                          : "its line stays as it is: where it is called is put there by hand");
        } else if (task->has_own_key && memcmp(keys->list[i].key, task->own_key, KEY_SIZE) == 0) {
            log_event(LOG_NOTE, task->options->what, task->path,
                      "has our own key, which is left out", NULL);
        }
    }
}

static void tell_added(const struct task *task)
{
    const struct peers *added = &task->import.added;
    char who[PEER_TEXT_SIZE], why[FILE_PATH_SIZE + 16];

    (void)snprintf(why, sizeof(why), "added to %s", task->peers_path);
    for (size_t i = 0; i < added->count; i++) {
        peer_format(who, added->list[i].name, added->list[i].key);
        log_event(LOG_NOTE, task->options->what, who, why, NULL);
    }
}

/* True if somebody else has added one of these keys or names since we have looked. */
static bool is_overtaken(enum kith_error error)
{
    return error == ERR_PEER_KNOWN || error == ERR_NAME_TAKEN;
}

static enum kith_error put_lines(const struct task *task)
{
    if (task->import.added.count == 0)
        return OK;
    if (!task->options->print)
        return addition_write_lines(task->import.lines, task->peers_path, task->directory.own_key);
    (void)fputs(task->import.lines, stdout);
    return OK;
}

/* What fails is logged. */
static enum kith_error add_peers(struct task *task)
{
    int tries = TRIES;
    enum kith_error error, written = OK;

    do {
        import_free(&task->import);
        directory_free(&task->directory);
        error = read_known(task);
        if (error == OK)
            error = choose(task);
        if (error == OK)
            written = put_lines(task);
        task->was_overtaken = is_overtaken(written);
    } while (error == OK && task->was_overtaken && --tries > 0);
    if (error != OK)
        return error;
    tell_left_out(task);
    if (written != OK)
        return log_failure(LOG_ERROR, "peers", task->peers_path, written, NULL, NULL);
    if (!task->options->print)
        tell_added(task);
    return OK;
}

/* NAME, or NAME@HOST:PORT. */
static enum kith_error take_name(struct task *task)
{
    const char *given = task->options->argument_count > 1 ? task->options->arguments[1] : NULL;
    const char *hint = "NAME is a word that you choose for the holder of the keys; NAME@HOST:PORT "
                       "also says where to call";
    struct problem problem;
    const char *address;
    size_t len;

    if (given == NULL)
        return OK;
    address = directory_find_address(given);
    len = address == NULL ? strlen(given) : (size_t)(address - given) - 1;
    if (!name_check(given, len, &problem))
        return log_failure(LOG_ERROR, task->options->what, given, ERR_USAGE, problem.why, hint);
    memcpy(task->name, given, len);
    task->name[len] = '\0';
    if (address == NULL || address_parse(&task->address, address, ADDRESS_HOST_PORT, &problem))
        return OK;
    return log_failure(LOG_ERROR, task->options->what, given, ERR_USAGE, problem.why,
                       problem.hint != NULL ? problem.hint : hint);
}

enum kith_error command_import(const struct options *options)
{
    static struct task task;
    enum kith_error error;

    task = (struct task){.options = options, .path = options->arguments[0]};
    error = take_name(&task);
    if (error == OK && (error = crypto_start_keys()) != OK)
        return log_failure(LOG_ERROR, options->what, NULL, error, NULL, NULL);
    if (error == OK)
        find_own_key(&task);
    if (error == OK)
        error = read_keys(&task);
    if (error == OK)
        error = add_peers(&task);
    key_file_wipe(&task.file);
    import_free(&task.import);
    directory_free(&task.directory);
    return error;
}
