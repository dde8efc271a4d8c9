# SPDX-License-Identifier: Apache-2.0
# Completion of lbd and realserver. It reads their --help, so it always matches the installed version.

# The words that can complete a command line of these words: commands, options, or the values of one.
_culvert_words() {
  "$@" --help 2>/dev/null | awk '
    /^(Positionals|Options|Subcommands):/ { part = $1; next }
    /^[^ ]/ { part = "" }
    part == "Options:" && /^  -/ { sub(/.*,/, "", $1); print $1 }
    part == "Subcommands:" && /^  [a-z]/ { print $1 }'
}

_culvert() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]} command='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --netns | --socket | --state-dir | --color | --config | -c) ((i++)) ;;
      -*) ;;
      *) command=${COMP_WORDS[i]} && break ;;
    esac
  done
  COMPREPLY=()
  case $before in
    --color) mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$word") ;;
    --config | -c | --socket | --output | -o) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    --state-dir) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    --netns) mapfile -t COMPREPLY < <(compgen -W "$(ip netns list 2>/dev/null | cut -d' ' -f1)" -- "$word") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$(_culvert_words "$program" ${command:+"$command"})" -- "$word") ;;
  esac
}

complete -F _culvert lbd realserver
