#!/usr/bin/env bats
# shellcheck shell=bats disable=SC2119
# The prompt for a passphrase: keys and signals of the terminal, and the end of who wanted it.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    export KITH_DIR=$PWD
    "$KITH" keygen key
    openssl pkey -in key -aes256 -passout pass:sesame -out locked
    chmod 600 locked
}

# Some peer's key (RFC 8032, section 7.1, test 1).
nobody=d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a

# prompt SUBJECT COMMAND...
prompt() {
    bounded python3 "$tools/prompt.py" "$@" 3>&-
}

@test "Ctrl-Z stops it, and it asks again when it goes on" {
    run -0 --separate-stderr prompt stop "$KITH" pubkey locked
    [ "$output" = "$(cut -d ' ' -f 1 key.pub)" ]
    [[ $stderr != *ses* ]]
}

@test "Ctrl-Z stops the one that dials as well, and its keeper asks again" {
    own=$(cut -d ' ' -f 1 key.pub) # our own key cannot be dialed: so it ends once it has the key
    run --separate-stderr prompt stop "$KITH" dial -i locked "$own@127.0.0.1:1"
    [[ $stderr == *'our own key'* ]]
}

@test "what is typed is not shown either when a signal stopped it that cannot be held" {
    run -0 --separate-stderr prompt halt "$KITH" pubkey locked
    [ "$output" = "$(cut -d ' ' -f 1 key.pub)" ]
    [[ $stderr != *ses* ]]
    own=$(cut -d ' ' -f 1 key.pub)
    run --separate-stderr prompt halt "$KITH" dial -i locked "$own@127.0.0.1:1"
    [[ $stderr == *'our own key'* ]]
    [[ $stderr != *ses* ]]
}

@test "Ctrl-D is the end, and is called so" {
    prompt end "$KITH" pubkey locked
    prompt end "$KITH" dial -i locked "$nobody@127.0.0.1:1"
}

@test "Ctrl-C ends it, and leaves the terminal with its echo" {
    prompt interrupt "$KITH" pubkey locked
    prompt interrupt "$KITH" dial -i locked "$nobody@127.0.0.1:1"
}

@test "a shell that takes the terminal back before we set it has its echo, too" {
    prompt interrupt_late "$KITH" dial -i locked "$nobody@127.0.0.1:1"
}

@test "who asks ends with its parent, and eats nothing that is typed after" {
    prompt orphan "$KITH" dial -i locked "$nobody@127.0.0.1:1"
    prompt orphan "$KITH" serve -i locked -p "$nobody" 127.0.0.1:0 1
}

@test "who waits for a key from a pipe ends with its parent" {
    mkfifo pipe
    exec 7<>pipe
    prompt orphan_of_pipe "$KITH" dial -i /dev/fd/7 "$nobody@127.0.0.1:1"
    prompt orphan_of_pipe "$KITH" dial -i locked --passphrase-file /dev/fd/7 "$nobody@127.0.0.1:1"
}
