/*
 * kith: an encrypted pipe and port forwarder between machines whose people know each other's
 * public keys. This file owns what the first word has done, and the exit status, and must never
 * know what a command does.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "command/command_line.h"
#include "command/commands.h"
#include "command/help.h"
#include "net/inetd.h"
#include "system/memory.h"
#include "system/protect.h"
#include "system/signals.h"

/* What was printed has to arrive as well, and so has our last word. */
static enum exit_status finish_output(enum exit_status status)
{
    if (fflush(stdout) != 0 && status == EXIT_WHOLE)
        status = error_exit_status(
            log_failure(LOG_ERROR, "stdout", NULL, ERR_OUTLET, strerror(errno), NULL));
    log_finish();
    return status;
}

static enum log_level level_of(const struct options *options)
{
    if (options->quiet)
        return LOG_ERROR;
    if (options->verbosity == 0)
        return LOG_NOTE;
    return options->verbosity == 1 ? LOG_MORE : LOG_DEBUG;
}

static enum exit_status run_command(const struct command *command, int argc, char **argv)
{
    static struct options options; /* to the end of all threads */
    static int status = -1;        /* of a program that ours stands for */
    enum kith_error error;

    if (command_line_has_inetd(command->form.bit, argc, argv) && !inetd_spare())
        return EXIT_LOCAL;
    if (!memory_has_stack(argv)) { /* else a key that is read, or a lookup, ends in SIGSEGV */
        (void)log_failure(LOG_ERROR, "stack", NULL, ERR_SMALL_STACK, NULL, NULL);
        return EXIT_LOCAL;
    }
    error = command_line_parse(&options, command, argc, argv);
    if (error != OK)
        return error_exit_status(error);
    if (options.help) {
        help_print_command(command);
        return EXIT_WHOLE;
    }
    log_configure(level_of(&options), options.json);
    protect_after_starts(command_line_starts(&options));
    options.status = &status;
    error = command->run(&options);
    return error == OK && status >= 0 ? (enum exit_status)status : error_exit_status(error);
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

/* The first word says what is to be done. */
static enum exit_status do_as_told(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    bool help = is_one_of(name, "--help", "-h", "help");
    bool is_version = is_one_of(name, "--version", "-V", "version");
    bool on_all = help && (argc < 3 || is_one_of(argv[2], "help", "version", "--help"));
    const struct command *command = command_named(help && argc > 2 ? argv[2] : name);

    if (argc > (help ? 3 : 2) && (help || is_version)) {
        (void)log_failure(LOG_ERROR, name, argv[help ? 3 : 2], ERR_USAGE, "one argument too many",
                          help ? "kith help COMMAND tells about one" : NULL);
        return EXIT_USAGE;
    }
    if (on_all) {
        help_print();
    } else if (help && command != NULL) {
        help_print_command(command);
    } else if (is_version) {
        (void)printf("kith %s\n", KITH_VERSION);
    } else if (command != NULL) {
        return run_command(command, argc - 1, argv + 1);
    } else {
        command_log_unknown(help ? argv[2] : name, argc, argv);
        return EXIT_USAGE;
    }
    return EXIT_WHOLE;
}

int main(int argc, char **argv)
{
    if (!protect_standard_descriptors()) {
        (void)log_failure(LOG_ERROR, "descriptors", NULL, ERR_SYSTEM, NULL,
                          "0 to 2 have to be open");
        return EXIT_LOCAL;
    }
    protect_process();
    signals_prepare();
    return (int)finish_output(do_as_told(argc, argv));
}
