#!/usr/bin/env bats
# shellcheck shell=bats
# The sandbox, tried from inside: somebody who runs code of their own in a process of kith can do what
# the manual lists, and nothing else that an intruder would want.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

# The version of Landlock that this kernel has; 6 confines all that is listed.
landlock_version() {
    python3 -c 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))'
}

@test "what an intruder can do in each process of each command is what the manual lists" {
    ! sanitized || skip "this build is made without confinement"
    [ "$(landlock_version)" -ge 6 ] || skip "no Landlock here that confines ports and abstract names"
    "${CC:-cc}" -shared -fPIC -O1 -o intruder.so "$tools/intruder.c" ||
        skip "no compiler for a library here"
    run -0 timeout -k 1 $((4 * limit)) python3 "$tools/intruders.py" "$root/man/kith.1" "$PWD/intruder.so" \
        "$tools"/intruder.c "$tools"/intruder_calls.h 3>&-
    "$root/tests/evidence" intruder 'tests/run tests/intruders.bats' "${lines[-1]}"
}
