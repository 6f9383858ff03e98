#!/usr/bin/env bats
# shellcheck shell=bats
# Whatever call fails, wherever: no crash, no hang, no leak, no byte that is wrong, the right status
# and one line. tests/tools/faults.py has each fail in turn; here a sample of them, the same each
# time unless KITH_SEED is another. make faults tries all.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

# faults COUNT SCENARIO...: so many of what can fail there.
faults() {
    [ "$(uname)" = Linux ] || skip "made for Linux"
    ! grep -q __tsan_init "$KITH" || skip "ThreadSanitizer's library has to come first"
    "${CC:-cc}" -O1 -shared -fPIC -o faults.so "$tools/faults.c" -ldl || skip "no compiler"
    ! sanitized || set -- $(($1 / 4)) "${@:2}"
    KITH_TEST_LIMIT=20 timeout 300 python3 "$tools/faults.py" faults.so --jobs 3 \
        --seed "${KITH_SEED:-1}" --most "$@" 3>&-
}

@test "keys: both files are whole or there is none" {
    faults 100 keygen keygen_force pubkey pubkey_encrypted
}

@test "a call that fails somewhere is whole, or says why it is not" {
    faults 120 check dial dial_by_name dial_again dial_encrypted dial_pipes
}

@test "listen takes one call whatever failed before" {
    faults 60 listen
}

@test "listen ends once the process has that holds its key" {
    start_listener
    kill -KILL "$(cat "/proc/$listener/task/$listener/children")"
    ends "$listener" 1
    one_line "$(cat bob.err)" 'keeper.*did not sign'
}

@test "serve loses one call at most, and holds nothing of it" {
    faults 80 serve serve_program serve_reload
}

@test "forward loses one connection at most, and holds nothing of it" {
    faults 80 forward forward_path forward_reload
}
