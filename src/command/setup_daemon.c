/*
 * Owns what a daemon is set up with beside other commands: what may be asked once it is confined,
 * and what it does with files that were read again. Must never use a text of a reload that is under
 * way.
 */
#include "command/setup_daemon.h"

#include <stdio.h>

#include "base/log.h"
#include "command/may_call.h"
#include "helpers/lookup.h"

enum kith_error setup_start_lookup(struct setup *setup, struct reload *reload)
{
    size_t skipped = setup->file_count > 0 && setup->files[0] == setup->peers_path &&
                     !setup->directory.read; /* which nothing on the command line needs */
    const char *const *files = setup->files + skipped;

    setup->text_count = setup->file_count - skipped;
    *reload = (struct reload){
        .lookup = &setup->lookup,
        .keeper = &setup->keeper,
        .texts = setup->texts,
        .count = setup->text_count,
    };
    for (size_t i = 0; i < setup->text_count; i++)
        setup->texts[i].path = files[i];
    return lookup_start(&setup->lookup, files, setup->text_count,
                        skipped == 0 ? setup->peers_path : NULL);
}

/* What was read before is forgotten; the texts take its place. */
static void use_texts(struct setup *setup)
{
    directory_free(&setup->directory);
    setup->directory.texts = setup->texts;
    setup->directory.text_count = setup->text_count;
}

enum kith_error setup_choose_again(struct setup *setup, struct peers *chosen)
{
    enum kith_error error;

    use_texts(setup);
    error = may_call_read_again(&setup->directory, setup->options, chosen);
    if (error == OK)
        error = may_call_expect(setup->options, chosen);
    return error;
}

enum kith_error setup_find_again(struct setup *setup, struct callee_again *found,
                                 struct peers *chosen)
{
    use_texts(setup);
    return callees_find_again(&setup->callees, &setup->directory, found, chosen);
}

void setup_report_reload(const struct setup *setup, const char *which)
{
    const char *what = setup->options->what;
    char why[64];

    (void)snprintf(why, sizeof(why), "the peers were read again: %zu in the peers file",
                   setup->directory.file.count);
    if (setup->directory.read)
        log_event(LOG_NOTE, what, which, why, NULL);
    else if (setup->directory.from_files)
        log_event(LOG_NOTE, what, which, "the peers were read again", NULL);
    else
        log_event(LOG_NOTE, what, which,
                  "there is no file to read again: the peers were given as keys", NULL);
}

void setup_report_stays(const struct setup *setup, const char *which, bool several)
{
    log_event(LOG_ERROR, setup->options->what, which,
              several ? "the peers stay as they were" : "the peer stays as it was", NULL);
}

struct daemon_terms setup_daemon_terms(struct setup *setup, struct reload *reload)
{
    const struct options *options = setup->options;

    return (struct daemon_terms){
        .what = options->what,
        .keeper = &setup->keeper.helper,
        .lookup = &setup->lookup,
        .via = options->via != NULL ? &setup->via : NULL,
        .reload = reload,
        .max_connections = options->max_connections,
        .max_per_peer = options->max_per_peer,
        .max_pending = options->max_pending,
        .max_message_size = options->max_message_size,
        .idle_timeout_ms = options->idle_timeout_ms,
        .drain_timeout_ms = options->drain_timeout_ms,
        .ready_fd = options->ready_fd,
    };
}

struct reception_terms setup_reception_terms(const struct setup *setup, struct daemon *daemon,
                                             struct admission *admission)
{
    const struct connections_limits *limits = &daemon->connections.limits;

    return (struct reception_terms){
        .what = daemon->terms->what,
        .listeners = &daemon->doors.list[0],
        .rules = &setup->rules,
        .admission = admission,
        .timeout_ms = setup->options->handshake_timeout_ms,
        .places = limits->pending,
        .most = limits->most,
        .most_of_peer = limits->per_peer,
        .proxies = &setup->options->accept_proxy,
        .refusals = &daemon->refusals,
    };
}
