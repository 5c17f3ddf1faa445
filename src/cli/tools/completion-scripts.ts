/**
 * Each can be sourced twice, and needs nothing but its shell. No `eval`, and none of the shell's own
 * helpers that expand words: `compgen -W` in bash does, and so does `_files` in zsh when a word holds
 * `$` or a backtick; the program therefore says `:files` for plain words only.
 */

const BASH = `# pixcanary completion for bash
_pixcanary_complete() {
  local word rest
  COMPREPLY=()
  while IFS=$'\\t' read -r word rest; do
    if [[ $word == :files ]]; then
      compopt -o default 2>/dev/null || :
    elif [[ -n $word ]]; then
      COMPREPLY+=("$word")
    fi
  done <<<"$(command pixcanary complete -- "\${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null </dev/null)"
  return 0
}
complete -F _pixcanary_complete pixcanary`;

const ZSH = `#compdef pixcanary
# pixcanary completion for zsh
_pixcanary() {
  local line="\${(j: :)words[1,CURRENT-1]} $QIPREFIX$IPREFIX$PREFIX" candidate
  local -a found shown
  for candidate in "\${(@f)$(command pixcanary complete -- "$line" "$PREFIX" 2>/dev/null </dev/null)}"; do
    if [[ $candidate == :files ]]; then
      compset -P '--*='
      _files
      return
    elif [[ -n $candidate ]]; then
      found+=("\${candidate%%$'\\t'*}")
      shown+=("\${candidate/$'\\t'/  -- }")
    fi
  done
  compadd -Q -l -d shown -a -- found
}
if [[ \${funcstack[1]} == _pixcanary ]]; then
  _pixcanary "$@"
else
  (( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit -i; }
  compdef _pixcanary pixcanary
fi`;

const FISH = `# pixcanary completion for fish
function __pixcanary_complete
    set -l line (commandline -cp | string collect)
    for candidate in (command pixcanary complete -- "$line" 2>/dev/null </dev/null)
        if test "$candidate" = :files
            set -l token (commandline -ct)
            set -l option (string match -r -- '^--[^=]+=' "$token")
            for path in (__fish_complete_path (string replace -r -- '^--[^=]+=' '' "$token"))
                echo -- "$option$path"
            end
        else
            echo -- "$candidate"
        end
    end
end
complete -c pixcanary -e
complete -c pixcanary -f -a '(__pixcanary_complete)'`;

/** By the shell's name. */
export const COMPLETION_SCRIPTS: Readonly<Record<string, string>> = {
  bash: BASH,
  zsh: ZSH,
  fish: FISH,
};
