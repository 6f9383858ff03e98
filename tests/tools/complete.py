#!/usr/bin/env python3
"""complete.py SHELL LINE: what bash, zsh or fish completes LINE with when Tab is typed.

Prints what is offered, one a line, then "line: " and what has become of the line. The completion is
that of contrib/completions; kith is the one of PATH.
"""
import os
import pathlib
import pty
import select
import subprocess
import sys
import tempfile
import time

CONTRIB = pathlib.Path(__file__).resolve().parents[2] / "contrib" / "completions"
LIMIT = float(os.environ.get("KITH_TEST_LIMIT", "30"))

BASH = r"""
PS1='ready> '
source '%(contrib)s/kith.bash'
offer() { _kith "$@"; printf '%%s\n' "${COMPREPLY[@]}" >>%(work)s/offered; }
complete -o default -F offer kith
said() { printf '%%s\n' "$READLINE_LINE" >%(work)s/said; mv %(work)s/said %(work)s/line; }
bind -x '"\C-x": said' 2>/dev/null
"""

ZSH = r"""
PS1='ready> '
fpath=('%(contrib)s' $fpath)
autoload -Uz compinit && compinit -u -D
zstyle ':completion:*' completer _complete
unsetopt auto_list auto_menu
compadd() {
    if [[ ${@[1,(i)(-|--)]} != *-[OAD]\ * ]]; then
        local -a offered
        builtin compadd -A offered "$@"
        (( $#offered )) && print -rl -- $offered >>%(work)s/offered
    fi
    builtin compadd "$@"
}
said() { print -r -- $BUFFER >%(work)s/said; mv %(work)s/said %(work)s/line }
zle -N said
bindkey -e '^X' said
"""


def wait_for(terminal, found):
    """Reads what the terminal shows until it is so; a shell waits for who does not read."""
    shown = b""
    end = time.monotonic() + LIMIT
    while not found(shown):
        if time.monotonic() > end:
            sys.exit(f"complete.py: the shell does not get there; it shows {shown!r}")
        if select.select([terminal], [], [], 0.02)[0]:
            shown += os.read(terminal, 65536)


def at_terminal(command, line, work):
    terminal, inside = pty.openpty()
    shell = subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside,
                             start_new_session=True)
    os.close(inside)
    try:
        wait_for(terminal, lambda shown: b"ready> " in shown)
        os.write(terminal, line.encode() + b"\t\x18")
        wait_for(terminal, lambda _: (work / "line").exists())
    finally:
        shell.kill()
        shell.wait()
    return (work / "line").read_text()


def complete(shell, line, work):
    os.environ.update(TERM="dumb", INPUTRC="/dev/null")
    names = {"contrib": CONTRIB, "work": work}
    if shell == "fish":
        script = f"source '{CONTRIB}/kith.fish'; complete -C $argv[1]"
        return subprocess.run(["fish", "--no-config", "-c", script, line], stdout=subprocess.PIPE,
                              text=True, timeout=LIMIT, check=True).stdout
    if shell == "bash":
        (work / "rc").write_text(BASH % names)
        said = at_terminal(["bash", "--noprofile", "--rcfile", str(work / "rc"), "-i"], line, work)
    else:
        (work / ".zshrc").write_text(ZSH % names)
        os.environ["ZDOTDIR"] = str(work)
        said = at_terminal(["zsh", "-d", "-i"], line, work)
    offered = work / "offered"
    return (offered.read_text() if offered.exists() else "") + f"line: {said}"


with tempfile.TemporaryDirectory() as folder:
    print(complete(sys.argv[1], sys.argv[2], pathlib.Path(folder)), end="")
