/*
 * The handshake of kith-protocol(7) for Spin. A and B are honest, and each may dial and answer. The
 * attacker is the network: he drops, keeps, and brings again what was said, to whomever; he makes
 * what he has the keys for. He is a peer that both know, E, and a stranger, X. An ephemeral key may
 * be known to him from the start, he may seize A and B, which gives him their static key and what
 * else is in memory, and he may have them restart, which forgets the hellos that they have seen.
 * Cryptography is perfect: without its key, nobody makes a signature or a confirmation.
 *
 * Shown, until the static key in question is seized, whatever other key is known:
 *   - who has proven to a dialer to be B is B, which has answered this very hello
 *   - who has proven to a listener to be A is A, which has said this hello, to this listener and in
 *     the same application
 *   - nobody is up with a stranger, or with himself, and E has the keys of what it has proven
 *   - no listener answers a hello twice, unless it has restarted in between
 * And even if static keys are seized:
 *   - who is up by a hello of A, of which neither ephemeral key is known, is so with A, which is up
 *     by the same keys and hellos: so no hello makes two channels, after a restart either
 *   - what was secret then stays so
 * With a static key falls: the attacker calls and answers as whom it is of (NEVER_STOLEN). With an
 * ephemeral one: that handshake is no secret, and the other side need not be there any more.
 *
 * Bounded: two handshakes that are dialed and one that is answered; or one that A dials and two
 * that B answers, at any time, where A's clock shows anything. One restart. Not modelled: bytes,
 * lengths and deadlines; that the memory of hellos may be full. Nor does a dialer look at the time
 * of an answer, so nothing here depends on that: an answer to our hello is made after it, and how
 * long after, the deadline says. What the attacker makes, he dates anew. A refusal costs nothing,
 * not even the connection.
 *
 * Size: -DDIALS=2 -DANSWERS=1
 * Size: -DDIALS=1 -DANSWERS=2 -DTICKS
 *
 * Each check is left out in turn (tests/model/run), which is found, or else another covers it:
 *   NO_RECIPIENT            found: a hello for somebody else is answered
 *   NO_SELF                 found: a hello that is signed by our own key is answered
 *   NO_AGE                  found: a hello is never too old
 *   NO_FUTURE               found: a hello is never too new
 *   NO_REPLAY               found: hellos are not remembered
 *   NO_BOUND_IN_MEMORY      found: they are for the age alone, not for the age and the bound
 *   NO_SIGNATURE            found: the listener does not look at the signature
 *   NO_ADMISSION            found: strangers are answered
 *   NO_SIGNED_NAMESPACE     found: the signatures do not cover the namespace
 *   NO_KDF_NAMESPACE        covered by NO_SIGNED_NAMESPACE: the keys do not depend on it
 *   NO_TRANSCRIPT           found: keys and confirmations depend on the shared secret alone
 *   NO_LOW_ORDER            covered by NO_SIGNATURE: an honest host signs no such point
 *   NO_CONFIRMATION         found: message 3 is not looked at
 *   NO_CONFIRMATION_KEYS    covered by NO_CONFIRMATION_DATA: both confirmations by one key
 *   NO_CONFIRMATION_DATA    covered by NO_CONFIRMATION_KEYS: both over the same
 *   NO_OWN_DIAL             covered by NO_DIALER_SELF: one may dial one's own key
 *   NO_DIALER_RECIPIENT     covered by NO_TAG: an answer to our hello is for its signer
 *   NO_DIALER_SELF          covered by NO_OWN_DIAL: and the signer is whom we dialed
 *   NO_DIALER_SIGNATURE     found: the dialer does not look at the signature
 *   NO_TAG                  found: an answer to any hello will do
 *   NO_PEER                 found: whoever answers is taken for whom we dialed
 *   NO_DIALER_CONFIRMATION  found: that of message 2 is not looked at
 *   NO_WIPE                 found: ephemeral keys stay in memory
 *   NO_NEW_EPHEMERAL        found: a listener has one ephemeral key for all handshakes
 *   NEVER_UP                found: A and B are never up with each other
 *   NEVER_REPLAYED          found: no hello is answered twice, after a restart either
 *   NEVER_STOLEN            found: nobody else is up as A, even if A's static key is seized
 */
/*
 * What a hello's timestamp is to the listener: a tick ahead, of now and a tick old is fresh. Each
 * tick takes it on, until it is old for ever.
 */
#define TOO_NEW 0
#define FRESHLY_NEW 1
#define FRESHLY_OLD 3
#define TOO_OLD 4

/* The ticks for which a hello is remembered: as long as one that comes a tick ahead is fresh. */
#ifdef NO_BOUND_IN_MEMORY
#define MEMORY 2
#else
#define MEMORY 3
#endif

#define NOBODY 0
#define A 1
#define B 2
#define E 3
#define X 4

/* Ephemeral keys: 1 and 2 are of the handshakes dialed, 3 and 4 of those answered. */
#define LOW_ORDER 0
#define ATTACKERS 5
#ifdef NO_NEW_EPHEMERAL
#define KEY_OF(m) 3
#else
#define KEY_OF(m) (2 + m)
#endif

bool apart;            /* A and B use different namespaces */
bool seized[5];        /* static keys that the attacker has */
byte known = 1 | 32;   /* ephemeral keys that he has, a bit each */
bool restarted;

/* What is dialed, 1 and 2: by whom, its hello, and the answer that was taken. */
byte by[3], to[3], age[3];
bool dialer_up[3];
byte key_taken[3];     /* the ephemeral key in it */
byte answer_taken[3];  /* whose very answer to this hello that is, or 0 */

/* What is answered, 1 and 2: by whom, and the hello. */
byte host[3], caller[3];
byte key_heard[3];     /* the ephemeral key in it */
byte hello_heard[3];   /* whose very hello that is, or 0 */
byte memory;           /* ticks for which the first of them is remembered */
bool listener_up[3], restarted_since[3], secret[3];

/* What the attacker brings. */
byte hello, from, recipient, key, tag;
bool genuine, answered, leaks;

#ifdef NO_SIGNATURE
#define UNSIGNED_HELLO true
#else
#define UNSIGNED_HELLO false
#endif

#define KNOWS(key) (known & (1 << (key)))
#define SAME_SPACE(one, other) (!apart || one == other || one >= E || other >= E)

/* The shared secret of two ephemeral keys. */
#define KNOWN_SECRET(one, other) (KNOWS(one) || KNOWS(other))

/* Of these two, each in its own hands: the same bytes have passed, and the keys are the same. */
#define SAME_TRANSCRIPT(n, m) (hello_heard[m] == n && answer_taken[n] == m)
#ifdef NO_TRANSCRIPT
#define SAME_KEYS(n, m) (caller[m] != NOBODY && key_heard[m] == n && key_taken[n] == KEY_OF(m))
#else
#define SAME_KEYS(n, m) SAME_TRANSCRIPT(n, m)
#endif
#ifdef NO_KDF_NAMESPACE
#define SAME_SALT(n, m) true
#else
#define SAME_SALT(n, m) SAME_SPACE(by[n], host[m])
#endif
#define AGREE(n, m) (by[n] != NOBODY && SAME_KEYS(n, m) && SAME_SALT(n, m))

/* A hello of an honest host that was answered already. */
#define REPEATED(m) (m == 2 && host[1] == host[2] && hello != 0 && hello == hello_heard[1])

inline forget()
{
    hello = 0; from = 0; recipient = 0; key = 0; tag = 0;
    genuine = false; answered = false; leaks = false
}

inline maybe(what)
{
    if
    :: what = true
    :: what = false
    fi
}

inline some_key()
{
    if
#ifdef NO_LOW_ORDER
    :: key = LOW_ORDER
#endif
    :: by[1] != NOBODY -> key = 1
    :: by[2] != NOBODY -> key = 2
    :: caller[1] != NOBODY -> key = KEY_OF(1)
    :: caller[2] != NOBODY -> key = KEY_OF(2)
    :: key = ATTACKERS
    fi
}

inline dial(n)
{
    if
    :: by[n] = A; to[n] = B
    :: by[n] = A; to[n] = E
    :: n == 2 -> by[n] = B; to[n] = A
#ifdef NO_OWN_DIAL
    :: by[n] = A; to[n] = A
#endif
    fi;
#ifdef TICKS
    if
    :: age[n] = TOO_NEW
    :: age[n] = FRESHLY_NEW
    :: age[n] = FRESHLY_NEW + 1
    :: age[n] = FRESHLY_OLD
    fi;
#else
    age[n] = FRESHLY_NEW;
#endif
    maybe(leaks);
    if
    :: leaks -> known = known | (1 << n)
    :: else
    fi;
    forget()
}

inline bring_hello_of(n)
{
    hello = n; from = by[n]; recipient = to[n]; key = n; genuine = true
}

/* Who has the key, or need not have it. */
inline some_signer(unchecked)
{
    if
    :: seized[A] || unchecked -> from = A
    :: seized[B] || unchecked -> from = B
    :: from = E
    :: from = X
    fi;
    genuine = seized[from]
}

/* One that the attacker makes is as he likes it best: for this listener, and of now. */
inline make_hello(m)
{
    some_signer(UNSIGNED_HELLO);
    some_key();
    recipient = host[m]
}

inline hear(m)
{
    if
    :: ANSWERS == 1 -> host[m] = A
    :: host[m] = B
    fi;
    if
    :: by[1] != NOBODY -> bring_hello_of(1)
    :: by[2] != NOBODY -> bring_hello_of(2)
    :: make_hello(m)
    fi;
    maybe(leaks);
    d_step {
        if
#ifndef NO_RECIPIENT
        :: recipient != host[m]
#endif
#ifndef NO_SELF
        :: from == host[m]
#endif
#ifndef NO_AGE
        :: hello != 0 && age[hello] == TOO_OLD
#endif
#ifndef NO_FUTURE
        :: hello != 0 && age[hello] == TOO_NEW
#endif
#ifndef NO_SIGNATURE
        :: !genuine
#endif
#ifndef NO_SIGNED_NAMESPACE
        :: hello != 0 && !SAME_SPACE(from, host[m])
#endif
#ifndef NO_ADMISSION
        :: from == X
#endif
#ifndef NO_REPLAY
        :: REPEATED(m) && memory > 0
#endif
        :: else -> answered = true
        fi;
        if
        :: answered -> answer(m)
        :: else -> host[m] = NOBODY
        fi;
        forget()
    }
}

inline answer(m)
{
    assert(!REPEATED(m) || restarted_since[1]);
#ifdef NEVER_REPLAYED
    assert(!REPEATED(m));
#endif
    caller[m] = from;
    key_heard[m] = key;
    hello_heard[m] = hello;
    memory = (m == 1 && hello != 0 && ANSWERS == 2 -> MEMORY : memory);
    if
    :: leaks -> known = known | (1 << KEY_OF(m))
    :: else
    fi
}

/* What a listener has said, whatever it answers. */
inline bring_answer_of(m)
{
    answered = true; hello = m; from = host[m]; recipient = caller[m]; key = KEY_OF(m);
    tag = hello_heard[m]; genuine = true
}

/* It is well tagged and for the dialer, by the one that was dialed: another would be refused. */
inline make_answer(n)
{
#ifdef NO_PEER
    some_signer(false);
#else
    from = to[n];
    genuine = seized[from];
#endif
    some_key();
    recipient = by[n]; tag = n
}

inline confirm(n)
{
    if
    :: caller[1] != NOBODY -> bring_answer_of(1)
    :: caller[2] != NOBODY -> bring_answer_of(2)
    :: by[1] != NOBODY -> bring_hello_of(1)
    :: by[2] != NOBODY -> bring_hello_of(2)
    :: make_answer(n)
    fi;
    d_step {
        key_taken[n] = key;
        if
        :: answered && tag == n -> answer_taken[n] = hello
        :: else
        fi;
        if
#ifndef NO_DIALER_RECIPIENT
        :: recipient != by[n]
#endif
#ifndef NO_DIALER_SELF
        :: from == by[n]
#endif
#ifndef NO_DIALER_SIGNATURE
        :: !genuine
#endif
#ifndef NO_SIGNED_NAMESPACE
        :: genuine && hello != 0 && !SAME_SPACE(from, by[n])
#endif
#ifndef NO_TAG
        :: tag != n
#endif
#ifndef NO_PEER
        :: from != to[n]
#endif
#ifndef NO_DIALER_CONFIRMATION
        :: !KNOWN_SECRET(n, key) && !AGREE(n, 1) && !AGREE(n, 2)
#endif
        :: else -> dialer_up[n] = true
        fi;
        if
        :: dialer_up[n] -> check_dialer(n)
        :: else -> key_taken[n] = 0; answer_taken[n] = 0
        fi;
        forget()
    }
}

inline check_dialer(n)
{
    assert(to[n] != by[n]);
    assert(to[n] == E || seized[to[n]] ||
           (answer_taken[n] != 0 && host[answer_taken[n]] == to[n] &&
            caller[answer_taken[n]] == by[n] && SAME_SPACE(by[n], to[n])));
    assert(to[n] != E || KNOWN_SECRET(n, key_taken[n]))
}

/* Whether the attacker has what has to come as message 3; our own confirmation he has seen. */
#if defined(NO_CONFIRMATION) || (defined(NO_CONFIRMATION_KEYS) && defined(NO_CONFIRMATION_DATA))
#define CONFIRMED(m) true
#else
#define CONFIRMED(m) (KNOWN_SECRET(key_heard[m], KEY_OF(m)) || \
    (dialer_up[1] && AGREE(1, m)) || (dialer_up[2] && AGREE(2, m)))
#endif
#define MAY_FINISH(m) \
    (caller[m] != NOBODY && !listener_up[m] && !restarted_since[m] && CONFIRMED(m))

inline finish(m)
{
    listener_up[m] = true;
    hello = hello_heard[m];
    check_listener(m);
    forget()
}

inline check_listener(m)
{
    assert(caller[m] != X && caller[m] != host[m]);
    assert(caller[m] != E || KNOWN_SECRET(key_heard[m], KEY_OF(m)));
    assert(caller[m] == E || seized[caller[m]] ||
           (hello != 0 && by[hello] == caller[m] && to[hello] == host[m] &&
            SAME_SPACE(caller[m], host[m])));
    if
    :: hello != 0 && !KNOWN_SECRET(hello, KEY_OF(m)) ->
        assert(dialer_up[hello] && SAME_TRANSCRIPT(hello, m) && SAME_SPACE(by[hello], host[m]));
#ifdef NEVER_UP
        assert(false);
#endif
        secret[m] = true
    :: else
    fi;
#ifdef NEVER_STOLEN
    assert(caller[m] != A || hello != 0)
#endif
}

#ifdef NO_WIPE
#define WIPED(up) false
#else
#define WIPED(up) up
#endif

/* Its static key is his, and what is in memory. */
inline seize(who)
{
    seized[who] = true;
    key = 1;
    do
    :: key <= 2 && by[key] == who && !WIPED(dialer_up[key]) -> known = known | (1 << key); key++
    :: key > 2 && key <= 4 && host[key - 2] == who && caller[key - 2] != NOBODY &&
       !WIPED(listener_up[key - 2]) && !restarted_since[key - 2] ->
        known = known | (1 << KEY_OF((key - 2)));
        key++
    :: key > 4 -> break
    :: else -> key++
    od;
    assert(!secret[1] || !KNOWN_SECRET(hello_heard[1], KEY_OF(1)));
    assert(!secret[2] || !KNOWN_SECRET(hello_heard[2], KEY_OF(2)));
    forget()
}

inline restart()
{
    restarted = true;
    memory = 0;
    restarted_since[1] = caller[1] != NOBODY;
    restarted_since[2] = caller[2] != NOBODY
}

inline tick()
{
    age[1] = (by[1] != NOBODY && age[1] < TOO_OLD -> age[1] + 1 : age[1]);
    memory = (memory > 0 -> memory - 1 : 0)
}

init
{
    seized[E] = true;
    seized[X] = true;
    maybe(apart);
end:
    do
    :: atomic { by[1] == NOBODY -> dial(1) }
    :: atomic { DIALS == 2 && by[1] != NOBODY && by[2] == NOBODY -> dial(2) }
    :: atomic { host[1] == NOBODY -> hear(1) }
    :: atomic { ANSWERS == 2 && host[1] != NOBODY && host[2] == NOBODY -> hear(2) }
    :: atomic { by[1] != NOBODY && !dialer_up[1] -> confirm(1) }
    :: atomic { by[2] != NOBODY && !dialer_up[2] -> confirm(2) }
    :: d_step { MAY_FINISH(1) -> finish(1) }
    :: d_step { MAY_FINISH(2) -> finish(2) }
    :: d_step { !seized[A] -> seize(A) }
    :: d_step { !seized[B] -> seize(B) }
    :: d_step { !restarted -> restart() }
#ifdef TICKS
    :: d_step { age[1] < TOO_OLD && by[1] != NOBODY || memory > 0 -> tick() }
#endif
    od
}
