# shellcheck shell=bash
# Completion for kith in bash. What there is, "kith --help" and "kith COMMAND --help" are asked, so
# that it is what this kith takes; the kith of PATH is asked, never one that only stands in the
# folder. What is in a peers file is never expanded, and is quoted where the shell would act on it.

_kith_help()
{
    command kith ${1:+"$1"} --help 2>/dev/null </dev/null
}

# _kith_options COMMAND: a line for each option, "LETTER NAME VALUE" ("-o --output FILE"), with a
# dot for a letter that it has not, and without VALUE if it takes none; "[=json]" is one that it may
# have.
_kith_options()
{
    _kith_help "$1" | sed -n 's/^      --/  ., --/
        s/\[=/ [=/; s/^  \([^ ]*\), \(--[a-z0-9-]*\) \([^ ]*\( \[ARG...]\)*\).*/\1 \2 \3/p'
}

# _kith_arguments COMMAND: what its arguments are, in order; those that can be more come again.
_kith_arguments()
{
    _kith_help "$1" | sed '1!d; s/.*\[options\] //; s/ *\[*--.*//; s/\[NAME=\]//
        s/\[\([A-Z]* [A-Z]*\)\.\.\.\]/\1 \1 \1 \1 \1 \1 \1/
        s/\([A-Z]*\)\.\.\./\1 \1 \1 \1 \1 \1 \1/; s/[][]//g'
}

# _kith_value OPTION OPTIONS: what it takes, "FILE" say; "KEY" is a file, or an agent's.
_kith_value()
{
    local letter name value
    while read -r letter name value; do
        [[ $name != --identity ]] || value=KEY
        [[ $1 != "$letter" && $1 != "$name" ]] || printf '%s' "$value"
    done <<<"$2"
}

# _kith_peers FILE: the names in it, or in the one that kith takes without -a. As PEER one that has
# no address wants it after an @, which _kith_peers FILE PEER shows.
_kith_peers()
{
    local file=${1:-${KITH_PEERS:-${KITH_DIR:-${XDG_CONFIG_HOME:-$HOME/.config}/kith}/peers}}
    awk -v peer="${2-}" '{ sub(/\r$/, "") } NF > 1 && !/^[ \t]*#/ {
        print $NF (peer && tolower($0) !~ /(^|[ \t,])addr="/ ? "@" : "")
    }' "${file/#\~\//$HOME/}" 2>/dev/null
}

# Those of the lines on stdin that begin with $current, for the command line.
_kith_offer()
{
    local word
    while IFS= read -r word; do
        [[ $word != "$current"* ]] || COMPREPLY+=("$(printf '%q' "$word")")
    done
}

# _kith_offer_kind KIND PEERS: what can stand for it. For what is a file bash sees to it, once there
# is nothing here.
_kith_offer_kind()
{
    case $1 in
    *\|* | \[=*) _kith_offer < <(tr -d '[=]' <<<"$1" | tr '|' '\n') ;;
    FILE) return ;;
    KEY)
        [[ -z $current || -n $(compgen -f -- "$current") ]] || _kith_offer <<<agent:
        [[ ${#COMPREPLY[@]} -eq 0 ]] || compopt -o nospace
        return
        ;;
    WHO)
        _kith_offer < <(_kith_peers "$2")
        _kith_offer < <(compgen -f -X '!*.pub' -- "$current")
        return
        ;;
    PEER)
        _kith_offer < <(_kith_peers "$2" PEER)
        [[ ${COMPREPLY[*]-} != *@ ]] || compopt -o nospace
        ;;
    LOCAL | TARGET) [[ $current != */* ]] || return ;;
    esac
    compopt +o default 2>/dev/null
}

_kith_commands()
{
    _kith_offer < <(_kith_help | sed -n 's/^  kith \([a-z][a-z]*\) .*/\1/p' | uniq)
}

# Sets words to those before the cursor: COMP_WORDS is cut at every = and : as well.
_kith_words()
{
    local part line=${COMP_LINE:0:COMP_POINT}
    words=()
    for part in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        if [[ $line == [[:blank:]]* || ${#words[@]} -eq 0 ]]; then
            line=${line#"${line%%[![:blank:]]*}"}
            words+=('')
        fi
        [[ $line == "$part"* ]] || part=$line
        words[${#words[@]}-1]+=$part
        line=${line#"$part"}
    done
}

# The program after --exec or --run completes as it does by itself, if there is what knows how.
_kith_program()
{
    local i
    for ((i = 2; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} != --exec && ${COMP_WORDS[i]} != --run ]] || break
    done
    if declare -F _command_offset >/dev/null; then
        _command_offset $((i + 1))
    elif ((i + 1 == COMP_CWORD)); then
        _kith_offer < <(compgen -c -- "$current")
    fi
}

# _kith_read WORD...: sets kind to what comes after these words of a command: "option" for an
# argument or an option, "CMD [ARG...]" once a program has begun; argument to how many arguments
# there were, and peers to what -a names.
_kith_read()
{
    local word i last=
    kind=option argument=0 peers=
    for word; do
        [[ $kind != 'CMD [ARG...]' ]] || return
        if [[ $kind != option && $kind != argument ]]; then
            [[ $last != -a && $last != --peers ]] || peers=$word
            kind=option
            continue
        fi
        last=$word
        case $kind:$word in
        option:--) kind=argument ;;
        option:--peers=*) peers=${word#*=} ;;
        option:--*=*) ;;
        option:--*) kind=$(_kith_value "$word" "$options") ;;
        option:-?*)
            for ((i = 1; i < ${#word}; i++)); do
                kind=$(_kith_value "-${word:i:1}" "$options")
                [[ -z $kind ]] || break
            done
            last=-${word:i:1}
            ((i + 1 >= ${#word})) || kind=
            ;;
        *) ((++argument)) ;;
        esac
        [[ -n $kind && $kind != \[=* ]] || kind=option
    done
}

_kith()
{
    local words current options kind argument peers arguments
    _kith_words
    current=${words[${#words[@]}-1]}
    COMPREPLY=()
    if [[ ${#words[@]} -eq 2 ]]; then
        _kith_commands
        [[ $current != -* ]] || _kith_offer < <(printf '%s\n' --help --version)
        compopt +o default 2>/dev/null
        return
    fi
    if [[ ${words[1]} == help || ${words[1]} == version ]]; then
        [[ ${#words[@]}${words[1]} != 3help ]] || _kith_commands
        compopt +o default 2>/dev/null
        return
    fi
    options=$(_kith_options "${words[1]}")
    _kith_read "${words[@]:2:${#words[@]}-3}"
    if [[ $kind == 'CMD [ARG...]' ]]; then
        _kith_program
    elif [[ $kind == option && $current == --*=* ]]; then
        kind=$(_kith_value "${current%%=*}" "$options")
        current=${current#*=}
        _kith_offer_kind "$kind" "$peers"
    elif [[ $kind == option && $current == -* ]]; then
        _kith_offer < <(tr ' ' '\n' <<<"$options" | grep '^--')
        compopt +o default 2>/dev/null
    elif [[ $kind == option || $kind == argument ]]; then
        read -r -a arguments <<<"$(_kith_arguments "${words[1]}")"
        _kith_offer_kind "${arguments[argument]-}" "$peers"
    else
        _kith_offer_kind "$kind" "$peers"
    fi
}

complete -o default -F _kith kith
