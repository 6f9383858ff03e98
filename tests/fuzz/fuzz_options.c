/*
 * Any words as the command line of any command: what is taken is within its limits, and nothing is
 * said of it; what is refused is said in one line, whatever is in it.
 *
 * The first byte says which command, the rest are its words, with a NUL after each.
 *
 * Targets: command/command_line, command/option_table, command/misuse, base/spelling.
 */
#include <fcntl.h>
#include <getopt.h>
#include <sys/socket.h>

#include "command/command_line.h"
#include "command/commands.h"
#include "said.h"

#define WORDS_MAX 300

static void check_limits(const struct options *options)
{
    demand(options->synchrony_bound_ms >= 0 && options->max_handshake_age_ms >= 0);
    demand(options->handshake_timeout_ms >= 0 && options->idle_timeout_ms >= 0);
    demand(options->retry_ms >= 0 && options->drain_timeout_ms >= 0);
    demand(options->max_message_size >= 1 && options->max_message_size <= MESSAGE_SIZE_MAX);
    demand(options->max_connections <= LIMIT_MAX && options->max_per_peer <= LIMIT_MAX);
    demand(options->max_pending <= LIMIT_MAX && options->named_count <= PEERS_NAMED_MAX);
    demand(options->ready_fd == -1 || fcntl(options->ready_fd, F_GETFD) >= 0);
    demand(options->family == AF_UNSPEC || options->family == AF_INET ||
           options->family == AF_INET6);
    demand(options->namespace == NULL ||
           (options->namespace[0] != '\0' && strlen(options->namespace) <= 1024));
    demand(options->namespace == NULL || options->namespace_file == NULL || options->help);
    demand(!options->send_only || !options->recv_only || options->help);
    demand(options->output == NULL ||
           (options->output[0] != '\0' && !options->send_only && options->program == NULL) ||
           options->help);
}

static void check_taken(const struct options *options, const struct command_form *form)
{
    bool is_serve = form->bit == FOR_SERVE;
    int replaced = is_serve && options->program != NULL ? 1 : 0; /* the target, by a program */

    if (options->place == NULL) /* and the port, by whom we call, or who is here */
        replaced++;
    demand(options->command == form->bit);
    check_limits(options);
    demand(options->help || (options->argument_count >= form->least - replaced &&
                             options->argument_count <= form->most - replaced));
    demand(is_serve || (!options->proxy_protocol && options->accept_proxy.count == 0));
    demand(form->bit == FOR_MEET || !options->listen);
    demand((form->bit & (FOR_MEET | FOR_IMPORT)) != 0 || !options->print);
    demand(options->output == NULL || (form->bit & FOR_PIPES) != 0);
    demand(options->program == NULL || (form->bit & (FOR_PROGRAMS | FOR_FORWARD)) != 0);
    demand(options->help || form->bit != FOR_KEYGEN || options->namespace_file == NULL ||
           (options->argument_count == 0 && options->name == NULL));
    demand(options->help || form->bit != FOR_FORWARD || options->argument_count % 2 == 0);
    for (int i = 0; i < options->argument_count; i++)
        demand(options->arguments[i] != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    size_t commands;
    const struct command *table = command_table(&commands);
    const struct command *command = &table[take_byte(&input) % commands];
    char *owned[WORDS_MAX], *words[WORDS_MAX + 2] = {NULL}, name[16];
    struct options options;
    enum kith_error error;
    int count = 0;

    (void)snprintf(name, sizeof(name), "%s", command->form.name);
    words[0] = name;
    while (input.left > 0 && count < WORDS_MAX) {
        words[count + 1] = owned[count] = take_text(&input);
        count++;
    }
    said_nothing();
    optind = 0; /* from the start */
    error = command_line_parse(&options, command, count + 1, words);
    demand(error == OK || error == ERR_USAGE);
    demand(said_lines() == (error == OK ? 0 : 1));
    if (error == OK)
        check_taken(&options, &command->form);
    address_ranges_free(&options.accept_proxy);
    while (count > 0)
        free(owned[--count]);
    return 0;
}
