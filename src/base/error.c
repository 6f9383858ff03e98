/*
 * Owns the words of every error, its hint, its exit status and its traits. Must hold no state, nor
 * write anything: that is for base/log.
 */
#include "base/error.h"

#include <stddef.h>

struct entry {
    enum exit_status status;
    const char *text;
    const char *hint;
};

/* What a dialer cannot be told by the wire, and what it can be: of targets, and what is there. */
#define REFUSAL_HINT(targets, there)                                                               \
    "the log there says which: our key is not known there, has expired, or may not call from "     \
    "here; " targets                                                                               \
    "; its key is not the one that we expect; the namespaces or the clocks differ; it is "         \
    "full; " there "or it is not kith"

/* Of one that is to have the target without a name, and of one that says later which. */
#define NO_UNNAMED "there is no target without a name for us (PEER:NAME)"
#define NO_TARGET "there is no target for us"

/* Where to look, when it was not our side that failed. */
#define CUT_HINT                                                                                   \
    "its side or a program there failed, was stopped, reached its --idle-timeout, or lost the "    \
    "connection to us: its messages there tell which"

/* Of a meeting that ended once keys had been shown. */
#define DO_NOT_USE                                                                                 \
    "somebody may be in between, or it was a mistake: do not use these keys; nothing was written"

/* Of a file that should have a namespace. */
#define MAKE_NAMESPACE "make one with: kith keygen --namespace FILE"

static const struct entry entries[ERR_COUNT] = {
    [OK] = {EXIT_WHOLE, "whole", NULL},

    [ERR_MEMORY] = {EXIT_LOCAL, "out of memory", NULL},
    [ERR_PROCESS] = {EXIT_LOCAL, "no process can be started",
                     "see the limit on processes: ulimit -u"},
    [ERR_CRYPTO] = {EXIT_LOCAL, "libcrypto failed", "is it OpenSSL 3.0 or later, and whole?"},
    [ERR_SYSTEM] = {EXIT_LOCAL, "system call failed", NULL},
    [ERR_INLET] = {EXIT_LOCAL, "cannot read", NULL},
    [ERR_OUTLET] = {EXIT_LOCAL, "cannot write", NULL},
    [ERR_OUTLET_CLOSED] = {EXIT_LOCAL, "nobody reads what arrives", NULL},
    [ERR_NOT_WANTED] = {EXIT_STREAM, "the peer sent data, and --send-only leaves it no place",
                        NULL},
    [ERR_SIGNAL] = {EXIT_LOCAL, "ended by a signal", NULL},
    [ERR_PROGRAM] = {EXIT_LOCAL, "the program failed", NULL},
    [ERR_TARGET] = {EXIT_ADDRESS, "cannot reach the target", NULL},
    [ERR_FEW_DESCRIPTORS] = {EXIT_LOCAL, "too few descriptors for one connection", "see ulimit -n"},
    [ERR_SMALL_STACK] = {EXIT_LOCAL,
                         "too small: 124 KiB are needed, and the size of environment and arguments",
                         "see ulimit -s"},
    [ERR_NO_THREAD] = {EXIT_LOCAL, "no thread can be started",
                       "see the limit on processes: ulimit -u, or TasksMax= of systemd"},
    [ERR_TERMINAL] = {EXIT_LOCAL, "there is no terminal to ask at",
                      "run it at the terminal of somebody who can speak to the other side"},
    [ERR_ANSWER_END] = {EXIT_LOCAL, "ended at a question", NULL},
    [ERR_KEEPER_LATE] =
        {EXIT_DEADLINE, "the process that holds the private key was too late",
         "was this machine suspended, its clock set, or is it very busy? A new call may work"},
    [ERR_KEEPER_SILENT] = {EXIT_DEADLINE,
                           "the process that holds the private key has not signed in time",
                           "see --handshake-timeout; is this machine busy, or that one stopped?"},
    [ERR_KEEPER] = {EXIT_LOCAL, "the process that holds the private key failed", NULL},

    [ERR_LOOKUP] = {EXIT_LOCAL, "the process that resolves names and reads files again is gone",
                    "start kith again"},
    [ERR_LAUNCHER] = {EXIT_LOCAL, "the process that starts programs is gone", "start kith again"},
    [ERR_FILER] = {EXIT_LOCAL, "the process that puts the file in its place is gone",
                   "have it sent again"},
    [ERR_OUTPUT_EXISTS] = {EXIT_LOCAL, "exists already",
                           "name another file, or --force to replace it"},
    [ERR_OUTPUT_KIND] = {EXIT_LOCAL, "exists already, and is not a regular file",
                         "name another one; to write into a device or FIFO: > FILE, without -o"},

    [ERR_USAGE] = {EXIT_USAGE, "wrong usage", NULL},
    [ERR_NAME_ADDRESS] = {EXIT_USAGE, "its line in the peers file has no addr",
                          "say WHO@HOST:PORT, or a name whose line in the peers file has "
                          "addr=\"HOST:PORT\""},

    [ERR_NAME_EMPTY] = {EXIT_KEYS, "an empty name", "name a file"},
    [ERR_FILE_MISSING] = {EXIT_KEYS, "no such file", NULL},
    [ERR_FILE_UNREADABLE] = {EXIT_KEYS, "cannot be read", NULL},
    [ERR_NO_HOME] = {EXIT_KEYS, "there is no folder to look for it in",
                     "no HOME is set, and the password file has none: name the file, or set "
                     "KITH_DIR"},
    [ERR_PATH_LONG] = {EXIT_KEYS, "the path is too long: 4095 bytes at most", NULL},
    [ERR_FILE_EXISTS] = {EXIT_KEYS, "exists already", "name another file, or -f to replace it"},
    [ERR_FILE_OTHER] = {EXIT_KEYS, "exists already, and is not a regular file",
                        "name another file"},
    [ERR_FOLDER_LOCKED] = {EXIT_KEYS, "another program holds the lock of its folder", NULL},
    [ERR_IDENTITY_EXISTS] = {EXIT_KEYS, "an identity of that name exists already", NULL},
    [ERR_FILE_FOLDER] = {EXIT_KEYS, "a folder, where a file is meant", "name a file in it"},
    [ERR_FILE_KIND] = {EXIT_KEYS, "not a regular file", "a pipe can be named as - or /dev/fd/N"},
    [ERR_FILE_TOO_LARGE] = {EXIT_KEYS, "too large", "is it the right file?"},
    [ERR_FILE_EMPTY] = {EXIT_KEYS, "empty", NULL},
    [ERR_FILE_EXPOSED] = {EXIT_KEYS, "a secret that others can read or change",
                          "chmod 600 it, and consider whether it is known"},
    [ERR_FILE_WRITABLE] = {EXIT_KEYS, "others can write to it, and so let themselves in",
                           "chmod go-w it, and look at what it says"},
    [ERR_FILE_OWNER] = {EXIT_KEYS, "belongs to another user", "copy it to a file of your own"},
    [ERR_FILE_NUL] =
        {EXIT_KEYS, "has a NUL byte in it",
         "is it the right file? A key or a passphrase is text, and its line ends with a newline"},
    [ERR_KEY_FORMAT] =
        {EXIT_KEYS, "not a key in any known form",
         "a key is 64 hex digits, PEM, or as OpenSSH writes it; nothing else, and no quotes"},
    [ERR_KEY_FRAME] = {EXIT_KEYS, "begins as a PEM key does, but that line is not whole",
                       "were its blanks and line breaks lost? Copy the file as it is"},
    [ERR_KEY_TYPE] = {EXIT_KEYS, "a key of another type than Ed25519",
                      "make one with: kith keygen"},
    [ERR_KEY_PUBLIC] = {EXIT_KEYS, "a public key, where a private one is needed", NULL},
    [ERR_KEY_PRIVATE] = {EXIT_KEYS, "a private key, where a public one is needed",
                         "its public key: kith pubkey FILE"},
    [ERR_KEY_DAMAGED] = {EXIT_KEYS, "a damaged key", NULL},
    [ERR_KEY_POINT] = {EXIT_KEYS, "not a valid public key", "was it copied whole?"},
    [ERR_KEY_PASSPHRASE] = {EXIT_KEYS, "wrong passphrase", NULL},
    [ERR_KEY_NO_PASSPHRASE] = {EXIT_KEYS, "encrypted, and there is no terminal to ask on",
                               "name a file that holds the passphrase: --passphrase-file FILE"},
    [ERR_PASSPHRASE_FILE] = {EXIT_KEYS,
                             "the key is encrypted, and this passphrase file cannot be used",
                             "is it there, a file of your own, and closed to others?"},
    [ERR_PASSPHRASE_SOURCE] = {EXIT_KEYS, "the key itself is read from there",
                               "give one of the two a file of its own"},
    [ERR_PASSPHRASE_ENDED] = {EXIT_KEYS, "encrypted, and no passphrase was typed", NULL},
    [ERR_PASSPHRASE_LONG] = {EXIT_KEYS, "a passphrase of more than 1024 bytes", NULL},
    [ERR_KEY_COSTLY] = {EXIT_KEYS, "encrypted with more rounds than are accepted: 10 million",
                        "encrypt it again: openssl pkcs8 -topk8"},
    [ERR_KEY_OPENSSH_ENCRYPTED] = {EXIT_KEYS, "an encrypted OpenSSH key",
                                   "have ssh-agent sign with it: ssh-add FILE, then -i agent: (or "
                                   "decrypt a copy: ssh-keygen -p -N '' -f COPY)"},
    [ERR_KEY_SEVERAL] = {EXIT_KEYS, "has several keys: which one is meant?",
                         "put that one in a file of its own, or in the peers file under a name"},
    [ERR_AGENT_UNSET] = {EXIT_KEYS, "there is no ssh-agent: SSH_AUTH_SOCK is not set",
                         "start one: eval \"$(ssh-agent)\", and give it the key: ssh-add"},
    [ERR_AGENT_PATH] = {EXIT_KEYS, "SSH_AUTH_SOCK is longer than the name of a socket can be",
                        NULL},
    [ERR_AGENT_UNREACHED] =
        {EXIT_KEYS, "the ssh-agent cannot be reached",
         "is it running, and is SSH_AUTH_SOCK its socket? ssh-add -l asks it, too"},
    [ERR_AGENT_OWNER] = {EXIT_KEYS, "the ssh-agent is another user's",
                         "SSH_AUTH_SOCK has to name an agent of our own, or of root's"},
    [ERR_AGENT_CUT] = {EXIT_KEYS, "the ssh-agent hung up instead of answering", NULL},
    [ERR_AGENT_SILENT] = {EXIT_KEYS, "the ssh-agent does not answer in time",
                          "does it wait for somebody to confirm, or to type a passphrase? Longer "
                          "deadlines, on both sides: --handshake-timeout"},
    [ERR_AGENT_MALFORMED] = {EXIT_KEYS, "the answer of the ssh-agent is malformed",
                             "is SSH_AUTH_SOCK the socket of an ssh-agent?"},
    [ERR_AGENT_REFUSED] = {EXIT_KEYS, "the ssh-agent refuses",
                           "is the key still there? Is the agent locked? Has the key to be "
                           "confirmed (ssh-add -c), or is it for certain hosts (-h)?"},
    [ERR_AGENT_EMPTY] = {EXIT_KEYS, "the ssh-agent has no Ed25519 key",
                         "give it one: ssh-add FILE; one that is locked shows none: ssh-add -X"},
    [ERR_AGENT_NONE] = {EXIT_KEYS, "the ssh-agent has no Ed25519 key of that name",
                        "ssh-add -L lists what it has: the key, then its comment"},
    [ERR_AGENT_SEVERAL] = {EXIT_KEYS, "the ssh-agent has several Ed25519 keys that this can mean",
                           "choose one by its comment, or by the key: agent:COMMENT, or "
                           "\"agent:ssh-ed25519 AAAA...\" as ssh-add -L shows it"},
    [ERR_AGENT_TOKEN] = {EXIT_KEYS,
                         "a FIDO token's key (sk-), which signs other bytes than it is given",
                         "use a key that is not on a token: ssh-keygen -t ed25519, then ssh-add"},
    [ERR_AGENT_SIGNATURE] =
        {EXIT_KEYS, "the ssh-agent's signature is wrong",
         "it is not by the key that the agent showed, or not over what was to be signed"},
    [ERR_AGENT_BUSY] = {EXIT_KEYS, "the ssh-agent has too many signatures to make already", NULL},
    [ERR_NAMESPACE_SHORT] = {EXIT_KEYS, "shorter than the 32 bytes that a secret namespace has",
                             MAKE_NAMESPACE},
    [ERR_NAMESPACE_LONG] = {EXIT_KEYS, "longer than the 1024 bytes that a namespace may have",
                            MAKE_NAMESPACE},
    [ERR_NAMESPACE_LINES] = {EXIT_KEYS, "more than one line, where a namespace is one",
                             MAKE_NAMESPACE},
    [ERR_NAMESPACE_BYTES] = {EXIT_KEYS, "bytes that are not printable ASCII", MAKE_NAMESPACE},
    [ERR_NAMESPACE_SOURCE] = {EXIT_KEYS, "another secret is read from there",
                              "give one of the two a file of its own"},
    [ERR_NAME_UNKNOWN] = {EXIT_KEYS, "no such name in the peers file",
                          "kith meet and kith import add one; a key is 64 hex digits, and the name "
                          "of a key file has a / or ends in .pub"},
    [ERR_NOBODY] = {EXIT_KEYS, "nobody is known, so nobody can call",
                    "add a peer's line to the peers file, or name one with --peer; a running serve "
                    "reads the file again on SIGHUP"},
    [ERR_PEER_KNOWN] = {EXIT_KEYS, "that key is known already",
                        "nothing has to be added; to give it another name, change its line"},
    [ERR_NAME_TAKEN] = {EXIT_KEYS, "that name is another peer's in the peers file", NULL},
    [ERR_PEERS_LOCKED] = {EXIT_KEYS, "another program holds the lock of the peers file", NULL},
    [ERR_PEERS_LINE] = {EXIT_KEYS, "malformed line", NULL},

    [ERR_RESOLVE] = {EXIT_ADDRESS, "cannot be resolved", NULL},
    [ERR_RESOLVE_TIMEOUT] = {EXIT_DEADLINE, "its name was not resolved in time",
                             "do the name servers of this machine answer (/etc/resolv.conf)? "
                             "--handshake-timeout says how long to wait"},
    [ERR_CONNECT] = {EXIT_ADDRESS, "cannot be reached", NULL},
    [ERR_CONNECT_REFUSED] =
        {EXIT_ADDRESS, "cannot be reached",
         "does kith serve, or for a dial kith listen, run there, at that port? A "
         "listen that has its peer takes no other call"},
    [ERR_CONNECT_TIMEOUT] = {EXIT_DEADLINE, "cannot be reached",
                             "the address is wrong, the machine is down, or a firewall is on the "
                             "way; --handshake-timeout says how long to wait"},
    [ERR_CONNECT_FULL] = {EXIT_DEADLINE, "cannot be reached",
                          "the program that listens there takes no calls: is it busy, or stopped? "
                          "--handshake-timeout says how long to wait"},
    [ERR_BIND] = {EXIT_ADDRESS, "cannot listen there", NULL},
    [ERR_VIA] = {EXIT_ADDRESS, "cannot be reached: the command of --via failed",
                 "the messages of that command tell why"},
    [ERR_VIA_HOST] = {EXIT_ADDRESS, "cannot be told to --via",
                      "a shell reads it: only letters, digits and . _ : % -, and no - in front"},

    [ERR_FRAME_EMPTY] = {EXIT_HANDSHAKE, "an empty frame: not our protocol", NULL},
    [ERR_FRAME_TOO_LONG] = {EXIT_HANDSHAKE, "a frame longer than allowed: not our protocol", NULL},
    [ERR_HELLO_MALFORMED] = {EXIT_HANDSHAKE, "malformed handshake message", NULL},
    [ERR_NOT_FOR_US] = {EXIT_HANDSHAKE, "the hello is meant for another key",
                        "the caller has an old or wrong public key of ours"},
    [ERR_OURSELVES] = {EXIT_KEYS, "that is our own key",
                       "name the other side's key; ours is what that side needs"},
    [ERR_OWN_KEY] = {EXIT_HANDSHAKE, "the other side uses our own key",
                     "each side needs an identity of its own: kith keygen"},
    [ERR_CLOCK_BEHIND] = {EXIT_CLOCK, "the clocks disagree",
                          "set the clocks, or allow more with --max-handshake-age"},
    [ERR_CLOCK_AHEAD] = {EXIT_CLOCK, "the clocks disagree",
                         "set the clocks, or allow more with --synchrony-bound"},
    [ERR_PEER_UNKNOWN] = {EXIT_HANDSHAKE, "key not known, or not allowed here",
                          "if it may call, add its line to the peers file: a daemon reads that on "
                          "SIGHUP, and listen when it is started again"},
    [ERR_PEER_EXPIRED] = {EXIT_HANDSHAKE, "its key has expired",
                          "see expiry-time= in the peers file"},
    [ERR_PEER_SOURCE] = {EXIT_HANDSHAKE, "may not call from this address",
                         "see from= in the peers file"},
    [ERR_PEER_TARGET] = {EXIT_HANDSHAKE, "may not be joined to this target",
                         "see permit-target= in the peers file"},
    [ERR_PEER_TARGETS] = {EXIT_HANDSHAKE, "may not be joined to any of the targets here",
                          "see permit-target= in the peers file"},
    [ERR_NO_TARGET] = {EXIT_HANDSHAKE, "asks for a target that does not exist", NULL},
    [ERR_NO_UNNAMED] = {EXIT_HANDSHAKE,
                        "asks for no target by name, but all targets here have names",
                        "it has to name one: PEER:NAME"},
    [ERR_PROXY_HEADER] = {EXIT_HANDSHAKE, "no PROXY header, or a malformed one",
                          "--accept-proxy names the addresses that send one"},
    [ERR_PROXY_LONG] = {EXIT_HANDSHAKE,
                        "the PROXY header is too long: more than 2048 bytes after its first 16",
                        "have its sender leave out what it adds (TLV)"},
    [ERR_SIGNATURE] =
        {EXIT_HANDSHAKE, "wrong namespace or signature",
         "--namespace, or what its file holds (that of the peer's line before others), "
         "must be equal on both sides"},
    [ERR_KIND] = {EXIT_HANDSHAKE, "wants a kind of channel that is not offered here", NULL},
    [ERR_REPLAY] = {EXIT_HANDSHAKE, "a hello that was seen before", NULL},
    [ERR_TAG] = {EXIT_HANDSHAKE, "an answer to another hello", NULL},
    [ERR_WRONG_PEER] = {EXIT_HANDSHAKE, "somebody else answered",
                        "is it the right address, and its public key up to date?"},
    [ERR_LOW_ORDER] = {EXIT_HANDSHAKE, "the shared secret is all zero, so it is not secret", NULL},
    [ERR_CONFIRMATION] = {EXIT_HANDSHAKE, "wrong confirmation: not the holder of the key", NULL},
    [ERR_HANDSHAKE_CUT] = {EXIT_HANDSHAKE, "closed during the handshake",
                           REFUSAL_HINT(NO_UNNAMED, "")},
    [ERR_KEPT_CUT] = {EXIT_HANDSHAKE, "closed during the handshake",
                      REFUSAL_HINT(NO_TARGET,
                                   "it keeps no channels, for example a listen (--plain); ")},
    [ERR_NAMED_CUT] = {EXIT_HANDSHAKE, "closed during the handshake",
                       REFUSAL_HINT(NO_TARGET, "it is a listen, which has no :NAME; ")},
    [ERR_BACK_CUT] = {EXIT_HANDSHAKE, "closed during the handshake",
                      REFUSAL_HINT("it is no forward --accept", "")},
    [ERR_LEFT] = {EXIT_HANDSHAKE, "left once it had our answer",
                  "a check does so, and so does a caller that refuses the answer, for example "
                  "because of its clock: see its messages there"},
    [ERR_OUT_OF_ORDER] = {EXIT_HANDSHAKE, "out of order", NULL},
    [ERR_HANDSHAKE_TIMEOUT] = {EXIT_DEADLINE, "no handshake in time",
                               "see --handshake-timeout; or what is there is not kith"},
    [ERR_IDLE_TIMEOUT] = {EXIT_DEADLINE, "nothing moved for the idle timeout", NULL},
    [ERR_MEETING_MALFORMED] = {EXIT_HANDSHAKE, "not a message of a meeting",
                               "is it kith meet that is there, and does only one side --listen?"},
    [ERR_MEETING_CUT] = {EXIT_HANDSHAKE, "the other side ended it", NULL},
    [ERR_MEETING_NO] = {EXIT_HANDSHAKE, "you did not say yes", DO_NOT_USE},
    [ERR_MEETING_TIMEOUT] = {EXIT_DEADLINE, "nobody said yes in time", DO_NOT_USE},
    [ERR_MEETING_COMMIT] = {EXIT_HANDSHAKE, "not the key that it had committed to", DO_NOT_USE},
    [ERR_EVICTED] = {EXIT_DEADLINE, "gave way to newer callers before its handshake was done",
                     "see --max-pending and --max-connections, of serve and forward"},
    [ERR_NO_PLACE] = {EXIT_HANDSHAKE, "too many connections",
                      "see --max-connections; without it the limit on descriptors counts"},
    [ERR_CROWDED] = {EXIT_HANDSHAKE,
                     "too many callers of its address or key whose handshake is not done",
                     "see --max-pending, of serve and forward"},
    [ERR_TOO_MANY] = {EXIT_HANDSHAKE, "too many connections of this peer", "see --max-per-peer"},
    [ERR_REMOVED] = {EXIT_STREAM, "its key is no longer in the peers file", NULL},
    [ERR_OTHER_NAMESPACE] = {EXIT_STREAM, "its namespace-file in the peers file has changed", NULL},
    [ERR_STOPPING] = {EXIT_LOCAL, "no new calls: this daemon ends", NULL},

    [ERR_FRAME_SHORT] = {EXIT_STREAM, "a frame too short for a message", NULL},
    [ERR_MESSAGE_TOO_LONG] = {EXIT_STREAM, "a message longer than allowed",
                              "--max-message-size must be equal on both sides"},
    [ERR_TAMPERED] = {EXIT_STREAM, "a message was tampered with",
                      "something between the two sides changes what passes"},
    [ERR_NONCES_USED_UP] = {EXIT_STREAM, "the nonces are used up", NULL},
    [ERR_AFTER_END] = {EXIT_STREAM, "the peer sent data after its end", NULL},
    [ERR_AFTER_RECEIPT] = {EXIT_STREAM, "the peer sent more after its receipt", NULL},
    [ERR_EARLY_RECEIPT] = {EXIT_STREAM, "the peer confirmed what it cannot have", NULL},
    [ERR_RECORD] = {EXIT_STREAM, "the peer sent something that is not a record", NULL},
    [ERR_RECORD_TURN] = {EXIT_STREAM, "the peer sent a record out of turn", NULL},
    [ERR_LINK_LOST] = {EXIT_STREAM, "the connection was lost", NULL},
    [ERR_REFUSED_TARGET] =
        {EXIT_HANDSHAKE, "the peer has no such target for us",
         "it has none of this name, or our line there does not permit it: its log tells which"},
    [ERR_REFUSED_UNREACHED] = {EXIT_HANDSHAKE, "the peer cannot reach its target",
                               "is it running there? the log there tells why"},
    [ERR_REFUSED_ROOM] = {EXIT_HANDSHAKE, "the peer has no room for another connection", NULL},
    [ERR_NO_ANSWER] = {EXIT_DEADLINE, "the peer did not tell in time whether it reached its target",
                       "see --handshake-timeout"},
    [ERR_NOT_CALLED] =
        {EXIT_DEADLINE, "the peer has not called",
         "kith serve --call has to run there; its messages tell why it does not call"},
    [ERR_CUT_DATA] = {EXIT_STREAM, "cut short: what arrived is not all",
                      CUT_HINT "; have it sent again"},
    [ERR_CUT_NOTHING] =
        {EXIT_STREAM, "cut short before anything came",
         "the other side ended it: it takes nothing (--send-only), a program there failed, what it "
         "serves is down, it was stopped, or it reached its --idle-timeout; its messages there "
         "tell which; nothing of ours is confirmed"},
    [ERR_CUT_RECEIPT] = {EXIT_STREAM,
                         "cut short: all of the peer's data arrived, but it did not confirm ours",
                         CUT_HINT "; part of ours may be missing there, so send it again"},
    [ERR_CUT_REFUSED] =
        {EXIT_STREAM,
         "cut short: the program or disk there that took our data ended or failed, or that side "
         "was stopped, cut off, or reached its --idle-timeout",
         "its messages there tell which; part of our data may be missing there, so send it again"},
    [ERR_CUT_OUR_RECEIPT] =
        {EXIT_STREAM, "cut short: it closed before it had our confirmation that all arrived",
         "it has all of our data, but will also report that this was cut short"},
    [ERR_CUT_AT_END] = {EXIT_STREAM, "cut short: this daemon had to end first", NULL},
};

/*
 * What may pass is an address that does not answer yet, and a listener or a target that is being
 * started again. Who turned out to be somebody else remains so, and what we may not have.
 */
static const unsigned traits[ERR_COUNT] = {
    [ERR_SYSTEM] = ERROR_IS_GENERAL | ERROR_SETS_ERRNO | ERROR_IS_SYSTEM,
    [ERR_INLET] = ERROR_IS_SYSTEM,
    [ERR_OUTLET] = ERROR_IS_SYSTEM | ERROR_IS_OF_OUTPUT,
    [ERR_OUTLET_CLOSED] = ERROR_IS_OF_OUTPUT,
    [ERR_FILER] = ERROR_IS_OF_OUTPUT,
    [ERR_OUTPUT_EXISTS] = ERROR_IS_OF_OUTPUT,
    [ERR_OUTPUT_KIND] = ERROR_IS_OF_OUTPUT,

    [ERR_USAGE] = ERROR_IS_GENERAL,
    [ERR_FILE_UNREADABLE] = ERROR_SETS_ERRNO,
    [ERR_PEERS_LINE] = ERROR_IS_GENERAL,

    [ERR_RESOLVE] = ERROR_MAY_PASS,
    [ERR_CONNECT] = ERROR_MAY_PASS,
    [ERR_CONNECT_REFUSED] = ERROR_MAY_PASS,
    [ERR_KEEPER_SILENT] = ERROR_MAY_PASS,
    [ERR_RESOLVE_TIMEOUT] = ERROR_MAY_PASS,
    [ERR_CONNECT_TIMEOUT] = ERROR_MAY_PASS,
    [ERR_VIA] = ERROR_MAY_PASS,

    [ERR_PEER_EXPIRED] = ERROR_IS_OF_ADMISSION,
    [ERR_PEER_SOURCE] = ERROR_IS_OF_ADMISSION,
    [ERR_PEER_TARGET] = ERROR_IS_OF_ADMISSION,
    [ERR_PEER_TARGETS] = ERROR_IS_OF_ADMISSION,
    [ERR_HANDSHAKE_CUT] = ERROR_MAY_PASS,
    [ERR_HANDSHAKE_TIMEOUT] = ERROR_MAY_PASS,
    [ERR_REMOVED] = ERROR_IS_OF_ADMISSION,
    [ERR_OTHER_NAMESPACE] = ERROR_IS_OF_ADMISSION,

    [ERR_LINK_LOST] = ERROR_MAY_PASS,
    [ERR_REFUSED_UNREACHED] = ERROR_MAY_PASS,
    [ERR_REFUSED_ROOM] = ERROR_MAY_PASS,
    [ERR_NO_ANSWER] = ERROR_MAY_PASS,
    [ERR_CUT_DATA] = ERROR_IS_SYSTEM,
    [ERR_CUT_NOTHING] = ERROR_IS_SYSTEM,
    [ERR_CUT_RECEIPT] = ERROR_IS_SYSTEM,
    [ERR_CUT_REFUSED] = ERROR_IS_SYSTEM,
    [ERR_CUT_OUR_RECEIPT] = ERROR_IS_SYSTEM,
};

const char *error_text(enum kith_error error)
{
    return entries[error].text;
}

const char *error_hint(enum kith_error error)
{
    return entries[error].hint;
}

enum exit_status error_exit_status(enum kith_error error)
{
    return entries[error].status;
}

bool error_has(enum kith_error error, enum error_trait trait)
{
    return (traits[error] & trait) != 0;
}
