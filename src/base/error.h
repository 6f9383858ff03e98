/*
 * What can go wrong, as one enum for the whole program, and what each case means to a user:
 * its words, the hint that goes with them, and the exit status it leads to.
 */
#ifndef KITH_ERROR_H
#define KITH_ERROR_H

#include <stdbool.h>

#define must_check __attribute__((warn_unused_result))

/* Exit statuses: a contract with scripts, in kith(1). Ended by signal N is 128 + N. */
enum exit_status {
    EXIT_WHOLE = 0, /* whole, both ways, confirmed */
    EXIT_LOCAL = 1, /* stdin, stdout, memory, a program that we started */
    EXIT_USAGE = 2,
    EXIT_KEYS = 3,      /* a key or peers file: missing, unsafe, malformed */
    EXIT_ADDRESS = 4,   /* cannot be resolved, reached or bound */
    EXIT_HANDSHAKE = 5, /* refused, not who was meant, malformed */
    EXIT_CLOCK = 6,     /* the clocks disagree */
    EXIT_DEADLINE = 7,  /* handshake or idle */
    EXIT_STREAM = 8     /* cut short, tampered with, or not confirmed */
};

/*
 * Every error of every layer. A function returns one and says nothing; the layer that knows the
 * name of the file, peer or address logs it, once. 0 is success. base/error.c holds their words.
 */
enum kith_error {
    OK = 0,

    /* the machine */
    ERR_MEMORY,
    ERR_PROCESS,       /* the system has no room for one more */
    ERR_CRYPTO,        /* libcrypto failed where it cannot: out of memory, no such algorithm */
    ERR_SYSTEM,        /* a system call failed; errno says which way */
    ERR_INLET,         /* reading what is to be sent failed */
    ERR_OUTLET,        /* writing what arrived failed */
    ERR_OUTLET_CLOSED, /* nobody reads what arrives */
    ERR_NOT_WANTED,    /* data arrived, and --send-only leaves it no place to go */
    ERR_SIGNAL,        /* a signal asked us to end */
    ERR_PROGRAM,       /* a program of --exec or exec: has failed */
    ERR_TARGET,        /* the target of serve cannot be reached */
    ERR_FEW_DESCRIPTORS,
    ERR_SMALL_STACK,
    ERR_NO_THREAD,     /* the system has none left for us */
    ERR_TERMINAL,      /* there is none */
    ERR_ANSWER_END,    /* an end was typed where an answer was asked for, or the terminal is gone */
    ERR_KEEPER_LATE,   /* what it is to sign is not of now any more */
    ERR_KEEPER_SILENT, /* it has not answered by the deadline */
    ERR_KEEPER,        /* the process that holds the private key is gone or refused */
    ERR_LOOKUP,        /* the process that resolves names and reads files again is gone */
    ERR_LAUNCHER,      /* the process that starts programs is gone */
    ERR_FILER,         /* the process that puts FILE in its place is gone */
    ERR_OUTPUT_EXISTS,
    ERR_OUTPUT_KIND, /* what no file is put in the place of */

    /* usage */
    ERR_USAGE,
    ERR_NAME_ADDRESS, /* a name is to be called, and its line does not say where */

    /* key and peers files */
    ERR_NAME_EMPTY, /* of a file */
    ERR_FILE_MISSING,
    ERR_FILE_UNREADABLE, /* errno says why */
    ERR_NO_HOME,         /* a file whose place is not told, by nothing in the environment either */
    ERR_PATH_LONG,
    ERR_FILE_EXISTS,
    ERR_FILE_OTHER,    /* what no file is put in the place of */
    ERR_FOLDER_LOCKED, /* somebody else writes there */
    ERR_IDENTITY_EXISTS,
    ERR_FILE_FOLDER,
    ERR_FILE_KIND, /* not a regular file, nor a pipe that was named as one */
    ERR_FILE_TOO_LARGE,
    ERR_FILE_EMPTY,
    ERR_FILE_EXPOSED,      /* a private key that others can read or write */
    ERR_FILE_WRITABLE,     /* a peers file that others can write */
    ERR_FILE_OWNER,        /* a private key of another user */
    ERR_FILE_NUL,          /* a NUL byte in a text file */
    ERR_KEY_FORMAT,        /* none of the known forms */
    ERR_KEY_FRAME,         /* PEM without a first line that is whole */
    ERR_KEY_TYPE,          /* a key, but not Ed25519 */
    ERR_KEY_PUBLIC,        /* a public key where a private one is needed */
    ERR_KEY_PRIVATE,       /* a private key where a public one is needed */
    ERR_KEY_DAMAGED,       /* the form is known, the content does not hold together */
    ERR_KEY_POINT,         /* not a point of the curve, or of low order */
    ERR_KEY_PASSPHRASE,    /* wrong passphrase */
    ERR_KEY_NO_PASSPHRASE, /* encrypted, no terminal to ask on and no --passphrase-file */
    ERR_PASSPHRASE_FILE,   /* encrypted, and the file that should have the passphrase cannot be used
                            */
    ERR_PASSPHRASE_SOURCE, /* from which the key is read */
    ERR_PASSPHRASE_ENDED,  /* the end of the terminal was typed in its place */
    ERR_PASSPHRASE_LONG,
    ERR_KEY_COSTLY, /* opening it would take minutes, or hours */
    ERR_KEY_OPENSSH_ENCRYPTED,
    ERR_KEY_SEVERAL,     /* where one is needed */
    ERR_AGENT_UNSET,     /* no ssh-agent is named by the environment */
    ERR_AGENT_PATH,      /* its name is too long for a socket */
    ERR_AGENT_UNREACHED, /* errno says why, in the process that asked */
    ERR_AGENT_OWNER,     /* another user's */
    ERR_AGENT_CUT,       /* it hung up before its answer was here */
    ERR_AGENT_SILENT,    /* nor is it by the deadline */
    ERR_AGENT_MALFORMED, /* no message of an agent's, or another one, or too long */
    ERR_AGENT_REFUSED,
    ERR_AGENT_EMPTY,     /* it has no Ed25519 key at all */
    ERR_AGENT_NONE,      /* not the one that is named */
    ERR_AGENT_SEVERAL,   /* where one is needed */
    ERR_AGENT_TOKEN,     /* a FIDO token's, which signs other bytes than it is given */
    ERR_AGENT_SIGNATURE, /* not by the key, or not over what was to be signed */
    ERR_AGENT_BUSY,      /* it has many to make already */
    ERR_NAMESPACE_SHORT, /* of the file that holds a secret namespace */
    ERR_NAMESPACE_LONG,
    ERR_NAMESPACE_LINES,
    ERR_NAMESPACE_BYTES,  /* that are not printable ASCII */
    ERR_NAMESPACE_SOURCE, /* from which another secret is read */
    ERR_NAME_UNKNOWN,     /* a name that is not in the peers file */
    ERR_NOBODY,           /* no peer is known at all */
    ERR_PEER_KNOWN,       /* a key that is to be added, and is there */
    ERR_NAME_TAKEN,       /* the same of a name */
    ERR_PEERS_LOCKED,     /* somebody else adds to the peers file */
    ERR_PEERS_LINE,       /* a malformed line: the reader has said which, in a struct problem */

    /* addresses */
    ERR_RESOLVE,
    ERR_CONNECT,
    ERR_CONNECT_REFUSED, /* nobody listens there */
    ERR_RESOLVE_TIMEOUT,
    ERR_CONNECT_TIMEOUT,
    ERR_CONNECT_FULL, /* a UNIX socket with calls that nobody takes, until the deadline */
    ERR_BIND,
    ERR_VIA,      /* the command of --via failed before a peer was proven */
    ERR_VIA_HOST, /* an address that it is not told: a shell could misread it */

    /* the handshake, about in the order of its checks; a wrong signature outranks who has signed */
    ERR_FRAME_EMPTY,
    ERR_FRAME_TOO_LONG,
    ERR_HELLO_MALFORMED,
    ERR_NOT_FOR_US,   /* the hello names another recipient */
    ERR_OURSELVES,    /* a peer that is to be is ourselves */
    ERR_OWN_KEY,      /* the hello is signed by ourselves */
    ERR_CLOCK_BEHIND, /* the peer's timestamp is too old */
    ERR_CLOCK_AHEAD,  /* the peer's timestamp is too far in the future */
    ERR_PEER_UNKNOWN, /* the signer may not call us */
    ERR_PEER_EXPIRED,
    ERR_PEER_SOURCE,  /* known, but not from this address */
    ERR_PEER_TARGET,  /* known, but not for this target */
    ERR_PEER_TARGETS, /* nor for any of several */
    ERR_NO_TARGET,    /* asks for one that there is not */
    ERR_NO_UNNAMED,   /* asks for the one without a name, which there is not */
    ERR_PROXY_HEADER, /* a balancer that was named says no PROXY header */
    ERR_PROXY_LONG,   /* or one that is too long */
    ERR_SIGNATURE,
    ERR_KIND, /* calls for a kind of channel that is not taken here */
    ERR_REPLAY,
    ERR_TAG,        /* the answer is to another hello */
    ERR_WRONG_PEER, /* somebody answered, but not whom we called */
    ERR_LOW_ORDER,
    ERR_CONFIRMATION,
    ERR_HANDSHAKE_CUT, /* closed by the other side before the handshake was done */
    ERR_KEPT_CUT,      /* the same, of a channel that was to be kept */
    ERR_NAMED_CUT,     /* and to lead to a target by its name */
    ERR_BACK_CUT,      /* the same, of a channel for the peer to use (serve --call) */
    ERR_LEFT,          /* the same, by a caller that had our answer */
    ERR_OUT_OF_ORDER,  /* a function of the core called in the wrong state */
    ERR_HANDSHAKE_TIMEOUT,
    ERR_IDLE_TIMEOUT,
    ERR_MEETING_MALFORMED, /* not a message of a meeting */
    ERR_MEETING_CUT,       /* the other side has left */
    ERR_MEETING_NO,        /* our user does not agree */
    ERR_MEETING_TIMEOUT,   /* somebody did not say yes in time */
    ERR_MEETING_COMMIT,    /* other values than were committed to */
    ERR_EVICTED,           /* a caller that gave way to another one */
    ERR_NO_PLACE,          /* more connections than are allowed */
    ERR_CROWDED,           /* more callers of one source or key than may be pending */
    ERR_TOO_MANY,          /* more channels than one peer may have */
    ERR_REMOVED,           /* its key was taken out of the peers file */
    ERR_OTHER_NAMESPACE,   /* its line there has another namespace than the channel */
    ERR_STOPPING,          /* no channel yet, and this daemon is to end */

    /* the stream */
    ERR_FRAME_SHORT,      /* a traffic frame without room for its tag */
    ERR_MESSAGE_TOO_LONG, /* a traffic frame over the limit */
    ERR_TAMPERED,         /* a message that does not open */
    ERR_NONCES_USED_UP,
    ERR_AFTER_END,
    ERR_AFTER_RECEIPT,
    ERR_EARLY_RECEIPT,  /* a receipt for an end that was not sent */
    ERR_RECORD,         /* between two streams: a message that is no record */
    ERR_RECORD_TURN,    /* or one that must not stand there */
    ERR_LINK_LOST,      /* between two streams, the connection */
    ERR_REFUSED_TARGET, /* by a record of the acceptor, as the next two */
    ERR_REFUSED_UNREACHED,
    ERR_REFUSED_ROOM,
    ERR_NO_ANSWER,       /* nor a refusal */
    ERR_NOT_CALLED,      /* who is to call has not, or has no channel left here */
    ERR_CUT_DATA,        /* closed before the peer's end had come */
    ERR_CUT_NOTHING,     /* and nothing at all of its data had */
    ERR_CUT_RECEIPT,     /* its end had come, but not its word that ours arrived */
    ERR_CUT_REFUSED,     /* likewise, and it has closed in order: what it gave ours to failed */
    ERR_CUT_OUR_RECEIPT, /* it did not wait for our word that its data arrived */
    ERR_CUT_AT_END,      /* this daemon had to end before its channel did */

    ERR_COUNT
};

/* The case in a few words, lower case, no full stop. Never NULL. */
const char *error_text(enum kith_error error);

/* What the user can do about it, or NULL where there is nothing useful to say. */
const char *error_hint(enum kith_error error);

/* What else is known of some. */
enum error_trait {
    ERROR_IS_GENERAL = 1,       /* its text is for many cases: the particulars say all, if known */
    ERROR_SETS_ERRNO = 2,       /* errno says which way it failed, right where it is returned */
    ERROR_IS_SYSTEM = 4,        /* an errno, if there is one, says more about it */
    ERROR_IS_OF_OUTPUT = 8,     /* it is about where what arrives goes, not about the peer */
    ERROR_IS_OF_ADMISSION = 16, /* a call is refused for it; at a reload an open channel ends */
    ERROR_MAY_PASS = 32,        /* a call that failed so may get through later */
};
bool error_has(enum kith_error error, enum error_trait trait);

/* The exit status it leads to. */
enum exit_status error_exit_status(enum kith_error error);

#endif
