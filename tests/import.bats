#!/usr/bin/env bats
# shellcheck shell=bats
# kith import: the keys of files that other programs have, in the peers file, all or none.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

setup_file() {
    :
}

kith() {
    bounded "$KITH" "$@" 3>&-
}

openssl_public() {
    openssl pkey -in "$1" -pubout -outform DER | tail -c 32 | od -An -v -tx1 | tr -d ' \n'
}

setup() {
    command -v ssh-keygen >/dev/null || skip "no ssh-keygen here"
    cd "$BATS_TEST_TMPDIR" || return
    export KITH_DIR=$PWD/bob
    unset KITH_IDENTITY KITH_PEERS
    kith keygen -q -n bob >/dev/null
    peers=bob/peers
    made laptop alice@laptop
    made desk alice@desk
}

# made FILE COMMENT: a key of ssh-keygen's.
made() {
    ssh-keygen -q -t ed25519 -N '' -C "$2" -f "$1"
}

import() {
    run -0 --separate-stderr kith import "$@"
}

# Whether the peers file consists of these lines.
peers_are() {
    printf '%s\n' "$@" | diff - "$peers"
}

# key_line FILE NAME: what is in its .pub, with this name for the comment.
key_line() {
    echo "$(cut -d ' ' -f 1,2 "$1.pub") $2"
}

@test "where the holder is called goes in front of each key, and what was there stays" {
    printf '%s\n' "from=\"10.0.0.0/8\" $(cat desk.pub)" "$(cat laptop.pub)" >keys
    import keys alice@nas.example:9000
    [ "$(cut -d ' ' -f 1 "$peers")" = 'addr="nas.example:9000",from="10.0.0.0/8"
addr="nas.example:9000"' ]
    [ "$(sed 's/.* //' "$peers")" = 'alice
alice-2' ]
    rm "$peers"
    import laptop.pub 'alice@[::1]:9000'
    grep -q '^addr="\[::1\]:9000" ssh-ed25519 ' "$peers"
    rm "$peers"
    for bad in alice@nas alice@ @nas:1 alice@nas:0 alice@nas:99999 'alice@"x":1' 'alice@a b:1' \
        $'alice@a\nb:1' $'alice@a\rb:1' $'alice@a\x1b[2Jb:1' $'alice@a\x7fb:1' $'alice@a\xc2\x9bb:1' $'alice@a\xff:1'; do
        refused 2 "import: " -- kith import laptop.pub "$bad"
        refused 2 "import: " -- kith import --print laptop.pub "$bad"
        [ ! -e "$peers" ]
    done
}

@test "the keys of an authorized_keys file are peers by their comments, and those of another type are left out" {
    ssh-keygen -q -t rsa -b 2048 -N '' -C old -f old
    made carol 'carol at home'
    { echo '# who may come'; cat old.pub; echo; cat laptop.pub carol.pub; } >authorized_keys
    import authorized_keys
    [ -z "$output" ]
    peers_are "$(key_line laptop alice)" "$(key_line carol carol)"
    echo "$stderr" | grep 'authorized_keys, line 2: a key of type ssh-rsa'
    [ "$(echo "$stderr" | grep -c ': added to .*/peers$')" = 2 ]
    [ "$(stat -c %a "$peers")" = 600 ]
}

@test "what is imported can be called and may call" {
    KITH_DIR=$PWD/alice kith keygen -q -n alice >/dev/null
    import alice/identity.pub
    KITH_DIR=$PWD/alice kith import bob/identity.pub
    start_serve --exec cat
    [ "$(echo there | dial)" = there ]
}

@test "NAME is for all of them, with numbers, and what is known already stays as it is" {
    cut -d ' ' -f 1,2 laptop.pub >page.keys
    import page.keys alice
    cut -d ' ' -f 1,2 desk.pub >>page.keys
    import page.keys alice
    peers_are "$(key_line laptop alice)" "$(key_line desk alice-2)"
    echo "$stderr" | grep 'alice (.*): is in the peers file already'
    cp "$peers" before
    import page.keys alice
    cmp "$peers" before
}

@test "what is typed at a terminal" {
    command -v script >/dev/null || skip "no script here"
    printf '%s\n\004' "$(cut -d ' ' -f 1,2 laptop.pub)" |
        script -qec "$KITH import --peers $peers - alice" /dev/null
    peers_are "$(key_line laptop alice)"
    refused 3 '-: empty' -- kith import - alice </dev/null
}

@test "a pipe from a page of a code host" {
    cut -d ' ' -f 1,2 laptop.pub | kith import - alice
    peers_are "$(key_line laptop alice)"
    kith import <(cut -d ' ' -f 1,2 desk.pub) alice2
    peers_are "$(key_line laptop alice)" "$(key_line desk alice2)"
}

@test "two comments of one person are two names" {
    cat laptop.pub desk.pub >both
    import both
    peers_are "$(key_line laptop alice)" "$(key_line desk alice-2)"
}

@test "somebody else's name is refused, and nothing is added" {
    import laptop.pub
    cp "$peers" before
    made other mallory
    cat other.pub desk.pub >keys
    refused 3 'keys, line 2: that name is another peer.s .*"alice"' 'kith import FILE NAME' -- kith import keys
    cmp "$peers" before
}

@test "options that there are stay as they are written; others are refused by name, with all of the file" {
    local conditions='from="10.0.0.0/8,::1",expiry-time="20990101",permit-target="db"'
    echo "$conditions $(key_line laptop alice@laptop)" >keys
    import keys
    peers_are "$conditions $(key_line laptop alice)"
    for options in 'command="rsync --server"' 'from="10.0.0.0/8",command="x"' 'environment="A=b"'; do
        { key_line desk desk; echo "$options $(key_line laptop x)"; } >keys
        refused 3 'keys, line 2: unknown option "(command|environment)"; there are from, expiry-time and permit-target, and in a peers file addr and namespace-file; nothing of this file was added' -- kith import keys
    done
    for options in no-pty restrict,pty cert-authority; do
        echo "$options $(key_line desk x)" >keys
        refused 3 "keys, line 1: .*\"${options%%,*}" -- kith import keys
    done
    echo "from=\"*.example.com\" $(key_line desk x)" >keys
    refused 3 'keys, line 1: from: ' -- kith import keys
    peers_are "$conditions $(key_line laptop alice)"
}

@test "where a peer is called is not for a page to say" {
    { key_line desk desk; echo "addr=\"elsewhere:1\" $(key_line laptop alice)"; } >keys
    refused 3 'keys, line 2: addr, which only the peers file may have' -- kith import keys
    [ ! -e "$peers" ]
}

@test "a key that is there twice has one condition, or none is taken" {
    local where='from="10.0.0.0/8" '
    { key_line desk desk; key_line laptop one; echo "$where$(key_line laptop two)"; } >keys
    refused 3 'keys, line 3: a line before has this key under other conditions' -- kith import keys
    { echo "$where$(key_line laptop two)"; key_line laptop one; } >keys
    refused 3 'keys, line 2: a line before has this key under other' -- kith import keys
    [ ! -e "$peers" ]
    { echo "$where$(key_line laptop two)"; echo "$where$(kith pubkey laptop.pub) one"; } >keys
    import keys
    peers_are "$where$(key_line laptop two)"
}

@test "our own key in an agent is left out, too, and one that is not known is said to be" {
    ssh-agent -D -a "$PWD/agent" >/dev/null 2>&1 3>&- &
    also_started $!
    export SSH_AUTH_SOCK=$PWD/agent
    eventually ssh-add -q laptop
    KITH_IDENTITY=agent: import <(cat laptop.pub desk.pub)
    peers_are "$(key_line desk alice)"
    echo "$stderr" | grep 'has our own key, which is left out'
    rm bob/identity.pub
    made carol carol
    import carol.pub
    echo "$stderr" | grep 'bob/identity: our own key is not known'
}

@test "a key without a name asks for one" {
    cut -d ' ' -f 1,2 laptop.pub >page.keys
    refused 3 'page.keys, line 1: no name after the key' 'kith import FILE NAME' -- kith import page.keys
    echo "$(cut -d ' ' -f 1,2 laptop.pub) @home" >page.keys
    refused 3 'page.keys, line 1: no name after the key' -- kith import page.keys
    refused 2 'blank' -- kith import laptop.pub 'two words'
    refused 2 'empty' -- kith import laptop.pub ''
    [ ! -e "$peers" ]
}

@test "all forms of a public key, and what editors do to a file" {
    openssl genpkey -algorithm ed25519 -out pem && openssl pkey -in pem -pubout -out pem.pub
    import pem.pub carol
    kith pubkey pem | grep -q '^[0-9a-f]\{64\}$'
    peers_are "$(openssl_public pem) carol"
    printf '\357\273\277%s\r\n\t%s  ' "$(cat laptop.pub)" "$(kith pubkey desk.pub) dave" >keys
    import keys
    peers_are "$(openssl_public pem) carol" "$(key_line laptop alice)" "$(kith pubkey desk.pub) dave"
}

@test "our own key is left out" {
    cat laptop.pub bob/identity.pub >keys
    import keys
    peers_are "$(key_line laptop alice)"
    echo "$stderr" | grep 'has our own key, which is left out'
}

@test "--print shows the lines, and writes nothing" {
    import --print laptop.pub
    [ "$output" = "$(key_line laptop alice)" ]
    [ ! -e "$peers" ]
    refused 1 'stdout: ' -- sh -c '"$1" import --print laptop.pub >/dev/full' - "$KITH"
}

@test "what is no file of keys is refused, and the peers file is as it was" {
    import laptop.pub
    cp "$peers" before
    refused 3 'laptop: a private key' -- kith import laptop
    refused 3 'nothing: no such file' -- kith import nothing
    : >empty
    refused 3 'empty: ' -- kith import empty
    ssh-keygen -q -t rsa -b 2048 -N '' -f old
    refused 3 'old.pub: a key of another type' -- sh -c '"$1" import old.pub 2>&1 | tail -n 1 >&2; exit 3' - "$KITH"
    head -c 300000 /dev/zero | tr '\0' '#' >large
    refused 3 'large: .*too large' -- kith import large
    cp desk.pub open && chmod 666 open
    refused 3 'open: ' -- kith import open
    cmp "$peers" before
}

@test "a peers file that is not in order, or not ours to write, is said and left" {
    echo nonsense >"$peers"
    refused 3 'peers, line 1: ' -- kith import laptop.pub
    [ "$(cat "$peers")" = nonsense ]
    : >"$peers"
    chmod 400 "$peers"
    refused 1 'peers: Permission denied' -- kith import laptop.pub
    [ ! -s "$peers" ]
}

@test "a peers file keeps its access list, and gets none of its folder" {
    local acl=(user::6 user:1234:6 group::0 mask::6 other::0)
    key_line desk carol >"$peers"
    python3 "$tools/acl.py" give "$peers" "${acl[@]}" || skip "no access lists here"
    import laptop.pub
    peers_are "$(key_line desk carol)" "$(key_line laptop alice)"
    [ "$(python3 "$tools/acl.py" show "$peers")" = "${acl[*]}" ]
    rm "$peers"
    key_line desk carol >"$peers"
    chmod 660 "$peers"
    python3 "$tools/acl.py" default bob user::7 user:1234:7 group::7 mask::7 other::0
    import laptop.pub
    [ "$(stat -c %a "$peers")" = 660 ]
    [ -z "$(python3 "$tools/acl.py" show "$peers")" ]
}

@test "a peers file keeps its mode, its link and its text" {
    mkdir elsewhere
    printf '# ours\n%s' "$(key_line desk carol)" >elsewhere/peers
    chmod 640 elsewhere/peers
    ln -s ../elsewhere/peers "$peers"
    import laptop.pub
    peers_are '# ours' "$(key_line desk carol)" "$(key_line laptop alice)"
    [ -L "$peers" ]
    [ "$(stat -c %a elsewhere/peers)" = 640 ]
}

@test "who may read the folder, and has locked it, keeps nobody out" {
    flock bob sh -c 'echo >locked && exec sleep 100' 3>&- &
    also_started $!
    eventually [ -e locked ]
    import laptop.pub laptop
    grep -q " laptop$" "$peers"
}

@test "two at once that have a key in common are as one after the other" {
    made one one
    made two two
    made three three
    for _ in {1..20}; do
        rm -f "$peers"
        run -0 --separate-stderr bash -c '
            cat one.pub two.pub >a
            cat one.pub three.pub >b
            "$KITH" import a &
            "$KITH" import b
            here=$?
            wait $! && exit "$here"'
        [ "$(sort "$peers")" = "$(sort one.pub two.pub three.pub)" ]
        [ "$(grep -c 'is in the peers file already' <<<"$stderr")" -eq 1 ]
    done
}

@test "an address of a page is told how to be got" {
    refused 3 'curl -fsS URL | kith import - ' -- kith import https://codehost.example/bob.keys bob
}
