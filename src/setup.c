/*
 * Owns the order in which a command gets ready: the key is read, and its keeper forked, before
 * anything that comes from outside is looked at.
 */
#include "setup.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "identity.h"
#include "log.h"
#include "paths.h"

enum kith_error setup_begin(struct setup *setup, const struct options *options)
{
    char path[FILE_PATH_SIZE];
    enum kith_error error;

    memset(setup, 0, sizeof(*setup));
    setup->options = options;
    setup->keeper.fd = -1;
    setup->net = (struct net_options){.family = options->family, .source = options->source};
    setup->rules.params = (struct handshake_params){
        .namespace = (const uint8_t *)options->namespace,
        .namespace_len = strlen(options->namespace),
        .synchrony_bound_ms = (uint64_t)options->synchrony_bound_ms,
        .max_handshake_age_ms = (uint64_t)options->max_handshake_age_ms,
    };
    setup->rules.signer = &setup->keeper.signer;
    error = path_of_identity(path, options->identity);
    if (error != OK) {
        identity_complain(error, "identity", 0);
        return error;
    }
    error = keeper_start(&setup->keeper, path, options->passphrase_file,
                         setup->rules.params.namespace, setup->rules.params.namespace_len);
    setup->who.peers_path = options->peers;
    setup->who.own_key = setup->keeper.signer.public_key;
    return error;
}

void setup_end(struct setup *setup)
{
    keeper_stop(&setup->keeper);
    who_free(&setup->who);
}

void setup_report_ready(const struct options *options, const char *address)
{
    char line[ADDRESS_TEXT_SIZE + 1];
    int len = snprintf(line, sizeof(line), "%s\n", address);

    if (options->ready_fd < 0)
        return;
    if (write(options->ready_fd, line, (size_t)len) != len)
        log_event(LOG_NOTE, "ready-fd", NULL, "cannot write to it", NULL);
    (void)close(options->ready_fd);
}
