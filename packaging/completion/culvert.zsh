#compdef lbd realserver
# SPDX-License-Identifier: Apache-2.0
# Completion. It reads --help, so it always matches the installed version.
local command line part i
local -a found
for ((i = 2; i < CURRENT; i++)); do
  case $words[i] in
    --netns|--socket|--state-dir|--color|--config|-c) ((i++)) ;;
    -*) ;;
    *) command=$words[i]; break ;;
  esac
done
case $words[CURRENT-1] in
  --color) compadd auto always never; return ;;
  --config|-c|--socket|--output|-o) _files; return ;;
  --state-dir) _files -/; return ;;
  --netns) compadd ${${(f)"$(ip netns list 2>/dev/null)"}%% *}; return ;;
esac
for line in ${(f)"$($words[1] $command --help 2>/dev/null)"}; do
  case $line in
    (Options:|Subcommands:) part=$line ;;
    ('  '*)
      [[ $part == Options: && $line =~ '^  ([^ ]*,)?(-[^ ,]+)' ]] && found+=("$match[2]:${line##*   }")
      [[ $part == Subcommands: && $line =~ '^  ([a-z]+)' ]] && found+=("$match[1]:${line##*   }")
      [[ $part && $line =~ '^ {20,}(.*)' ]] && found[-1]="${found[-1]%%:*}:$match[1]" ;; # what had no room in its line
    (*) part= ;;
  esac
done
_describe -t arguments argument found
