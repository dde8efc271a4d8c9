#compdef lbd realserver
# SPDX-License-Identifier: Apache-2.0
# Completion by what --help says, so it knows what the installed version knows.
local command=${${words[2,CURRENT-1]:#-*}[1]} line part
local -a found
case ${words[CURRENT-1]} in
  --color) compadd auto always never; return ;;
  --config|-c|--socket|--output|-o) _files; return ;;
esac
for line in ${(f)"$($words[1] $command --help 2>/dev/null)"}; do
  case $line in
    (Options:|Subcommands:) part=$line ;;
    ('  '*)
      [[ $part == Options: && $line =~ '(--[a-z-]+)' ]] && found+=("$match[1]:${line##*   }")
      [[ $part == Subcommands: && $line =~ '^  ([a-z]+)' ]] && found+=("$match[1]:${line##*   }") ;;
    (*) part= ;;
  esac
done
_describe -t arguments argument found
