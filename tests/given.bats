#!/usr/bin/env bats
# shellcheck shell=bats
# Private keys as they are given to a service: by systemd, in a volume of Kubernetes, in a variable of
# CI.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

needs_users() {
    [ "$(id -u)" = 0 ] || skip "only root can be another user"
    command -v setpriv >/dev/null || skip "no setpriv here"
    kith_for_others
}

# as_service ARGUMENT...: kith as a user of its own, in one more group.
as_service() {
    bounded setpriv --reuid=65534 --regid=65534 --groups=2000 "$KITH" "$@" 3>&-
}

# The key that alice has is taken: nobody listens there, which is found out later.
takes() {
    run "-4" --separate-stderr "${@:2}" check -i "$1" --peers "$PWD/peers" "$(cut -d ' ' -f 1 alice/peers)@127.0.0.1:1"
}

@test "a secret of Kubernetes: root's, for a group, behind two links, and changed under way" {
    needs_users
    mkdir -p volume/..one volume/..two && chmod 755 volume volume/..*
    install -m 440 -g 2000 alice/identity volume/..one/identity
    install -m 440 -g 2000 bob/identity volume/..two/identity
    ln -s ..one volume/..data
    ln -s ..data/identity volume/identity
    takes "$PWD/volume/identity" as_service
    [[ $stderr == *"its group can read"* ]]
    [ "$(as_service pubkey "$PWD/volume/identity")" = "$("$KITH" pubkey alice/identity)" ]
    ln -s ..two volume/..next && mv -T volume/..next volume/..data
    [ "$(as_service pubkey "$PWD/volume/identity")" = "$("$KITH" pubkey bob/identity)" ]
    chmod 444 volume/..two/identity # the mode that such volumes have if none is said
    run -3 --separate-stderr as_service check -i "$PWD/volume/identity" bob@127.0.0.1:1
    [[ $stderr == *"volume/identity"*"chmod 600"* ]]
}

# list_of KEY: the words of a list that the sidecar has, a line each.
list_of() {
    sed -n "s/^ *$1: \\[\\(.*\\)\\]\$/\\1/p" "$root/contrib/kubernetes/sidecar.yaml" | tr -d '" ' | tr , '\n'
}

@test "the sidecar of contrib: forward and check, as they stand there, with a secret of that mode" {
    needs_users
    [ -d "$root/contrib" ] || skip "contrib is not here"
    start_listener
    mkdir -p volume/..one && chmod 755 volume volume/..one
    mode=$(sed -n 's/.*defaultMode: //p' "$root/contrib/kubernetes/sidecar.yaml")
    install -m "$mode" -g 2000 alice/identity volume/..one/identity
    printf 'addr="%s" %s db\n' "$address" "$(cut -d ' ' -f 1 bob/identity.pub)" >given
    install -m "$mode" -g 2000 given volume/..one/peers
    ln -s ..one volume/..data
    ln -s ..data/identity volume/identity
    ln -s ..data/peers volume/peers
    export KITH_DIR=$PWD/volume
    mapfile -t probe < <(list_of command)
    [ "${probe[0]}" = kith ]
    as_service "${probe[@]:1}"
    mapfile -t forward < <(list_of args)
    [ "${#forward[@]}" -eq 3 ]
    forward[1]=127.0.0.1:0
    # The listener takes one stream of a plain channel.
    as_service "${forward[@]}" --plain --run bash -c 'exec 7<>"/dev/tcp/127.0.0.1/${KITH_FORWARD_1##*:}" && echo word >&7'
    ends "$listener" 0
    [ "$(cat bob.out)" = word ]
}

@test "a credential of systemd: root's, for the service by an access list, and no warning" {
    needs_users
    mkdir credentials && chmod 755 credentials
    install -m 400 alice/identity credentials/identity
    python3 "$tools/acl.py" give credentials/identity user::4 user:65534:4 group::0 mask::4 other::0 ||
        skip "no access lists here"
    [ "$(stat -c %a credentials/identity)" = 440 ]
    export CREDENTIALS_DIRECTORY=$PWD/credentials
    takes "$CREDENTIALS_DIRECTORY/identity" as_service
    [[ $stderr != *group* ]]
    CREDENTIALS_DIRECTORY=
    takes "$PWD/credentials/identity" as_service
    [[ $stderr == *"its group can read"* ]]
}

@test "a variable of CI: as it is, without its last newline, with escaped ones, with CRLF" {
    local key known escaped
    key=$(cat alice/identity)
    known=$("$KITH" pubkey alice/identity)
    escaped=${key//$'\n'/\\n}
    [ "$("$KITH" pubkey <(echo "$key"))" = "$known" ]
    [ "$("$KITH" pubkey <(printf %s "$key"))" = "$known" ]
    [ "$("$KITH" pubkey <(echo "$escaped"))" = "$known" ]
    [ "$("$KITH" pubkey <(echo "${key//$'\n'/$'\r\n'}"))" = "$known" ]
    [ "$(printf %s "$escaped" | "$KITH" pubkey -)" = "$known" ]
    takes - "$KITH" <<<"$key"
    run -3 --separate-stderr "$KITH" pubkey <(echo "\"$key\"")
}
