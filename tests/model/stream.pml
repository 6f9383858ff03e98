/*
 * The stream of kith-protocol(7) for Spin: two sides that say pieces of data, an end and a receipt,
 * hear each other's, write what comes, and part. Either may fail to write: a socket or a program
 * (it still says what it has to say), or stdout (it ends at once). The attacker is the network: at
 * any time he brings a side any message that either of them has said, or one that he made, and
 * closes the connection. Or else there is none, but side 1 is hostile: it has the keys, says pieces
 * and empty messages in any order, and closes when it likes.
 *
 * Shown, however the steps interleave, and so for half-closes in every order:
 *   - what is written is what the other side said, in that order, without a gap
 *   - the end is passed on only behind all of it, and nothing is written after it
 *   - exit 0 only if all that either side had to say is written where it goes, its end passed on
 *   - if nobody disturbs and nothing fails, both sides exit 0
 *   - if nobody disturbs, what a side says before its socket or program fails is written
 *   - nobody waits for ever
 *   - of a hostile peer: exit 0 only if its last message was a receipt, said after our end had been
 *
 * Bounded: two pieces a side (a hostile one: five messages), two messages under way each way. Not
 * modelled: bytes and lengths, deadlines, what becomes of data after it was written. A message of
 * another connection is under other keys: it is one that the attacker made.
 *
 * Each check is left out in turn (tests/model/run), which is found, or else another covers it:
 *   NO_TAG                  found: a message of the attacker's own opens
 *   NO_NONCE                found: any message of the other side opens, at any time
 *   NO_DIRECTION            found: one key for both directions, so our own messages open
 *   NO_OVER                 covered by NO_NONCE: a message that does not open is no end
 *   NO_END                  found: the connection's close is taken for the end
 *   NO_DATA_AFTER_END       found: data is taken after the end
 *   NO_EARLY_RECEIPT        found: a receipt is taken before our end was said
 *   NO_AFTER_RECEIPT        found: an empty message is taken after the receipt
 *   NO_OWN_END_FIRST        found: the receipt is said before our own end
 *   NO_RECEIPT_AFTER_END    found: the receipt is said before the other side's end came
 *   NO_RECEIPT_AFTER_WRITING  found: the receipt is said before what came is written
 *   NO_RECEIPT_IF_FAILED    found: the receipt is said though writing has failed
 *   NO_RECEIPT              found: whole without the other side's receipt
 *   NO_OWN_RECEIPT          found: whole before our receipt was said
 *   NO_PARTING              found: closed without waiting for the other side's close
 *   NEVER_WHOLE             found: nobody exits 0
 *   NEVER_HALF_CLOSED       found: nobody says anything after the other side's end
 *   NEVER_WITH_HOSTILE      found: nobody exits 0 if the peer is hostile
 */
#define PIECES 2
#define ROOM 2
#define LONGEST 5

mtype = { PIECE, EMPTY };
typedef log { mtype what[LONGEST] };

/* Of each side, 0 and 1. */
log said[2];      /* the n-th under nonce n of its key */
byte count[2];    /* messages in it */
byte pieces[2];   /* that it has to say, in all */
byte opened[2];   /* messages: its next nonce for what comes */
byte heard[2];    /* pieces */
byte written[2];
bool passed[2];   /* the end, to whatever it writes to */
bool failed[2];   /* to write; its last words are still said */
bool broken[2];   /* nothing is said any more */
bool shut[2];     /* it has said its last */
bool closed[2];   /* and takes nothing more */
bool exit_0[2];

bool hostile, disturbed;

#define OTHER (1 - me)

/* What the other side's system answers with once it has closed and something comes. */
#define RESET (closed[OTHER] && count[me] > opened[OTHER])
#define MAY_SAY (!cut && count[me] < opened[OTHER] + ROOM)
#define ALL_HEARD (opened[me] == count[OTHER])

#ifdef NO_DIRECTION
#define KEY_FITS true
#else
#define KEY_FITS (from == OTHER)
#endif
#ifdef NO_NONCE
#define NONCE_FITS true
#else
#define NONCE_FITS (number == opened[me])
#endif

#ifdef NO_OWN_END_FIRST
#define MAY_FOLLOW true
#else
#define MAY_FOLLOW end_said
#endif
#ifdef NO_RECEIPT_AFTER_END
#define DELIVERED (heard[me] == written[me])
#elif defined(NO_RECEIPT_AFTER_WRITING)
#define DELIVERED end_heard
#elif defined(NO_RECEIPT_IF_FAILED)
#define DELIVERED (passed[me] || failed[me])
#else
#define DELIVERED passed[me]
#endif
#ifdef NO_RECEIPT_IF_FAILED
#define FINE true
#else
#define FINE (!failed[me])
#endif

#ifdef NO_RECEIPT
#define CONFIRMED true
#else
#define CONFIRMED receipt_heard
#endif
#ifdef NO_OWN_RECEIPT
#define SAID end_said
#else
#define SAID (end_said && receipt_said)
#endif
#define WHOLE (SAID && passed[me] && CONFIRMED)

inline say(message)
{
    said[me].what[count[me]] = message;
    count[me]++
}

/* A message has opened: what it means after those before it. */
inline hear(message)
{
    opened[me]++;
    if
#ifndef NO_AFTER_RECEIPT
    :: receipt_heard -> broken[me] = true
#endif
#ifndef NO_DATA_AFTER_END
    :: message == PIECE && end_heard -> broken[me] = true
#endif
#ifndef NO_EARLY_RECEIPT
    :: message == EMPTY && end_heard && !end_said -> broken[me] = true
#endif
    :: else ->
        if
        :: message == PIECE ->
            assert(hostile || (from == OTHER && number == heard[me]));
            heard[me]++
        :: message == EMPTY && !end_heard -> end_heard = true
        :: else ->
            assert(end_said);
            receipt_heard = true
        fi
    fi
}

/* The attacker brings a message that was said, to whomever and whenever: it opens or does not. */
inline bring_another()
{
    if
    :: from = OTHER
    :: from = me
    fi;
    if
    :: number = 0
    :: number = 1
    :: number = 2
    :: number = 3
    fi;
    d_step {
        disturbed = true;
        if
        :: number < count[from] && KEY_FITS && NONCE_FITS -> hear(said[from].what[number])
#ifdef NO_OVER
        :: else -> skip
#else
        :: else -> broken[me] = true
#endif
        fi;
        from = 0;
        number = 0
    }
}

/* Without tags, one that he made would open, too. */
inline bring_own(message)
{
    disturbed = true;
    from = me;
    hear(message);
    from = 0
}

inline hear_next()
{
    from = OTHER;
    number = opened[me];
    hear(said[OTHER].what[number]);
    from = 0;
    number = 0
}

/* Writing has failed: at once for all, or the last words are still said. */
inline fail()
{
    failed[me] = true;
    if
    :: true
    :: broken[me] = true
    fi
}

proctype Side(byte me)
{
    byte left, from, number;
    bool end_said, receipt_said, end_heard, receipt_heard, cut;

    if
    :: left = 0
    :: left = 1
    :: left = PIECES
    fi;
    pieces[me] = left;

    do
    :: d_step { MAY_SAY && left > 0 ->
           left--;
#ifdef NEVER_HALF_CLOSED
           assert(!passed[me]);
#endif
           say(PIECE) }
    :: d_step { MAY_SAY && left == 0 && !end_said && !failed[me] -> end_said = true; say(EMPTY) }
    :: d_step { MAY_SAY && !receipt_said && MAY_FOLLOW && DELIVERED && FINE ->
           receipt_said = true;
           say(EMPTY) }
    :: d_step { !cut && !ALL_HEARD && !WHOLE -> hear_next() }
    :: atomic { !hostile && !cut && !WHOLE -> bring_another() }
#ifdef NO_TAG
    :: d_step { !hostile && !cut && !WHOLE -> bring_own(PIECE) }
    :: d_step { !hostile && !cut && !WHOLE -> bring_own(EMPTY) }
#endif
    :: d_step { written[me] < heard[me] && !failed[me] ->
           assert(!passed[me]);
           written[me]++ }
    :: d_step { written[me] == heard[me] && end_heard && !passed[me] && !failed[me] ->
           assert(hostile || written[me] == pieces[OTHER]);
           passed[me] = true }
    :: atomic { (written[me] < heard[me] || end_heard && !passed[me]) && !failed[me] -> fail() }
    /* The connection is closed, in order or not, or the attacker closes it. */
    :: d_step { !cut && ALL_HEARD && shut[OTHER] && !receipt_heard -> cut = true }
    :: d_step { !cut && RESET -> cut = true }
    :: d_step { !hostile && !cut -> disturbed = true; cut = true }
#ifdef NO_END
    :: d_step { cut && !end_heard -> end_heard = true }
#endif
    :: WHOLE && !failed[me] -> break
    :: failed[me] && left == 0 -> break
    :: cut && (failed[me] || written[me] == heard[me] && (passed[me] || !end_heard)) -> break
    :: broken[me] -> break
    od;

    atomic {
        exit_0[me] = WHOLE && !failed[me] && !broken[me];
        assert(!exit_0[me] || hostile ||
               (written[OTHER] == pieces[me] && passed[OTHER] && written[me] == pieces[OTHER]));
        shut[me] = true;
        closed[me] = cut || broken[me]
    }

    /* Our last is said. */
    do
    :: closed[me] -> break
#ifdef NO_PARTING
    :: break
#endif
    :: d_step { !ALL_HEARD -> hear_next() }
    :: (ALL_HEARD && shut[OTHER]) || RESET || broken[me] -> break
    :: atomic { !hostile -> disturbed = true; break }
    od;
    atomic {
        exit_0[me] = exit_0[me] && !broken[me];
        closed[me] = true;
#ifdef NEVER_WITH_HOSTILE
        assert(!exit_0[me] || !hostile);
#endif
        assert(!exit_0[me] || !hostile || opened[me] == heard[me] + 2)
    }
}

proctype Hostile()
{
    do
    :: atomic { count[1] < LONGEST && count[1] < opened[0] + ROOM ->
           if
           :: said[1].what[count[1]] = PIECE
           :: said[1].what[count[1]] = EMPTY
           fi;
           count[1]++ }
    :: opened[1] < count[0] -> opened[1]++
    :: break
    od;
    atomic { shut[1] = true; closed[1] = true }
}

init
{
    atomic {
        run Side(0);
        if
        :: hostile = true; run Hostile()
        :: run Side(1)
        fi
    }
end:
    atomic {
        closed[0] && closed[1] && !disturbed && !hostile ->
            assert(failed[0] || failed[1] || (exit_0[0] && exit_0[1]));
#ifdef NEVER_WHOLE
            assert(!exit_0[0] || !exit_0[1]);
#endif
            /* Last words. */
            assert(!failed[0] || failed[1] || broken[0] || written[1] == pieces[0]);
            assert(!failed[1] || failed[0] || broken[1] || written[0] == pieces[1])
    }
}
