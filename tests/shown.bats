#!/usr/bin/env bats
# shellcheck shell=bats disable=SC2119
# What is shown, on stderr, stdout or a terminal: no byte of it steers a terminal, whoever chose it.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

# What a terminal takes for commands: a C1 control in UTF-8, the same as a single byte, ESC, DEL; what
# has it show the rest from right to left, or on another line.
steering=($'red\xc2\x9b31m' $'red\x9b31m' $'red\e[31m' $'red\x7f' $'red\xe2\x80\xaegnp' $'red\xe2\x80\xa8x'
    $'red\xe2\x81\xa7x')

# is_plain TEXT: printable ASCII, and nothing else.
is_plain() {
    [ -n "$1" ] || fail "nothing is shown"
    [ -z "$(printf %s "$1" | tr -d '\n' | LC_ALL=C tr -d ' -~')" ] || fail "shown as it came: $(printf %s "$1" | cat -v)"
}

@test "check shows a peer of a .pub file without a byte that steers a terminal" {
    for name in "${steering[@]}" 'büro'; do
        printf '%s %s\n' "$(as bob pubkey)" "$name" >bob.pub
        start_listener
        run -0 --separate-stderr as alice check "./bob.pub@$address"
        is_plain "$output"
        [[ $output == *"$(as bob pubkey | cut -c 1-8)"* ]]
        kill "$listener"
    done
    [[ $output == *'b\xc3\xbcro ('* ]]
}

@test "a name with a control character, or that is not UTF-8, is refused where it is read" {
    for name in "${steering[@]}" $'\xc3' $'a\xe2\x82' $'\xed\xa0\x80' $'\xc0\xaf' $'\xf4\x90\x80\x80'; do
        printf '%s %s\n' "$(as bob pubkey)" "$name" >alice/peers
        refused 3 'alice/peers, line 1' name -- as alice check bob@127.0.0.1:1
        is_plain "$stderr"
        refused 2 name -- as alice keygen -n "$name" key
        is_plain "$stderr"
    done
    printf 'addr="\x9b:1" %s bob\n' "$(as bob pubkey)" >alice/peers
    refused 3 'alice/peers, line 1' addr -- as alice check bob
    is_plain "$stderr"
}

@test "what import reads from a page is shown without a byte that steers a terminal" {
    for name in "${steering[@]}"; do
        printf 'ssh-ed25519 %s %s\n' \
            "$(printf '\0\0\0\013ssh-ed25519\0\0\0 %.32s' 'kith, a key of nobody in particular' | base64 -w 0)" \
            "$name" >"$name"
        run as alice import --print "$name"
        is_plain "$output"
        run as alice import "$name"
        is_plain "$output"
        rm "$name"
    done
}

@test "names in other scripts are names" {
    printf '%s %s\n' "$(as bob pubkey)" 'büro-東京-🖧' >alice/peers
    start_listener
    run -0 --separate-stderr as alice check "büro-東京-🖧@$address"
    is_plain "$output"
}

# shown SUBJECT: strings of every kind, from tests/tools/shown.py.
shown() {
    ! sanitized || export KITH_SANITIZED=1
    timeout -k 1 $((4 * limit)) python3 "$tools/shown.py" "$1" 3>&-
}

@test "whatever an argument or a file has in it: one line says why, in text and in JSON" {
    run -0 shown refusals
    "$root/tests/evidence" strings 'tests/run tests/shown.bats' "${lines[-1]}"
}

@test "the name of a peer, in the log, in the status, to a supervisor" {
    shown names_of_peers
}

@test "the path that is listened on, a target's, and a program's name" {
    shown paths_and_programs
}

@test "what a stranger sends in the place of a PROXY header" {
    shown proxy_headers
}

@test "whatever the environment has in it" {
    shown environment
}

@test "the prompt for a passphrase shows the path without a byte that steers a terminal" {
    for name in "${steering[@]}"; do
        as alice keygen key
        openssl pkey -in key -aes256 -passout pass:sesame -out "$name"
        chmod 600 "$name"
        python3 "$tools/terminal.py" -a 'passphrase for' sesame "$KITH" pubkey "$name" 2>shown >/dev/null
        is_plain "$(tr -d '\r' <shown)"
        rm -f key key.pub
    done
}
