"""The command that prints a shell's completion of commands and their arguments.

The scripts are static, so that a completion starts no program. Only names of runs are looked up, as folders.
"""

import json
from collections.abc import Sequence

from failmap.run_folder.errors import UserError, nearest
from failmap.search.commands.help import HelpPage, Section
from failmap.search.commands.table import COMMANDS
from failmap.search.loading.cli_args import shipped
from failmap.search.loading.fields import KINDS

_BASH = """\
# Completion of failmap. In ~/.bashrc: eval "$(failmap completion bash)", or keep it in a file.
_failmap() {
    local line="${COMP_LINE:0:$COMP_POINT}"
    local word="${line##* }" command="${COMP_WORDS[1]}" storage="runs" choices folder
    if (( COMP_CWORD == 1 )); then
        COMPREPLY=($(compgen -W "@COMMANDS@" -- "$word"))
        return
    fi
    [[ $line == *" storage="* ]] && storage="${line##* storage=}" && storage="${storage%% *}"
    case "$word" in
@VALUES@
        run=*)
            for folder in "$storage"/*/config.yaml; do
                folder="${folder%/config.yaml}"
                # compgen expands its words: a name must not hold a command.
                [[ ${folder##*/} =~ ^[A-Za-z0-9._+-]+$ ]] && choices+=" run=${folder##*/}"
            done ;;
        *) case "$command" in
@KEYS@
            esac ;;
    esac
    COMPREPLY=($(compgen -W "$choices" -- "$word"))
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[*]} == *= ]] && type compopt &> /dev/null && compopt -o nospace
    # Bash has split the word at its =, and replaces only what follows.
    [[ $word == *=* && $COMP_WORDBREAKS == *=* ]] && COMPREPLY=("${COMPREPLY[@]#*=}")
    return 0
}
complete -F _failmap failmap
"""

_ZSH = """\
# Completion of failmap. In ~/.zshrc, below compinit: eval "$(failmap completion zsh)"
autoload -Uz bashcompinit && bashcompinit
"""

_FISH = """\
# Completion of failmap. Keep it in ~/.config/fish/completions/failmap.fish
function __failmap_runs
    set -l storage (string replace -rf '^storage=' '' -- (commandline -opc))
    test -n "$storage"; or set storage runs
    for config in $storage[-1]/*/config.yaml
        echo run=(string split / $config)[-2]
    end
end
complete -c failmap -f
"""


def completion(arguments: Sequence[str]) -> int:
    """Print a script that completes commands, their keys, and the names of spaces, budgets, clusters, tasks,
    networks and runs.
    """
    if len(arguments) != 1 or arguments[0] not in _SHELLS:
        given = " ".join(arguments)
        raise UserError(f"completion {given}: which shell?{nearest(given, _SHELLS)}")
    print(_SHELLS[arguments[0]][0](), end="")
    return 0


def completion_help() -> HelpPage:
    """Return the help of `completion`."""
    shells = [(shell, effect) for shell, (_, effect) in _SHELLS.items()]
    return HelpPage(completion, "|".join(_SHELLS), [], [Section("Shells:", shells)])


def _values() -> dict[str, list[str]]:
    """Return the values of the keys that have names as values."""
    groups = {group: shipped(group) for group in ("space", "budget", "cluster")}
    return {**groups, **{group: list(kinds) for group, kinds in KINDS.items()}}


def _keys(name: str) -> list[str]:
    """Return a command's arguments as one types them: `key=`, flags, or names of shells."""
    keys = COMMANDS[name].help_page().keys
    if name in ("check", "submit", "manifest"):
        keys += COMMANDS["run"].help_page().keys
    suffix = "" if name == "completion" else "="
    return [key if key.startswith("-") else f"{key}{suffix}" for key in dict.fromkeys([*keys, "--help"])]


def _bash() -> str:
    values = [
        f'        {key}=*) choices="{" ".join(f"{key}={name}" for name in names)}" ;;'
        for key, names in _values().items()
    ]
    keys = [f'            {name}) choices="{" ".join(_keys(name))}" ;;' for name in COMMANDS]
    script = _BASH.replace("@COMMANDS@", " ".join([*COMMANDS, "--help"]))
    return script.replace("@VALUES@", "\n".join(values)).replace("@KEYS@", "\n".join(keys))


def _zsh() -> str:
    # Zsh has no `compopt`: no space after any word, rather than one behind `key=`.
    return _ZSH + _bash().replace("complete -F", "complete -o nospace -F")


def _fish() -> str:
    lines = [
        f"complete -c failmap -n __fish_use_subcommand -a {command.name} -d {json.dumps(command.summary)}"
        for command in COMMANDS.values()
    ]
    values = {key: [f"{key}={name}" for name in names] for key, names in _values().items()}
    for name in COMMANDS:
        keys = _keys(name)
        choices = [*keys, *(one for key, names in values.items() if f"{key}=" in keys for one in names)]
        runs = " (__failmap_runs)" if "run=" in keys else ""
        lines.append(
            f"complete -c failmap -n '__fish_seen_subcommand_from {name}' -a '{' '.join(choices)}{runs}'"
        )
    return _FISH + "\n".join(lines) + "\n"


_SHELLS = {
    "bash": (_bash, 'eval "$(failmap completion bash)" in ~/.bashrc'),
    "zsh": (_zsh, 'eval "$(failmap completion zsh)" in ~/.zshrc, below compinit'),
    "fish": (_fish, "failmap completion fish > ~/.config/fish/completions/failmap.fish"),
}
