# Sourced by the checks beside it: each check is a line of TAP, plan last.
# shellcheck shell=sh

tap_count=0
tap_failed=0

# check NAME COMMAND [ARG...]: passed if the command succeeds; else what it said is shown.
check()
{
    tap_name=$1
    shift
    tap_count=$((tap_count + 1))
    if tap_output=$("$@" 2>&1); then
        echo "ok $tap_count - $tap_name"
    else
        tap_failed=$((tap_failed + 1))
        echo "not ok $tap_count - $tap_name"
        printf '%s\n' "$tap_output" | tail -n 200 | sed 's/^/# /'
    fi
}

skip()
{
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1 # SKIP $2"
}

# check_silent NAME COMMAND [ARG...]: passed if the command says nothing.
check_silent()
{
    check "$1" says_nothing "$@"
}

says_nothing()
{
    shift
    tap_said=$("$@" 2>&1)
    [ -z "$tap_said" ] || {
        printf '%s\n' "$tap_said"
        return 1
    }
}

tap_done()
{
    echo "1..$tap_count"
    [ "$tap_failed" -eq 0 ]
}
