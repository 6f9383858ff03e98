#!/usr/bin/env bats
# shellcheck shell=bats
# A file as stdin: sent from its offset to its end, whatever others do with it meanwhile.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

# start_blocked: alice sends what is left of descriptor 5, a file, and bob's stdout takes no
# more, until drain.
start_blocked() {
    mkfifo slow
    exec 8<>slow
    listen_to=slow start_listener --recv-only
    KITH_DIR=alice "$KITH" dial --send-only --ready-fd 7 "bob@$address" \
        <&5 2>alice.err 7>up 3>&- 8>&- &
    dialer=$!
    also_started "$dialer"
    eventually [ -s up ]
}

# Read bob's stdout to its end, into the file got.
drain() {
    exec 7<slow 8>&-
    bounded cat <&7 >got
    exec 7<&-
    ends "$dialer" 0
    ends "$listener" 0
}

@test "a file is sent from its offset, with what is added meanwhile, and its offset is left behind" {
    random_file file $((64 << 20)) # more than all buffers between the two take
    random_file added 300000
    exec 5<file
    python3 -c 'import os; os.lseek(5, 12345, os.SEEK_SET)' 5<&5
    start_blocked
    cat added >>file
    drain
    tail -c +12346 file | cmp - got
    [ "$(wc -c <&5)" -eq 0 ]
    echo more >>file
    [ "$(cat <&5)" = more ]
}

@test "a file that is emptied meanwhile ends where it was read to" {
    random_file file $((128 << 20)) # more than all buffers between the two take
    cp file whole
    exec 5<file
    start_blocked
    eventually python3 -c 'import os, sys; sys.exit(os.lseek(5, 0, os.SEEK_CUR) == 0)' 5<&5
    : >file
    drain
    [ -s got ]
    [ "$(stat -c %s got)" -lt "$(stat -c %s whole)" ]
    cmp -n "$(stat -c %s got)" got whole
}

@test "a file of holes" {
    truncate -s 5000000 file
    start_listener --recv-only
    dial --send-only <file
    ends "$listener" 0
    cmp file bob.out
}

@test "a file that claims no size is sent whole" {
    [ -r /proc/version ] || skip "no /proc here"
    start_listener --recv-only
    dial --send-only </proc/version
    ends "$listener" 0
    cmp /proc/version bob.out
}
