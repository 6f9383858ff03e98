#!/usr/bin/env bats
# shellcheck shell=bats
# What bash, zsh and fish offer when Tab is typed after a part of a kith command.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

setup_file() {
    :
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    unset KITH_PEERS KITH_IDENTITY XDG_CONFIG_HOME
    mkdir bin home alice
    ln -s "$KITH" bin/kith
    export PATH=$PWD/bin:$PATH HOME=$PWD/home KITH_DIR=$PWD/alice
    printf '# nobody\n\nfrom="192.0.2.0/24",addr="nas.example:9000" %064d nas\n' 1 >alice/peers
    printf 'ssh-ed25519 AAAA bob\r\n' >>alice/peers
    touch photo.jpg carol.pub
}

# typed LINE: what $shell offers for it.
typed() {
    "$tools/complete.py" "$shell" "$1" >"$shell.said"
    sed '/^line: /d; s/\t.*//' "$shell.said" | grep . | sort -u || true
}

# offers LINE WORD...: these, and nothing else.
offers() {
    typed "$1" | diff <(printf '%s\n' "${@:2}" | grep . | sort) - || fail "so says $shell of: $1"
}

# becomes LINE THIS: the one thing that can be meant is put in; fish is asked for that thing alone.
becomes() {
    typed "$1" >/dev/null
    if [ "$shell" = fish ]; then
        [ "${1% *} $(cut -f 1 fish.said)" = "$2" ]
    else
        [ "$(sed -n 's/^line: //p' "$shell.said")" = "$2 " ]
    fi || fail "$shell makes of: $1" "$(cat "$shell.said")"
}

# Each test, in each shell that is here.
in_shell() {
    shell=$1
    command -v "$shell" >/dev/null || skip "no $shell here"
}

long_options() {
    "$KITH" ${1:+"$1"} --help | sed -n 's/^  .\{4\}\(--[a-z0-9-]*\).*/\1/p' | sort
}

offers_commands() {
    in_shell "$1"
    # shellcheck disable=SC2046
    offers 'kith ' $("$KITH" --help | sed -n 's/^  kith \([a-z]*\) .*/\1/p' | sort -u)
    becomes 'kith key' 'kith keygen'
    becomes 'kith --ver' 'kith --version'
    becomes 'kith hel' 'kith help'
    becomes 'kith help key' 'kith help keygen'
    offers 'kith help keygen ' ''
    offers 'kith version ' ''
}

# Each of the table, by name; and by its letter, what it takes.
offers_options() {
    in_shell "$1"
    local command
    for command in keygen meet listen serve forward; do
        [ "$(typed "kith $command --" | sed 's/=$//' | sort -u)" = "$(long_options "$command")" ] ||
            fail "$shell offers other options of $command than its --help" "$(cat "$shell.said")"
    done
    becomes 'kith forward --ready-on l' 'kith forward --ready-on listen'
    becomes 'kith serve --log-format=j' 'kith serve --log-format=json'
    becomes 'kith dial --progress=j' 'kith dial --progress=json'
    becomes 'kith dial --progress -o pho' 'kith dial --progress -o photo.jpg'
    becomes 'kith dial -fo pho' 'kith dial -fo photo.jpg'
    becomes 'kith dial --output pho' 'kith dial --output photo.jpg'
    offers 'kith dial --retry ' ''
    offers 'kith dial -n ' ''
}

# A PEER without an address wants one; WHO wants none.
offers_peers() {
    in_shell "$1"
    offers 'kith dial ' nas bob@
    becomes 'kith check n' 'kith check nas'
    becomes 'kith dial -v -n app --retry=5s n' 'kith dial -v -n app --retry=5s nas'
    offers 'kith dial nas ' ''
    offers 'kith forward ' ''
    becomes 'kith forward 5432 n' 'kith forward 5432 nas'
    becomes 'kith forward 5432 nas 2222 n' 'kith forward 5432 nas 2222 nas'
    becomes 'kith listen -p n' 'kith listen -p nas'
    becomes 'kith listen -p car' 'kith listen -p carol.pub'
}

# As kith does it.
finds_the_peers_file() {
    in_shell "$1"
    mkdir -p home/.config/kith xdg/kith
    printf '%064d in-home\n' 1 >home/.config/kith/peers
    printf '%064d in-xdg\n' 1 >xdg/kith/peers
    printf '%064d named\n' 1 >named
    becomes 'kith listen -a named -p na' 'kith listen -a named -p named'
    becomes 'kith listen --peers=named -p na' 'kith listen --peers=named -p named'
    unset KITH_DIR
    becomes 'kith listen -p in' 'kith listen -p in-home'
    export XDG_CONFIG_HOME=$PWD/xdg
    becomes 'kith listen -p in' 'kith listen -p in-xdg'
    export KITH_PEERS=$PWD/named
    becomes 'kith listen -p na' 'kith listen -p named'
    rm named
    offers 'kith dial ' ''
}

offers_files() {
    in_shell "$1"
    mkdir keys
    touch keys/mine
    becomes 'kith pubkey pho' 'kith pubkey photo.jpg'
    becomes 'kith dial -i keys/m' 'kith dial -i keys/mine'
    offers 'kith dial -i ag' agent:
    offers 'kith dial --identity ag' agent:
    becomes 'kith forward keys/m' 'kith forward keys/mine'
    becomes 'kith serve 9000 22 keys/m' 'kith serve 9000 22 keys/mine'
}

completes_programs() {
    in_shell "$1"
    printf '#!/bin/sh\n' >bin/unheard-of
    chmod 755 bin/unheard-of
    becomes 'kith listen 9000 --exec unhe' 'kith listen 9000 --exec unheard-of'
    becomes 'kith forward 0 nas --run unhe' 'kith forward 0 nas --run unheard-of'
}

# A name may come from somebody else.
runs_nothing_of_a_name() {
    in_shell "$1"
    # shellcheck disable=SC2016
    printf '%064d evil$(touch${IFS}gone)`touch${IFS}gone`;touch${IFS}gone\n' 1 >alice/peers
    typed 'kith listen -p evil' >/dev/null
    [ ! -e gone ] || fail "$shell ran what is in a name"
    [ "$shell" = fish ] || sed -n 's/^line: //p' "$shell.said" | grep -F 'evil\$\(touch'
}

says_nothing_without_kith() {
    in_shell "$1"
    rm bin/kith
    ! command -v kith >/dev/null || skip "there is another kith here"
    run -0 --separate-stderr "$tools/complete.py" "$shell" 'kith d'
    [ -z "$stderr" ]
    [ "$(sed '/^$/d' <<<"$output")" = "$([ "$shell" = fish ] || echo 'line: kith d')" ]
}

@test "bash offers the commands" { offers_commands bash; }
@test "zsh offers the commands" { offers_commands zsh; }
@test "fish offers the commands" { offers_commands fish; }

@test "bash offers each option of the table, and what it takes" { offers_options bash; }
@test "zsh offers each option of the table, and what it takes" { offers_options zsh; }
@test "fish offers each option of the table, and what it takes" { offers_options fish; }

@test "bash offers peers by their names" { offers_peers bash; }
@test "zsh offers peers by their names" { offers_peers zsh; }
@test "fish offers peers by their names" { offers_peers fish; }

@test "bash finds the peers file as kith does" { finds_the_peers_file bash; }
@test "zsh finds the peers file as kith does" { finds_the_peers_file zsh; }
@test "fish finds the peers file as kith does" { finds_the_peers_file fish; }

@test "bash offers files where a file is meant" { offers_files bash; }
@test "zsh offers files where a file is meant" { offers_files zsh; }
@test "fish offers files where a file is meant" { offers_files fish; }

@test "bash completes the program of --exec and --run" { completes_programs bash; }
@test "zsh completes the program of --exec and --run" { completes_programs zsh; }
@test "fish completes the program of --exec and --run" { completes_programs fish; }

@test "bash runs nothing that is in a name" { runs_nothing_of_a_name bash; }
@test "zsh runs nothing that is in a name" { runs_nothing_of_a_name zsh; }
@test "fish runs nothing that is in a name" { runs_nothing_of_a_name fish; }

@test "bash says nothing where there is no kith" { says_nothing_without_kith bash; }
@test "zsh says nothing where there is no kith" { says_nothing_without_kith zsh; }
@test "fish says nothing where there is no kith" { says_nothing_without_kith fish; }
