/**
 * Each can be sourced twice, and needs nothing but its shell. No `eval`, and none of the shell's own
 * helpers that expand words: `compgen -W` in bash does. So does what completes paths in bash and zsh when
 * it is handed `$`, a backtick or a glob qualifier; and each shell has its own idea of where the word begins.
 * The program says `:files` by the line alone, so the script looks itself at what the shell took.
 */

const BASH = `# pixcanary completion for bash
_pixcanary_complete() {
  local word rest
  COMPREPLY=()
  while IFS=$'\\t' read -r word rest; do
    if [[ $word == :files ]]; then
      [[ $2 == *[^[:alnum:]_./~+,:@%=\\ \\\\-]* ]] || compopt -o default 2>/dev/null || :
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
  local line="\${(j: :)words[1,CURRENT-1]} $QIPREFIX$IPREFIX$PREFIX" candidate taken
  local -a found shown
  for candidate in "\${(@f)$(command pixcanary complete -- "$line" "$PREFIX" 2>/dev/null </dev/null)}"; do
    if [[ $candidate == :files ]]; then
      compset -P '--*='
      taken="\${PREFIX#\\~}$SUFFIX$IPREFIX$ISUFFIX"
      # _files evaluates the name after ~, where a blank would begin a command.
      [[ $PREFIX == \\~[^/]* ]] || taken="\${\${taken//\\\\ /}// /}"
      [[ $taken == *[^[:alnum:]_./+,:@%=-]* ]] || _files
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
