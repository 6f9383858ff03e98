#!/usr/bin/env bats
# shellcheck shell=bats
# Files that are not what they should be, for each command that reads one.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

files() {
    timeout -k 1 $((4 * limit)) python3 "$tools/files.py" "$1" 3>&-
}

@test "each kind of file is refused by each who reads one, in one line that says why" {
    [ "$(id -u)" = 0 ] || skip "only root can give a file away"
    run -0 files kinds
    "$root/tests/evidence" files 'tests/run tests/files.bats' "${lines[-1]}"
}

@test "a pipe without end is too large" {
    files endless
}

@test "a peers file that is swapped while it is read is the one or the other" {
    files swapped
}

@test "as many peers as fit, in bounded time and memory, and a fault in line 100000" {
    ! sanitized || skip "the sanitizers take memory of their own, and time"
    files many
}

@test "a full disk: keygen leaves no key, and -f the one that was there" {
    mkdir full
    unshare -m mount -t tmpfs -o size=64k none full 2>/dev/null || skip "no mounts of our own available here"
    unshare -m sh -c 'mount -t tmpfs -o size=64k none full &&
        ! cat /dev/zero >full/filler 2>/dev/null && exec timeout -k 1 "$1" python3 "$2" full' \
        files "$limit" "$tools/files.py" 3>&-
}
